/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/resolver.h"
#include "net/wheel.h"
#include "util/mailbox.h"
#include <glib.h>
#include <sys/stat.h>
#include <unbound.h>

#define PB_RESOLV_CONF "/etc/resolv.conf"

struct _PbResolver
{
  GMainContext *context; /* (owned) */
  PbMailbox *mailbox;    /* (owned) */
  GSource *mailbox_source, *timer_source; /* (owned) */
  char *file;            /* (owned) (nullable) NULL when the servers were given */
  GPtrArray *servers;    /* (owned) of char * */
  struct ub_ctx *unbound; /* (owned) (nullable) */
  GSource *unbound_source; /* (owned) (nullable) */
  GHashTable *lookups;   /* (owned) set of (owned) Lookup */
  PbWheel *wheel;        /* (owned) */
  gint64 file_looked, route_looked;
  struct timespec file_changed;
  ino_t file_inode;
  gboolean has_six;      /* a route into the IPv6 Internet, as of route_looked */
  gboolean closing;
};

/* resolver-servers.c */

/** pb_resolver_open: makes libunbound's context for the servers in hand: it takes no new ones once it has begun. */
void pb_resolver_open (PbResolver *self);
void pb_resolver_shut (PbResolver *self);

/** pb_resolver_look_at_file: reads resolv.conf if it is another than last time. Returns: whether the servers are others. */
gboolean pb_resolver_look_at_file (PbResolver *self);

/** pb_resolver_follow: looks at resolv.conf every two seconds at the most, and takes its servers. */
void pb_resolver_follow (PbResolver *self);

/* resolver.c */

/** pb_resolver_ask_again: puts every question under way to the context now open. */
void pb_resolver_ask_again (PbResolver *self);
