/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/sasl.h"
#include "util/secret.h"
#include <glib.h>

/*
 * The client side of a SASL exchange (RFC 4422), in which this server logs in at another one: SCRAM-SHA-256 with and without channel binding, PLAIN and
 * LOGIN. Pure: it is fed what the server said and tells what is to be said. Not for two threads at once; derive may be on another than the rest.
 */
typedef struct _PbSaslClient PbSaslClient;

typedef enum
{
  PB_SASL_CLIENT_SAY,    /* @out is to be said */
  PB_SASL_CLIENT_DERIVE, /* SCRAM: pb_sasl_client_derive() on a worker, then pb_sasl_client_prove() */
  PB_SASL_CLIENT_BROKEN, /* no server that knows the password says this: pb_sasl_client_why() */
} PbSaslClientStep;

/**
 * pb_sasl_client_choose: the best mechanism of those in @offered, words between blanks. @can_bind: the channel has something to bind to.
 * Returns: FALSE when none is known here.
 */
gboolean pb_sasl_client_choose (const char *offered, gboolean can_bind, PbSaslMechanism *mechanism);

/**
 * pb_sasl_client_new: @bindings: what the channel has; plus_offered: the server named SCRAM-SHA-256-PLUS. With that mechanism there must be one of them.
 * @nonce: ours, random, printable ASCII without a comma. @password is reffed.
 */
PbSaslClient *pb_sasl_client_new (PbSaslMechanism mechanism, const PbSaslBindings *bindings, const char *user, PbSecret *password, const char *nonce);
void pb_sasl_client_free (PbSaslClient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSaslClient, pb_sasl_client_free)

PbSaslMechanism pb_sasl_client_mechanism (const PbSaslClient *self);

/** pb_sasl_client_begin: what goes with the AUTH command (RFC 4954 4). Returns: (transfer full) (nullable): NULL for nothing. */
PbSecret *pb_sasl_client_begin (PbSaslClient *self);

/** pb_sasl_client_feed: the server's challenge, as it stands behind the 334. @out: (out) (transfer full): filled in with SAY, in base64, maybe of no octets. */
PbSaslClientStep pb_sasl_client_feed (PbSaslClient *self, const char *challenge, gsize length, PbSecret **out);

/** pb_sasl_client_derive: takes as long as the server wants, seconds at most. */
void pb_sasl_client_derive (PbSaslClient *self);
/** pb_sasl_client_prove: (transfer full): behind derive: what is to be said, in base64. */
PbSecret *pb_sasl_client_prove (PbSaslClient *self);

/** pb_sasl_client_may_end: whether a server that says "yes" now is to be believed: SCRAM's must have proven that it knows the password too. */
gboolean pb_sasl_client_may_end (const PbSaslClient *self);

/** pb_sasl_client_why: with BROKEN: in words. (transfer none) (static). */
const char *pb_sasl_client_why (const PbSaslClient *self);

/** pb_sasl_encode: (transfer full): base64. */
PbSecret *pb_sasl_encode (const void *data, gsize length);
