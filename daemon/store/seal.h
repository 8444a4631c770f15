/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

#define PB_DIGEST_SIZE 32

/* SHA-256 over octets that come piece by piece. */
typedef struct _PbHasher PbHasher;

PbHasher *pb_hasher_new (void);
void pb_hasher_add (PbHasher *self, const void *data, gsize length);
void pb_hasher_finish (PbHasher *self, guint8 digest[PB_DIGEST_SIZE]);
void pb_hasher_free (PbHasher *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbHasher, pb_hasher_free)

/** pb_digest: SHA-256 of @data. */
void pb_digest (const void *data, gsize length, guint8 digest[PB_DIGEST_SIZE]);

/** pb_seal: (transfer full) @data behind the first eight octets of its digest, for small columns. */
GBytes *pb_seal (const void *data, gsize length);

/** pb_unseal: (transfer none) (nullable) what was sealed, inside @data; NULL when it is damaged. */
const void *pb_unseal (const void *data, gsize length, gsize *inner_length);
