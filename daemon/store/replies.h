/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/mailbox.h"
#include <glib.h>

/*
 * Callbacks that one batch owes, gathered by mailbox so that each mailbox is posted ONE closure (one wake-up), however many messages the batch had.
 * Used on one thread.
 */
typedef struct _PbReplies PbReplies;

PbReplies *pb_replies_new (void);

/** pb_replies_add: @func (@data) in @mailbox's thread, in order of adding, once pb_replies_post() is called. */
void pb_replies_add (PbReplies *self, PbMailbox *mailbox, PbMailFunc func, gpointer data);

/** pb_replies_post: sends what has gathered; @self is empty again. */
void pb_replies_post (PbReplies *self);

/** pb_reply_now: posts one callback at once. Unlike pb_mailbox_post() the mailbox may be @data's own, freed by @func. */
void pb_reply_now (PbMailbox *mailbox, PbMailFunc func, gpointer data);

void pb_replies_free (PbReplies *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbReplies, pb_replies_free)
