/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The drop directory (state directory, mode 0730, group postbus-drop): postbus-drop puts files there by renaming
 * them to new-..., which inotify tells; a look at the start, and a look a minute while something stays, make up for
 * what it does not. One file after the other is handed to the submitter, as its owner's mail, and removed
 * behind the answer; a crash between the two brings it twice, never not at all. A file that cannot be taken now
 * waits for the next round through the folder, and holds up no other: it may be there to do just that. One that is
 * refused for good is told to its author, and then put aside (drop-notice.c, drop-refused.c). All file work is
 * on a thread of ours. Files are opened by name in a folder where only postbus-drop makes them, and no link is followed.
 */
#include "service/drop-keeper.h"

#include "dbus/errors.h"
#include "protocol/drop-file.h"
#include "service/drop-notice.h"
#include "service/drop-refused.h"
#include "util/fsutil.h"
#include "util/log.h"
#include "util/pool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GROUP         "postbus-drop"
#define AGAIN_SECONDS 60
#define STALE_SECONDS (24 * 60 * 60) /* what postbus-drop has not finished by then it never will */
#define MAX_LOOK      1000           /* files of one look at the folder; a round takes as many as it needs */

struct _PbDropKeeper
{
  PbSubmitter *submitter;
  PbAlerts *alerts;
  PbDropNotices *notices; /* (owned) */
  PbMailbox *mailbox; /* (owned) a reference */
  PbPool *pool;       /* (owned) */
  char *path;         /* (owned) */
  int folder;         /* (owned) the folder; -1 not yet */
  DIR *round;         /* (owned) (nullable) how far the round through the folder has come; our thread's */
  PbDropRefused kept; /* our thread's */
  int watch;          /* (owned) inotify's; -1 none */
  guint watch_source;
  guint again_source;
  GQueue names;       /* (owned) of files that wait, the oldest of a look first */
  gboolean more;      /* the round is not at its end */
  gboolean looking;   /* a look at the folder is under way */
  gboolean look_again;
  gboolean busy;      /* a file is under way */
  gboolean told;      /* of what cannot be read */
  gboolean closed;    /* nothing new is begun */
};

/* One file on its way; or a look at the folder. */
typedef struct
{
  PbDropKeeper *keeper;
  char *name;             /* (owned) (nullable) */
  PbSubmissionMail *mail; /* (owned) (nullable) */
  char *problem;          /* (owned) (nullable) why it is no message */
  gboolean gone;          /* it is not there, or not to be read now */
  gboolean refused;
  PbDropNotice *notice;   /* (owned) (nullable) */
  PbDropRefused kept;     /* what refused files there are behind it */
  GPtrArray *found;       /* (owned) (nullable) of a look */
  gboolean more;          /* of a look: not at the folder's end */
} Errand;

static Errand *
errand_new (PbDropKeeper *keeper, char *name)
{
  Errand *self = g_new0 (Errand, 1);

  self->keeper = keeper;
  self->name = name;
  return self;
}

static void
errand_free (Errand *self)
{
  pb_submission_mail_free (self->mail);
  pb_drop_notice_free (self->notice);
  g_clear_pointer (&self->found, g_ptr_array_unref);
  g_free (self->problem);
  g_free (self->name);
  g_free (self);
}

/* ---- on our thread ---- */

/* Returns: FALSE, told once, when there is no folder to look into. */
static gboolean
open_folder (PbDropKeeper *self)
{
  const struct group *group = getgrnam (GROUP);

  if (self->folder >= 0)
    return TRUE;
  if (mkdir (self->path, 0700) != 0 && errno != EEXIST)
    {
      pb_log (PB_LOG_ERROR, "drop-directory", "path", self->path, "reason", g_strerror (errno), NULL);
      return FALSE;
    }
  self->folder = open (self->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (self->folder < 0)
    {
      pb_log (PB_LOG_ERROR, "drop-directory", "path", self->path, "reason", g_strerror (errno), NULL);
      return FALSE;
    }
  /* Without the group, or our place in it, nobody drops anything, and all else works. */
  if (group != NULL && fchown (self->folder, (uid_t) -1, group->gr_gid) == 0)
    fchmod (self->folder, 0730);
  return TRUE;
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static void
remove_if_stale (int folder, const char *name)
{
  struct stat status;

  if (fstatat (folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0
      && status.st_mtime < time (NULL) - STALE_SECONDS)
    unlinkat (folder, name, 0);
}

/* Returns: FALSE when there is nothing to go through. */
static gboolean
begin_round (PbDropKeeper *self)
{
  int fd;

  if (self->round != NULL)
    return TRUE;
  if (!open_folder (self))
    return FALSE;
  fd = openat (self->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0)
    self->round = fdopendir (fd);
  pb_drop_refused_bound (self->folder, &self->kept);
  if (fd >= 0 && self->round == NULL)
    close (fd);
  return self->round != NULL;
}

static void
look (gpointer data)
{
  Errand *self = data;
  PbDropKeeper *keeper = self->keeper;
  const struct dirent *entry;

  self->found = g_ptr_array_new_with_free_func (g_free);
  if (!begin_round (keeper))
    return;
  while (self->found->len < MAX_LOOK && (entry = readdir (keeper->round)) != NULL)
    if (g_str_has_prefix (entry->d_name, PB_DROP_NEW))
      g_ptr_array_add (self->found, g_strdup (entry->d_name));
    else if (g_str_has_prefix (entry->d_name, "tmp-"))
      remove_if_stale (keeper->folder, entry->d_name);
  self->more = self->found->len == MAX_LOOK;
  if (!self->more)
    g_clear_pointer (&keeper->round, closedir);
  self->kept = keeper->kept;
  g_ptr_array_sort (self->found, compare_names);
}

static void
set_mail (Errand *self, int fd, uid_t owner, PbDropFile *file, gsize body)
{
  self->mail = pb_submission_mail_new (owner, fd);
  self->mail->offset = body;
  self->mail->sender = g_steal_pointer (&file->sender);
  self->mail->ret = g_steal_pointer (&file->ret);
  self->mail->envid = g_steal_pointer (&file->envid);
  self->mail->notify = g_steal_pointer (&file->notify);
  g_ptr_array_add (file->recipients, NULL);
  self->mail->recipients = (char **) g_ptr_array_free (g_steal_pointer (&file->recipients), FALSE);
  file->recipients = g_ptr_array_new ();
}

/* Reads the envelope of the file @fd (taken). */
static void
read_envelope (Errand *self, int fd, const struct stat *status)
{
  gsize room = (gsize) MIN (status->st_size, PB_DROP_HEAD_MAX), got = 0, body = 0;
  g_autofree char *head = g_try_malloc (room + 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (PbDropFile) file = NULL;
  ssize_t n = 1;

  while (head != NULL && got < room && n > 0)
    {
      n = pread (fd, head + got, room - got, (off_t) got);
      got += (gsize) MAX (n, 0);
    }
  if (head == NULL || n < 0)
    self->gone = TRUE;
  else
    file = pb_drop_file_parse (head, got, &body, &error);
  if (file != NULL)
    {
      set_mail (self, fd, status->st_uid, file, body);
      return;
    }
  if (error != NULL)
    self->problem = g_strdup (error->message);
  close (fd);
}

static void
read_file (gpointer data)
{
  Errand *self = data;
  int fd = openat (self->keeper->folder, self->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat status;

  if (fd < 0)
    {
      if (errno != ENOENT && !self->keeper->told)
        pb_log (PB_LOG_ERROR, "drop-unreadable", "file", self->name, "reason", g_strerror (errno), "advice",
                "the service's user must be a member of the group " GROUP, NULL);
      self->keeper->told = self->keeper->told || errno != ENOENT;
      self->gone = TRUE;
    }
  else if (fstat (fd, &status) != 0 || !S_ISREG (status.st_mode) || status.st_nlink != 1)
    {
      self->problem = g_strdup ("is no file");
      close (fd);
    }
  else
    read_envelope (self, fd, &status);
}

static void
write_notice (gpointer data)
{
  Errand *self = data;
  int fd = openat (self->keeper->folder, self->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0)
    return;
  pb_drop_notice_write (self->notice, fd);
  close (fd);
}

/* Returns: whether it was there. */
static gboolean
set_aside (PbDropKeeper *keeper, const char *name)
{
  g_autofree char *kept = g_strconcat (PB_DROP_REFUSED, name + strlen (PB_DROP_NEW), NULL);
  struct stat status = { .st_size = 0 };

  fstatat (keeper->folder, name, &status, AT_SYMLINK_NOFOLLOW);
  if (renameat (keeper->folder, name, keeper->folder, kept) != 0)
    return FALSE;
  if (pb_drop_refused_add (&keeper->kept, (guint64) MAX (status.st_size, 0)))
    pb_drop_refused_bound (keeper->folder, &keeper->kept);
  return TRUE;
}

/* The message is in the queue, or will never be. */
static void
put_away (gpointer data)
{
  Errand *self = data;
  PbDropKeeper *keeper = self->keeper;

  if (!(self->refused ? set_aside (keeper, self->name) : unlinkat (keeper->folder, self->name, 0) == 0)
      && errno != ENOENT)
    pb_log (PB_LOG_ERROR, "drop-directory", "path", self->name, "reason", g_strerror (errno), NULL);
  pb_fs_sync_dir (keeper->folder, NULL);
  self->kept = keeper->kept;
}

/* ---- on the main thread ---- */

static void take_next (PbDropKeeper *self);
static void begin_look (PbDropKeeper *self);

static gboolean
on_again (gpointer user_data)
{
  PbDropKeeper *self = user_data;

  self->again_source = 0;
  begin_look (self);
  return G_SOURCE_REMOVE;
}

static void
try_later (PbDropKeeper *self)
{
  if (self->again_source == 0 && !self->closed)
    self->again_source = g_timeout_add_seconds (AGAIN_SECONDS, on_again, self);
}

/* Somebody removes them by hand in the end, which is seen by looking again. */
static void
tell_kept (PbDropKeeper *self, const PbDropRefused *kept)
{
  GVariant *text;

  if (self->closed)
    return;
  text = pb_drop_refused_say (kept);
  if (text == NULL)
    {
      pb_alerts_end (self->alerts, PB_ALERT_DROP_REFUSED, "drop-directory");
      return;
    }
  pb_alerts_raise (self->alerts, PB_ALERT_DROP_REFUSED, "drop-directory", text);
  try_later (self);
}

static void
on_put_away (gpointer data)
{
  Errand *errand = data;
  PbDropKeeper *self = errand->keeper;

  tell_kept (self, &errand->kept);
  errand_free (errand);
  self->busy = FALSE;
  take_next (self);
}

static void
finish (Errand *errand)
{
  PbDropKeeper *self = errand->keeper;

  pb_pool_run (self->pool, put_away, self->mailbox, on_put_away, errand);
}

/* Not now: it is tried again after a while. */
static void
put_off (Errand *errand)
{
  PbDropKeeper *self = errand->keeper;

  errand_free (errand);
  self->busy = FALSE;
  try_later (self);
  take_next (self);
}

static void
on_told (const char *id, const GError *error, gpointer user_data)
{
  Errand *errand = user_data;

  if (error != NULL)
    put_off (errand);
  else
    finish (errand);
}

static void
on_notice_written (gpointer data)
{
  Errand *errand = data;

  if (errand->keeper->closed)
    errand_free (errand);
  else
    pb_drop_notice_send (g_steal_pointer (&errand->notice), on_told, errand);
}

/* @told: its author is to be told. */
static void
refuse (Errand *errand, const char *reason, gboolean told)
{
  PbDropKeeper *self = errand->keeper;

  errand->refused = TRUE;
  pb_log (PB_LOG_ERROR, "drop-refused", "file", errand->name, "reason", reason, "advice",
          "it is kept in the drop directory as refused-...", NULL);
  if (!told)
    {
      finish (errand);
      return;
    }
  errand->notice = pb_drop_notice_new (self->notices, reason);
  pb_pool_run (self->pool, write_notice, self->mailbox, on_notice_written, errand);
}

static gboolean
is_final (const GError *error)
{
  return g_error_matches (error, PB_ERROR, PB_ERROR_INVALID_VALUE)
         || g_error_matches (error, PB_ERROR, PB_ERROR_NOT_AUTHORIZED)
         || g_error_matches (error, PB_ERROR, PB_ERROR_TOO_LARGE);
}

static void
on_sent (const char *id, const GError *error, gpointer user_data)
{
  Errand *errand = user_data;

  if (error == NULL)
    {
      pb_log (PB_LOG_INFO, "drop-taken", "file", errand->name, "queue-id", id, NULL);
      finish (errand);
    }
  else if (is_final (error))
    refuse (errand, error->message, TRUE);
  else
    put_off (errand);
}

static void
on_read (gpointer data)
{
  Errand *errand = data;
  PbDropKeeper *self = errand->keeper;

  if (self->closed)
    errand_free (errand);
  else if (errand->mail != NULL)
    pb_submitter_send (self->submitter, g_steal_pointer (&errand->mail), on_sent, errand);
  else if (errand->problem != NULL)
    refuse (errand, errand->problem, FALSE);
  else
    put_off (errand);
}

static void
take_next (PbDropKeeper *self)
{
  if (self->busy || self->closed)
    return;
  if (self->names.length == 0)
    {
      if (self->more || self->look_again)
        begin_look (self);
      return;
    }
  self->busy = TRUE;
  pb_pool_run (self->pool, read_file, self->mailbox, on_read, errand_new (self, g_queue_pop_head (&self->names)));
}

static gboolean
on_watched (int fd, GIOCondition condition, gpointer user_data)
{
  PbDropKeeper *self = user_data;
  char room[4096];

  while (read (fd, room, sizeof room) > 0)
    ;
  begin_look (self);
  return G_SOURCE_CONTINUE;
}

/* The folder is there once it was looked into. */
static void
begin_watch (PbDropKeeper *self)
{
  if (self->watch >= 0 || self->folder < 0 || self->closed)
    return;
  self->watch = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
  if (self->watch < 0 || inotify_add_watch (self->watch, self->path, IN_MOVED_TO | IN_ONLYDIR) < 0)
    {
      try_later (self);
      return;
    }
  self->watch_source = g_unix_fd_add (self->watch, G_IO_IN, on_watched, self);
  self->look_again = TRUE; /* for what came before it was watched */
}

static void
on_looked (gpointer data)
{
  Errand *errand = data;
  PbDropKeeper *self = errand->keeper;

  self->looking = FALSE;
  self->more = errand->more;
  tell_kept (self, &errand->kept);
  begin_watch (self);
  g_ptr_array_set_free_func (errand->found, NULL);
  for (guint i = 0; i < errand->found->len; i++)
    g_queue_push_tail (&self->names, errand->found->pdata[i]);
  errand_free (errand);
  take_next (self);
}

static void
begin_look (PbDropKeeper *self)
{
  if (self->closed)
    return;
  if (self->looking || self->busy)
    {
      self->look_again = TRUE;
      return;
    }
  self->looking = TRUE;
  /* What has come meanwhile is another round's. */
  self->look_again = self->look_again && self->more;
  pb_pool_run (self->pool, look, self->mailbox, on_looked, errand_new (self, NULL));
}

PbDropKeeper *
pb_drop_keeper_new (const char *state_directory, PbSubmitter *submitter, PbRegistry *registry, PbAlerts *alerts,
                    PbMailbox *mailbox)
{
  PbDropKeeper *self = g_new0 (PbDropKeeper, 1);

  self->submitter = submitter;
  self->alerts = alerts;
  self->notices = pb_drop_notices_new (submitter, registry, mailbox);
  self->mailbox = pb_mailbox_ref (mailbox);
  self->pool = pb_pool_new ("drop", 1);
  self->path = g_build_filename (state_directory, "drop", NULL);
  self->folder = -1;
  self->watch = -1;
  g_queue_init (&self->names);
  begin_look (self);
  return self;
}

void
pb_drop_keeper_close (PbDropKeeper *self)
{
  self->closed = TRUE;
  g_clear_handle_id (&self->again_source, g_source_remove);
  g_clear_handle_id (&self->watch_source, g_source_remove);
}

void
pb_drop_keeper_free (PbDropKeeper *self)
{
  if (self == NULL)
    return;
  pb_drop_keeper_close (self);
  pb_pool_free (self->pool);
  pb_mailbox_dispatch (self->mailbox);
  pb_mailbox_unref (self->mailbox);
  pb_drop_notices_free (self->notices);
  g_queue_clear_full (&self->names, g_free);
  g_clear_pointer (&self->round, closedir);
  if (self->watch >= 0)
    close (self->watch);
  if (self->folder >= 0)
    close (self->folder);
  g_free (self->path);
  g_free (self);
}
