/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stored message's octets: bytes in memory, or a file in spool/.
 *
 * Made by the spool and the store, read by delivery agents and the bus on any thread. A body does not own
 * its file: the file goes with the message's row, and opening it then says so. Fields that were known
 * only when the file was written stand in memory on top of it; no reader sees the seam. Errors are
 * PB_STORE_ERROR with the path.
 */
#include "store/body.h"

#include "store/body-private.h"
#include "store/store.h"
#include "util/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct _PbBody
{
  gint ref_count; /* atomic */
  guint64 size;          /* with the head */
  GBytes *bytes;         /* (owned) (nullable) */
  GBytes *head;          /* (owned) (nullable) of a file */
  PbSpoolDir *directory; /* (owned) (nullable) */
  char *name;            /* (owned) (nullable) */
};

void
pb_store_set_error_from_errno (GError **error, int system_errno, const char *what, const char *path)
{
  PbStoreError code = PB_STORE_ERROR_FAILED;

  if (system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG)
    code = PB_STORE_ERROR_FULL;
  else if (system_errno == EMFILE || system_errno == ENFILE || system_errno == ENOMEM)
    code = PB_STORE_ERROR_BUSY;
  else if (system_errno == ENOENT)
    code = PB_STORE_ERROR_NOT_FOUND;
  g_set_error (error, PB_STORE_ERROR, (gint) code, "%s %s: %s", what, path,
               g_strerror (system_errno));
}

static int
open_directory (const char *path, GError **error)
{
  int fd;

  if (!pb_fs_ensure_dir (path, 0700, error))
    return -1;
  fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    g_set_error (error, G_FILE_ERROR, (gint) g_file_error_from_errno (errno), "Cannot open %s: %s",
                 path, g_strerror (errno));
  return fd;
}

PbSpoolDir *
pb_spool_dir_open (const char *path, GError **error)
{
  g_autoptr (PbSpoolDir) self = g_new0 (PbSpoolDir, 1);
  g_autofree char *tmp = g_build_filename (path, "tmp", NULL);

  self->ref_count = 1;
  self->path = g_strdup (path);
  self->fd = self->tmp_fd = -1;
  self->fd = open_directory (path, error);
  if (self->fd < 0)
    return NULL;
  self->tmp_fd = open_directory (tmp, error);
  if (self->tmp_fd < 0)
    return NULL;
  return g_steal_pointer (&self);
}

PbSpoolDir *
pb_spool_dir_ref (PbSpoolDir *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
pb_spool_dir_unref (PbSpoolDir *self)
{
  if (self == NULL || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  if (self->fd >= 0)
    close (self->fd);
  if (self->tmp_fd >= 0)
    close (self->tmp_fd);
  g_free (self->path);
  g_free (self);
}

PbBody *
pb_body_new_bytes (GBytes *bytes)
{
  PbBody *self = g_new0 (PbBody, 1);

  self->ref_count = 1;
  self->bytes = g_bytes_ref (bytes);
  self->size = g_bytes_get_size (bytes);
  return self;
}

PbBody *
pb_body_new_file (PbSpoolDir *directory, const char *name, guint64 size)
{
  PbBody *self = g_new0 (PbBody, 1);

  self->ref_count = 1;
  self->directory = pb_spool_dir_ref (directory);
  self->name = g_strdup (name);
  self->size = size;
  return self;
}

void
pb_body_add_head (PbBody *self, GBytes *head)
{
  g_return_if_fail (self->directory != NULL && self->head == NULL);
  self->head = g_bytes_ref (head);
  self->size += g_bytes_get_size (head);
}

guint64
pb_body_file_size (const PbBody *self)
{
  return self->head != NULL ? self->size - g_bytes_get_size (self->head) : self->size;
}

PbBody *
pb_body_ref (PbBody *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
pb_body_unref (PbBody *self)
{
  if (self == NULL || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_clear_pointer (&self->head, g_bytes_unref);
  g_clear_pointer (&self->directory, pb_spool_dir_unref);
  g_free (self->name);
  g_free (self);
}

guint64
pb_body_size (const PbBody *self)
{
  return self->size;
}

GBytes *
pb_body_bytes (const PbBody *self)
{
  return self->bytes;
}

int
pb_body_open (const PbBody *self, GError **error)
{
  g_autofree char *path = NULL;
  int fd, saved;

  g_return_val_if_fail (self->directory != NULL, -1);
  fd = openat (self->directory->fd, self->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0)
    return fd;
  saved = errno;
  path = g_build_filename (self->directory->path, self->name, NULL);
  pb_store_set_error_from_errno (error, saved, "Cannot open", path);
  return -1;
}

static gssize
read_bytes (GBytes *bytes, guint64 offset, void *buffer, gsize length)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  if (offset >= size)
    return 0;
  length = MIN (length, size - (gsize) offset);
  memcpy (buffer, data + offset, length);
  return (gssize) length;
}

static gssize
read_file (const PbBody *self, guint64 offset, void *buffer, gsize length, GError **error)
{
  gssize n;
  int fd, saved;

  fd = pb_body_open (self, error);
  if (fd < 0)
    return -1;
  do
    n = pread (fd, buffer, length, (off_t) offset);
  while (n < 0 && errno == EINTR);
  saved = errno;
  close (fd);
  if (n < 0)
    pb_store_set_error_from_errno (error, saved, "Cannot read", self->name);
  return n;
}

gssize
pb_body_read (const PbBody *self, guint64 offset, void *buffer, gsize length, GError **error)
{
  gssize above = 0, below;
  guint64 head;

  if (self->bytes != NULL)
    return read_bytes (self->bytes, offset, buffer, length);
  if (self->head == NULL)
    return read_file (self, offset, buffer, length, error);
  head = g_bytes_get_size (self->head);
  if (offset < head)
    above = read_bytes (self->head, offset, buffer, length);
  if ((gsize) above == length)
    return above;
  below = read_file (self, offset + (guint64) above - head, (char *) buffer + above,
                     length - (gsize) above, error);
  return below >= 0 ? above + below : -1;
}
