/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The links of mail/by-address/. The main thread hears of changes and leaves the newest snapshot for the
 * worker; the worker compares what is to be there with what it knows to be there (read from the directory
 * at first) and changes only what differs. Nothing here is a reason not to deliver: what cannot be done is
 * logged, and tried again at the next change. Only links of our form are ever removed. An address
 * that is no file's name ("a/b@example.org") has no link.
 */
#include "delivery/mailbox-links.h"

#include "delivery/maildir-private.h"
#include "util/fsutil.h"
#include "util/log.h"
#include "util/pool.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER      "by-address"
#define FOLDER_MODE 0750
#define FRESH       ".new" /* no address begins with a dot */
#define UP          "../"

struct _PbMailboxLinks
{
  PbMaildir *maildir;   /* borrowed */
  PbRegistry *registry; /* borrowed */
  PbPool *worker;       /* (owned) one thread */
  gulong settings_handler, list_handler;
  GMutex lock;
  PbSnapshot *next;     /* (owned) (nullable) to be laid out; guarded by lock */
  gboolean running;     /* guarded by lock */
  GHashTable *present;  /* (owned) (nullable) address -> account id, as it is on disk; the worker's */
};

/* One pass. */
typedef struct
{
  PbMailboxLinks *links;
  int folder_fd;
  GHashTable *wanted;   /* (owned) address -> account id */
  GHashTable *prepared; /* (owned) account ids whose mailbox was made sure of */
  guint n_failed;
} Pass;

static void
log_failure (Pass *self, const char *what, const char *name, const char *reason)
{
  /* A full disk would say it of each. */
  if (self->n_failed++ == 0)
    pb_log (PB_LOG_WARNING, "by-address", "what", what, "name", name, "reason", reason, NULL);
}

static void
on_address (const char *address, const char *account_id, gpointer user_data)
{
  Pass *self = user_data;

  if (pb_maildir_address_is_safe (address) && pb_maildir_id_is_safe (account_id))
    g_hash_table_replace (self->wanted, g_strdup (address), g_strdup (account_id));
}

static void
read_link (GHashTable *present, int folder_fd, const char *name)
{
  char target[128];
  ssize_t length = readlinkat (folder_fd, name, target, sizeof target - 1);

  if (length <= 0)
    return;
  target[length] = '\0';
  if (g_str_has_prefix (target, UP) && pb_maildir_id_is_safe (target + strlen (UP)))
    g_hash_table_replace (present, g_strdup (name), g_strdup (target + strlen (UP)));
}

/* What an earlier run left. Returns: (nullable) NULL when it cannot be read. */
static GHashTable *
read_folder (int folder_fd)
{
  int fd = openat (folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *folder = fd >= 0 ? fdopendir (fd) : NULL;
  GHashTable *present;
  struct dirent *entry;

  if (folder == NULL)
    {
      if (fd >= 0)
        close (fd);
      return NULL;
    }
  present = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  while ((entry = readdir (folder)) != NULL)
    read_link (present, folder_fd, entry->d_name);
  closedir (folder);
  return present;
}

static void
remove_link (Pass *self, const char *address)
{
  struct stat status;

  if (fstatat (self->folder_fd, address, &status, AT_SYMLINK_NOFOLLOW) == 0
      && S_ISLNK (status.st_mode) && unlinkat (self->folder_fd, address, 0) != 0)
    log_failure (self, "not removed", address, g_strerror (errno));
}

static void
remove_stale (Pass *self)
{
  GHashTableIter iter;
  gpointer address;

  g_hash_table_iter_init (&iter, self->links->present);
  while (g_hash_table_iter_next (&iter, &address, NULL))
    if (!g_hash_table_contains (self->wanted, address))
      {
        remove_link (self, address);
        g_hash_table_iter_remove (&iter);
      }
}

static gboolean
put_link (Pass *self, const char *address, const char *account_id)
{
  g_autofree char *target = g_strconcat (UP, account_id, NULL);

  (void) unlinkat (self->folder_fd, FRESH, 0);
  if (symlinkat (target, self->folder_fd, FRESH) == 0
      && renameat (self->folder_fd, FRESH, self->folder_fd, address) == 0)
    return TRUE;
  log_failure (self, "not made", address, g_strerror (errno));
  (void) unlinkat (self->folder_fd, FRESH, 0);
  return FALSE;
}

/* Before the link is there, so that nobody follows it to nothing. */
static void
prepare (Pass *self, const char *account_id)
{
  g_autoptr (GError) error = NULL;

  if (!g_hash_table_add (self->prepared, g_strdup (account_id)))
    return;
  if (!pb_maildir_prepare (self->links->maildir, account_id, &error))
    log_failure (self, "no mailbox", account_id, error->message);
}

static void
put_wanted (Pass *self, gboolean prepare_all)
{
  GHashTable *present = self->links->present;
  GHashTableIter iter;
  gpointer address, account_id;

  g_hash_table_iter_init (&iter, self->wanted);
  while (g_hash_table_iter_next (&iter, &address, &account_id))
    {
      gboolean is_there =
        g_strcmp0 (g_hash_table_lookup (present, address), account_id) == 0;

      if (!is_there || prepare_all)
        prepare (self, account_id);
      if (!is_there && put_link (self, address, account_id))
        g_hash_table_replace (present, g_strdup (address), g_strdup (account_id));
    }
}

/* Returns: of by-address/, or -1. A link in its place is not followed. */
static int
open_folder (PbMailboxLinks *self, GError **error)
{
  int mail_fd = pb_maildir_fd (self->maildir);
  gboolean made = mkdirat (mail_fd, FOLDER, FOLDER_MODE) == 0;
  int fd = pb_fs_open_beneath (mail_fd, FOLDER, O_RDONLY | O_DIRECTORY, 0, error);

  if (made && fd >= 0)
    pb_mail_group_share (fd, FOLDER_MODE);
  return fd;
}

static void
lay_out (PbMailboxLinks *self, const PbSnapshot *snapshot)
{
  g_autoptr (GHashTable) wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GHashTable) prepared = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GError) error = NULL;
  gboolean first = self->present == NULL;
  Pass pass = { self, -1, wanted, prepared, 0 };

  if (first)
    pb_mail_group_share (pb_maildir_fd (self->maildir), PB_MAILDIR_DIR_MODE);
  pass.folder_fd = open_folder (self, &error);
  if (pass.folder_fd < 0)
    {
      log_failure (&pass, "not opened", FOLDER, error->message);
      return;
    }
  if (first)
    self->present = read_folder (pass.folder_fd);
  if (self->present != NULL)
    {
      /* An LMTP server keeps its mailboxes where it likes. */
      if (!g_str_equal (snapshot->values.mailboxes_kind, "lmtp"))
        pb_snapshot_list_mailbox_addresses (snapshot, on_address, &pass);
      remove_stale (&pass);
      put_wanted (&pass, first);
    }
  close (pass.folder_fd);
}

/* On the worker: until nothing newer waits. */
static void
work (gpointer data)
{
  PbMailboxLinks *self = data;

  for (;;)
    {
      g_autoptr (PbSnapshot) snapshot = NULL;

      g_mutex_lock (&self->lock);
      snapshot = g_steal_pointer (&self->next);
      self->running = snapshot != NULL;
      g_mutex_unlock (&self->lock);
      if (snapshot == NULL)
        return;
      lay_out (self, snapshot);
    }
}

static void
refresh (PbMailboxLinks *self)
{
  gboolean start;

  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->next, pb_snapshot_unref);
  self->next = pb_registry_snapshot (self->registry);
  start = !self->running;
  self->running = TRUE;
  g_mutex_unlock (&self->lock);
  if (start)
    pb_pool_run (self->worker, work, NULL, NULL, self);
}

static void
on_settings_changed (PbRegistry *registry, const char *interface, GStrv names, gpointer user_data)
{
  if (g_str_equal (interface, "Mailboxes")
      || (g_str_equal (interface, "General")
          && g_strv_contains ((const char *const *) names, "Hostname")))
    refresh (user_data);
}

static void
on_list_changed (PbRegistry *registry, int kind, guint64 revision, gpointer user_data)
{
  if (kind == PB_LIST_ACCOUNTS || kind == PB_LIST_LOCAL_DOMAINS)
    refresh (user_data);
}

PbMailboxLinks *
pb_mailbox_links_new (PbMaildir *maildir, PbRegistry *registry)
{
  PbMailboxLinks *self = g_new0 (PbMailboxLinks, 1);

  self->maildir = maildir;
  self->registry = registry;
  self->worker = pb_pool_new ("mail-links", 1);
  g_mutex_init (&self->lock);
  self->settings_handler =
    g_signal_connect (registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  self->list_handler =
    g_signal_connect (registry, "list-changed", G_CALLBACK (on_list_changed), self);
  refresh (self);
  return self;
}

void
pb_mailbox_links_free (PbMailboxLinks *self)
{
  g_clear_signal_handler (&self->settings_handler, self->registry);
  g_clear_signal_handler (&self->list_handler, self->registry);
  pb_pool_free (self->worker);
  g_clear_pointer (&self->next, pb_snapshot_unref);
  g_clear_pointer (&self->present, g_hash_table_unref);
  g_mutex_clear (&self->lock);
  g_free (self);
}
