/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/body.h"
#include "util/mailbox.h"
#include <glib.h>

typedef struct _PbStore PbStore;

/*
 * One message body on its way in. Appending is memory only up to PB_BODY_INLINE_MAX; beyond, what has gathered is written to spool/tmp by the
 * store's body pool. Used on one thread; the writes happen elsewhere.
 */
typedef struct _PbSpool PbSpool;

PbSpool *pb_spool_new (PbStore *store);

/** pb_spool_abort: drops everything, the file too. */
void pb_spool_abort (PbSpool *self);

/** pb_spool_buffer: (transfer none) where the data decoder appends to directly. */
GByteArray *pb_spool_buffer (PbSpool *self);

/**
 * pb_spool_flush:
 * To be called when pb_spool_buffer() has grown (each read): hands over full chunks when the body is large.
 * Returns: FALSE when the caller must stop reading until @func was called on @reply_to (write-behind over 1 MiB).
 */
gboolean pb_spool_flush (PbSpool *self, PbMailbox *reply_to, PbMailFunc func, gpointer data);

guint64 pb_spool_size (PbSpool *self);

/**
 * pb_spool_prepend: puts @data on top of all that was appended. Once, when nothing more comes.
 * Returns: FALSE when that is in its file already: the envelope's head takes @data then.
 */
gboolean pb_spool_prepend (PbSpool *self, GBytes *data);

/**
 * PbSpoolShared: @memory: (transfer full) (nullable): the whole message; else @fd: (transfer full) open for reading at its file, or -1: it could not be
 * written, or was aborted.
 */
typedef void (*PbSpoolShared) (GByteArray *memory, int fd, gpointer user_data);

/**
 * pb_spool_share:
 * For others to read the message as it stands, once nothing more is appended. @func is called exactly once: at once when all lies in memory, which stays as
 * it is while somebody has it only if @self is not finished until then; or on a thread of the store's, once the file is whole. What was shared outlives @self.
 */
void pb_spool_share (PbSpool *self, PbSpoolShared func, gpointer user_data);

/** pb_spool_held: octets that lie in memory now. */
gsize pb_spool_held (PbSpool *self);
