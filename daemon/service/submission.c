/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who a program of this machine is, and its session with the server.
 *
 * Called by the bus object and by whatever takes in dropped mail, on the main thread. A thread of ours looks
 * up the user (NSS may block), the main thread opens the session, and for a whole message a thread of ours
 * speaks the client's side. How much one user may have under way is bounded, and so is how many of the threads
 * speak for one, whose other messages wait: a user whose mail takes long (a large file, a scanner) keeps nobody
 * out but itself. On every error nothing was taken.
 */
#include "service/submission.h"

#include "dbus/errors.h"
#include "protocol/address.h"
#include "service/submission-dialogue.h"
#include "settings/snapshot.h"
#include "util/log.h"
#include "util/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS    16
#define NAMERS     2   /* threads that look up names */
#define MAX_SPEAK  2   /* threads that speak for one user at a time */
#define MAX_USER   20  /* under way for one user, what waits included */
#define MAX_ALL    200
#define NAME_ROOM  4096
#define MAX_WAIT   660 /* seconds for one answer: longer than the server takes for any */

struct _PbSubmitter
{
  PbSubmitterParts parts;
  PbPool *pool, *namers; /* (owned) */
  GHashTable *users; /* (owned) uid -> Load */
  guint next;        /* reactor */
  gboolean closed;
};

/* How much a user has under way. Ends with the last session, maybe behind the submission. */
typedef struct
{
  gatomicrefcount references;
  gint n;         /* atomic: sessions */
  guint asked;    /* the main thread's, as what follows: calls that have no session yet */
  guint speaking;
  GQueue waiting; /* of (owned) Errand: until one that speaks ends */
} Load;

static void
load_unref (gpointer data)
{
  Load *self = data;

  if (g_atomic_ref_count_dec (&self->references))
    g_free (self);
}

static void
on_session_gone (gpointer data)
{
  Load *self = data;

  g_atomic_int_add (&self->n, -1);
  load_unref (self);
}

PbSubmissionMail *
pb_submission_mail_new (guint32 uid, int fd)
{
  PbSubmissionMail *self = g_new0 (PbSubmissionMail, 1);

  self->uid = uid;
  self->fd = fd;
  return self;
}

void
pb_submission_mail_free (PbSubmissionMail *self)
{
  if (self == NULL)
    return;
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->sender);
  g_strfreev (self->recipients);
  g_free (self->ret);
  g_free (self->envid);
  g_free (self->notify);
  g_free (self);
}

/* One call on its way. */
typedef struct
{
  PbSubmitter *submission; /* (unowned): it waits for its threads */
  Load *load;              /* (unowned) (nullable) where it counts as asked */
  guint32 uid;
  PbSnapshot *snapshot;     /* (owned) */
  char *name;               /* (owned) the user's */
  PbSubmissionMail *mail;   /* (owned) (nullable) NULL: a session alone is wanted */
  int fd;                   /* (owned) our end of the session; -1 none */
  char *id;                 /* (owned) (nullable) */
  GError *error;            /* (owned) (nullable) */
  PbSubmissionSent sent;
  PbSubmissionOpened opened;
  gpointer user_data;
} Errand;

static void
errand_end (Errand *self)
{
  if (self->mail != NULL)
    self->sent (self->error == NULL ? self->id : NULL, self->error, self->user_data);
  else
    self->opened (self->error == NULL ? g_steal_fd (&self->fd) : -1, self->error, self->user_data);
  if (self->load != NULL)
    self->load->asked--;
  if (self->fd >= 0)
    close (self->fd);
  pb_snapshot_unref (self->snapshot);
  pb_submission_mail_free (self->mail);
  g_free (self->name);
  g_free (self->id);
  g_clear_error (&self->error);
  g_free (self);
}

static void
on_errand_failed (gpointer data)
{
  errand_end (data);
}

/* ---- addresses ---- */

/* @text as a whole address: names without a domain are ours. @place: of the call. Returns: (transfer full) (nullable): NULL with @error. */
static PbAddress *
complete (const PbSnapshot *snapshot, const char *text, const char *place, GError **error)
{
  const char *hostname = snapshot->values.general_hostname;
  g_autofree char *whole = strchr (text, '@') == NULL ? g_strconcat (text, "@", hostname, NULL)
                                                      : g_strdup (text);
  g_autoptr (GError) problem = NULL;
  PbAddress *address = pb_address_parse (whole, strlen (whole),
                                         PB_ADDRESS_UTF8 | PB_ADDRESS_ALLOW_LITERAL, &problem);

  if (address == NULL)
    g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                 "Submission.Send: %s: “%.320s” must be an address, or a name of this machine: %s",
                 place, text, problem->message);
  return address;
}

/* Mail for root is the administrator's, on every machine, whether an account of that name was made or not. */
static gboolean
is_nobodys_root (const PbSnapshot *snapshot, const PbAddress *address)
{
  return address->domain != NULL && g_str_equal (address->local, "root")
         && g_ascii_strcasecmp (address->domain, snapshot->values.general_hostname) == 0
         && pb_snapshot_resolve_local (snapshot, address->local, address->domain).kind
              == PB_LOCAL_UNKNOWN;
}

static GPtrArray *
complete_recipients (const Errand *self, GError **error)
{
  g_autoptr (GPtrArray) recipients = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; self->mail->recipients[i] != NULL; i++)
    {
      g_autofree char *place = g_strdup_printf ("recipients[%u]", i);
      g_autoptr (PbAddress) address =
        complete (self->snapshot, self->mail->recipients[i], place, error);

      if (address == NULL)
        return NULL;
      g_ptr_array_add (recipients, is_nobodys_root (self->snapshot, address)
                                     ? pb_address_format (PB_LOCAL_POSTMASTER, address->domain)
                                     : g_strdup (address->text));
    }
  if (recipients->len > 0)
    return g_steal_pointer (&recipients);
  g_set_error_literal (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                       "Submission.Send: recipients: must name one at least");
  return NULL;
}

/* (transfer full) (nullable) */
static char *
complete_sender (const Errand *self, GError **error)
{
  const char *given = self->mail->sender;
  g_autoptr (PbAddress) address = NULL;

  if (g_str_equal (given, "<>"))
    return g_strdup ("");
  address = complete (self->snapshot, given[0] != '\0' ? given : self->name, "sender", error);
  return address != NULL ? g_strdup (address->text) : NULL;
}

/* ---- on our threads ---- */

char *
pb_submitter_name (guint32 uid)
{
  g_autofree char *room = g_malloc (NAME_ROOM);
  struct passwd user, *found = NULL;

  if (getpwuid_r (uid, &user, room, NAME_ROOM, &found) == 0 && found != NULL)
    return g_strdup (user.pw_name);
  return g_strdup_printf ("uid-%" G_GUINT32_FORMAT, uid);
}

static void
find_name (gpointer data)
{
  Errand *self = data;

  self->name = pb_submitter_name (self->uid);
}

static void
speak (gpointer data)
{
  Errand *self = data;
  const struct timeval patience = { .tv_sec = MAX_WAIT };
  g_autoptr (GPtrArray) recipients = NULL;
  g_autofree char *sender = complete_sender (self, &self->error);

  if (sender == NULL)
    return;
  recipients = complete_recipients (self, &self->error);
  if (recipients == NULL)
    return;
  setsockopt (self->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt (self->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  self->id = pb_submission_dialogue (self->fd, self->mail, sender, recipients, &self->error);
  if (self->id == NULL && self->error == NULL)
    self->error = g_error_new_literal (PB_ERROR, PB_ERROR_UNAVAILABLE,
                                       "Submission.Send: an answer without a queue id");
}

/* ---- the session ---- */

/* Root and the service itself speak for everybody: for the machine. */
static PbLocalClient *
make_client (const Errand *self, Load *load)
{
  PbLocalClient *client = g_new0 (PbLocalClient, 1);
  PbAccount account = { 0 };
  char mailbox[PB_LOCAL_MAILBOX_TEXT];

  client->uid = self->uid;
  client->gone = on_session_gone;
  client->data = load;
  g_atomic_ref_count_inc (&load->references);
  g_atomic_int_inc (&load->n);
  if (self->uid == 0 || self->uid == geteuid ())
    return client;
  client->login = g_strdup (self->name);
  pb_snapshot_find_account (self->snapshot, self->name, &account);
  client->account_id =
    g_strdup (account.id != NULL ? account.id : pb_local_format_mailbox (self->uid, mailbox));
  return client;
}

static Load *
find_load (PbSubmitter *self, guint32 uid)
{
  Load *load = g_hash_table_lookup (self->users, GUINT_TO_POINTER (uid));

  if (load == NULL)
    {
      load = g_new0 (Load, 1);
      g_atomic_ref_count_init (&load->references);
      g_hash_table_insert (self->users, GUINT_TO_POINTER (uid), load);
    }
  return load;
}

static guint
count_all (PbSubmitter *self)
{
  GHashTableIter iter;
  gpointer load;
  guint n = 0;

  g_hash_table_iter_init (&iter, self->users);
  while (g_hash_table_iter_next (&iter, NULL, &load))
    n += (guint) g_atomic_int_get (&((Load *) load)->n) + ((Load *) load)->asked;
  return n;
}

/* Counts the call as its user's. Returns: FALSE with the errand's error. */
static gboolean
take_place (Errand *self)
{
  PbSubmitter *submission = self->submission;
  Load *load = find_load (submission, self->uid);

  if (submission->closed)
    self->error = g_error_new_literal (PB_ERROR, PB_ERROR_BUSY,
                                       "Submission: the service is stopping");
  else if ((guint) g_atomic_int_get (&load->n) + load->asked >= MAX_USER || count_all (submission) >= MAX_ALL)
    self->error = g_error_new (PB_ERROR, PB_ERROR_BUSY,
                               "Submission: at most %u messages and sessions a user, and %u in all, "
                               "at a time",
                               MAX_USER, MAX_ALL);
  else
    {
      self->load = load;
      load->asked++;
      return TRUE;
    }
  return FALSE;
}

/* Returns: FALSE with the errand's error. */
static gboolean
open_session (Errand *self)
{
  PbSubmitter *submission = self->submission;
  const PbSubmitterParts *parts = &submission->parts;
  int ends[2];

  if (submission->closed)
    self->error = g_error_new_literal (PB_ERROR, PB_ERROR_BUSY,
                                       "Submission: the service is stopping");
  else if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    self->error =
      g_error_new (PB_ERROR, PB_ERROR_BUSY, "Submission: no socket: %s", g_strerror (errno));
  else
    {
      g_unix_set_fd_nonblocking (ends[0], TRUE, NULL);
      self->fd = ends[1];
      pb_server_accept_local (parts->server, ends[0], make_client (self, self->load),
                              parts->reactors[submission->next++ % parts->n_reactors]);
      self->load->asked--;
      self->load = NULL;
      return TRUE;
    }
  return FALSE;
}

static void on_spoken (gpointer data);

/* Its turn has come. */
static void
begin (Errand *self)
{
  Load *load = self->load;

  if (!open_session (self))
    {
      errand_end (self);
      return;
    }
  load->speaking++;
  pb_pool_run (self->submission->pool, speak, self->submission->parts.mailbox, on_spoken, self);
}

static void
on_spoken (gpointer data)
{
  Errand *self = data, *next;
  Load *load = find_load (self->submission, self->uid);

  load->speaking--;
  errand_end (self);
  while (load->speaking < MAX_SPEAK && (next = g_queue_pop_head (&load->waiting)) != NULL)
    begin (next);
}

/* An account that is disabled is nobody's to send by, from wherever. Returns: FALSE with the errand's error. */
static gboolean
may_send (Errand *self)
{
  if (self->uid == 0 || self->uid == geteuid () || !pb_snapshot_is_disabled (self->snapshot, self->name))
    return TRUE;
  pb_log (PB_LOG_NOTICE, "submission-refused", "user", self->name, "reason", "the account is disabled", NULL);
  self->error = g_error_new (PB_ERROR, PB_ERROR_NOT_AUTHORIZED,
                             "Submission: the account %s is disabled", self->name);
  return FALSE;
}

static void
on_name_found (gpointer data)
{
  Errand *self = data;

  if (!may_send (self))
    {
      errand_end (self);
      return;
    }
  if (self->mail == NULL)
    {
      open_session (self);
      errand_end (self);
    }
  else if (self->load->speaking < MAX_SPEAK)
    begin (self);
  else
    g_queue_push_tail (&self->load->waiting, self);
}

static void
start (PbSubmitter *self, Errand *errand)
{
  errand->submission = self;
  errand->fd = -1;
  errand->snapshot = pb_registry_snapshot (self->parts.registry);
  if (take_place (errand))
    pb_pool_run (self->namers, find_name, self->parts.mailbox, on_name_found, errand);
  else
    pb_mailbox_post (self->parts.mailbox, on_errand_failed, errand);
}

void
pb_submitter_send (PbSubmitter *self, PbSubmissionMail *mail, PbSubmissionSent func,
                    gpointer user_data)
{
  Errand *errand = g_new0 (Errand, 1);

  errand->uid = mail->uid;
  errand->mail = mail;
  errand->sent = func;
  errand->user_data = user_data;
  start (self, errand);
}

void
pb_submitter_open (PbSubmitter *self, guint32 uid, PbSubmissionOpened func, gpointer user_data)
{
  Errand *errand = g_new0 (Errand, 1);

  errand->uid = uid;
  errand->opened = func;
  errand->user_data = user_data;
  start (self, errand);
}

PbSubmitter *
pb_submitter_new (const PbSubmitterParts *parts)
{
  PbSubmitter *self = g_new0 (PbSubmitter, 1);

  self->parts = *parts;
  self->pool = pb_pool_new ("submission", THREADS);
  self->namers = pb_pool_new ("submission-name", NAMERS);
  self->users = g_hash_table_new_full (NULL, NULL, NULL, load_unref);
  return self;
}

void
pb_submitter_close (PbSubmitter *self)
{
  self->closed = TRUE;
}

void
pb_submitter_free (PbSubmitter *self)
{
  if (self == NULL)
    return;
  pb_pool_free (self->namers);
  pb_pool_free (self->pool);
  /* What was looked up or spoken is answered, and what waited for it; that may begin nothing new. */
  pb_mailbox_dispatch (self->parts.mailbox);
  g_hash_table_unref (self->users);
  g_free (self);
}
