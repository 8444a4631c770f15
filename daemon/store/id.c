/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Queue ids: microseconds of the wall clock, always rising, above a stored high-water mark.
 *
 * Any thread takes ids without a lock. The mark is written ahead of them, a minute at a time, inside a
 * transaction that is under way anyway; so a clock that steps back, even over a crash, never gives an id
 * twice, and time itself covers a lost database. When ids come near the mark without a transaction, a lazy
 * job raises it.
 */
#include "store/store-private.h"

#include "util/clock.h"

#define BLOCK_US  (60ull * G_USEC_PER_SEC)
#define MARGIN_US (20ull * G_USEC_PER_SEC)

static void
on_high_water_job_done (PbWriteJob *job, gpointer owner, const GError *error, PbReplies *replies)
{
  PbStore *store = owner;

  g_atomic_int_set (&store->high_water_asked, FALSE);
  g_free (job);
}

/* The mark is raised by every transaction that needs to: an empty job is enough to have one. */
static const PbWriteOps high_water_ops = { NULL, on_high_water_job_done, TRUE, FALSE };

static gboolean
is_near (PbStore *self, guint64 id)
{
  return id + MARGIN_US > __atomic_load_n (&self->high_water, __ATOMIC_RELAXED);
}

guint64
pb_store_next_id (PbStore *self)
{
  guint64 now = (guint64) MAX (pb_clock_wall (), 1);
  guint64 last = __atomic_load_n (&self->last_id, __ATOMIC_RELAXED);
  guint64 id;

  do
    id = MAX (now, last + 1);
  while (!__atomic_compare_exchange_n (&self->last_id, &last, id, TRUE, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED));
  if (is_near (self, id)
      && g_atomic_int_compare_and_exchange (&self->high_water_asked, FALSE, TRUE))
    {
      PbWriteJob *job = g_new0 (PbWriteJob, 1);

      job->ops = &high_water_ops;
      pb_writer_push (self->writer, job);
    }
  return id;
}

gboolean
pb_store_write_high_water (PbStore *self, PbDatabase *database, GError **error)
{
  guint64 last = __atomic_load_n (&self->last_id, __ATOMIC_RELAXED);
  sqlite3_stmt *statement;

  if (!is_near (self, last))
    return TRUE;
  statement = pb_database_statement (database, "UPDATE high_water SET id = ?1", error);
  if (statement == NULL)
    return FALSE;
  self->batch.high_water = last + BLOCK_US;
  sqlite3_bind_int64 (statement, 1, (sqlite3_int64) self->batch.high_water);
  return pb_database_run (database, statement, error);
}

void
pb_store_ids_committed (PbStore *self)
{
  if (self->batch.high_water != 0)
    __atomic_store_n (&self->high_water, self->batch.high_water, __ATOMIC_RELAXED);
}
