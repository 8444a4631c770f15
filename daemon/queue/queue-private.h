/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/dsn.h"
#include "queue/burst.h"
#include "queue/daily.h"
#include "queue/queue-clock.h"
#include "queue/queue.h"
#include "queue/scheduler.h"
#include "util/pool.h"
#include <glib.h>

#define PB_QUEUE_MAX_HELD 10000                /* recipients in memory: some 1 KiB each, beside what the history holds of them */
#define PB_QUEUE_MAX_CROWD 7500                /* of them, before a destination with many takes no more room: what waits in the store at most comes so far */
#define PB_QUEUE_MAX_BODIES (32 * 1024 * 1024) /* octets of small bodies kept for messages that wait */
#define PB_QUEUE_HORIZON 60                    /* seconds: what is due later is left to the store */

/* A message of which recipients are held in memory. */
typedef struct
{
  PbEnvelope *envelope; /* (owned) */
  PbBody *body;         /* (owned) (nullable) read again when needed */
  char *target;         /* (owned) (nullable) where the administrator sends it instead */
  GQueue items;         /* of PbQueueItem, by their own links: waiting and under way */
  guint n_held;         /* recipients in items and notices */
  gint64 elsewhere;     /* when the first of the recipients that were left to the store is due; G_MAXINT64: there are none */
  gboolean let_go;      /* an administrator changed it in the store: nothing of it is tried again from here */
} PbQueueMessage;

typedef struct
{
  guint recipient; /* index in the envelope */
  guint attempts;
  gboolean delay_told;
  char *last_reply;  /* (owned) (nullable) */
  char *last_remote; /* (owned) (nullable) */
  guint by_hand;     /* not 0: the administrator's wish that this attempt obeys: to be tried though its destination rests */
} PbQueueRecipient;

/** pb_queue_recipient_clear: frees what @self owns. */
void pb_queue_recipient_clear (PbQueueRecipient *self);

/* Some recipients of one message that go one way: what the scheduler schedules. */
typedef struct
{
  PbQueue *queue;          /* (owned) while under way, else borrowed */
  PbQueueMessage *message; /* kept by n_held */
  GList link;              /* in the message's items */
  PbRoute *route;          /* (owned) as found at @revision */
  guint64 revision;
  guint n_recipients;
  PbQueueRecipient recipients[];
} PbQueueItem;

struct _PbQueue
{
  PbQueueParts parts;
  PbSchedulerLimits limits;
  PbScheduler *scheduler; /* (owned) */
  GHashTable *messages;   /* (owned) guint64* id -> PbQueueMessage */
  PbPool *worker;         /* (owned) reads and builds DSNs */
  GSource *timer;         /* (owned) */
  GRand *random;          /* (owned) */
  PbDaily *daily;         /* (owned) */
  PbBurst *burst;         /* (owned) */
  gulong settings_handler, list_handler;
  guint n_held;
  guint64 body_bytes;
  guint n_under_way; /* attempts, notices, forwardings */
  GQueue stalled;    /* (element-type Forwarding) those that wait for the disk */
  gboolean started, stopped, closed;
  gboolean pumping;
  gboolean claiming;
  gboolean claim_is_wake; /* the claim under way asks for everything, due or not */
  gboolean store_has_more; /* something due is not in memory */
  gint64 next_claim;       /* Unix seconds */
  guint64 routes_revision; /* of the last change that may send mail another way */
  GHashTable *untold;      /* (owned) of guint64*: changed by hand before on_taken() saw them */
  PbQueueClock clock;
  gboolean retry_all;      /* the wall clock was set back: the timer will wake everything */
  guint64 first_id;        /* ids from here on were given in this run */
  guint n_parted;          /* messages in memory of which the store has recipients that wait */
  gint n_submitting;       /* atomic: messages of this run that on_taken() has not seen */
  guint64 wake_budget;     /* messages that a retry by hand may still bring in ahead of their time */
};

PbQueue *pb_queue_ref (PbQueue *self);
void pb_queue_unref (PbQueue *self);
gint64 pb_queue_now (void);

/* ---- queue.c ---- */

/** pb_queue_may_start: whether attempts may begin. Not once the store has failed: what it cannot mark would be delivered again after the next start. */
gboolean pb_queue_may_start (PbQueue *self);

/** pb_queue_age: seconds that the message waits, whatever became of the wall clock. */
gint64 pb_queue_age (PbQueue *self, const PbEnvelope *envelope);

/** pb_queue_pump: starts what may start. Safe to call from anywhere on the main thread. */
void pb_queue_pump (PbQueue *self);

/* ---- queue-item.c ---- */

/**
 * pb_queue_take: into memory and the scheduler; of a message that is there already what is not.
 * @body: (nullable)
 * @target: (nullable) where the administrator sends it
 * @statuses: what the store said; recipients that are due after @until are left to it
 * Returns: FALSE when there is no room: it stays in the store.
 */
gboolean pb_queue_take (PbQueue *self, PbEnvelope *envelope, PbBody *body, const char *target, const PbRecipientStatus *statuses, guint n_statuses, gint64 until);

/** pb_queue_take_new: a message that was just made safe, all its recipients due now; starts what may start. */
void pb_queue_take_new (PbQueue *self, PbEnvelope *envelope, PbBody *body);

/** pb_queue_item_reroute: works @item's route out anew. Returns: FALSE when it goes another way now: its recipients were scheduled again, @item is gone. */
gboolean pb_queue_item_reroute (PbQueueItem *item, PbSnapshot *snapshot);

/**
 * pb_queue_item_move: @item, which is neither scheduled nor under way, is scheduled by today's route if that may have changed since its own was found.
 * Returns: FALSE when it may not have; else @item is gone.
 */
gboolean pb_queue_item_move (PbQueueItem *item);

/** pb_queue_item_free: @item's recipients leave memory. */
void pb_queue_item_free (PbQueueItem *item);

/** pb_queue_item_keep: drops all recipients but those whose @keep is TRUE. */
void pb_queue_item_keep (PbQueueItem *item, const gboolean *keep);

/** pb_queue_message_release: @n recipients less; frees the message with the last one. */
void pb_queue_message_release (PbQueue *self, PbQueueMessage *message, guint n);

/** pb_queue_message_leave: a recipient of @message that is due at @due waits in the store alone. */
void pb_queue_message_leave (PbQueue *self, PbQueueMessage *message, gint64 due);

/** pb_queue_is_unsettled: what became of some recipients of message @id is on its way into the store: what that has of them is old. */
gboolean pb_queue_is_unsettled (PbQueue *self, guint64 id);

/** pb_queue_message_ensure: @envelope's message, in memory for notices alone if it was not: pb_notice_add() is to follow. Nothing of it is tried again. */
PbQueueMessage *pb_queue_message_ensure (PbQueue *self, PbEnvelope *envelope);

/** pb_queue_message_keep: one recipient more, until pb_queue_message_release(). */
void pb_queue_message_keep (PbQueue *self, PbQueueMessage *message);

/** pb_queue_message_drop_body: while the message waits for long. */
void pb_queue_message_drop_body (PbQueue *self, PbQueueMessage *message);

/* ---- queue-attempt.c ---- */

/** pb_queue_start_item: @item may be tried now; its slot in the scheduler is taken. */
void pb_queue_start_item (PbQueue *self, PbQueueItem *item, PbSnapshot *snapshot);

/* ---- queue-claim.c ---- */

/** pb_queue_claim: asks the store for what is due, if there is room and need. */
void pb_queue_claim (PbQueue *self);

/* ---- queue-settle.c ---- */

/** pb_queue_settle_results: @delivery (transfer none) has @item's results. @item goes back to the scheduler or out of memory. */
void pb_queue_settle_results (PbQueue *self, PbQueueItem *item, PbDelivery *delivery);

/** pb_queue_suspend: @item was not tried and will not be before @until, since its destination rests. */
void pb_queue_suspend (PbQueue *self, PbQueueItem *item, gint64 until);

/* ---- queue-act.c ---- */

/** pb_queue_let_go: an administrator changed @id in the store: what waits of it leaves memory now, what is under way at its end. */
void pb_queue_let_go (PbQueue *self, guint64 id);

/** pb_queue_acted: what was changed in the store may be due. */
void pb_queue_acted (PbQueue *self);

/** pb_queue_tell_acted: the log and the history of what was done to @id. @n_before: messages that the same was done to before, by the same call. */
void pb_queue_tell_acted (PbQueue *self, PbStoreChangeKind kind, guint64 id, const char *target, const char *who, guint n_before);

/** pb_queue_log_rest: one line for all of @n that got none. */
void pb_queue_log_rest (PbStoreChangeKind kind, const char *target, const char *who, guint n);

/** pb_queue_stopping_error: (transfer full): why an action ends early. */
GError *pb_queue_stopping_error (void);

/* ---- queue-copies.c ---- */

/** pb_queue_add_copies: adds General.ExternalPostmasters to @envelope's recipients where they are to get a copy. They are marked to get no notices. */
void pb_queue_add_copies (PbEnvelope *envelope, const PbSnapshot *snapshot);

/* ---- queue-submit.c ---- */

/** pb_queue_expand: adds copies, then replaces aliases in @envelope's recipients by where they lead; ORCPT keeps the original. */
void pb_queue_expand (PbEnvelope *envelope, const PbSnapshot *snapshot);

/* ---- queue-forward.c ---- */

/** pb_queue_forward: @item's recipients became an alias: queues the message anew for its targets. @item is done. */
void pb_queue_forward (PbQueue *self, PbQueueItem *item, PbSnapshot *snapshot);

/** pb_queue_drop_stalled: ends the forwardings that wait for the disk, at the queue's end. */
void pb_queue_drop_stalled (PbQueue *self);

/* ---- queue-history.c ---- */

/** pb_queue_attempt_new: (transfer full) (nullable): NULL without a history. */
PbHistoryAttempt *pb_queue_attempt_new (PbQueue *queue, const PbDelivery *delivery);

/** pb_queue_attempt_set: @self (nullable). What became of the recipient at @position of the delivery. */
void pb_queue_attempt_set (PbHistoryAttempt *self, guint position, guint recipient, PbHistoryEvent event, const PbResult *result);

/** pb_queue_record_attempt: @attempt (nullable) (transfer full). */
void pb_queue_record_attempt (PbQueue *queue, PbHistoryAttempt *attempt);

/** pb_queue_record_own: a message that the queue made itself. @check: (static) what made it: "notice", "alias". */
void pb_queue_record_own (PbQueue *queue, const PbEnvelope *envelope, const char *check, const char *evidence);

/** pb_queue_record_forwarded: @item's recipients became the message @as. */
void pb_queue_record_forwarded (PbQueue *queue, const PbQueueItem *item, const PbEnvelope *as);

/* ---- bounce.c ---- */

/* A DSN on its way. */
typedef struct _PbNotice PbNotice;

/** pb_notice_new: about recipients of @message. @body (nullable): the store is asked. */
PbNotice *pb_notice_new (PbQueue *queue, PbQueueMessage *message, PbBody *body, PbDsnAction action);

/** pb_notice_add: tells @result of recipient @index. @row (nullable) (transfer full of its strings): what is settled together with the notice. */
void pb_notice_add (PbNotice *self, guint index, const PbRecipientStatus *row, const PbResult *result);

/** pb_notice_mark: @row (transfer full of its strings) is settled together with the notice, which does not speak of it. */
void pb_notice_mark (PbNotice *self, const PbRecipientStatus *row);

/** pb_notice_send: @self (transfer full): makes the DSN and settles. */
void pb_notice_send (PbNotice *self);

/* How a notice ended. */
typedef enum
{
  PB_NOTICE_SETTLED,    /* it is queued, and all marks are made */
  PB_NOTICE_UNREADABLE, /* nothing was marked: the message is damaged */
  PB_NOTICE_GONE,       /* nothing was marked: no message any more, no room for the notice, or the queue is closed */
} PbNoticeEnd;
typedef void (*PbNoticeEnded) (PbNoticeEnd end, gpointer user_data);

/** pb_notice_send_and_tell: likewise; @func once it has ended. */
void pb_notice_send_and_tell (PbNotice *self, PbNoticeEnded func, gpointer user_data);

/** pb_notice_is_wanted: whether the sender wants to hear @action of @recipient (RFC 3461 4.1; never the null sender). */
gboolean pb_notice_is_wanted (const PbEnvelope *envelope, guint recipient, PbDsnAction action);
