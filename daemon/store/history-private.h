/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/database.h"
#include "store/history.h"
#include "util/pool.h"
#include <glib.h>

/*
 * Lists of texts in one, as they are kept: fields end with US, rows with RS, which no text has. A GVariant would cost more than all the rest of a
 * record. A trail's rows: time (decimal; "" as the row before), stage, check, outcome, recipient, reply, evidence. An attempt's: index, event,
 * status, reply.
 */
#define PB_HISTORY_FIELD_END  '\x1f'
#define PB_HISTORY_ROW_END    '\x1e'
#define PB_HISTORY_TRAIL_FIELDS 7
#define PB_HISTORY_RESULT_FIELDS 4

/** pb_history_pack: appends a field, at most @max octets of @text (nullable). */
void pb_history_pack (GString *packed, const char *text, gsize max);
void pb_history_pack_number (GString *packed, gint64 number);

/** pb_history_unpack: the next row of @rest as @n fields, in place; FALSE at the end. Fields that are not there are "". */
gboolean pb_history_unpack (char **rest, const char **fields, guint n);

#define PB_HISTORY_BATCH 512 /* records a transaction */

typedef enum
{
  PB_HISTORY_OP_MESSAGE,
  PB_HISTORY_OP_ATTEMPT,
  PB_HISTORY_OP_REMOVED,
} PbHistoryOpKind;

/* A record that waits to be written. */
typedef struct
{
  PbHistoryOpKind kind;
  gsize octets; /* about what it holds in memory */
  gint64 came;  /* monotonic microseconds */
  union
  {
    PbHistoryMessage *message; /* (owned) */
    PbHistoryAttempt *attempt; /* (owned) recipients removed by hand are results of an attempt that nobody made */
  };
} PbHistoryOp;

void pb_history_op_free (PbHistoryOp *self);

/** pb_history_op_measure: sets @octets; cuts what is too long. */
void pb_history_op_measure (PbHistoryOp *self);

/** pb_history_op_strip: drops what can be done without: transcript, trail. Returns: TRUE when there was any. */
gboolean pb_history_op_strip (PbHistoryOp *self);

/* The names that were used lately; the writer thread's. */
typedef struct
{
  GHashTable *ids; /* (owned) text -> gint64* */
} PbHistoryNames;

struct _PbHistory
{
  char *path;        /* (owned) */
  GThread *thread;   /* (owned) the writer */
  PbPool *readers;   /* (owned) of one thread */

  GMutex lock;
  GCond wake;        /* the writer's */
  GCond written;     /* for readers that wait for it */
  GQueue ops;        /* (owned) (element-type PbHistoryOp) under lock, like all down to the watcher */
  GList *unstripped; /* (nullable) the first op of @ops that may have details left */
  gsize octets;
  guint64 n_in, n_out; /* records handed in, and written or lost */
  gboolean urgent, ending;
  gboolean paused;     /* the disk's last room is for mail */
  gboolean tried;      /* the file was opened, or could not be */
  gboolean asleep;     /* the writer waits without a deadline that a new record would shorten */
  guint days, max_mib;
  gboolean sweep_asked;
  PbHistoryState state;
  guint64 dropped, told_dropped;
  gint64 told_at;      /* monotonic microseconds */
  gboolean losing;     /* records were lost since the queue was last empty */
  guint64 generation;  /* of the file: rises when it is another one */
  PbMailbox *watch_mailbox; /* (owned) (nullable) */
  PbHistoryStateFunc watch;
  gpointer watch_data;

  /* the writer thread's */
  PbDatabase *database; /* (owned) (nullable) */
  PbHistoryNames names;
  guint64 device, inode; /* of the open file */
  gint64 last_number;    /* of attempts */
  gint64 retry_at, sweep_at; /* monotonic microseconds */
  gboolean full;
  gboolean unavailable;
  char *told_problem; /* (owned) (nullable) what the log has */

  /* the reader thread's */
  PbDatabase *reader; /* (owned) (nullable) */
  guint64 reader_generation;
};

/* ---- history-file.c: the writer's file ---- */

/** pb_history_file_ready: opens the file when it is not open, or is not the one at its path any more. Returns: FALSE when there is none to write to now. */
gboolean pb_history_file_ready (PbHistory *self);

/** pb_history_file_failed: what follows @error of a write: the file is closed, set aside when damaged, and tried again later. */
void pb_history_file_failed (PbHistory *self, const GError *error);

/** pb_history_file_worked: a write went well. */
void pb_history_file_worked (PbHistory *self);

void pb_history_file_close (PbHistory *self);

/* ---- history-write.c ---- */

/** pb_history_write: @ops (element-type PbHistoryOp) in one transaction. */
gboolean pb_history_write (PbHistory *self, GPtrArray *ops, GError **error);

void pb_history_names_init (PbHistoryNames *self);
void pb_history_names_clear (PbHistoryNames *self);

/** pb_history_name_id: the number of @text (cut, made valid), which is added when it is new; 0 with @error. */
gint64 pb_history_name_id (PbHistory *self, const char *text, GError **error);

/** pb_history_name_drop: removes the name when nothing points to it any more. */
gboolean pb_history_name_drop (PbHistory *self, gint64 id, GError **error);

/* ---- history-retain.c ---- */

/** pb_history_sweep: deletes some of what is too old or too much. @more (out): there is more to delete. */
gboolean pb_history_sweep (PbHistory *self, guint days, guint max_mib, gboolean *more, GError **error);

/* ---- history-read.c ---- */

/** pb_history_reader: the reading connection, with all in the file that was handed in before; for the reader thread. (nullable) with @error. */
PbDatabase *pb_history_reader (PbHistory *self, GError **error);

/* A question on its way through the reader thread. */
typedef struct _PbHistoryQuery PbHistoryQuery;
struct _PbHistoryQuery
{
  PbHistory *history;
  void (*read) (PbHistoryQuery *self, PbDatabase *database); /* fills in rows and total, or error */
  PbHistoryFilter *filter; /* (owned) (nullable) */
  guint64 id;
  gint64 since; /* Unix seconds */
  guint offset, limit;
  PbMailbox *reply_to; /* (owned) */
  PbHistoryAnswer func;
  gpointer user_data;
  GVariant *rows; /* (owned) (nullable) */
  guint total;
  GError *error; /* (owned) (nullable) */
};

/** pb_history_query_new: the asker sets what else the read needs. */
PbHistoryQuery *pb_history_query_new (PbHistory *self, void (*read) (PbHistoryQuery *, PbDatabase *), PbMailbox *reply_to, PbHistoryAnswer func,
                                      gpointer user_data);
/** pb_history_query_run: @query (transfer full). */
void pb_history_query_run (PbHistoryQuery *query);

/** pb_history_add_string: "{sv}" with @text, valid and at most 4 KiB; "" for NULL. */
void pb_history_add_string (GVariantBuilder *builder, const char *key, const char *text);

/** pb_history_column_text: (nullable) the text of a column. */
const char *pb_history_column_text (sqlite3_stmt *row, int column);

/** pb_history_summary: what to call a message whose recipients' events are @events and whose own is @own. */
PbHistoryEvent pb_history_summary (PbHistoryEvent own, guint events);

/** pb_history_add_recipients: a message's recipients, the first @limit of them, as aa{sv} under the key Recipients. */
gboolean pb_history_add_recipients (PbDatabase *database, guint64 id, guint limit, GVariantBuilder *row, GError **error);
