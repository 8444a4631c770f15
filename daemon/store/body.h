/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

#define PB_BODY_INLINE_MAX (64 * 1024) /* octets kept in the queue database; larger bodies are files in spool/ */

/*
 * A stored message's octets (header section and body, CRLF lines, our Received on top, no Return-Path, no dot-stuffing). Immutable,
 * reference-counted, any thread. Small ones hold their bytes; large ones are a file, with the envelope's head, where there is one, on top of it.
 */
typedef struct _PbBody PbBody;

PbBody *pb_body_ref (PbBody *self);
void pb_body_unref (PbBody *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbBody, pb_body_unref)

/** pb_body_new_bytes: a small body. @bytes is reffed. */
PbBody *pb_body_new_bytes (GBytes *bytes);

guint64 pb_body_size (const PbBody *self);

/** pb_body_bytes: (transfer none) (nullable): the octets of a small body; NULL for a file. */
GBytes *pb_body_bytes (const PbBody *self);

/** pb_body_read: @length octets from @offset into @buffer, fewer where the message ends. Blocks for files: workers only. Returns: octets read, -1 with @error. */
gssize pb_body_read (const PbBody *self, guint64 offset, void *buffer, gsize length, GError **error);
