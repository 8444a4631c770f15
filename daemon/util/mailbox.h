/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/*
 * A PbMailbox is how threads speak to each other: any thread posts a closure, the owning thread runs it.
 * Posting to a mailbox that already holds something costs no system call (one eventfd write a batch).
 */
typedef struct _PbMailbox PbMailbox;
typedef void (*PbMailFunc) (gpointer data);

/** pb_mailbox_new: a mailbox with an eventfd; the caller polls pb_mailbox_fd() and calls pb_mailbox_dispatch(). */
PbMailbox *pb_mailbox_new (void);
PbMailbox *pb_mailbox_ref (PbMailbox *self);
void pb_mailbox_unref (PbMailbox *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbMailbox, pb_mailbox_unref)

/** pb_mailbox_attach: lets a GMainContext dispatch @self by a GSource (for the main thread). Returns: (transfer full) the source. */
GSource *pb_mailbox_attach (PbMailbox *self, GMainContext *context);

/** pb_mailbox_fd: readable while something waits. */
int pb_mailbox_fd (PbMailbox *self);

/** pb_mailbox_post: runs @func (@data) on the owner's thread, in order of posting. Any thread; never blocks. */
void pb_mailbox_post (PbMailbox *self, PbMailFunc func, gpointer data);

/**
 * pb_mailbox_post_gathered: likewise, for what is not pressing: inside a round of the caller's thread the owner is woken at its end, once for all
 * that was posted. Nothing that the caller waits for on the spot.
 */
void pb_mailbox_post_gathered (PbMailbox *self, PbMailFunc func, gpointer data);

/** pb_mailbox_begin_round: the caller's thread works through a round of events; pb_mailbox_end_round() comes before it sleeps. The attached source does both. */
void pb_mailbox_begin_round (void);

/** pb_mailbox_end_round: wakes the owners whose waking was put off. */
void pb_mailbox_end_round (void);

/** pb_mailbox_dispatch: runs all that waited when called; on the owner's thread. */
void pb_mailbox_dispatch (PbMailbox *self);

/*
 * For an owner with a loop of its own that knows when it is awake (the reactor): while it is, posting costs no system call at
 * all. Wait on pb_mailbox_fd() edge-triggered (or read it after a wake-up), call pb_mailbox_run() on every wake-up, and
 * pb_mailbox_sleep() before waiting again.
 */

/** pb_mailbox_run: runs all that waited when called, without touching the eventfd; posts stay silent until pb_mailbox_sleep(). */
void pb_mailbox_run (PbMailbox *self);

/** pb_mailbox_sleep: asks for a write at the next post. Returns: FALSE when something waits already: run it instead of sleeping. */
gboolean pb_mailbox_sleep (PbMailbox *self);
