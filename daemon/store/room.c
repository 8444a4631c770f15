/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The disk's room for log and database, taken before it is needed.
 *
 * A log that fills the disk could be copied into the file no more, and nothing could be deleted either: the
 * queue would stand still for want of the room it could make itself. So the log's room is reserved at
 * start, and the file's before a transaction that makes it grow is committed. A transaction that finds none
 * fails as full, which is what new mail is told; marks and deletions need none. Where the file system
 * cannot reserve, all is as without. Used by the writer thread.
 */
#include "store/room.h"

#include "store/body-private.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE 4096ull
#define CHUNK_MIN (64ull * 1024)
#define CHUNK_MAX (4096ull * 1024)

struct _PbRoom
{
  char *path; /* (owned) */
  int
    fd; /* (owned) -1 when room cannot be reserved; closing it drops SQLite's locks, so it is closed last */
  guint64 chunk;
  guint64 reserved;  /* octets of the file that have their room */
  guint checkpoints; /* that @reserved knows of */
  gint64 pages;      /* the database had before the transaction under way */
};

/* Returns: 0 or an errno. The file's size does not change. */
static int
reserve (int fd, guint64 length)
{
  int code;

  do
    code = fallocate (fd, FALLOC_FL_KEEP_SIZE, 0, (off_t) length);
  while (code != 0 && errno == EINTR);
  return code == 0 ? 0 : errno;
}

static void
reserve_log (const char *path, guint log_pages)
{
  g_autofree char *log = g_strconcat (path, "-wal", NULL);
  int fd = open (log, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    return;
  /* Without room the log grows as it can; a page in it has a header of 24 octets. */
  reserve (fd, log_pages * (PAGE_SIZE + 24));
  close (fd);
}

/* SQLite cuts the file to its size at the end of a checkpoint, and with it what was reserved behind. */
static void
take_size (PbRoom *self, PbDatabase *database)
{
  struct stat status;

  self->checkpoints = database->checkpoints;
  if (self->reserved != G_MAXUINT64 && self->fd >= 0 && fstat (self->fd, &status) == 0)
    self->reserved = (guint64) status.st_size;
}

PbRoom *
pb_room_new (PbDatabase *database, guint log_pages, guint64 disk)
{
  PbRoom *self = g_new0 (PbRoom, 1);

  self->path = g_strdup (database->path);
  self->chunk = disk != 0 ? CLAMP (disk / 64, CHUNK_MIN, CHUNK_MAX) : CHUNK_MAX;
  self->fd = open (self->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  take_size (self, database);
  pb_database_read_integer (database, "PRAGMA page_count", &self->pages, NULL);
  reserve_log (self->path, log_pages);
  return self;
}

void
pb_room_free (PbRoom *self)
{
  if (self == NULL)
    return;
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->path);
  g_free (self);
}

void
pb_room_shrunk (PbRoom *self, PbDatabase *database)
{
  pb_database_read_integer (database, "PRAGMA page_count", &self->pages, NULL);
}

static gboolean
grow (PbRoom *self, guint64 needed, GError **error)
{
  guint64 generous = (needed / self->chunk + 1) * self->chunk;
  int code = reserve (self->fd, generous);

  if (code == 0)
    {
      self->reserved = generous;
      return TRUE;
    }
  if (code == ENOSPC && reserve (self->fd, needed) == 0)
    {
      self->reserved = needed;
      return TRUE;
    }
  if (code == EOPNOTSUPP || code == ENOSYS)
    {
      self->reserved = G_MAXUINT64;
      return TRUE;
    }
  pb_store_set_error_from_errno (error, code, "No room for", self->path);
  return FALSE;
}

gboolean
pb_room_ensure (PbRoom *self, PbDatabase *database, GError **error)
{
  gint64 pages;
  gboolean grows;

  if (self->fd < 0 || !pb_database_read_integer (database, "PRAGMA page_count", &pages, error))
    return self->fd < 0;
  if (self->checkpoints != database->checkpoints)
    take_size (self, database);
  grows = pages > self->pages;
  /* What is removed or marked must get through, also when the file outgrew its room before we came. */
  if ((guint64) pages * PAGE_SIZE > self->reserved
      && !grow (self, (guint64) pages * PAGE_SIZE, grows ? error : NULL) && grows)
    return FALSE;
  self->pages = pages;
  return TRUE;
}
