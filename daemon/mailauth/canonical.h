/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* Canonical forms of header fields and bodies (RFC 6376 3.4). */

#define PB_BODY_HASH_LENGTH 32 /* SHA-256 */

/* A body's hash, worked out while the body streams by. */
typedef struct _PbBodyHash PbBodyHash;

/** pb_body_hash_new: @limit: octets of the canonical body that are hashed (RFC 6376 3.5 l=), -1 for all. */
PbBodyHash *pb_body_hash_new (gboolean relaxed, gint64 limit);
void pb_body_hash_free (PbBodyHash *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbBodyHash, pb_body_hash_free)

/** pb_body_hash_feed: the next octets, cut anywhere. */
void pb_body_hash_feed (PbBodyHash *self, const char *data, gsize length);

/** pb_body_hash_end: there is no more. */
void pb_body_hash_end (PbBodyHash *self);

/** pb_body_hash_get: behind pb_body_hash_end(). Returns: (transfer none): PB_BODY_HASH_LENGTH octets. */
const guint8 *pb_body_hash_get (PbBodyHash *self);

/** pb_body_hash_length: octets of the whole canonical body, the limit left aside. */
guint64 pb_body_hash_length (PbBodyHash *self);

gboolean pb_body_hash_is (PbBodyHash *self, gboolean relaxed, gint64 limit);

/** pb_canonical_field: appends a field's canonical form. @field: with its last CRLF; @name_length as in PbField. */
void pb_canonical_field (GString *out, const char *field, gsize length, guint name_length, gboolean relaxed);
