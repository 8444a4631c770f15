/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The drop directory (state directory, mode 0730, group postbus-drop), where postbus-drop alone makes files. They are
 * opened by name, and no link is followed. Whose message a file holds its owner tells, and what is no regular file
 * with one name is none. A refused file is kept under another name, within bounds (drop-refused.c).
 * Used by the drop keeper, on its thread; what fails is logged, and the file stays for the next round.
 */
#include "service/drop-folder.h"

#include "protocol/drop-file.h"
#include "util/fsutil.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GROUP         "postbus-drop"
#define STALE_SECONDS (24 * 60 * 60) /* what postbus-drop has not finished by then it never will */
#define MAX_LOOK      1000           /* files of one look at the folder; a round takes as many as it needs */

struct _PbDropFolder
{
  char *path;         /* (owned) */
  int folder;         /* (owned) -1 not yet */
  DIR *round;         /* (owned) (nullable) how far the round through the folder has come */
  PbDropRefused kept;
  gboolean told;      /* of what cannot be read */
};

/* Returns: FALSE, told once, when there is no folder to look into. */
static gboolean
open_folder (PbDropFolder *self)
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
begin_round (PbDropFolder *self)
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

/* (transfer full) */
static PbSubmissionMail *
make_mail (int fd, uid_t owner, PbDropFile *file, gsize body)
{
  PbSubmissionMail *mail = pb_submission_mail_new (owner, fd);

  mail->offset = body;
  mail->sender = g_steal_pointer (&file->sender);
  mail->ret = g_steal_pointer (&file->ret);
  mail->envid = g_steal_pointer (&file->envid);
  mail->notify = g_steal_pointer (&file->notify);
  g_ptr_array_add (file->recipients, NULL);
  mail->recipients = (char **) g_ptr_array_free (g_steal_pointer (&file->recipients), FALSE);
  file->recipients = g_ptr_array_new ();
  return mail;
}

/* Reads the envelope of the file @fd (taken). */
static PbSubmissionMail *
read_envelope (int fd, const struct stat *status, char **problem)
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
  if (head != NULL && n >= 0)
    file = pb_drop_file_parse (head, got, &body, &error);
  if (file != NULL)
    return make_mail (fd, status->st_uid, file, body);
  if (error != NULL)
    *problem = g_strdup (error->message);
  close (fd);
  return NULL;
}

/* Returns: whether it was there. */
static gboolean
set_aside (PbDropFolder *self, const char *name)
{
  g_autofree char *kept = g_strconcat (PB_DROP_REFUSED, name + strlen (PB_DROP_NEW), NULL);
  struct stat status = { .st_size = 0 };

  fstatat (self->folder, name, &status, AT_SYMLINK_NOFOLLOW);
  if (renameat (self->folder, name, self->folder, kept) != 0)
    return FALSE;
  if (pb_drop_refused_add (&self->kept, (guint64) MAX (status.st_size, 0)))
    pb_drop_refused_bound (self->folder, &self->kept);
  return TRUE;
}

PbDropFolder *
pb_drop_folder_new (const char *path)
{
  PbDropFolder *self = g_new0 (PbDropFolder, 1);

  self->path = g_strdup (path);
  self->folder = -1;
  return self;
}

void
pb_drop_folder_free (PbDropFolder *self)
{
  g_clear_pointer (&self->round, closedir);
  if (self->folder >= 0)
    close (self->folder);
  g_free (self->path);
  g_free (self);
}

gboolean
pb_drop_folder_is_open (const PbDropFolder *self)
{
  return self->folder >= 0;
}

GPtrArray *
pb_drop_folder_look (PbDropFolder *self, gboolean *more)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (g_free);
  const struct dirent *entry;

  *more = FALSE;
  if (!begin_round (self))
    return found;
  while (found->len < MAX_LOOK && (entry = readdir (self->round)) != NULL)
    if (g_str_has_prefix (entry->d_name, PB_DROP_NEW))
      g_ptr_array_add (found, g_strdup (entry->d_name));
    else if (g_str_has_prefix (entry->d_name, "tmp-"))
      remove_if_stale (self->folder, entry->d_name);
  *more = found->len == MAX_LOOK;
  if (!*more)
    g_clear_pointer (&self->round, closedir);
  g_ptr_array_sort (found, compare_names);
  return found;
}

int
pb_drop_folder_open (PbDropFolder *self, const char *name)
{
  return openat (self->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

PbSubmissionMail *
pb_drop_folder_read (PbDropFolder *self, const char *name, char **problem)
{
  int fd = pb_drop_folder_open (self, name);
  struct stat status;

  if (fd < 0)
    {
      if (errno != ENOENT && !self->told)
        pb_log (PB_LOG_ERROR, "drop-unreadable", "file", name, "reason", g_strerror (errno), "advice",
                "the service's user must be a member of the group " GROUP, NULL);
      self->told = self->told || errno != ENOENT;
      return NULL;
    }
  if (fstat (fd, &status) == 0 && S_ISREG (status.st_mode) && status.st_nlink == 1)
    return read_envelope (fd, &status, problem);
  *problem = g_strdup ("is no file");
  close (fd);
  return NULL;
}

void
pb_drop_folder_put_away (PbDropFolder *self, const char *name, gboolean refused)
{
  if (!(refused ? set_aside (self, name) : unlinkat (self->folder, name, 0) == 0) && errno != ENOENT)
    pb_log (PB_LOG_ERROR, "drop-directory", "path", name, "reason", g_strerror (errno), NULL);
  pb_fs_sync_dir (self->folder, NULL);
}

PbDropRefused
pb_drop_folder_kept (const PbDropFolder *self)
{
  return self->kept;
}
