/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/mailbox.h"
#include <glib.h>

/* A small thread pool of our own for blocking calls (fsync) and CPU work; GTask's shared pool is not for the mail path. */
typedef struct _PbPool PbPool;

/** pb_pool_new: @name (for the threads), @n_threads >= 1, started at once. */
PbPool *pb_pool_new (const char *name, guint n_threads);

/** pb_pool_free: runs what is queued, then joins the threads. */
void pb_pool_free (PbPool *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbPool, pb_pool_free)

/** pb_pool_run: @work (@data) on a pool thread, then @done (@data) in @reply_to's thread (both may be NULL). */
void pb_pool_run (PbPool *self, PbMailFunc work, PbMailbox *reply_to, PbMailFunc done, gpointer data);
