/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/dkim-signature.h"
#include "mailauth/dns-source.h"
#include <openssl/evp.h>

#define PB_DKIM_MAX_SIGNATURES 5 /* of a message that are looked at; more cost us, and tell nothing */

/* RFC 8601 2.7.1. */
typedef enum
{
  PB_DKIM_PASS,
  PB_DKIM_FAIL,      /* the message or the signature was changed */
  PB_DKIM_TEMPERROR, /* DNS did not answer */
  PB_DKIM_PERMERROR, /* the signature can never pass */
} PbDkimResult;

/* What came out for one signature. */
typedef struct
{
  PbDkimResult result;
  PbDkimSignature *signature; /* (owned) (nullable) NULL when its field is broken */
  char *why;          /* (owned) (nullable) behind anything but a pass, in words */
  guint bits;         /* of the RSA key, 0 when it is not known or another kind */
  gboolean testing;   /* the domain only tries DKIM (t=y) */
  gboolean body_cut;  /* l= left part of the body unsigned: anyone may have written it */
} PbDkimVerdict;

typedef struct _PbDkim PbDkim;

/** PbDkimFunc: @verdicts (transfer none), in the order of the header; none when nothing is signed. */
typedef void (*PbDkimFunc) (const PbDkimVerdict *verdicts, guint n_verdicts, gpointer user_data);

/**
 * pb_dkim_verify: begins to verify @message's signatures: in its PbAuthHeaderFunc, so that keys are asked for while the body streams.
 * @seconds: all of the DNS may take so long
 * @func: called once on this thread, by the last key's answer or from within pb_dkim_body_ended(), unless it is cancelled; the verification
 * is gone behind it
 * Returns: (transfer none): for the two calls below.
 */
PbDkim *pb_dkim_verify (PbAuthMessage *message, const PbDnsSource *dns, guint seconds, PbDkimFunc func, gpointer user_data);

/** pb_dkim_body_ended: behind pb_auth_message_end(). */
void pb_dkim_body_ended (PbDkim *self);

/** pb_dkim_cancel: @func will not be called; @message is not looked at any more. */
void pb_dkim_cancel (PbDkim *self);

const char *pb_dkim_result_name (PbDkimResult result);

/* ---- signing ---- */

typedef struct
{
  const char *domain, *selector;
  EVP_PKEY *key; /* RSA or Ed25519 */
  gint64 now;    /* Unix seconds */
} PbDkimSigner;

/**
 * pb_dkim_sign: the value of a DKIM-Signature field for @message, which was fed to its end, relaxed/relaxed.
 * @body: of pb_auth_message_body_hash (@message, TRUE, -1)
 * From, To, Subject and the like are signed once more than they stand there, so that none can be added.
 * Errors: G_IO_ERROR_FAILED: the key does not sign.
 * Returns: (transfer full) (nullable): folded, without the name and the last CRLF.
 */
char *pb_dkim_sign (PbAuthMessage *message, PbBodyHash *body, const PbDkimSigner *signer, GError **error);
