/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One process a state directory: flock on a file of its own, dropped by the kernel with the process.
 *
 * Called at start-up by both stores, each with a file of its own. The caller owns the descriptor.
 */
#include "store/lock.h"

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

int
pb_lock_take (const char *directory, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    {
      g_set_error (error, G_FILE_ERROR, (gint) g_file_error_from_errno (errno),
                   "Cannot open %s: %s", path, g_strerror (errno));
      return -1;
    }
  if (flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  if (errno == EWOULDBLOCK)
    g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_BUSY,
                 "%s: another postbusd is running on this state directory", directory);
  else
    g_set_error (error, G_FILE_ERROR, (gint) g_file_error_from_errno (errno), "Cannot lock %s: %s",
                 path, g_strerror (errno));
  close (fd);
  return -1;
}
