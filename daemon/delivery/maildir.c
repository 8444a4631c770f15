/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Local delivery into Maildirs. The queue hands deliveries in from the main thread; a few threads of
 * our own take them in batches: all files of a batch are written, then synced, then renamed, and each
 * new/ directory is synced once for all that came into it. Only then the results go back. A file's
 * name is made of queue id and recipient index: done again after a crash, a delivery replaces itself.
 * Nothing about the disk ever fails a recipient for good: it is deferred, and the mailbox rests.
 */
#include "delivery/maildir.h"

#include "delivery/maildir-private.h"
#include "util/fsutil.h"
#include "util/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_THREADS 3
#define MAX_BATCH   32
#define MARK_MODE   0660

/* Where mail goes that is put aside; as a pointer, too, it tells its boxes from others. */
static const char JUNK[] = ".Junk";

typedef struct
{
  PbDelivery *delivery;
  PbMailbox *reply_to;
  PbDelivered func;
  gpointer user_data;
} Job;

struct _PbMaildir
{
  int mail_fd;
  PbPool *pool;
  GMutex making; /* held while a mailbox is opened or made: nobody finds one whose names are not on the disk yet */
  GMutex lock;
  GQueue jobs;      /* guarded by lock */
  guint n_draining; /* guarded by lock */
};

static void
on_reply (gpointer data)
{
  Job *job = data;

  job->func (job->delivery, job->user_data);
  pb_mailbox_unref (job->reply_to);
  g_free (job);
}

static int
ensure_dir_at (int dir_fd, const char *name, gboolean *made, GError **error)
{
  gboolean is_new = mkdirat (dir_fd, name, PB_MAILDIR_DIR_MODE) == 0;
  int fd;

  if (!is_new && errno != EEXIST)
    {
      int saved = errno;

      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved), "mail/%s: %s", name,
                   g_strerror (saved));
      errno = saved;
      return -1;
    }
  fd = pb_fs_open_beneath (dir_fd, name, O_RDONLY | O_DIRECTORY, 0, error);
  if (is_new && fd >= 0)
    pb_mail_group_share (fd, PB_MAILDIR_DIR_MODE);
  *made = *made || is_new;
  return fd;
}

/* An empty file that tells that a directory is a folder of the one above (Maildir++). */
static gboolean
mark_folder (int dir_fd, GError **error)
{
  int fd = openat (dir_fd, "maildirfolder", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, MARK_MODE);

  if (fd < 0)
    {
      int saved = errno;

      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved), "maildirfolder: %s",
                   g_strerror (saved));
      errno = saved;
      return FALSE;
    }
  pb_mail_group_share (fd, MARK_MODE);
  close (fd);
  return TRUE;
}

/* Makes @name/{tmp,new,cur} in @dir_fd and lets the names reach the disk before a message stands in them. */
static gboolean
make_folder (int dir_fd, const char *name, gboolean is_root, GError **error)
{
  static const char *const names[] = { "tmp", "new", "cur" };
  gboolean made = FALSE, ok = TRUE;
  int root = ensure_dir_at (dir_fd, name, &made, error);

  if (root < 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (names) && ok; i++)
    {
      int fd = ensure_dir_at (root, names[i], &made, error);

      ok = fd >= 0;
      if (ok)
        close (fd);
    }
  if (ok && made && !is_root)
    ok = mark_folder (root, error);
  if (ok && made)
    ok = pb_fs_sync_dir (root, error) && pb_fs_sync_dir (dir_fd, error);
  close (root);
  return ok;
}

/* Makes mail/<id>, and @folder (nullable) in it. */
static gboolean
make_mailbox (PbMaildir *self, const char *id, const char *folder, GError **error)
{
  gboolean ok;
  int root;

  if (!make_folder (self->mail_fd, id, TRUE, error))
    return FALSE;
  if (folder == NULL)
    return TRUE;
  root = pb_fs_open_beneath (self->mail_fd, id, O_RDONLY | O_DIRECTORY, 0, error);
  if (root < 0)
    return FALSE;
  ok = make_folder (root, folder, FALSE, error);
  close (root);
  return ok;
}

static int
open_or_make (PbMaildir *self, const char *id, const char *folder, const char *name, GError **error)
{
  g_autofree char *path =
    folder != NULL ? g_build_filename (id, folder, name, NULL) : g_build_filename (id, name, NULL);
  g_autoptr (GError) local_error = NULL;
  int fd = pb_fs_open_beneath (self->mail_fd, path, O_RDONLY | O_DIRECTORY, 0, &local_error);

  if (fd >= 0)
    return fd;
  if (!g_error_matches (local_error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return -1;
    }
  if (!make_mailbox (self, id, folder, error))
    return -1;
  return pb_fs_open_beneath (self->mail_fd, path, O_RDONLY | O_DIRECTORY, 0, error);
}

static int
open_subdir (PbMaildir *self, const char *id, const char *folder, const char *name, GError **error)
{
  int fd, saved;

  g_mutex_lock (&self->making);
  fd = open_or_make (self, id, folder, name, error);
  saved = errno;
  g_mutex_unlock (&self->making);
  errno = saved;
  return fd;
}

/* One mailbox of a batch. */
typedef struct
{
  char *id; /* (owned) */
  const char *folder; /* (nullable) static: below it; NULL: the inbox */
  int tmp_fd, new_fd;
  GPtrArray *files; /* (owned) (element-type PbMaildirFile) */
  GError *error; /* (owned) (nullable) the mailbox cannot be opened, or its directory not synced */
  int system_errno; /* behind @error */
} Box;

static void
box_free (gpointer data)
{
  Box *box = data;

  if (box->tmp_fd >= 0)
    close (box->tmp_fd);
  if (box->new_fd >= 0)
    close (box->new_fd);
  g_ptr_array_unref (box->files);
  g_clear_error (&box->error);
  g_free (box->id);
  g_free (box);
}

static Box *
find_box (PbMaildir *self, GPtrArray *boxes, const char *id, const char *folder)
{
  Box *box;

  for (guint i = 0; i < boxes->len; i++)
    {
      box = boxes->pdata[i];
      if (g_str_equal (box->id, id) && box->folder == folder)
        return box;
    }
  box = g_new0 (Box, 1);
  box->id = g_strdup (id);
  box->folder = folder;
  box->tmp_fd = box->new_fd = -1;
  box->files = g_ptr_array_new_with_free_func (pb_maildir_file_free);
  g_ptr_array_add (boxes, box);
  if (!pb_maildir_id_is_safe (id))
    g_set_error (&box->error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "no name for a mailbox directory");
  else if ((box->tmp_fd = open_subdir (self, id, folder, "tmp", &box->error)) < 0
           || (box->new_fd = open_subdir (self, id, folder, "new", &box->error)) < 0)
    box->system_errno = errno;
  return box;
}

static void
write_job (Box *box, Job *job)
{
  PbDelivery *delivery = job->delivery;

  for (guint i = 0; i < delivery->n_recipients; i++)
    {
      PbMaildirFile *file;

      if (box->error == NULL && pb_maildir_check_loop (delivery, i))
        continue;
      file = pb_maildir_file_new (delivery, i);
      g_ptr_array_add (box->files, file);
      if (box->error == NULL)
        pb_maildir_file_write (file, box->tmp_fd);
    }
}

/* The first fsync carries the journal for most of the others: so all are written before any is synced. */
static void
commit_box (Box *box)
{
  gboolean renamed = FALSE;

  for (guint i = 0; i < box->files->len && box->error == NULL; i++)
    renamed |= pb_maildir_file_commit (box->files->pdata[i], box->tmp_fd, box->new_fd);
  if (renamed && !pb_fs_sync_dir (box->new_fd, &box->error))
    box->system_errno = errno;
  for (guint i = 0; i < box->files->len; i++)
    pb_maildir_file_report (box->files->pdata[i], box->error, box->system_errno);
}

static void
deliver_batch (PbMaildir *self, GPtrArray *jobs)
{
  g_autoptr (GPtrArray) boxes = g_ptr_array_new_with_free_func (box_free);

  for (guint i = 0; i < jobs->len; i++)
    {
      Job *job = jobs->pdata[i];

      gboolean junk = (job->delivery->envelope->flags & PB_ENVELOPE_JUNK) != 0;

      write_job (find_box (self, boxes, job->delivery->route->mailbox, junk ? JUNK : NULL), job);
    }
  for (guint i = 0; i < boxes->len; i++)
    commit_box (boxes->pdata[i]);
  for (guint i = 0; i < jobs->len; i++)
    {
      Job *job = jobs->pdata[i];

      pb_delivery_close (job->delivery);
      pb_mailbox_post (job->reply_to, on_reply, job);
    }
}

static gboolean
take_batch (PbMaildir *self, GPtrArray *jobs)
{
  Job *job;

  g_ptr_array_set_size (jobs, 0);
  g_mutex_lock (&self->lock);
  /* The free threads get their share, a mailbox's run is synced together. */
  while (jobs->len < MAX_BATCH && (job = g_queue_pop_head (&self->jobs)) != NULL)
    g_ptr_array_add (jobs, job);
  if (jobs->len == 0)
    self->n_draining--;
  g_mutex_unlock (&self->lock);
  return jobs->len > 0;
}

/* A mail/ that was just made must be found again after a power cut, with all that came into it. */
static gboolean
sync_name (const char *directory, GError **error)
{
  int fd = g_open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  gboolean ok = fd >= 0 && pb_fs_sync_dir (fd, error);

  if (fd < 0)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s", directory,
                 g_strerror (errno));
  else
    close (fd);
  return ok;
}

static void
drain (gpointer data)
{
  PbMaildir *self = data;
  g_autoptr (GPtrArray) jobs = g_ptr_array_new ();

  while (take_batch (self, jobs))
    deliver_batch (self, jobs);
}

PbMaildir *
pb_maildir_new (const char *directory, GError **error)
{
  g_autofree char *path = g_build_filename (directory, "mail", NULL);
  PbMaildir *self;
  int fd;

  if (!pb_fs_ensure_dir (path, PB_MAILDIR_DIR_MODE, error))
    return NULL;
  fd = g_open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0)
    {
      int saved = errno;

      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved), "%s: %s", path,
                   g_strerror (saved));
      return NULL;
    }
  if (!sync_name (directory, error))
    {
      close (fd);
      return NULL;
    }
  self = g_new0 (PbMaildir, 1);
  self->mail_fd = fd;
  self->pool = pb_pool_new ("maildir", MAX_THREADS);
  g_mutex_init (&self->making);
  g_mutex_init (&self->lock);
  return self;
}

void
pb_maildir_free (PbMaildir *self)
{
  pb_pool_free (self->pool);
  close (self->mail_fd);
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->making);
  g_free (self);
}

int
pb_maildir_fd (PbMaildir *self)
{
  return self->mail_fd;
}

gboolean
pb_maildir_prepare (PbMaildir *self, const char *id, GError **error)
{
  static const char *const names[] = { "cur", "new", "tmp", "" };

  g_assert (pb_maildir_id_is_safe (id));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      int fd = open_subdir (self, id, NULL, names[i], error);

      if (fd < 0)
        return FALSE;
      /* One of a time before the group was there. */
      pb_mail_group_share (fd, PB_MAILDIR_DIR_MODE);
      close (fd);
    }
  return TRUE;
}

void
pb_maildir_deliver (PbMaildir *self, PbDelivery *delivery, PbMailbox *reply_to, PbDelivered func,
                    gpointer user_data)
{
  Job *job = g_new (Job, 1);
  gboolean start;

  *job = (Job){ delivery, pb_mailbox_ref (reply_to), func, user_data };
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->jobs, job);
  start = self->n_draining < MAX_THREADS && self->n_draining < self->jobs.length;
  if (start)
    self->n_draining++;
  g_mutex_unlock (&self->lock);
  if (start)
    pb_pool_run (self->pool, drain, NULL, NULL, self);
}
