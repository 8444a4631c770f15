/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/secret.h"
#include "util/verifier.h"
#include <glib.h>

/*
 * The server side of a SASL exchange (RFC 4422): SCRAM-SHA-256 with and without channel binding (RFC 5802, RFC 7677), PLAIN (RFC 4616) and LOGIN. Pure: it
 * is fed what the client said and tells what is to be said or found out next. Not libgsasl's, whose servers (2.2 in Debian 12) know tls-exporter but not
 * tls-server-end-point (RFC 5929), which is what many clients of TLS 1.2 bind to.
 */
typedef struct _PbSasl PbSasl;

typedef enum
{
  PB_SASL_SCRAM_SHA_256_PLUS,
  PB_SASL_SCRAM_SHA_256,
  PB_SASL_PLAIN,
  PB_SASL_LOGIN,
  PB_N_SASL,
} PbSaslMechanism;

/* What ties an exchange to the TLS connection that it is held in; borrowed by pb_sasl_new(), which copies. */
typedef struct
{
  gboolean plus_offered; /* the client was shown SCRAM-SHA-256-PLUS: who claims that it was not, has been lied to */
  GBytes *exporter;      /* (nullable) tls-exporter, RFC 9266 */
  GBytes *end_point;     /* (nullable) tls-server-end-point, RFC 5929 4 */
} PbSaslBindings;

typedef enum
{
  PB_SASL_CONTINUE,  /* @out is to be said */
  PB_SASL_LOOK_UP,   /* SCRAM: pb_sasl_answer_verifier() with that of pb_sasl_user() */
  PB_SASL_CHECK,     /* PLAIN, LOGIN: whether pb_sasl_password() is that of pb_sasl_user() */
  PB_SASL_PROVEN,    /* it is pb_sasl_user() */
  PB_SASL_WRONG,     /* it is not, or asks for what it may not: 535 */
  PB_SASL_MALFORMED, /* 501 */
} PbSaslStep;

const char *pb_sasl_mechanism_name (PbSaslMechanism mechanism);
/** pb_sasl_mechanism_lookup: @name (@length octets), upper and lower case alike. FALSE for others. */
gboolean pb_sasl_mechanism_lookup (const char *name, gsize length, PbSaslMechanism *mechanism);
/** pb_sasl_mechanism_is_plain: the password itself is sent. */
gboolean pb_sasl_mechanism_is_plain (PbSaslMechanism mechanism);

/** pb_sasl_new: @nonce: the server's part, random, printable ASCII without a comma. */
PbSasl *pb_sasl_new (PbSaslMechanism mechanism, const PbSaslBindings *bindings, const char *nonce);
void pb_sasl_free (PbSasl *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSasl, pb_sasl_free)

/** pb_sasl_begin: the client gave no initial response. @out: the challenge to send, maybe of no octets. */
void pb_sasl_begin (PbSasl *self, GString *out);

/** pb_sasl_feed: the next response, decoded. Not after a step other than CONTINUE, but that of LOOK_UP's answer. @out: is filled in with CONTINUE. */
PbSaslStep pb_sasl_feed (PbSasl *self, const PbSecret *response, GString *out);

/** pb_sasl_answer_verifier: behind LOOK_UP. For a user whom nobody knows it is a fake, which nothing fits. */
PbSaslStep pb_sasl_answer_verifier (PbSasl *self, const PbVerifier *verifier, GString *out);

/** pb_sasl_user: (nullable): the name that was given: UTF-8 of 1 to 255 octets without control characters. */
const char *pb_sasl_user (const PbSasl *self);
/** pb_sasl_password: (nullable) (transfer none): with CHECK. Of any octets but NUL. */
PbSecret *pb_sasl_password (const PbSasl *self);

/** pb_sasl_decode: base64 as RFC 4648 4 has it and nothing else. Returns: (transfer full) (nullable): NULL for what it is not. */
PbSecret *pb_sasl_decode (const char *text, gsize length);
