/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/agent.h"
#include <glib.h>

/*
 * Local delivery: mail/<account id>/{tmp,new,cur} in the state directory, LF line ends, Return-Path and Delivered-To on top; tmp, fsync, rename to new, fsync of the
 * directory. What the envelope marks as junk goes into the folder .Junk of the mailbox (Maildir++) in the same way, made when it is first needed. The name comes from queue id and recipient, so that a redo overwrites itself. On threads of its own; deliveries that wait together share directory syncs.
 */
typedef struct _PbMaildir PbMaildir;

/** pb_maildir_new: @directory the state directory; makes mail/ in it. */
PbMaildir *pb_maildir_new (const char *directory, GError **error);
void pb_maildir_free (PbMaildir *self); /* waits for what is under way */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbMaildir, pb_maildir_free)

/** pb_maildir_deliver: @delivery (transfer full), route kind LOCAL. Loops are cut by Delivered-To (5.4.6). A full disk defers (4.3.1), never fails. */
void pb_maildir_deliver (PbMaildir *self, PbDelivery *delivery, PbMailbox *reply_to, PbDelivered func, gpointer user_data);
