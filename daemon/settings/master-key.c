/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the master key comes from. A credential of the service manager can be bound to the machine's
 * TPM and is not in a backup of the state directory; without one a file beside the databases keeps
 * passwords out of copies of settings.db alone, and no more than that.
 *
 * Called once, while starting. What is wrong is one error that names the path: to make a new key where
 * there is a bad one would throw away what the old one seals.
 */
#include "settings/master-key.h"

#include "settings/secret-box.h"
#include "util/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_FILE PB_MASTER_KEY_FILE ".new"

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
}

#define autofd __attribute__ ((cleanup (close_fd))) int

static gboolean
set_errno_error (GError **error, const char *what, const char *path)
{
  int saved = errno;

  g_set_error (error, G_FILE_ERROR, (gint) g_file_error_from_errno (saved), "%s %s: %s", what, path,
               g_strerror (saved));
  return FALSE;
}

static gboolean
refuse (GError **error, const char *path, const char *words)
{
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_PERM, "%s: the master key %s", path, words);
  return FALSE;
}

/* The service manager gives a credential as it likes; a file of our own must be ours alone. */
static gboolean
check_file (int fd, const char *path, gboolean own, GError **error)
{
  struct stat status;

  if (fstat (fd, &status) != 0)
    return set_errno_error (error, "Cannot look at", path);
  if (!S_ISREG (status.st_mode))
    return refuse (error, path, "must be a plain file");
  if (own && status.st_uid != geteuid ())
    return refuse (error, path, "belongs to another user");
  if (own && (status.st_mode & 0177) != 0)
    return refuse (error, path, "must have mode 0600");
  if (status.st_size != PB_MASTER_KEY_SIZE)
    return refuse (error, path, "must be of 32 octets");
  return TRUE;
}

static PbSecret *
read_key (int fd, const char *path, gboolean own, GError **error)
{
  g_autoptr (PbSecret) key = pb_secret_new (PB_MASTER_KEY_SIZE);
  ssize_t n;

  if (!check_file (fd, path, own, error))
    return NULL;
  do
    n = read (fd, key->data, key->length);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    {
      set_errno_error (error, "Cannot read", path);
      return NULL;
    }
  if (n != PB_MASTER_KEY_SIZE)
    {
      refuse (error, path, "must be of 32 octets");
      return NULL;
    }
  return g_steal_pointer (&key);
}

/* Returns: the key; NULL without an error where there is no such file. */
static PbSecret *
open_key (const char *path, gboolean own, GError **error)
{
  autofd fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (own ? O_NOFOLLOW : 0));

  if (fd >= 0)
    return read_key (fd, path, own, error);
  if (errno == ELOOP)
    refuse (error, path, "must be a plain file");
  else if (errno != ENOENT)
    set_errno_error (error, "Cannot open", path);
  return NULL;
}

/* Whole or not there at all, whenever the power goes: written aside, synced, then named. */
static gboolean
write_key (const char *directory, const PbSecret *key, GError **error)
{
  autofd dir = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  autofd fd = -1;

  if (dir < 0)
    return set_errno_error (error, "Cannot open", directory);
  if (unlinkat (dir, NEW_FILE, 0) != 0 && errno != ENOENT)
    return set_errno_error (error, "Cannot remove", NEW_FILE);
  fd = openat (dir, NEW_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return set_errno_error (error, "Cannot make", NEW_FILE);
  if (fchmod (fd, 0600) != 0) /* whatever the umask left */
    return set_errno_error (error, "Cannot protect", NEW_FILE);
  if (!pb_fs_write_all (fd, key->data, key->length, error))
    return FALSE;
  if (fsync (fd) != 0)
    return set_errno_error (error, "Cannot sync", NEW_FILE);
  if (renameat (dir, NEW_FILE, dir, PB_MASTER_KEY_FILE) != 0)
    return set_errno_error (error, "Cannot make", PB_MASTER_KEY_FILE);
  return pb_fs_sync_dir (dir, error);
}

static PbSecret *
make_key (const char *directory, GError **error)
{
  g_autoptr (PbSecret) key = pb_secret_new (PB_MASTER_KEY_SIZE);

  if (RAND_priv_bytes (key->data, PB_MASTER_KEY_SIZE) != 1)
    {
      g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                           "there is no randomness for a master key");
      return NULL;
    }
  return write_key (directory, key, error) ? g_steal_pointer (&key) : NULL;
}

PbSecret *
pb_master_key_load (const char *credentials, const char *directory, char **source, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autofree char *path = NULL;
  PbSecret *key = NULL;

  if (credentials != NULL && *credentials != '\0')
    {
      path = g_build_filename (credentials, PB_MASTER_KEY_CREDENTIAL, NULL);
      key = open_key (path, FALSE, &why);
    }
  if (key == NULL && why == NULL)
    {
      g_free (path);
      path = g_build_filename (directory, PB_MASTER_KEY_FILE, NULL);
      key = open_key (path, TRUE, &why);
      if (key == NULL && why == NULL)
        key = make_key (directory, &why);
    }
  if (key == NULL)
    g_propagate_error (error, g_steal_pointer (&why));
  else
    *source = g_steal_pointer (&path);
  return key;
}
