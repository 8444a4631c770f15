/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* Watches how much room a file system has left, every 2 s on a thread of its own. */
typedef struct _PbSpace PbSpace;

/** PbSpaceFunc: on the watching thread, at every change; and once, in pb_space_new(), when it is low from the start. */
typedef void (*PbSpaceFunc) (gboolean low, gpointer user_data);

/**
 * pb_space_new:
 * @fd: (transfer none) a directory in the file system, open for as long as the result lives
 */
PbSpace *pb_space_new (int fd, PbSpaceFunc func, gpointer user_data);
void pb_space_free (PbSpace *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSpace, pb_space_free)

/** pb_space_judge: whether @available of @total units is too little; @was_low asks for a quarter more than the reserve. @reserve_max: upper bound. */
gboolean pb_space_judge (guint64 available, guint64 total, guint64 reserve_min, guint64 reserve_max, gboolean was_low);

/** pb_space_total: octets of the file system @fd is in; 0 when unknown. Blocks. */
guint64 pb_space_total (int fd);
