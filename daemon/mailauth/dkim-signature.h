/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/message.h"
#include "mailauth/tag-list.h"

typedef enum
{
  PB_DKIM_RSA_SHA256,
  PB_DKIM_ED25519_SHA256, /* RFC 8463 */
} PbDkimAlgorithm;

typedef enum
{
  PB_DKIM_FIELD,       /* DKIM-Signature (RFC 6376 3.5) */
  PB_DKIM_ARC_MESSAGE, /* ARC-Message-Signature (RFC 8617 4.1.2): no v=, i= is a number */
  PB_DKIM_ARC_SEAL,    /* ARC-Seal (4.1.3): no body, no h= */
} PbDkimKind;

/* What a signature's field says, its grammar and its demands checked. */
typedef struct
{
  PbDkimKind kind;
  PbDkimAlgorithm algorithm;
  gboolean relaxed_header, relaxed_body;
  char *domain, *selector; /* (owned) d= in lower case, s= */
  char *identity;          /* (owned) (nullable) i=, or "@" and d=; NULL for ARC */
  char **headers;          /* (owned) (nullable) h= */
  guint8 body_hash[PB_BODY_HASH_LENGTH]; /* but for a seal */
  GBytes *signature;       /* (owned) b= */
  gint64 body_limit;       /* l=, -1 none */
  gint64 made, expires;    /* t= and x=, Unix seconds, -1 none */
  guint instance;          /* i= of ARC, 1-50 */
  gsize b_start, b_end;    /* where b='s value stands in the field's value */
} PbDkimSignature;

/**
 * pb_dkim_signature_parse:
 * @problem: (out) (transfer none): what is wrong, in words
 * Returns: (transfer full) (nullable): NULL when the signature can never pass
 */
PbDkimSignature *pb_dkim_signature_parse (const PbField *field, PbDkimKind kind, const char **problem);
void pb_dkim_signature_free (PbDkimSignature *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbDkimSignature, pb_dkim_signature_free)

/** pb_dkim_signature_key_name: "selector._domainkey.domain" (RFC 6376 3.6.2.1). Returns: (transfer full). */
char *pb_dkim_signature_key_name (const PbDkimSignature *self);

/** pb_dkim_signature_append_field: appends @field with b= emptied and without its last CRLF (3.7), as it is signed. */
void pb_dkim_signature_append_field (const PbDkimSignature *self, const PbField *field, GString *out);

/** pb_dkim_append_headers: appends the canonical fields that @names select: the last of a name first, then the one above (5.4.2). */
void pb_dkim_append_headers (GString *out, PbAuthMessage *message, char *const *names, gboolean relaxed);

const char *pb_dkim_algorithm_name (PbDkimAlgorithm algorithm);
