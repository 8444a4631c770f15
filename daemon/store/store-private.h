/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/body-private.h"
#include "store/database.h"
#include "store/room.h"
#include "store/seal.h"
#include "store/space.h"
#include "store/status.h"
#include "store/store.h"
#include "store/writer.h"
#include "util/mailbox.h"
#include "util/pool.h"
#include <glib.h>

/* A message that settlements of the batch being written have touched; written back before the commit. The writer thread's. */
typedef struct
{
  gint64 id; /* first: it is its own key */
  PbStatusSet *set; /* (owned) */
  PbClass class;    /* what the database says */
  guint64 size;
  gboolean in_file;
} PbTouched;

/* What the open transaction will have changed; the writer thread's. */
typedef struct
{
  gint64 messages[PB_N_CLASSES]; /* differences */
  gint64 bytes;
  GHashTable *touched; /* (owned) gint64 id -> PbTouched */
  GArray *inserted;    /* (owned) of guint64 */
  GArray *unlinks;     /* (owned) of guint64: messages whose files go once it is committed */
  guint64 high_water;  /* the mark being written; 0 none */
  gint64 oldest;       /* arrival of the oldest message that is left, Unix seconds; 0 none */
} PbBatch;

/* Claims that were asked for and not yet answered; see queue-claim.c. Shared by reference (g_atomic_rc_box). */
typedef struct _PbClaim PbClaim;
typedef struct
{
  GMutex lock;
  GPtrArray *open;  /* (owned) of (unowned) PbClaim, under lock */
  GArray *settling; /* (owned) of guint64, under lock: settled, but their marks still wait for a notice's file */
} PbClaims;

/* Whether a change of the queue is to be told. */
typedef enum
{
  PB_QUEUE_WATCH_ARMED,
  PB_QUEUE_WATCH_TOLD,
  PB_QUEUE_WATCH_MISSED, /* told, and there was another since */
} PbQueueWatch;

struct _PbStore
{
  char *directory;           /* (owned) */
  int lock_fd;               /* (owned) */
  PbSpoolDir *spool_dir;     /* (owned) */
  PbRoom *room;              /* (owned) */
  PbWriter *writer;          /* (owned) */
  PbDatabase *reader;        /* (owned) the reader pool's one thread's */
  PbPool *reader_pool;       /* (owned) */
  PbDatabase *viewer;        /* (owned) the view pool's one thread's: for people who look */
  PbPool *view_pool;         /* (owned) */
  GMutex pool_lock;
  PbPool *body_pool;         /* (owned) (nullable) under pool_lock: gone once closing */
  PbSpace *space;            /* (owned) */
  GThread *check;            /* (owned) (nullable) quick_check */
  gint check_stop;           /* atomic */

  guint64 last_id;           /* atomic: the newest id given */
  guint64 high_water;        /* atomic: no id at or above it may survive a crash unmarked */
  gint high_water_asked;     /* atomic */

  PbBatch batch;

  GMutex counts_lock;
  PbQueueCounts counts;      /* under counts_lock */

  PbClaims *claims;          /* (owned) */

  gint low_space, failed;    /* atomic */
  gint queue_watch;          /* atomic PbQueueWatch */
  GMutex watch_lock;
  GArray *watchers;          /* (owned) under watch_lock */
};

PbSpoolDir *pb_store_spool_dir (PbStore *self);

/** pb_store_fail: an fsync or I/O error was met: the store takes nothing more. Any thread. */
void pb_store_fail (PbStore *self, const GError *error);

/** pb_store_tell_held: the number of held messages has changed. Any thread. */
void pb_store_tell_held (PbStore *self);

/** pb_store_tell_queue: something in the queue has changed. Any thread. */
void pb_store_tell_queue (PbStore *self);

/** pb_store_run_blocking: @work (@data) on the body pool; on the caller's thread while closing. */
void pb_store_run_blocking (PbStore *self, PbMailFunc work, gpointer data);

/** pb_store_unlink: removes the files of these messages (of guint64), later. */
void pb_store_unlink (PbStore *self, const guint64 *ids, guint n);

/* ---- id.c ---- */

/** pb_store_write_high_water: in a transaction: raises the mark when the ids given come near it. */
gboolean pb_store_write_high_water (PbStore *self, PbDatabase *database, GError **error);

/** pb_store_ids_committed: the mark written by the last transaction holds now. */
void pb_store_ids_committed (PbStore *self);

/* ---- batch.c ---- */

extern const PbWriterHooks pb_store_writer_hooks;

void pb_batch_init (PbBatch *self);
void pb_batch_clear (PbBatch *self);

/** pb_batch_touch: (transfer none) (nullable) the message with its states, read once a batch; NULL with @error NOT_FOUND when there is none. */
PbTouched *pb_batch_touch (PbStore *store, PbDatabase *database, guint64 id, GError **error);

/* ---- queue-submit.c ---- */

/* A message on its way into the database, or a settlement (with or without a DSN). */
typedef struct
{
  PbWriteJob job;            /* first */
  PbStore *store;
  PbEnvelope *envelope;      /* (owned) (nullable) */
  PbBody *body;              /* (owned) (nullable) */
  guint8 digest[PB_DIGEST_SIZE];
  PbSettlement *settlement;  /* (owned) (nullable) */
  PbMailbox *reply_to;       /* (owned) (nullable) */
  PbStoreSubmitted func;     /* (nullable) */
  gpointer user_data;
  GError *error;             /* (owned) (nullable) what the callback says */
} PbSubmission;

PbSubmission *pb_submission_new (PbStore *store, PbMailbox *reply_to, PbStoreSubmitted func, gpointer user_data);
void pb_submission_free (PbSubmission *self);

/** pb_submission_insert: the row of envelope and body. */
gboolean pb_submission_insert (PbSubmission *self, PbDatabase *database, GError **error);

/** pb_submission_answer: (transfer full) @self: lets the callback be called, with @error (nullable). */
void pb_submission_answer (PbSubmission *self, const GError *error, PbReplies *replies);

/* ---- queue-settle.c ---- */

/** pb_store_quarantine: a damaged row or body: all of the message that is not done becomes HELD for @reason. Any thread. */
void pb_store_quarantine (PbStore *self, guint64 id, const char *reason);

/* ---- queue-filter.c ---- */

/** pb_queue_filter_reads_rows: whether rows must be read to know what matches @self (nullable), and not their states alone. */
gboolean pb_queue_filter_reads_rows (const PbQueueFilter *self);

/** pb_queue_filter_match: Returns: (transfer full) (nullable) @row, as far as it can be read, when it matches @self (nullable). */
PbQueued *pb_queue_filter_match (const PbQueueFilter *self, sqlite3_stmt *row);

/* ---- queue-claim.c ---- */

PbClaims *pb_claims_new (void);
void pb_claims_unref (PbClaims *self);

/** pb_claims_exclude: these messages are known to the caller, or done: no claim under way may bring them. */
void pb_claims_exclude (PbClaims *self, const guint64 *ids, guint n);

/** pb_claims_settling: marks of @id are handed in and not with the writer yet: no claim to come may bring it until pb_claims_settled(). */
void pb_claims_settling (PbClaims *self, guint64 id);
void pb_claims_settled (PbClaims *self, guint64 id);

/* ---- recovery.c ---- */

/** pb_recovery_run: @database_is_new: spool files without a row are set aside instead of removed. */
gboolean pb_recovery_run (PbStore *self, PbDatabase *database, gboolean database_is_new, GError **error);

/** pb_recovery_start_check: quick_check on a thread and a connection of its own. */
void pb_recovery_start_check (PbStore *self, const char *path);
