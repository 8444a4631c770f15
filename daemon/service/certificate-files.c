/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files of certificates: read whole and at most PB_CERTIFICATE_MAX octets, written by rename, watched by inotify.
 *
 * Called by certificate.c, on its worker and at start. Keys pass through memory that is wiped. A watch is on folders and names, not on
 * files: files are replaced by renaming others over them, or by turning a symbolic link anywhere on the way to them.
 */
#include "service/certificate-files.h"

#include "util/clock.h"
#include "util/fsutil.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LINKS  40
#define RENEW_DAYS 30
#define EVENTS                                                                                     \
  (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR)

/* ---- reading ---- */

static PbSecret *
read_all (int fd, GError **error)
{
  g_autoptr (PbSecret) room = pb_secret_new (PB_CERTIFICATE_MAX);
  gsize got = 0;
  ssize_t n;

  do
    {
      n = read (fd, room->data + got, room->length - got);
      if (n > 0)
        got += (gsize) n;
    }
  while ((n > 0 && got < room->length) || (n < 0 && errno == EINTR));
  if (n < 0)
    {
      g_set_error_literal (error, PB_TLS_ERROR, PB_TLS_ERROR_FAILED, g_strerror (errno));
      return NULL;
    }
  if (got == room->length)
    {
      g_set_error (error, PB_TLS_ERROR, PB_TLS_ERROR_FAILED, "is larger than %u KiB",
                   PB_CERTIFICATE_MAX / 1024);
      return NULL;
    }
  return pb_secret_copy (room->data, got);
}

/* O_NONBLOCK: a pipe nobody writes to must not hold the worker for ever. */
static PbSecret *
read_file (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  g_autoptr (PbSecret) content = NULL;
  struct stat status;

  if (fd < 0)
    {
      g_set_error (error, PB_TLS_ERROR, PB_TLS_ERROR_FAILED, "cannot be read: %s",
                   g_strerror (errno));
      return NULL;
    }
  if (fstat (fd, &status) == 0 && S_ISREG (status.st_mode))
    content = read_all (fd, error);
  else
    g_set_error_literal (error, PB_TLS_ERROR, PB_TLS_ERROR_FAILED, "is no file");
  close (fd);
  return g_steal_pointer (&content);
}

static PbSecret *
read_setting (const char *path, const char *setting, GError **error)
{
  PbSecret *content;

  if (path[0] == '\0')
    return NULL;
  content = read_file (path, error);
  if (content == NULL)
    g_prefix_error (error, "%s: %s ", setting, path);
  return content;
}

/* Puts the name of the setting at fault before what is wrong with it. */
static void
name_fault (GError **error, const char *chain_path, const char *key_path)
{
  if (error == NULL || *error == NULL)
    return;
  if (g_error_matches (*error, PB_TLS_ERROR, PB_TLS_ERROR_KEY))
    g_prefix_error (error, "Tls.KeyFile: %s ", key_path);
  else if (g_error_matches (*error, PB_TLS_ERROR, PB_TLS_ERROR_MISMATCH))
    {
      g_autoptr (GError) plain = g_steal_pointer (error);

      g_set_error (error, PB_TLS_ERROR, PB_TLS_ERROR_MISMATCH,
                   "Tls.CertificateFile: %s %s in %s (where both change, change both at once)",
                   chain_path, plain->message, key_path);
    }
  else
    g_prefix_error (error, "Tls.CertificateFile: %s ", chain_path);
}

gboolean
pb_certificate_is_named (const PbSettingValues *values)
{
  return values->tls_certificate_file[0] != '\0' || values->tls_key_file[0] != '\0';
}

gboolean
pb_certificate_read (const char *chain_path, const char *key_path, PbTlsPair **pair, GError **error)
{
  g_autoptr (PbSecret) chain = NULL;
  g_autoptr (PbSecret) key = NULL;
  g_autoptr (PbTlsPair) parsed = NULL;
  g_autoptr (GError) fault = NULL;
  gboolean both = chain_path[0] != '\0' && key_path[0] != '\0';

  *pair = NULL;
  chain = read_setting (chain_path, "Tls.CertificateFile", &fault);
  if (fault == NULL)
    key = read_setting (key_path, "Tls.KeyFile", &fault);
  if (fault == NULL)
    {
      parsed = pb_tls_pair_parse (chain ? (const char *) chain->data : NULL, chain ? chain->length : 0,
                                  key ? (const char *) key->data : NULL, key ? key->length : 0, &fault);
      if (parsed != NULL && both)
        pb_certificate_check (parsed, &fault);
      name_fault (&fault, chain_path, key_path);
    }
  if (fault != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&fault));
      return FALSE;
    }
  if (both)
    *pair = g_steal_pointer (&parsed);
  return TRUE;
}

gboolean
pb_certificate_check (PbTlsPair *pair, GError **error)
{
  g_autoptr (PbTlsContext) context = NULL;

  if (!pb_tls_pair_check_dates (pair, pb_clock_wall () / G_USEC_PER_SEC, error))
    return FALSE;
  context = pb_tls_context_new_server (pair, PB_TLS_1_2, error);
  return context != NULL;
}

/* ---- writing ---- */

static gboolean
write_file (const char *path, const char *folder, const char *data, gsize length, GError **error)
{
  g_autofree char *temporary = g_strconcat (path, ".new", NULL);
  int fd = -1, dir;
  gboolean written = FALSE;

  unlink (temporary);
  fd = open (temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0)
    {
      written = pb_fs_write_all (fd, data, length, error);
      if (written && (fsync (fd) != 0 || rename (temporary, path) != 0))
        written = FALSE;
      close (fd);
    }
  if (!written)
    {
      if (error != NULL && *error == NULL)
        g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s", path,
                     g_strerror (errno));
      return FALSE;
    }
  dir = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  written = dir >= 0 && pb_fs_sync_dir (dir, error);
  if (dir >= 0)
    close (dir);
  return written;
}

gboolean
pb_certificate_write (const char *path, PbTlsPair *pair, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  gsize length = 0;
  char *pem = pb_tls_pair_to_pem (pair, &length, error);
  gboolean written;

  if (pem == NULL)
    return FALSE;
  written = pb_fs_ensure_dir (folder, 0700, error) && write_file (path, folder, pem, length, error);
  explicit_bzero (pem, length);
  g_free (pem);
  return written;
}

void
pb_certificate_prune (const char *folder, const char *const *keep)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (g_str_has_prefix (name, "imported-") && !g_strv_contains (keep, path))
        unlink (path);
    }
}

/* ---- our own ---- */

static gboolean
lasts (const PbTlsPair *pair, gint64 now)
{
  return pb_tls_pair_check_dates (pair, now, NULL)
         && pb_tls_pair_check_dates (pair, now + RENEW_DAYS * 24 * 60 * 60, NULL);
}

PbTlsPair *
pb_certificate_own (const char *path, const char *hostname, GError **error)
{
  gint64 now = pb_clock_wall () / G_USEC_PER_SEC;
  g_autoptr (PbTlsPair) old = NULL;
  g_autoptr (PbTlsPair) made = NULL;
  g_autoptr (PbSecret) content = read_file (path, NULL);

  if (content != NULL)
    old = pb_tls_pair_parse ((const char *) content->data, content->length,
                             (const char *) content->data, content->length, NULL);
  if (old != NULL && pb_tls_pair_names_host (old, hostname) && lasts (old, now))
    return g_steal_pointer (&old);
  made = pb_tls_pair_self_sign (hostname, now, old, error);
  if (made == NULL || !pb_certificate_write (path, made, error))
    return NULL;
  return g_steal_pointer (&made);
}

/* ---- watching ---- */

typedef struct
{
  int wd;
  char *name; /* (owned) */
} Watched;

struct _PbFileWatch
{
  int fd;
  GArray *names; /* (element-type Watched) */
};

static void
clear_watched (gpointer data)
{
  g_free (((Watched *) data)->name);
}

static void
add_watch (PbFileWatch *self, const char *folder, const char *name)
{
  Watched watched = { .wd = inotify_add_watch (self->fd, folder, EVENTS) };

  if (watched.wd < 0)
    return;
  watched.name = g_strdup (name);
  g_array_append_val (self->names, watched);
}

static void
push_parts (GQueue *parts, const char *path)
{
  g_auto (GStrv) split = g_strsplit (path, "/", -1);

  for (guint i = g_strv_length (split); i > 0; i--)
    if (split[i - 1][0] != '\0' && strcmp (split[i - 1], ".") != 0)
      g_queue_push_head (parts, g_strdup (split[i - 1]));
}

/* Goes the way that the kernel goes. */
static void
watch_path (PbFileWatch *self, const char *path)
{
  g_autoptr (GString) folder = g_string_new ("/");
  GQueue parts = G_QUEUE_INIT;
  guint links = 0;

  push_parts (&parts, path);
  while (!g_queue_is_empty (&parts) && links < MAX_LINKS)
    {
      g_autofree char *part = g_queue_pop_head (&parts);
      g_autofree char *whole = g_build_filename (folder->str, part, NULL);
      g_autofree char *target = NULL;

      add_watch (self, folder->str, part);
      target = g_file_read_link (whole, NULL);
      if (target == NULL)
        {
          g_string_assign (folder, whole);
          continue;
        }
      links++;
      if (target[0] == '/')
        g_string_assign (folder, "/");
      push_parts (&parts, target);
    }
  g_queue_clear_full (&parts, g_free);
}

PbFileWatch *
pb_file_watch_new (const char *const *paths)
{
  PbFileWatch *self = g_new0 (PbFileWatch, 1);

  self->names = g_array_new (FALSE, FALSE, sizeof (Watched));
  g_array_set_clear_func (self->names, clear_watched);
  self->fd = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
  for (; self->fd >= 0 && *paths != NULL; paths++)
    if (**paths != '\0')
      watch_path (self, *paths);
  return self;
}

void
pb_file_watch_free (PbFileWatch *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_array_unref (self->names);
  g_free (self);
}

int
pb_file_watch_fd (PbFileWatch *self)
{
  return self->fd;
}

static gboolean
is_watched (const PbFileWatch *self, const struct inotify_event *event)
{
  if ((event->mask & (IN_Q_OVERFLOW | IN_IGNORED)) != 0)
    return TRUE;
  for (guint i = 0; event->len > 0 && i < self->names->len; i++)
    {
      const Watched *watched = &g_array_index (self->names, Watched, i);

      if (watched->wd == event->wd && strcmp (watched->name, event->name) == 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
pb_file_watch_read (PbFileWatch *self)
{
  union
  {
    struct inotify_event event;
    char octets[4096];
  } buffer;
  gboolean found = FALSE;
  ssize_t n;

  while ((n = read (self->fd, &buffer, sizeof buffer)) > 0)
    for (const char *at = buffer.octets; at < buffer.octets + n;)
      {
        const struct inotify_event *event = (const struct inotify_event *) (const void *) at;

        found |= is_watched (self, event);
        at += sizeof *event + event->len;
      }
  return found;
}
