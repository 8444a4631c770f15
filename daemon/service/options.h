/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/listener.h"
#include <glib.h>

/* postbusd's command line. */
typedef struct
{
  char *bus;             /* (owned) "system", "session" or an address */
  char *state_directory; /* (owned) */
  GPtrArray *listen;     /* (owned) (element-type PbEndpoint) */
  char **dns_servers;    /* (owned) (nullable) */
  char *trust_anchor;    /* (owned) file */
  char *auth_helper;     /* (owned) socket of postbus-auth-helper */
  guint16 mx_port;
  guint16 mta_sts_port;
  gboolean show_version;
} PbOptions;

/** pb_options_parse: @argv as main() has it. Errors: G_OPTION_ERROR naming the option and what it takes. */
PbOptions *pb_options_parse (int *argc, char ***argv, GError **error);
void pb_options_free (PbOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbOptions, pb_options_free)
