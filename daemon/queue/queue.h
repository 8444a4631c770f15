/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/maildir.h"
#include "delivery/smtp-agent.h"
#include "queue/burst.h"
#include "queue/daily.h"
#include "settings/registry.h"
#include "store/history.h"
#include "store/store.h"
#include <glib.h>

/*
 * The queue's life on the main thread: takes what was submitted, claims what is due, groups recipients by route, hands attempts to agents, settles results, makes DSNs. Holds at most
 * 10,000 recipients in memory; the rest stays in the store.
 */
typedef struct _PbQueue PbQueue;

typedef struct
{
  PbStore *store;       /* all borrowed */
  PbRegistry *registry;
  PbMaildir *maildir;
  PbSmtpAgent *smtp;
  PbMailbox *main_mailbox;
  PbHistory *history; /* (nullable) */
} PbQueueParts;

PbQueue *pb_queue_new (const PbQueueParts *parts);
/** pb_queue_daily: (transfer none): what accounts with a daily limit have sent. */
PbDaily *pb_queue_daily (PbQueue *self);
/** pb_queue_burst: (transfer none): which accounts send far more than usual. */
PbBurst *pb_queue_burst (PbQueue *self);
/** pb_queue_start: recovery: claims what is due and goes on. */
void pb_queue_start (PbQueue *self);
/** pb_queue_wake: everything that waits is tried soon, what is only in the store too: what stood in its way may be gone. */
void pb_queue_wake (PbQueue *self);
/** pb_queue_stop: starts nothing new. pb_queue_is_idle() tells when no attempt is under way. */
void pb_queue_stop (PbQueue *self);
gboolean pb_queue_is_idle (PbQueue *self);
/** pb_queue_close: ends what is still under way, while the store is open: from here on the queue touches it no more. What was not marked is tried again after the next start. */
void pb_queue_close (PbQueue *self);
/** pb_queue_free: closes it first; the store may be closed already when the queue was. */
void pb_queue_free (PbQueue *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbQueue, pb_queue_free)

/**
 * pb_queue_submit:
 * Any thread. @envelope (transfer full): not yet final: aliases in its recipients are expanded here (ORCPT keeps the original). @spool (transfer full).
 * @func on @reply_to after both are safe (or not): THEN the 250. The queue hears of it by itself and starts delivery.
 */
void pb_queue_submit (PbQueue *self, PbEnvelope *envelope, PbSpool *spool, const PbSnapshot *snapshot, PbMailbox *reply_to, PbStoreSubmitted func, gpointer user_data);

/** pb_queue_leaves: whether any of @recipients, its aliases and copies followed, leaves for another server. Any thread. */
gboolean pb_queue_leaves (const PbSnapshot *snapshot, const PbRecipient *recipients, guint n_recipients);

/** PbQueueActed: all is on disk, or @error tells why not all; @n messages are otherwise now in any case. */
typedef void (*PbQueueActed) (guint n, const GError *error, gpointer user_data);

/**
 * pb_queue_act: to all messages that match @filter (transfer full) (nullable: all) and came before this call.
 * @target: (nullable) for PB_CHANGE_REROUTE: host[:port]; NULL undoes it
 * @who: for the log
 * Attempts under way go on to their end: what they deliver is delivered, what they do not is as the action wants it. Main thread.
 */
void pb_queue_act (PbQueue *self, PbQueueFilter *filter, PbStoreChangeKind kind, const char *target, const char *who, PbQueueActed func, gpointer user_data);

/** pb_queue_remove_and_tell: removes them, each together with a notice of failure to its sender, if that wants one. A recipient whose delivery is under way may have the message though it is told of. */
void pb_queue_remove_and_tell (PbQueue *self, PbQueueFilter *filter, const char *who, PbQueueActed func, gpointer user_data);
