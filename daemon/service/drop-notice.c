/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A message that was dropped while the service was away, and refused when it was back: its author, who was
 * told that it was taken, gets a delivery status notification with the reason and the head of the message.
 *
 * Called by the drop keeper: the notice is written on its thread and handed to the submitter as the machine's own
 * mail. It goes to the local user who owns the file, never to the sender that the file names, which nobody has
 * judged; where that user has no mailbox, to the postmaster. Its sender is null and it is never dropped, so that
 * nothing goes round. How many one user gets is bounded: past that the log alone tells. Nothing is left behind on an error.
 */
#include "service/drop-notice.h"

#include "dbus/errors.h"
#include "protocol/drop-file.h"
#include "protocol/dsn.h"
#include "settings/snapshot.h"
#include "util/clock.h"
#include "util/fsutil.h"
#include "util/log.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_AN_HOUR    20          /* notices to one user */
#define MAX_RECIPIENTS 100         /* that a notice names */
#define MAX_HEAD       (64 * 1024) /* octets of the message */
#define HOUR           3600
#define PLACE          "Submission.Send: "

struct _PbDropNotices
{
  PbSubmitter *submitter;
  PbRegistry *registry;
  PbMailbox *mailbox;
  GHashTable *told; /* (owned) uid -> how many in this hour */
  GPtrArray *asking; /* (owned) (element-type PbDropNotice) those whose mailbox is being looked up */
  gint64 hour;
};

PbDropNotices *
pb_drop_notices_new (PbSubmitter *submitter, PbRegistry *registry, PbMailbox *mailbox)
{
  PbDropNotices *self = g_new0 (PbDropNotices, 1);

  self->submitter = submitter;
  self->registry = registry;
  self->mailbox = mailbox;
  self->told = g_hash_table_new (NULL, NULL);
  self->asking = g_ptr_array_new ();
  return self;
}

/* The answer to what is asked may come later still, and finds nobody. */
void
pb_drop_notices_close (PbDropNotices *self)
{
  g_autoptr (GError) error = g_error_new_literal (PB_ERROR, PB_ERROR_BUSY, "drop: the service is stopping");

  for (guint i = 0; i < self->asking->len; i++)
    {
      PbDropNotice *notice = self->asking->pdata[i];
      PbSubmissionSent func = g_steal_pointer (&notice->func);

      func (NULL, error, notice->user_data);
    }
  g_ptr_array_set_size (self->asking, 0);
}

void
pb_drop_notices_free (PbDropNotices *self)
{
  if (self == NULL)
    return;
  pb_drop_notices_close (self);
  g_ptr_array_unref (self->asking);
  g_hash_table_unref (self->told);
  g_free (self);
}

PbDropNotice *
pb_drop_notice_new (PbDropNotices *notices, const char *reason)
{
  PbDropNotice *self = g_new0 (PbDropNotice, 1);

  self->notices = notices;
  self->snapshot = pb_registry_snapshot (notices->registry);
  self->reason = g_strdup (reason);
  self->text = -1;
  return self;
}

void
pb_drop_notice_free (PbDropNotice *self)
{
  if (self == NULL)
    return;
  if (self->text >= 0)
    close (self->text);
  pb_snapshot_unref (self->snapshot);
  g_free (self->reason);
  g_free (self->to);
  g_free (self);
}

/* ---- on the keeper's thread ---- */

/* Up to @room octets from @offset; NULL when they cannot be read. (transfer full) */
static GString *
read_piece (int fd, guint64 offset, gsize room)
{
  g_autofree char *buffer = g_try_malloc (room);
  gsize got = 0;
  ssize_t n = 1;

  if (buffer == NULL)
    return NULL;
  while (got < room && n > 0)
    {
      n = pread (fd, buffer + got, room - got, (off_t) (offset + got));
      if (n < 0 && errno == EINTR)
        n = 1;
      else
        got += (gsize) MAX (n, 0);
    }
  return n < 0 ? NULL : g_string_new_len (buffer, (gssize) got);
}

/* The header section that @text begins with, with CRLF. (transfer full) */
static GString *
take_head (const GString *text)
{
  GString *head = g_string_sized_new (text->len);
  const char *line = text->str, *end = text->str + text->len;

  while (line < end)
    {
      const char *feed = memchr (line, '\n', (gsize) (end - line));
      const char *stop = feed != NULL ? feed : end;
      gsize length = (gsize) (stop - line);

      if (length > 0 && line[length - 1] == '\r')
        length--;
      if (length == 0)
        break;
      g_string_append_len (head, line, (gssize) length);
      g_string_append (head, "\r\n");
      line = stop + 1;
    }
  return head;
}

static gboolean
is_wanted (const PbDropFile *file)
{
  return !g_str_equal (file->sender, "<>") && (file->notify == NULL || strstr (file->notify, "FAILURE") != NULL);
}

/* The enhanced code of the reply in @reason, as one of a failure: what was put off as too much is over here. */
static void
find_status (const char *reason, char status[12])
{
  g_autoptr (GRegex) regex = g_regex_new ("\\b[45]\\d\\d [45](\\.\\d{1,3}\\.\\d{1,3})\\b", 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  g_autofree char *rest = NULL;

  if (g_regex_match (regex, reason, 0, &match))
    rest = g_match_info_fetch (match, 1);
  g_snprintf (status, 12, "5%s", rest != NULL ? rest : ".0.0");
}

static PbEnvelope *
make_envelope (const PbDropNotice *self, const PbDropFile *file)
{
  PbEnvelope *envelope = pb_envelope_new (0);
  guint n = MIN (file->recipients->len, MAX_RECIPIENTS);

  /* It never was in the queue. */
  envelope->id_text[0] = '\0';
  envelope->sender = g_strconcat (self->to, "@", self->snapshot->values.general_hostname, NULL);
  envelope->n_recipients = n;
  envelope->recipients = g_new0 (PbRecipient, n);
  for (guint i = 0; i < n; i++)
    envelope->recipients[i].address = g_strdup (file->recipients->pdata[i]);
  envelope->ret = PB_RET_HDRS;
  envelope->client = g_strdup ("local");
  return envelope;
}

/* (transfer full) */
static GByteArray *
write_report (const PbDropNotice *self, const PbDropFile *file, const GString *head, gint64 dropped)
{
  g_autoptr (PbEnvelope) envelope = make_envelope (self, file);
  const char *words = g_str_has_prefix (self->reason, PLACE) ? self->reason + strlen (PLACE) : self->reason;
  g_autofree char *reason = g_utf8_make_valid (words, -1);
  g_autofree char *id = g_uuid_string_random ();
  PbDsnRecipient rows[MAX_RECIPIENTS];
  char date[40], arrival[40], status[12];
  PbDsn dsn = {
    .action = PB_DSN_FAILED,
    .hostname = self->snapshot->values.general_hostname,
    .envelope = envelope,
    .recipients = rows,
    .n_recipients = envelope->n_recipients,
    .date = pb_clock_format_date (pb_clock_wall (), date),
    .arrival_date = pb_clock_format_date (dropped, arrival),
    .id_text = id,
    .original = head->str,
    .original_length = head->len,
  };

  find_status (reason, status);
  for (guint i = 0; i < envelope->n_recipients; i++)
    rows[i] = (PbDsnRecipient){ .recipient = i, .status = status, .reply = reason };
  return pb_dsn_build (&dsn);
}

void
pb_drop_notice_write (PbDropNotice *self, int fd)
{
  g_autoptr (GString) start = NULL, body = NULL, head = NULL;
  g_autoptr (PbDropFile) file = NULL;
  g_autoptr (GByteArray) text = NULL;
  g_autoptr (GError) error = NULL;
  struct stat status;
  gsize at = 0;

  if (fstat (fd, &status) != 0)
    return;
  start = read_piece (fd, 0, (gsize) CLAMP (status.st_size, 1, PB_DROP_HEAD_MAX));
  file = start != NULL ? pb_drop_file_parse (start->str, start->len, &at, NULL) : NULL;
  body = file != NULL && is_wanted (file) ? read_piece (fd, at, MAX_HEAD) : NULL;
  if (body == NULL)
    return;
  self->owner = status.st_uid;
  self->to = pb_submitter_name (status.st_uid);
  head = take_head (body);
  text = write_report (self, file, head, (gint64) status.st_mtime * G_USEC_PER_SEC);
  self->text = memfd_create ("notice", MFD_CLOEXEC);
  if (self->text >= 0 && pb_fs_write_all (self->text, text->data, text->len, &error))
    return;
  pb_log (PB_LOG_ERROR, "drop-notice", "reason", error != NULL ? error->message : g_strerror (errno), NULL);
  if (self->text >= 0)
    close (g_steal_fd (&self->text));
}

/* ---- on the main thread ---- */

/* Returns: FALSE when the owner was told often enough. */
static gboolean
count (PbDropNotices *self, guint32 owner)
{
  gint64 hour = pb_clock_monotonic () / G_USEC_PER_SEC / HOUR;
  guint n;

  if (hour != self->hour)
    g_hash_table_remove_all (self->told);
  self->hour = hour;
  n = GPOINTER_TO_UINT (g_hash_table_lookup (self->told, GUINT_TO_POINTER (owner)));
  if (n < MAX_AN_HOUR)
    g_hash_table_insert (self->told, GUINT_TO_POINTER (owner), GUINT_TO_POINTER (n + 1));
  return n < MAX_AN_HOUR;
}

/* It is tried again, and counts then. */
static void
count_back (PbDropNotices *self, guint32 owner)
{
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (self->told, GUINT_TO_POINTER (owner)));

  if (n > 0)
    g_hash_table_insert (self->told, GUINT_TO_POINTER (owner), GUINT_TO_POINTER (n - 1));
}

static void
end (PbDropNotice *self, const char *id, const GError *error)
{
  PbSubmissionSent func = self->func;
  gpointer user_data = self->user_data;

  if (error != NULL)
    count_back (self->notices, self->owner);
  pb_drop_notice_free (self);
  func (id, error, user_data);
}

static void
end_busy (PbDropNotice *self, const char *why)
{
  g_autoptr (GError) error = g_error_new (PB_ERROR, PB_ERROR_BUSY, "drop: %s", why);

  end (self, NULL, error);
}

static void
on_sent (const char *id, const GError *error, gpointer user_data)
{
  PbDropNotice *self = user_data;

  if (g_error_matches (error, PB_ERROR, PB_ERROR_BUSY) || g_error_matches (error, PB_ERROR, PB_ERROR_UNAVAILABLE))
    {
      end (self, NULL, error);
      return;
    }
  if (error == NULL)
    pb_log (PB_LOG_INFO, "drop-notice", "queue-id", id, "to", self->to, NULL);
  else
    pb_log (PB_LOG_ERROR, "drop-notice", "reason", error->message, NULL);
  end (self, id, NULL);
}

static void
submit (PbDropNotice *self)
{
  int fd = dup (self->text);
  PbSubmissionMail *mail;

  if (fd < 0)
    {
      end_busy (self, g_strerror (errno));
      return;
    }
  mail = pb_submission_mail_new ((guint32) geteuid (), fd);
  mail->sender = g_strdup ("<>");
  mail->recipients = g_new0 (char *, 2);
  mail->recipients[0] = g_strdup (self->to);
  pb_submitter_send (self->notices->submitter, mail, on_sent, self);
}

/* Who has no mailbox here is told of nothing by mail: the postmaster is. */
static void
on_mailbox_found (const PbLocal *found, gpointer user_data)
{
  PbDropNotice *self = user_data;

  if (self->func == NULL)
    {
      pb_drop_notice_free (self);
      return;
    }
  g_ptr_array_remove_fast (self->notices->asking, self);
  if (found->kind == PB_LOCAL_PENDING)
    {
      end_busy (self, "whose mailbox this is cannot be looked up now");
      return;
    }
  if (found->kind == PB_LOCAL_UNKNOWN || found->kind == PB_LOCAL_NOT_LOCAL)
    {
      g_free (self->to);
      self->to = g_strdup (PB_LOCAL_POSTMASTER);
    }
  submit (self);
}

void
pb_drop_notice_send (PbDropNotice *self, PbSubmissionSent func, gpointer user_data)
{
  self->func = func;
  self->user_data = user_data;
  if (self->text >= 0 && !count (self->notices, self->owner))
    {
      pb_log (PB_LOG_WARNING, "drop-notice", "reason", "its owner was told of enough refused messages in this hour", NULL);
      close (g_steal_fd (&self->text));
    }
  if (self->text < 0)
    {
      end (self, NULL, NULL);
      return;
    }
  g_ptr_array_add (self->notices->asking, self);
  pb_snapshot_find_local (self->snapshot, TRUE, self->to, self->snapshot->values.general_hostname,
                          self->notices->mailbox, on_mailbox_found, self);
}
