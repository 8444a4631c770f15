/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/database.h"
#include "store/replies.h"
#include <glib.h>

/*
 * A thread that owns the one writing connection of a database and commits what is handed to it in batches: one transaction, one fsync for all.
 */
typedef struct _PbWriter PbWriter;
typedef struct _PbWriteJob PbWriteJob;

typedef struct
{
  /* On the writer thread, inside the transaction. PB_STORE_ERROR_NOT_FOUND fails this job alone (it must have written nothing); any other error the
   * whole batch. May run again after a batch that failed. */
  gboolean (*run) (PbWriteJob *job, gpointer owner, PbDatabase *database, GError **error);

  /* On the writer thread (or the pusher's, once the writer has failed) when committed (@error NULL) or given up. Takes the job; callbacks go into @replies. */
  void (*done) (PbWriteJob *job, gpointer owner, const GError *error, PbReplies *replies);

  gboolean lazy;       /* rides with the next batch, at most 20 ms later */
  gboolean persistent; /* tried again when a batch fails for a time; done() then comes with success or the end of the writer */
  gboolean prompt;     /* lazy only in its order: not kept waiting */
} PbWriteOps;

/* To be embedded at the start of the user's struct. */
struct _PbWriteJob
{
  PbWriteJob *next;      /* the writer's */
  const PbWriteOps *ops; /* (static) */
  GError *error;         /* (owned) (nullable) the writer's: what failed this job alone */
};

/* What the owner does around a batch, all on the writer thread; each (nullable). */
typedef struct
{
  void (*begin) (gpointer owner);
  gboolean (*before_commit) (gpointer owner, PbDatabase *database, GError **error);
  void (*committed) (gpointer owner, PbDatabase *database);
  void (*failed) (gpointer owner, const GError *error); /* for good; at most once; any thread */
  gboolean (*resting) (gpointer owner, PbDatabase *database, gboolean *wrote, GError **error); /* nothing has come for a while, the log was copied: time to tidy up */
} PbWriterHooks;

/**
 * pb_writer_new:
 * @database: (transfer full) a tuned writing connection
 * @checkpoint_pages: pages in the log before it is copied into the file
 */
PbWriter *pb_writer_new (const char *name, PbDatabase *database, guint checkpoint_pages, const PbWriterHooks *hooks, gpointer owner);

/** pb_writer_push: @job (transfer full). Any thread. */
void pb_writer_push (PbWriter *self, PbWriteJob *job);

/** pb_writer_hint: @delta more jobs are under way: worth 0.3 ms of waiting. Never below zero. Any thread. */
void pb_writer_hint (PbWriter *self, int delta);

/** pb_writer_is_idle: nothing waits and no batch is being written. */
gboolean pb_writer_is_idle (PbWriter *self);

/** pb_writer_busy_since: when the batch or checkpoint under way was begun, monotonic microseconds; 0 when there is none. Any thread. */
gint64 pb_writer_busy_since (PbWriter *self);

/** pb_writer_fail: ends the writing for good: every job waiting or to come gets @error. Any thread. */
void pb_writer_fail (PbWriter *self, const GError *error);

/** pb_writer_stop: commits what was pushed, checkpoints, ends the thread. Pushing afterwards gives up the job with PB_STORE_ERROR_FAILED. */
void pb_writer_stop (PbWriter *self);

void pb_writer_free (PbWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbWriter, pb_writer_free)
