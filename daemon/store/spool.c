/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One message on its way in: a buffer, and behind 64 KiB a file in spool/tmp written by the body pool.
 *
 * A session appends and flushes on its own thread; the pool writes, hashes and syncs, one job at a time
 * for each spool, so that chunks stay in order. The session never waits: it is told to stop reading when
 * more than 1 MiB lies between it and the disk. A write error is kept and comes out when the message is
 * submitted. The struct is shared by reference; the file's descriptor is the pool's.
 */
#include "store/spool-private.h"

#include "store/body-private.h"
#include "store/store-private.h"
#include "util/fsutil.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK       (64 * 1024)
#define BEHIND_STOP (1024 * 1024)
#define BEHIND_GO   (512 * 1024)
#define FIRST_SIZE  8192

struct _PbSpool
{
  gint ref_count; /* atomic: the session's, the pool's, a wake-up's */
  PbStore *store;

  /* the session's thread */
  GByteArray *buffer; /* (owned) */
  guint64 flushed;    /* octets handed to the pool */
  gboolean waiting;
  PbMailFunc resume;
  gpointer resume_data;
  PbMailbox *reply_to; /* (owned) (nullable) */

  GMutex lock;
  GQueue chunks;            /* under lock; of (owned) GByteArray */
  guint64 behind;           /* under lock; octets handed over and not written */
  gboolean working;         /* under lock; a pool job has this spool */
  gboolean wake_due;        /* under lock; the session waits */
  gboolean aborted;         /* under lock */
  gboolean discarded;       /* under lock; its file is gone, or is being removed */
  PbSpoolFinished finished; /* (nullable) under lock */
  gpointer finished_data;
  PbSpoolShared shared; /* (nullable) under lock */
  gpointer shared_data;
  char *name; /* (owned) (nullable) */

  /* the pool job's */
  int fd; /* (owned) -1 before the first chunk */
  guint64 written;
  char tmp_name[32];
  PbHasher *hasher; /* (owned) (nullable) */
  GError *error;    /* (owned) (nullable) the first thing that went wrong */
};

static PbSpool *
spool_ref (PbSpool *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

static void
spool_unref (PbSpool *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_clear_pointer (&self->buffer, g_byte_array_unref);
  g_queue_clear_full (&self->chunks, (GDestroyNotify) g_byte_array_unref);
  g_clear_pointer (&self->reply_to, pb_mailbox_unref);
  g_clear_pointer (&self->hasher, pb_hasher_free);
  g_clear_error (&self->error);
  g_mutex_clear (&self->lock);
  g_free (self->name);
  g_free (self);
}

/* ---- the file, on a pool thread ---- */

static gboolean
file_set_error (PbSpool *self, int system_errno, const char *what)
{
  g_autofree char *path =
    g_build_filename (pb_store_spool_dir (self->store)->path, "tmp", self->tmp_name, NULL);

  if (self->error == NULL)
    pb_store_set_error_from_errno (&self->error, system_errno, what, path);
  /* Neither full nor busy: the disk itself. Nothing more is taken on it. */
  if (!pb_store_error_is_temporary (self->error))
    pb_store_fail (self->store, self->error);
  return FALSE;
}

static gboolean
file_create (PbSpool *self)
{
  static gint counter; /* atomic */

  g_snprintf (self->tmp_name, sizeof self->tmp_name, "%d", g_atomic_int_add (&counter, 1));
  self->fd = openat (pb_store_spool_dir (self->store)->tmp_fd, self->tmp_name,
                     O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (self->fd < 0)
    return file_set_error (self, errno, "Cannot make");
  self->hasher = pb_hasher_new ();
  return TRUE;
}

static void
file_write (PbSpool *self, GByteArray *chunk)
{
  if (self->error != NULL || (self->fd < 0 && !file_create (self)))
    return;
  if (!pb_fs_write_all (self->fd, chunk->data, chunk->len, NULL))
    {
      file_set_error (self, errno, "Cannot write");
      return;
    }
  pb_hasher_add (self->hasher, chunk->data, chunk->len);
  self->written += chunk->len;
}

/* A descriptor of its own for somebody who reads. */
static void
file_share (PbSpool *self, PbSpoolShared func, gpointer user_data, gboolean aborted)
{
  int fd = -1;

  if (!aborted && self->error == NULL && self->fd >= 0)
    {
      fd = openat (pb_store_spool_dir (self->store)->tmp_fd, self->tmp_name,
                   O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
      /* What nobody could look at must not come through unseen. */
      if (fd < 0)
        file_set_error (self, errno, "Cannot read");
    }
  func (NULL, fd, user_data);
}

static void
file_discard (PbSpool *self)
{
  if (self->fd < 0)
    return;
  close (self->fd);
  self->fd = -1;
  unlinkat (pb_store_spool_dir (self->store)->tmp_fd, self->tmp_name, 0);
}

/* Syncs are done once and believed the first time. */
static gboolean
file_make_safe (PbSpool *self)
{
  PbSpoolDir *directory = pb_store_spool_dir (self->store);
  int fd;

  if (self->error != NULL)
    return FALSE;
  if (fsync (self->fd) != 0)
    return file_set_error (self, errno, "Cannot sync");
  if (renameat (directory->tmp_fd, self->tmp_name, directory->fd, self->name) != 0)
    return file_set_error (self, errno, "Cannot rename");
  fd = self->fd;
  self->fd = -1;
  if (close (fd) != 0 && errno != EINTR)
    return file_set_error (self, errno, "Cannot close");
  if (!pb_fs_sync_dir (directory->fd, NULL))
    return file_set_error (self, errno, "Cannot sync the directory of");
  return TRUE;
}

static void
file_finish (PbSpool *self, PbSpoolFinished func)
{
  guint8 digest[PB_DIGEST_SIZE] = { 0 };

  if (!file_make_safe (self))
    {
      file_discard (self);
      func (NULL, digest, self->error, self->finished_data);
      return;
    }
  pb_hasher_finish (self->hasher, digest);
  func (pb_body_new_file (pb_store_spool_dir (self->store), self->name, self->written), digest, NULL,
        self->finished_data);
}

/* ---- between session and pool ---- */

static void
on_write_behind_shrank (gpointer data)
{
  PbSpool *self = data;

  /* Aborted or submitted meanwhile: nobody is there to be told. */
  if (self->waiting)
    {
      self->waiting = FALSE;
      self->resume (self->resume_data);
    }
  spool_unref (self);
}

/* Called under lock. */
static void
wake_session (PbSpool *self)
{
  if (!self->wake_due || self->behind > BEHIND_GO)
    return;
  self->wake_due = FALSE;
  pb_mailbox_post (self->reply_to, on_write_behind_shrank, spool_ref (self));
}

/* Called under lock, which is let go of meanwhile. */
static void
write_chunks (PbSpool *self)
{
  GByteArray *chunk;

  while ((chunk = g_queue_pop_head (&self->chunks)) != NULL)
    {
      gboolean skip = self->aborted;

      g_mutex_unlock (&self->lock);
      if (!skip)
        file_write (self, chunk);
      g_mutex_lock (&self->lock);
      self->behind -= chunk->len;
      wake_session (self);
      g_byte_array_unref (chunk);
    }
}

/* Likewise: what is asked for behind the last chunk. Returns: FALSE when that is nothing. */
static gboolean
serve (PbSpool *self)
{
  PbSpoolShared shared = g_steal_pointer (&self->shared);
  gboolean aborted = self->aborted, discard = aborted && !self->discarded;
  PbSpoolFinished finished = aborted ? NULL : g_steal_pointer (&self->finished);

  if (shared == NULL && finished == NULL && !discard)
    return FALSE;
  self->discarded = aborted;
  g_mutex_unlock (&self->lock);
  if (shared != NULL)
    file_share (self, shared, self->shared_data, aborted);
  if (discard)
    file_discard (self);
  else if (finished != NULL)
    file_finish (self, finished);
  g_mutex_lock (&self->lock);
  return TRUE;
}

/* The file is this job's until there is nothing more to do: while it is opened for a reader no other may remove it. */
static void
work_on_spool (gpointer data)
{
  PbSpool *self = data;

  g_mutex_lock (&self->lock);
  do
    write_chunks (self);
  while (serve (self));
  self->working = FALSE;
  g_mutex_unlock (&self->lock);
  spool_unref (self);
}

/* Called under lock. */
static void
start_working (PbSpool *self)
{
  if (self->working)
    return;
  self->working = TRUE;
  pb_store_run_blocking (self->store, work_on_spool, spool_ref (self));
}

/* Called under lock. */
static void
hand_over_buffer (PbSpool *self)
{
  if (self->buffer->len == 0)
    return;
  self->flushed += self->buffer->len;
  self->behind += self->buffer->len;
  g_queue_push_tail (&self->chunks, g_steal_pointer (&self->buffer));
}

/* ---- public ---- */

PbSpool *
pb_spool_new (PbStore *store)
{
  PbSpool *self = g_new0 (PbSpool, 1);

  self->ref_count = 1;
  self->store = store;
  self->buffer = g_byte_array_sized_new (FIRST_SIZE);
  self->fd = -1;
  g_mutex_init (&self->lock);
  g_queue_init (&self->chunks);
  return self;
}

void
pb_spool_abort (PbSpool *self)
{
  self->waiting = FALSE;
  g_mutex_lock (&self->lock);
  self->aborted = TRUE;
  self->wake_due = FALSE;
  if (self->flushed > 0)
    start_working (self);
  g_mutex_unlock (&self->lock);
  spool_unref (self);
}

GByteArray *
pb_spool_buffer (PbSpool *self)
{
  return self->buffer;
}

gboolean
pb_spool_flush (PbSpool *self, PbMailbox *reply_to, PbMailFunc func, gpointer data)
{
  gboolean go_on;

  if (self->buffer->len < CHUNK || self->flushed + self->buffer->len <= PB_BODY_INLINE_MAX)
    return TRUE;
  g_mutex_lock (&self->lock);
  hand_over_buffer (self);
  start_working (self);
  go_on = self->behind <= BEHIND_STOP;
  if (!go_on)
    {
      if (self->reply_to != reply_to)
        {
          g_clear_pointer (&self->reply_to, pb_mailbox_unref);
          self->reply_to = pb_mailbox_ref (reply_to);
        }
      self->resume = func;
      self->resume_data = data;
      self->waiting = self->wake_due = TRUE;
    }
  g_mutex_unlock (&self->lock);
  self->buffer = g_byte_array_sized_new (2 * CHUNK);
  return go_on;
}

guint64
pb_spool_size (PbSpool *self)
{
  return self->flushed + self->buffer->len;
}

gboolean
pb_spool_prepend (PbSpool *self, GBytes *data)
{
  gsize length;
  const guint8 *octets = g_bytes_get_data (data, &length);
  guint size = self->buffer->len;

  if (self->flushed > 0)
    return FALSE;
  g_byte_array_set_size (self->buffer, size + (guint) length);
  memmove (self->buffer->data + length, self->buffer->data, size);
  memcpy (self->buffer->data, octets, length);
  return TRUE;
}

void
pb_spool_share (PbSpool *self, PbSpoolShared func, gpointer user_data)
{
  if (self->flushed == 0)
    {
      func (g_byte_array_ref (self->buffer), -1, user_data);
      return;
    }
  g_mutex_lock (&self->lock);
  hand_over_buffer (self);
  self->shared = func;
  self->shared_data = user_data;
  start_working (self);
  g_mutex_unlock (&self->lock);
  if (self->buffer == NULL)
    self->buffer = g_byte_array_new ();
}

gsize
pb_spool_held (PbSpool *self)
{
  gsize held = self->buffer->len;

  if (self->flushed == 0)
    return held;
  g_mutex_lock (&self->lock);
  held += self->behind;
  g_mutex_unlock (&self->lock);
  return held;
}

void
pb_spool_finish (PbSpool *self, const char *name, PbSpoolFinished func, gpointer user_data)
{
  self->waiting = FALSE;
  if (self->flushed == 0 && self->buffer->len <= PB_BODY_INLINE_MAX)
    {
      g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (g_steal_pointer (&self->buffer));

      func (pb_body_new_bytes (bytes), NULL, NULL, user_data);
      spool_unref (self);
      return;
    }
  g_mutex_lock (&self->lock);
  hand_over_buffer (self);
  self->wake_due = FALSE;
  self->name = g_strdup (name);
  self->finished = func;
  self->finished_data = user_data;
  start_working (self);
  g_mutex_unlock (&self->lock);
  spool_unref (self);
}
