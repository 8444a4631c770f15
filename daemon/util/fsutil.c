/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The few file operations that delivery and the store share, with errors that name the path.
 *
 * Everything here blocks: called on the writer, on pool threads and while starting, never on the main
 * or an I/O thread. Nothing is retried but EINTR and short writes; who calls decides what an error means.
 */
#include "util/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FEW 8 /* descriptors: as many as one call of GLib's takes at most */

static gboolean
set_error (GError **error, const char *what, const char *path)
{
  int saved = errno;

  if (path != NULL)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved), "%s %s: %s", what, path,
                 g_strerror (saved));
  else
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved), "%s: %s", what,
                 g_strerror (saved));
  errno = saved;
  return FALSE;
}

/* For messages only: the path behind @fd. */
static char *
path_of (int fd)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);

  return g_file_read_link (link, NULL);
}

gboolean
pb_fs_ensure_dir (const char *path, mode_t mode, GError **error)
{
  struct stat status;

  if (g_mkdir_with_parents (path, (int) mode) != 0)
    return set_error (error, "Cannot make the directory", path);
  if (stat (path, &status) != 0)
    return set_error (error, "Cannot look at", path);
  if (S_ISDIR (status.st_mode))
    return TRUE;
  errno = ENOTDIR;
  return set_error (error, "Cannot use", path);
}

gboolean
pb_fs_write_all (int fd, const void *data, gsize length, GError **error)
{
  const char *at = data;

  while (length > 0)
    {
      ssize_t written = write (fd, at, length);

      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        {
          int saved = errno;
          g_autofree char *path = path_of (fd);

          errno = saved;
          return set_error (error, "Cannot write to", path);
        }
      at += written;
      length -= (gsize) written;
    }
  return TRUE;
}

gboolean
pb_fs_has_descriptors (void)
{
  int fds[FEW];
  guint n = 0;

  while (n < FEW && (fds[n] = eventfd (0, EFD_CLOEXEC)) >= 0)
    n++;
  for (guint i = 0; i < n; i++)
    close (fds[i]);
  return n == FEW;
}

gboolean
pb_fs_sync_dir (int dir_fd, GError **error)
{
  int saved;
  g_autofree char *path = NULL;

  /* Not repeated on failure: a second fsync after a failed one proves nothing. */
  if (fsync (dir_fd) == 0)
    return TRUE;
  saved = errno;
  path = path_of (dir_fd);
  errno = saved;
  return set_error (error, "Cannot sync the directory", path);
}

/* Each name is opened in the directory before it, which nobody can move away from under the descriptor. */
static int
walk_beneath (int dir_fd, const char *path, int flags, mode_t mode)
{
  g_auto (GStrv) names = g_strsplit (path, "/", -1);
  int at = dir_fd;

  if (names[0] == NULL || names[0][0] == '\0'
      || g_strv_contains ((const char *const *) names, ".."))
    {
      errno = EXDEV;
      return -1;
    }
  for (char **name = names; *name != NULL; name++)
    {
      const char *real = (*name)[0] != '\0' ? *name : ".";
      int want = name[1] != NULL ? O_PATH | O_DIRECTORY : flags;
      int fd = openat (at, real, want | O_NOFOLLOW | O_CLOEXEC, mode);
      int saved = errno;

      if (at != dir_fd)
        close (at);
      errno = saved;
      if (fd < 0)
        return -1;
      at = fd;
    }
  return at;
}

int
pb_fs_open_beneath (int dir_fd, const char *path, int flags, mode_t mode, GError **error)
{
  struct open_how how = {
    .flags = (guint64) (flags | O_CLOEXEC),
    .mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0,
    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
  };
  long fd;

  /* EAGAIN: something was renamed under our feet and the kernel could not tell whether we stayed inside. */
  for (int attempt = 0; attempt < 8; attempt++)
    {
      fd = syscall (SYS_openat2, dir_fd, path, &how, sizeof how);
      if (fd >= 0)
        return (int) fd;
      if (errno != EINTR && errno != EAGAIN)
        break;
    }
  /* systemd's RestrictSUIDSGID= answers so, since it cannot look into the call's arguments. */
  if (errno == ENOSYS)
    fd = walk_beneath (dir_fd, path, flags, mode);
  if (fd < 0)
    set_error (error, "Cannot open", path);
  return (int) fd;
}

gboolean
pb_fs_is_on_disk (int fd)
{
  static const guint32 known[] = {
    TMPFS_MAGIC, RAMFS_MAGIC, HUGETLBFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
    REISERFS_SUPER_MAGIC,
    0x2fc12fc1, /* ZFS */
    0xca451a4e, /* bcachefs */
    0x3153464a, /* JFS */
  };
  struct statfs status;

  if (fstatfs (fd, &status) != 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if ((guint32) status.f_type == known[i])
      return TRUE;
  return FALSE;
}
