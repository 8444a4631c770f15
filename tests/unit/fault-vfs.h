/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * A SQLite VFS around the real one that counts syncs, fails them or writes on demand, and can stop a sync
 * midway, so that a test knows what has piled up behind it. Registered as the default, before any store.
 */
#include <glib.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

typedef struct
{
  sqlite3_file base;
  sqlite3_file *real; /* lies behind this struct */
} FaultFile;

static sqlite3_vfs *fault_real;
static sqlite3_vfs fault_vfs;
static gint fault_syncs;        /* atomic: syncs asked for */
static gint fault_fail_sync_at; /* atomic: the sync of this number fails; 0 none */
static gint fault_write_code;   /* atomic: what writes answer; 0 = the truth */
static GMutex fault_lock;
static GCond fault_wake;
static gboolean fault_blocking, fault_blocked; /* under fault_lock */

static sqlite3_file *
fault_file (sqlite3_file *file)
{
  return ((FaultFile *) file)->real;
}

static int
fault_close (sqlite3_file *file)
{
  return fault_file (file)->pMethods->xClose (fault_file (file));
}

static int
fault_read (sqlite3_file *file, void *data, int length, sqlite3_int64 offset)
{
  return fault_file (file)->pMethods->xRead (fault_file (file), data, length, offset);
}

static int
fault_write (sqlite3_file *file, const void *data, int length, sqlite3_int64 offset)
{
  int code = g_atomic_int_get (&fault_write_code);

  return code != 0 ? code
                   : fault_file (file)->pMethods->xWrite (fault_file (file), data, length, offset);
}

static int
fault_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  return fault_file (file)->pMethods->xTruncate (fault_file (file), size);
}

static int
fault_sync (sqlite3_file *file, int flags)
{
  gint number = g_atomic_int_add (&fault_syncs, 1) + 1;

  g_mutex_lock (&fault_lock);
  while (fault_blocking)
    {
      fault_blocked = TRUE;
      g_cond_broadcast (&fault_wake);
      g_cond_wait (&fault_wake, &fault_lock);
    }
  fault_blocked = FALSE;
  g_mutex_unlock (&fault_lock);
  if (number == g_atomic_int_get (&fault_fail_sync_at))
    return SQLITE_IOERR_FSYNC;
  return fault_file (file)->pMethods->xSync (fault_file (file), flags);
}

static int
fault_size (sqlite3_file *file, sqlite3_int64 *size)
{
  return fault_file (file)->pMethods->xFileSize (fault_file (file), size);
}

static int
fault_lock_file (sqlite3_file *file, int level)
{
  return fault_file (file)->pMethods->xLock (fault_file (file), level);
}

static int
fault_unlock_file (sqlite3_file *file, int level)
{
  return fault_file (file)->pMethods->xUnlock (fault_file (file), level);
}

static int
fault_check_lock (sqlite3_file *file, int *result)
{
  return fault_file (file)->pMethods->xCheckReservedLock (fault_file (file), result);
}

static int
fault_control (sqlite3_file *file, int operation, void *argument)
{
  return fault_file (file)->pMethods->xFileControl (fault_file (file), operation, argument);
}

static int
fault_sector_size (sqlite3_file *file)
{
  return fault_file (file)->pMethods->xSectorSize (fault_file (file));
}

static int
fault_characteristics (sqlite3_file *file)
{
  return fault_file (file)->pMethods->xDeviceCharacteristics (fault_file (file));
}

static int
fault_shm_map (sqlite3_file *file, int region, int size, int extend, void volatile **map)
{
  return fault_file (file)->pMethods->xShmMap (fault_file (file), region, size, extend, map);
}

static int
fault_shm_lock (sqlite3_file *file, int offset, int n, int flags)
{
  return fault_file (file)->pMethods->xShmLock (fault_file (file), offset, n, flags);
}

static void
fault_shm_barrier (sqlite3_file *file)
{
  fault_file (file)->pMethods->xShmBarrier (fault_file (file));
}

static int
fault_shm_unmap (sqlite3_file *file, int remove)
{
  return fault_file (file)->pMethods->xShmUnmap (fault_file (file), remove);
}

static const sqlite3_io_methods fault_methods = {
  .iVersion = 2,
  .xClose = fault_close,
  .xRead = fault_read,
  .xWrite = fault_write,
  .xTruncate = fault_truncate,
  .xSync = fault_sync,
  .xFileSize = fault_size,
  .xLock = fault_lock_file,
  .xUnlock = fault_unlock_file,
  .xCheckReservedLock = fault_check_lock,
  .xFileControl = fault_control,
  .xSectorSize = fault_sector_size,
  .xDeviceCharacteristics = fault_characteristics,
  .xShmMap = fault_shm_map,
  .xShmLock = fault_shm_lock,
  .xShmBarrier = fault_shm_barrier,
  .xShmUnmap = fault_shm_unmap,
};

static int
fault_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
  FaultFile *self = (FaultFile *) file;
  int code;

  self->real = (sqlite3_file *) (gpointer) (self + 1);
  memset (self->real, 0, (gsize) fault_real->szOsFile);
  code = fault_real->xOpen (fault_real, name, self->real, flags, out_flags);
  self->base.pMethods = self->real->pMethods != NULL ? &fault_methods : NULL;
  return code;
}

static inline void
fault_vfs_register (void)
{
  fault_real = sqlite3_vfs_find (NULL);
  fault_vfs = *fault_real;
  fault_vfs.zName = "fault";
  fault_vfs.szOsFile = (int) sizeof (FaultFile) + fault_real->szOsFile;
  fault_vfs.xOpen = fault_open;
  g_assert_cmpint (sqlite3_vfs_register (&fault_vfs, 1), ==, SQLITE_OK);
}

/* From now on the next sync stops, until fault_release(). */
static inline void
fault_block (void)
{
  g_mutex_lock (&fault_lock);
  fault_blocking = TRUE;
  g_mutex_unlock (&fault_lock);
}

/* Waits until a sync has stopped. */
static inline void
fault_await_blocked (void)
{
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  g_mutex_lock (&fault_lock);
  while (!fault_blocked)
    g_assert_true (g_cond_wait_until (&fault_wake, &fault_lock, deadline));
  g_mutex_unlock (&fault_lock);
}

static inline void
fault_release (void)
{
  g_mutex_lock (&fault_lock);
  fault_blocking = FALSE;
  g_cond_broadcast (&fault_wake);
  g_mutex_unlock (&fault_lock);
}
