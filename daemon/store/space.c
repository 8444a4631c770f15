/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Room on the disk, asked in the background so that nobody who takes mail ever waits for statvfs.
 *
 * Started and ended by the store. Below the reserve new mail is refused and the queue drains; a quarter
 * more than the reserve must be free before mail is taken again, so that the state does not flutter. A
 * file system that cannot be asked counts as having room: the write itself will tell.
 */
#include "store/space.h"

#include "util/clock.h"
#include <errno.h>
#include <sys/statvfs.h>

#define INTERVAL_US        (2 * G_USEC_PER_SEC)
#define OCTETS_RESERVE     (64ull * 1024 * 1024)
#define OCTETS_RESERVE_MAX (1024ull * 1024 * 1024)
#define INODES_RESERVE     1000
#define INODES_RESERVE_MAX 10000

struct _PbSpace
{
  int fd;
  PbSpaceFunc func;
  gpointer user_data;
  gboolean low; /* the thread's, once it runs */
  GMutex lock;
  GCond wake;
  gboolean ending; /* under lock */
  GThread *thread; /* (owned) */
};

gboolean
pb_space_judge (guint64 available, guint64 total, guint64 reserve_min, guint64 reserve_max,
                gboolean was_low)
{
  guint64 reserve = CLAMP (total / 50, reserve_min, reserve_max);

  /* A small file system must be usable too: never more than an eighth of it. */
  reserve = MIN (reserve, total / 8);
  if (was_low)
    reserve += reserve / 4;
  return available < reserve;
}

static gboolean
ask (int fd, struct statvfs *status)
{
  int code;

  do
    code = fstatvfs (fd, status);
  while (code != 0 && errno == EINTR);
  return code == 0;
}

static gboolean
is_low (PbSpace *self)
{
  struct statvfs status;

  if (!ask (self->fd, &status))
    return FALSE;
  if (pb_space_judge ((guint64) status.f_bavail * status.f_frsize,
                      (guint64) status.f_blocks * status.f_frsize, OCTETS_RESERVE,
                      OCTETS_RESERVE_MAX, self->low))
    return TRUE;
  /* btrfs and others make inodes as they need them and report none. */
  return status.f_files > 0
         && pb_space_judge (status.f_favail, status.f_files, INODES_RESERVE, INODES_RESERVE_MAX,
                            self->low);
}

static void
look (PbSpace *self)
{
  gboolean low = is_low (self);

  if (low == self->low)
    return;
  self->low = low;
  self->func (low, self->user_data);
}

static gpointer
space_main (gpointer data)
{
  PbSpace *self = data;
  gint64 deadline = pb_clock_monotonic () + INTERVAL_US;

  g_mutex_lock (&self->lock);
  while (!self->ending)
    {
      if (g_cond_wait_until (&self->wake, &self->lock, deadline))
        continue;
      g_mutex_unlock (&self->lock);
      look (self);
      g_mutex_lock (&self->lock);
      deadline = pb_clock_monotonic () + INTERVAL_US;
    }
  g_mutex_unlock (&self->lock);
  return NULL;
}

PbSpace *
pb_space_new (int fd, PbSpaceFunc func, gpointer user_data)
{
  PbSpace *self = g_new0 (PbSpace, 1);

  self->fd = fd;
  self->func = func;
  self->user_data = user_data;
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  look (self);
  self->thread = g_thread_new ("store-space", space_main, self);
  return self;
}

void
pb_space_free (PbSpace *self)
{
  if (self == NULL)
    return;
  g_mutex_lock (&self->lock);
  self->ending = TRUE;
  g_cond_signal (&self->wake);
  g_mutex_unlock (&self->lock);
  g_thread_join (self->thread);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  g_free (self);
}

guint64
pb_space_total (int fd)
{
  struct statvfs status;

  return ask (fd, &status) ? (guint64) status.f_blocks * status.f_frsize : 0;
}
