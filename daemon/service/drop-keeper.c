/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Takes in what postbus-drop left in the drop directory by renaming it to new-..., which inotify tells; a look at the
 * start, and a look a minute while something stays, make up for what it does not. Each file is handed to the
 * submitter, as its owner's mail, and removed behind the answer; a crash between the two brings it twice, never not
 * at all. Of one owner one file is under way at a time, so that mail which takes long holds up that owner alone. A
 * file that cannot be taken now waits for the next round through the folder, and holds up no other: it may be there
 * to do just that. One that is refused for good is told to its author, and then put aside. All file work is on a
 * thread of ours (drop-folder.c).
 */
#include "service/drop-keeper.h"

#include "dbus/errors.h"
#include "service/drop-folder.h"
#include "service/drop-notice.h"
#include "util/log.h"
#include "util/pool.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define AGAIN_SECONDS 60
#define MAX_OWNERS    10    /* whose files are under way at a time */
#define MAX_KNOWN     50000 /* names in memory */

struct _PbDropKeeper
{
  PbSubmitter *submitter;
  PbAlerts *alerts;
  PbDropNotices *notices; /* (owned) */
  PbMailbox *mailbox; /* (owned) a reference */
  PbPool *pool;       /* (owned) */
  char *path;         /* (owned) */
  PbDropFolder *folder; /* (owned) our thread's */
  int watch;          /* (owned) inotify's; -1 none */
  guint watch_source;
  guint again_source;
  GQueue names;       /* (owned) of files that wait, the oldest of a look first */
  GHashTable *known;  /* (owned) names that wait or are under way */
  GHashTable *owners; /* (owned) uid -> GQueue of names: those with a file under way, and what waits for its end */
  gboolean more;      /* the round is not at its end */
  gboolean looking;   /* a look at the folder is under way */
  gboolean look_again;
  gboolean reading;   /* a file is being read */
  gboolean closed;    /* nothing new is begun */
};

/* One file on its way; or a look at the folder. */
typedef struct
{
  PbDropKeeper *keeper;
  char *name;             /* (owned) (nullable) */
  PbSubmissionMail *mail; /* (owned) (nullable) */
  char *problem;          /* (owned) (nullable) why it is no message */
  gint64 owner;           /* uid while it is under way as its owner's; -1 not */
  gboolean refused;
  PbDropNotice *notice;   /* (owned) (nullable) */
  PbDropRefused kept;     /* what refused files there are behind it */
  GPtrArray *found;       /* (owned) (nullable) of a look */
  gboolean more;          /* of a look: not at the folder's end */
} Errand;

static Errand *
errand_new (PbDropKeeper *keeper, char *name)
{
  Errand *self = g_new0 (Errand, 1);

  self->keeper = keeper;
  self->name = name;
  self->owner = -1;
  return self;
}

static void
errand_free (Errand *self)
{
  pb_submission_mail_free (self->mail);
  pb_drop_notice_free (self->notice);
  g_clear_pointer (&self->found, g_ptr_array_unref);
  g_free (self->problem);
  g_free (self->name);
  g_free (self);
}

/* ---- on our thread ---- */

static void
look (gpointer data)
{
  Errand *self = data;

  self->found = pb_drop_folder_look (self->keeper->folder, &self->more);
  self->kept = pb_drop_folder_kept (self->keeper->folder);
}

static void
read_file (gpointer data)
{
  Errand *self = data;

  self->mail = pb_drop_folder_read (self->keeper->folder, self->name, &self->problem);
}

static void
write_notice (gpointer data)
{
  Errand *self = data;
  int fd = pb_drop_folder_open (self->keeper->folder, self->name);

  if (fd < 0)
    return;
  pb_drop_notice_write (self->notice, fd);
  close (fd);
}

/* The message is in the queue, or will never be. */
static void
put_away (gpointer data)
{
  Errand *self = data;

  pb_drop_folder_put_away (self->keeper->folder, self->name, self->refused);
  self->kept = pb_drop_folder_kept (self->keeper->folder);
}

/* ---- on the main thread ---- */

static void take_next (PbDropKeeper *self);
static void begin_look (PbDropKeeper *self);

static gboolean
on_again (gpointer user_data)
{
  PbDropKeeper *self = user_data;

  self->again_source = 0;
  begin_look (self);
  return G_SOURCE_REMOVE;
}

static void
try_later (PbDropKeeper *self)
{
  if (self->again_source == 0 && !self->closed)
    self->again_source = g_timeout_add_seconds (AGAIN_SECONDS, on_again, self);
}

/* Somebody removes them by hand in the end, which is seen by looking again. */
static void
tell_kept (PbDropKeeper *self, const PbDropRefused *kept)
{
  GVariant *text;

  if (self->closed)
    return;
  text = pb_drop_refused_say (kept);
  if (text == NULL)
    {
      pb_alerts_end (self->alerts, PB_ALERT_DROP_REFUSED, "drop-directory");
      return;
    }
  pb_alerts_raise (self->alerts, PB_ALERT_DROP_REFUSED, "drop-directory", text);
  try_later (self);
}

static void on_read (gpointer data);

static void
read_next (PbDropKeeper *self, char *name, gint64 owner)
{
  Errand *errand = errand_new (self, name);

  errand->owner = owner;
  pb_pool_run (self->pool, read_file, self->mailbox, on_read, errand);
}

/* The file is dealt with, for this time. */
static void
errand_over (Errand *errand)
{
  PbDropKeeper *self = errand->keeper;
  gint64 owner = errand->owner;
  GQueue *waiting =
    owner >= 0 ? g_hash_table_lookup (self->owners, GUINT_TO_POINTER ((guint32) owner)) : NULL;
  char *name = waiting != NULL && !self->closed ? g_queue_pop_head (waiting) : NULL;

  g_hash_table_remove (self->known, errand->name);
  errand_free (errand);
  if (name != NULL)
    read_next (self, name, owner);
  else if (waiting != NULL)
    g_hash_table_remove (self->owners, GUINT_TO_POINTER ((guint32) owner));
  take_next (self);
}

static void
on_put_away (gpointer data)
{
  Errand *errand = data;

  tell_kept (errand->keeper, &errand->kept);
  errand_over (errand);
}

static void
finish (Errand *errand)
{
  PbDropKeeper *self = errand->keeper;

  pb_pool_run (self->pool, put_away, self->mailbox, on_put_away, errand);
}

/* Not now: it is tried again after a while. */
static void
put_off (Errand *errand)
{
  try_later (errand->keeper);
  errand_over (errand);
}

static void
on_told (const char *id, const GError *error, gpointer user_data)
{
  Errand *errand = user_data;

  if (error != NULL)
    put_off (errand);
  else
    finish (errand);
}

static void
on_notice_written (gpointer data)
{
  Errand *errand = data;

  if (errand->keeper->closed)
    errand_free (errand);
  else
    pb_drop_notice_send (g_steal_pointer (&errand->notice), on_told, errand);
}

/* @told: its author is to be told. */
static void
refuse (Errand *errand, const char *reason, gboolean told)
{
  PbDropKeeper *self = errand->keeper;

  errand->refused = TRUE;
  pb_log (PB_LOG_ERROR, "drop-refused", "file", errand->name, "reason", reason, "advice",
          "it is kept in the drop directory as refused-...", NULL);
  if (!told)
    {
      finish (errand);
      return;
    }
  errand->notice = pb_drop_notice_new (self->notices, reason);
  pb_pool_run (self->pool, write_notice, self->mailbox, on_notice_written, errand);
}

static gboolean
is_final (const GError *error)
{
  return g_error_matches (error, PB_ERROR, PB_ERROR_INVALID_VALUE)
         || g_error_matches (error, PB_ERROR, PB_ERROR_NOT_AUTHORIZED)
         || g_error_matches (error, PB_ERROR, PB_ERROR_TOO_LARGE);
}

static void
on_sent (const char *id, const GError *error, gpointer user_data)
{
  Errand *errand = user_data;

  if (error == NULL)
    {
      pb_log (PB_LOG_INFO, "drop-taken", "file", errand->name, "queue-id", id, NULL);
      finish (errand);
    }
  else if (is_final (error))
    refuse (errand, error->message, TRUE);
  else
    put_off (errand);
}

/* Returns: FALSE when its owner has one under way: it waits for that. */
static gboolean
take_owner (Errand *errand)
{
  PbDropKeeper *self = errand->keeper;
  gpointer owner = GUINT_TO_POINTER (errand->mail->uid);
  GQueue *waiting = g_hash_table_lookup (self->owners, owner);

  /* It was its owner's turn already. */
  if (errand->owner == errand->mail->uid)
    return TRUE;
  if (waiting != NULL)
    {
      g_queue_push_tail (waiting, g_steal_pointer (&errand->name));
      errand_free (errand);
      return FALSE;
    }
  errand->owner = errand->mail->uid;
  g_hash_table_insert (self->owners, owner, g_queue_new ());
  return TRUE;
}

static void
on_read (gpointer data)
{
  Errand *errand = data;
  PbDropKeeper *self = errand->keeper;

  if (errand->owner < 0)
    self->reading = FALSE;
  if (self->closed)
    errand_free (errand);
  /* A file under the name of one that was somebody else's. */
  else if (errand->mail != NULL && errand->owner >= 0 && errand->owner != errand->mail->uid)
    put_off (errand);
  else if (errand->mail != NULL)
    {
      if (take_owner (errand))
        pb_submitter_send (self->submitter, g_steal_pointer (&errand->mail), on_sent, errand);
      take_next (self);
    }
  else if (errand->problem != NULL)
    refuse (errand, errand->problem, FALSE);
  else
    put_off (errand);
}

static void
take_next (PbDropKeeper *self)
{
  if (self->reading || self->closed || g_hash_table_size (self->owners) >= MAX_OWNERS)
    return;
  if (self->names.length == 0)
    {
      if (self->more || self->look_again)
        begin_look (self);
      return;
    }
  self->reading = TRUE;
  read_next (self, g_queue_pop_head (&self->names), -1);
}

static gboolean
on_watched (int fd, GIOCondition condition, gpointer user_data)
{
  PbDropKeeper *self = user_data;
  char room[4096];

  while (read (fd, room, sizeof room) > 0)
    ;
  begin_look (self);
  return G_SOURCE_CONTINUE;
}

/* The folder is there once it was looked into. */
static void
begin_watch (PbDropKeeper *self)
{
  if (self->watch >= 0 || !pb_drop_folder_is_open (self->folder) || self->closed)
    return;
  self->watch = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
  if (self->watch < 0 || inotify_add_watch (self->watch, self->path, IN_MOVED_TO | IN_ONLYDIR) < 0)
    {
      try_later (self);
      return;
    }
  self->watch_source = g_unix_fd_add (self->watch, G_IO_IN, on_watched, self);
  self->look_again = TRUE; /* for what came before it was watched */
}

static void
on_looked (gpointer data)
{
  Errand *errand = data;
  PbDropKeeper *self = errand->keeper;

  self->looking = FALSE;
  self->more = errand->more;
  tell_kept (self, &errand->kept);
  begin_watch (self);
  g_ptr_array_set_free_func (errand->found, NULL);
  for (guint i = 0; i < errand->found->len; i++)
    if (g_hash_table_add (self->known, g_strdup (errand->found->pdata[i])))
      g_queue_push_tail (&self->names, errand->found->pdata[i]);
    else
      g_free (errand->found->pdata[i]);
  errand_free (errand);
  take_next (self);
}

static void
begin_look (PbDropKeeper *self)
{
  if (self->closed)
    return;
  if (self->looking || self->reading || self->names.length > 0
      || g_hash_table_size (self->known) >= MAX_KNOWN)
    {
      self->look_again = TRUE;
      return;
    }
  self->looking = TRUE;
  /* What has come meanwhile is another round's. */
  self->look_again = self->look_again && self->more;
  pb_pool_run (self->pool, look, self->mailbox, on_looked, errand_new (self, NULL));
}

static void
waiting_free (gpointer data)
{
  g_queue_free_full (data, g_free);
}

PbDropKeeper *
pb_drop_keeper_new (const char *state_directory, PbSubmitter *submitter, PbRegistry *registry, PbAlerts *alerts,
                    PbMailbox *mailbox)
{
  PbDropKeeper *self = g_new0 (PbDropKeeper, 1);

  self->submitter = submitter;
  self->alerts = alerts;
  self->notices = pb_drop_notices_new (submitter, registry, mailbox);
  self->mailbox = pb_mailbox_ref (mailbox);
  self->pool = pb_pool_new ("drop", 1);
  self->path = g_build_filename (state_directory, "drop", NULL);
  self->folder = pb_drop_folder_new (self->path);
  self->watch = -1;
  g_queue_init (&self->names);
  self->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->owners = g_hash_table_new_full (NULL, NULL, NULL, waiting_free);
  begin_look (self);
  return self;
}

void
pb_drop_keeper_close (PbDropKeeper *self)
{
  self->closed = TRUE;
  g_clear_handle_id (&self->again_source, g_source_remove);
  g_clear_handle_id (&self->watch_source, g_source_remove);
  pb_drop_notices_close (self->notices);
}

void
pb_drop_keeper_free (PbDropKeeper *self)
{
  if (self == NULL)
    return;
  pb_drop_keeper_close (self);
  pb_pool_free (self->pool);
  pb_mailbox_dispatch (self->mailbox);
  pb_mailbox_unref (self->mailbox);
  pb_drop_notices_free (self->notices);
  g_queue_clear_full (&self->names, g_free);
  g_hash_table_unref (self->owners);
  g_hash_table_unref (self->known);
  pb_drop_folder_free (self->folder);
  if (self->watch >= 0)
    close (self->watch);
  g_free (self->path);
  g_free (self);
}
