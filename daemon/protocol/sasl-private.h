/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/sasl.h"

#define PB_SASL_MAX_USER 255

struct _PbSasl
{
  PbSaslMechanism mechanism;
  guint round;        /* responses taken */
  char *user;         /* (owned) (nullable) */
  PbSecret *password; /* (owned) (nullable) */

  /* SCRAM */
  gboolean plus_offered;
  GBytes *exporter, *end_point; /* (owned) (nullable) */
  char *server_nonce;           /* (owned) */
  GBytes *binding;     /* (owned) (nullable) the one that the client chose */
  char *gs2_header;    /* (owned) (nullable) as the client's second message must repeat it */
  char *nonce;         /* (owned) (nullable) both parts */
  GString *messages;   /* (owned) what both sides sign: AuthMessage as far as it is known */
  PbVerifier verifier;
};

/** pb_sasl_take_user: FALSE when it is no user name. */
gboolean pb_sasl_take_user (PbSasl *self, const char *name, gsize length);

/* sasl-scram.c */
PbSaslStep pb_sasl_scram_first (PbSasl *self, const char *text, gsize length);
PbSaslStep pb_sasl_scram_final (PbSasl *self, const char *text, gsize length, GString *out);
