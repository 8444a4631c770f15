/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/envelope.h"
#include "store/body.h"
#include "store/spool.h"
#include "util/mailbox.h"
#include <glib.h>

/*
 * The queue's store: messages in, claims and settlements out; not SQL. Nothing above knows what lies below (SQLite today; another backend may
 * come). All calls are asynchronous but open and close; callbacks run in the given mailbox's thread, exactly once.
 */
typedef enum
{
  PB_STORE_ERROR_BUSY,    /* this batch was not written: 452, carry on */
  PB_STORE_ERROR_FULL,    /* no space: 452 */
  PB_STORE_ERROR_FAILED,  /* fsync or I/O error: the store takes nothing more until restart */
  PB_STORE_ERROR_SCHEMA,  /* newer schema than this program knows */
  PB_STORE_ERROR_CORRUPT, /* not a database, or quick_check failed */
  PB_STORE_ERROR_NOT_FOUND,
} PbStoreError;
#define PB_STORE_ERROR (pb_store_error_quark ())
GQuark pb_store_error_quark (void);
gboolean pb_store_error_is_temporary (const GError *error); /* BUSY or FULL */

typedef enum
{
  PB_STORE_OK,
  PB_STORE_LOW_SPACE, /* disk or inodes below the reserve (checked every 2 s in the background) */
  PB_STORE_FAILED,
} PbStoreState;

typedef void (*PbStoreStateFunc) (PbStore *store, PbStoreState state, gpointer user_data);

/**
 * pb_store_open:
 * @directory: state directory; queue.db, spool/ and spool/tmp/ are made inside it
 * Blocks (start-up). Migrates older schemas; removes spool files without a row; refuses newer schemas and corrupt files, overwriting nothing.
 */
PbStore *pb_store_open (const char *directory, GError **error);

/** pb_store_close: commits what was handed in, checkpoints, joins the threads. */
void pb_store_close (PbStore *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbStore, pb_store_close)

/** pb_store_watch_state: @func in @reply_to's thread at every change of state. */
void pb_store_watch_state (PbStore *self, PbMailbox *reply_to, PbStoreStateFunc func, gpointer user_data);
PbStoreState pb_store_state (PbStore *self); /* any thread, lock-free */

/** pb_store_watch_held: @func in @reply_to's thread whenever the number of held messages has changed: pb_store_counts() has it. */
typedef void (*PbStoreHeldFunc) (PbStore *store, gpointer user_data);
void pb_store_watch_held (PbStore *self, PbMailbox *reply_to, PbStoreHeldFunc func, gpointer user_data);

/**
 * pb_store_watch_queue: @func in @reply_to's thread at the first commit that changes the queue, and then not before pb_store_watch_next_change() was called: a busy
 * queue is not told of a thousand times a second. What changed before that call is told of at once.
 */
void pb_store_watch_queue (PbStore *self, PbMailbox *reply_to, PbStoreHeldFunc func, gpointer user_data);
void pb_store_watch_next_change (PbStore *self);

/** pb_store_busy_since: since when the writer has been at what it does now, monotonic microseconds; 0 when it waits for work. Any thread. */
gint64 pb_store_busy_since (PbStore *self);

/** pb_store_next_id: a fresh queue id: never given before, not even across restarts, clock steps or a lost database (time-based over a stored high-water mark). Any thread. */
guint64 pb_store_next_id (PbStore *self);

/* ---- submit ---- */

/** PbStoreSubmitted: @error NULL: envelope and body are on stable storage and @body (transfer none) can be read. With @error @body is NULL and nothing was kept. */
typedef void (*PbStoreSubmitted) (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer user_data);

/**
 * pb_store_submit:
 * @envelope: (transfer none) complete; @spool: (transfer full) the message
 * Body made safe (its file synced, renamed, directory synced; or bytes for the row), then one transaction, shared with whatever else waits (group
 * commit: up to 64, waiting up to 0.3 ms more only while others are under way), then @func. The recipients start as QUEUED, due now; or HELD, for
 * the envelope's @hold.
 * Any thread.
 */
void pb_store_submit (PbStore *self, PbEnvelope *envelope, PbSpool *spool, PbMailbox *reply_to, PbStoreSubmitted func, gpointer user_data);

/** pb_store_hint_incoming: a DATA was begun (+1) or ended without submit (-1): how the writer knows that others are under way. pb_store_submit() counts as an end. Any thread. */
void pb_store_hint_incoming (PbStore *self, int delta);

/* ---- claim ---- */

typedef enum
{
  PB_RECIPIENT_QUEUED,    /* due at next_attempt; active when it is under way, deferred when attempts > 0 */
  PB_RECIPIENT_HELD,      /* by the administrator, or quarantined: damaged row or body */
  PB_RECIPIENT_DELIVERED, /* done: the row goes */
  PB_RECIPIENT_FAILED,    /* done: bounced */
} PbRecipientState;

typedef struct
{
  guint recipient; /* index in the envelope */
  PbRecipientState state;
  guint attempts;
  gint64 next_attempt;  /* Unix seconds */
  gboolean delay_told;  /* a delayed DSN was sent */
  char *last_reply;     /* (owned) (nullable) last remote reply or local reason, with its status code first */
  guint by_hand;        /* 0, or the number of the administrator's wish. QUEUED: to be tried whatever is known of the destination; a settlement brings the number that its attempt obeyed. HELD: set aside by him, not for damage */
  char *last_remote;    /* (owned) (nullable) who said it: "mx.example.org[192.0.2.1]:25" */
} PbRecipientStatus;

/* How the last_reply of a message begins that came in held, since malware was found in it. */
#define PB_HELD_INFECTED "5.7.1 malware found: "
/* Likewise of one whose account had sent as much as it may a day. */
#define PB_HELD_DAILY "4.7.1 daily limit of account "

/** pb_recipient_status_is_deferred: whether @self, which waits, was put off: it was tried, or its destination rests. */
gboolean pb_recipient_status_is_deferred (const PbRecipientStatus *self);
/** pb_recipient_status_clear: frees what @self owns, not @self. */
void pb_recipient_status_clear (PbRecipientStatus *self);

typedef struct
{
  PbEnvelope *envelope;        /* (owned) */
  PbRecipientStatus *statuses; /* (owned) only recipients not done */
  guint n_statuses;
  char *target;                /* (owned) (nullable) host[:port] that the administrator sends it to instead */
} PbQueued;
void pb_queued_free (PbQueued *self);

/** PbStoreClaimed: @queued: (element-type PbQueued) (transfer full), in order of next_attempt; @more: others are due in the same span. */
typedef void (*PbStoreClaimed) (GPtrArray *queued, gboolean more, const GError *error, gpointer user_data);

/**
 * pb_store_claim:
 * Reads messages that have QUEUED recipients with next_attempt <= @due_before, soonest first, at most @limit messages, leaving out ids in @except (transfer
 * full) (element-type guint64; those the caller already holds). A damaged row is quarantined (HELD), logged and left out.
 * The claim waits for all settlements handed in before it, and leaves out what is committed or settled between the call and @func. A message whose
 * submit was answered, but not yet seen by the caller when it claimed, can be in it: the caller leaves out what it holds.
 */
void pb_store_claim (PbStore *self, gint64 due_before, guint limit, GArray *except, PbMailbox *reply_to, PbStoreClaimed func, gpointer user_data);

/** PbStoreBodyRead: @body (transfer full) (nullable). A hash mismatch quarantines the message: PB_STORE_ERROR_CORRUPT. */
typedef void (*PbStoreBodyRead) (PbBody *body, const GError *error, gpointer user_data);
void pb_store_read_body (PbStore *self, guint64 id, PbMailbox *reply_to, PbStoreBodyRead func, gpointer user_data);

/* ---- settle ---- */

/* What became of one attempt at some of a message's recipients, and the DSN that tells the sender, in one transaction. */
typedef struct
{
  guint64 id;
  PbRecipientStatus *statuses; /* (owned) new states of the recipients tried */
  guint n_statuses;
  PbEnvelope *dsn;    /* (owned) (nullable) */
  PbSpool *dsn_body;  /* (owned) (nullable) */
} PbSettlement;
void pb_settlement_free (PbSettlement *self);

/**
 * pb_store_settle:
 * @settlement: (transfer full)
 * @func: (nullable): called with @dsn's envelope and body once a DSN is safe; without DSN the marks ride lazily with the next batch (at most 20 ms later).
 * When no recipient is left the message's row and file go too. A full or busy disk delays a settlement, it is never lost while the store lives; if a
 * DSN's own file cannot be made, @func gets the error, FAILED recipients stay as they were (the next claim brings them) and all other marks are kept.
 * Without DSN @func, when given, is called with NULL envelope and body once the marks are committed; PB_STORE_ERROR_NOT_FOUND: the message is gone.
 */
void pb_store_settle (PbStore *self, PbSettlement *settlement, PbMailbox *reply_to, PbStoreSubmitted func, gpointer user_data);

/* ---- show and steer ---- */

typedef struct
{
  guint64 active;   /* messages with a recipient never tried, or under way */
  guint64 deferred;
  guint64 held;
  guint64 bytes;
  gint64 oldest;    /* arrival, Unix seconds; 0 when empty */
} PbQueueCounts;

/** pb_store_counts: kept in memory; any thread. active/deferred count messages by their worst state: held, else deferred, else active. */
void pb_store_counts (PbStore *self, PbQueueCounts *counts);

/* A filter; unset fields NULL or 0. Strings match whole, case-insensitively; @domain any recipient's domain. A sender of "" is the null sender. */
typedef struct
{
  guint64 *ids;    /* (owned) (nullable) */
  gsize n_ids;
  char *sender;
  char *recipient;
  char *domain;
  const char *state; /* "active", "deferred", "held" (static) */
  char *search;      /* folded by g_utf8_casefold(): somewhere in what the list shows of a message */
} PbQueueFilter;
void pb_queue_filter_free (PbQueueFilter *self);

/** pb_store_page: @filter (transfer full) (nullable); oldest first; PbQueued with all recipients not done. In the callback @queued (element-type PbQueued) is (transfer full), NULL on error; @total counts all that match. */
typedef void (*PbStorePaged) (GPtrArray *queued, guint total, const GError *error, gpointer user_data);
void pb_store_page (PbStore *self, PbQueueFilter *filter, guint offset, guint limit, PbMailbox *reply_to, PbStorePaged func, gpointer user_data);

/** PbStoreRead: @octets (transfer none) NULL on error; @size: the whole message's. */
typedef void (*PbStoreRead) (GBytes *octets, guint64 size, const GError *error, gpointer user_data);

/** pb_store_read: up to @length octets of a message from @offset, for people to look at: damaged ones too, so not held against their digest. */
void pb_store_read (PbStore *self, guint64 id, guint64 offset, guint length, PbMailbox *reply_to, PbStoreRead func, gpointer user_data);

/* A walk over the ids of all messages that match, some at a time, so that a million hold up nobody. */
typedef struct _PbStoreWalk PbStoreWalk;

/** pb_store_walk_new: @filter (transfer full) (nullable). Messages with ids from @end on are left out: what comes meanwhile was not meant. The store outlives the walk. */
PbStoreWalk *pb_store_walk_new (PbStore *self, PbQueueFilter *filter, guint64 end);
/** pb_store_walk_free: not between pb_store_walk_next() and its answer. */
void pb_store_walk_free (PbStoreWalk *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbStoreWalk, pb_store_walk_free)

/** PbStoreWalked: @ids (element-type guint64) (transfer full), empty at the end, NULL on error. */
typedef void (*PbStoreWalked) (GArray *ids, const GError *error, gpointer user_data);
/** pb_store_walk_next: the next @limit ids at most. */
void pb_store_walk_next (PbStoreWalk *self, guint limit, PbMailbox *reply_to, PbStoreWalked func, gpointer user_data);

typedef enum
{
  PB_CHANGE_HOLD,    /* what is queued waits until it is released */
  PB_CHANGE_RELEASE, /* what is held is due now, as with RETRY */
  PB_CHANGE_RETRY,   /* what is queued is due now, and a resting destination is asked again */
  PB_CHANGE_REMOVE,  /* gone, nobody is told */
  PB_CHANGE_REROUTE, /* goes to the target from now on, and what is queued is due now */
} PbStoreChangeKind;

typedef struct
{
  PbStoreChangeKind kind;
  const char *target; /* (nullable) for REROUTE: NULL undoes it. Copied. */
  const char *state;  /* (nullable) (static) messages that have left this state meanwhile are passed over */
} PbStoreChange;

/** PbStoreChanged: @ids (element-type guint64) (transfer none): the messages that are otherwise now; NULL with @error, when nothing was changed. */
typedef void (*PbStoreChanged) (GArray *ids, const GError *error, gpointer user_data);

/**
 * pb_store_change:
 * @ids: (transfer full) (element-type guint64)
 * One transaction, behind all marks handed in before; @func once it is on disk. No claim under way brings any of these messages, so that the caller
 * only has to let go of those it holds. Attempts under way are marked afterwards as ever, but what is held stays held and what is removed stays gone.
 */
void pb_store_change (PbStore *self, const PbStoreChange *change, GArray *ids, PbMailbox *reply_to, PbStoreChanged func, gpointer user_data);
