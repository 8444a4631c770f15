/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A SQLite VFS that writes the log of a transaction by one system call instead of two a page.
 *
 * SQLite writes each page of the write-ahead log as a header and a page, then syncs. With small messages
 * those calls are a fifth of the writer's CPU. Writes to the log that follow one another are gathered in
 * memory, and written out before anything else is done to the file: a sync, a read, a question for its
 * size. Nobody can see the difference: other connections read frames only once the commit has been synced
 * and published. An error of a write comes out of the call that caused the writing out, with the same
 * code. All other files are opened by the VFS below and are not touched.
 */
#include "store/wal-vfs.h"

#include <glib.h>
#include <sqlite3.h>
#include <string.h>

/* SQLite's own VFS writes at most 128 KiB less one octet by one call, and takes a longer multiple of that for a full disk. */
#define BUFFER_SIZE (120 * 1024)

typedef struct
{
  sqlite3_file base;
  sqlite3_file *real; /* lies behind this struct */
  guint8 *buffer;     /* (owned) (nullable) */
  gsize used;
  sqlite3_int64 offset; /* of the buffer's first octet in the file */
} WalFile;

static sqlite3_vfs *real_vfs;
static sqlite3_vfs wal_vfs;

static WalFile *
wal_file (sqlite3_file *file)
{
  return (WalFile *) file;
}

static int
write_out (WalFile *self)
{
  gsize used = self->used;

  if (used == 0)
    return SQLITE_OK;
  /* Given up on an error too: the transaction it belongs to fails with it. */
  self->used = 0;
  return self->real->pMethods->xWrite (self->real, self->buffer, (int) used, self->offset);
}

static int
wal_close (sqlite3_file *file)
{
  WalFile *self = wal_file (file);
  int written = write_out (self);
  int closed = self->real->pMethods->xClose (self->real);

  g_clear_pointer (&self->buffer, g_free);
  return written != SQLITE_OK ? written : closed;
}

static int
wal_read (sqlite3_file *file, void *data, int length, sqlite3_int64 offset)
{
  WalFile *self = wal_file (file);
  int code = write_out (self);

  return code != SQLITE_OK ? code : self->real->pMethods->xRead (self->real, data, length, offset);
}

static int
wal_write (sqlite3_file *file, const void *data, int length, sqlite3_int64 offset)
{
  WalFile *self = wal_file (file);

  if (self->used > 0
      && (offset != self->offset + (sqlite3_int64) self->used
          || self->used + (gsize) length > BUFFER_SIZE))
    {
      int code = write_out (self);

      if (code != SQLITE_OK)
        return code;
    }
  if (length > BUFFER_SIZE)
    return self->real->pMethods->xWrite (self->real, data, length, offset);
  if (self->buffer == NULL)
    self->buffer = g_malloc (BUFFER_SIZE);
  if (self->used == 0)
    self->offset = offset;
  memcpy (self->buffer + self->used, data, (gsize) length);
  self->used += (gsize) length;
  return SQLITE_OK;
}

static int
wal_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  WalFile *self = wal_file (file);
  int code = write_out (self);

  return code != SQLITE_OK ? code : self->real->pMethods->xTruncate (self->real, size);
}

static int
wal_sync (sqlite3_file *file, int flags)
{
  WalFile *self = wal_file (file);
  int code = write_out (self);

  return code != SQLITE_OK ? code : self->real->pMethods->xSync (self->real, flags);
}

static int
wal_size (sqlite3_file *file, sqlite3_int64 *size)
{
  WalFile *self = wal_file (file);
  int code = write_out (self);

  return code != SQLITE_OK ? code : self->real->pMethods->xFileSize (self->real, size);
}

static int
wal_lock (sqlite3_file *file, int level)
{
  return wal_file (file)->real->pMethods->xLock (wal_file (file)->real, level);
}

static int
wal_unlock (sqlite3_file *file, int level)
{
  return wal_file (file)->real->pMethods->xUnlock (wal_file (file)->real, level);
}

static int
wal_check_lock (sqlite3_file *file, int *result)
{
  return wal_file (file)->real->pMethods->xCheckReservedLock (wal_file (file)->real, result);
}

static int
wal_control (sqlite3_file *file, int operation, void *argument)
{
  WalFile *self = wal_file (file);
  int code = write_out (self);

  return code != SQLITE_OK ? code
                           : self->real->pMethods->xFileControl (self->real, operation, argument);
}

static int
wal_sector_size (sqlite3_file *file)
{
  return wal_file (file)->real->pMethods->xSectorSize (wal_file (file)->real);
}

static int
wal_characteristics (sqlite3_file *file)
{
  return wal_file (file)->real->pMethods->xDeviceCharacteristics (wal_file (file)->real);
}

static const sqlite3_io_methods wal_methods = {
  .iVersion = 1,
  .xClose = wal_close,
  .xRead = wal_read,
  .xWrite = wal_write,
  .xTruncate = wal_truncate,
  .xSync = wal_sync,
  .xFileSize = wal_size,
  .xLock = wal_lock,
  .xUnlock = wal_unlock,
  .xCheckReservedLock = wal_check_lock,
  .xFileControl = wal_control,
  .xSectorSize = wal_sector_size,
  .xDeviceCharacteristics = wal_characteristics,
};

static int
open_file (sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
  WalFile *self = wal_file (file);
  int code;

  if ((flags & SQLITE_OPEN_WAL) == 0)
    return real_vfs->xOpen (real_vfs, name, file, flags, out_flags);
  *self = (WalFile){ .real = (sqlite3_file *) (gpointer) (self + 1) };
  memset (self->real, 0, (gsize) real_vfs->szOsFile);
  code = real_vfs->xOpen (real_vfs, name, self->real, flags, out_flags);
  /* SQLite closes what has methods, also after a failed open. */
  self->base.pMethods = self->real->pMethods != NULL ? &wal_methods : NULL;
  return code;
}

const char *
pb_wal_vfs_name (void)
{
  static gsize once;

  if (g_once_init_enter (&once))
    {
      real_vfs = sqlite3_vfs_find (NULL);
      wal_vfs = *real_vfs;
      wal_vfs.zName = "postbus-wal";
      wal_vfs.szOsFile = (int) sizeof (WalFile) + real_vfs->szOsFile;
      wal_vfs.xOpen = open_file;
      if (sqlite3_vfs_register (&wal_vfs, 0) != SQLITE_OK)
        g_error ("SQLite takes no VFS");
      g_once_init_leave (&once, 1);
    }
  return wal_vfs.zName;
}
