/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Delivery status notifications: gathered by the settling code, written by a worker thread (a large
 * original is read from its file), then handed to the store in one transaction with the marks they
 * belong to, and taken up by the queue like any other mail. A notice holds its recipients in memory until
 * then, so that no claim brings them again. A notice's sender is null, so nobody is told about one, but
 * for one that told of a failure and failed: that goes to the postmaster, and there it ends.
 */
#include "protocol/text.h"
#include "protocol/trace.h"
#include "queue/queue-private.h"
#include "queue/signing.h"
#include "util/clock.h"
#include "util/log.h"
#include <string.h>

/* As much of the original as a DSN could want. */
#define MAX_ORIGINAL (64 * 1024)

struct _PbNotice
{
  PbQueue *queue;          /* (owned) */
  PbQueueMessage *message; /* kept by the recipients held */
  PbEnvelope *envelope;    /* (owned) of the message spoken of */
  PbBody *body;            /* (owned) (nullable) */
  PbSnapshot *snapshot;    /* (owned) */
  PbDsnAction action;
  char *postmaster;   /* (owned) (nullable) who gets it in place of the sender */
  GArray *statuses;   /* (owned) (element-type PbRecipientStatus) */
  GArray *recipients; /* (owned) (element-type PbDsnRecipient) their strings owned */
  guint64 id;         /* the DSN's */
  GByteArray *text;   /* (owned) (nullable) */
  PbNoticeEnded func; /* (nullable) */
  gpointer user_data;
};

/* A notice of failure that fails is the postmaster's, who would otherwise never know. */
static gboolean
is_double (const PbEnvelope *envelope)
{
  return (envelope->flags & PB_ENVELOPE_TELL_POSTMASTER) != 0;
}

/* A notice that the store has, until it answers. */
typedef struct
{
  PbQueue *queue;     /* (owned) */
  PbNoticeEnded func; /* (nullable) */
  gpointer user_data;
} Settling;

gboolean
pb_notice_is_wanted (const PbEnvelope *envelope, guint recipient, PbDsnAction action)
{
  PbNotify notify = envelope->recipients[recipient].notify;

  /* Of its copies for others nobody is told. */
  if (is_double (envelope) && action == PB_DSN_FAILED)
    return (notify & PB_NOTIFY_NEVER) == 0;
  if (envelope->sender[0] == '\0')
    return FALSE;
  switch (action)
    {
    case PB_DSN_FAILED:
      return notify == PB_NOTIFY_UNSAID || (notify & PB_NOTIFY_FAILURE) != 0;
    case PB_DSN_DELAYED:
      return notify == PB_NOTIFY_UNSAID || (notify & PB_NOTIFY_DELAY) != 0;
    case PB_DSN_DELIVERED:
    case PB_DSN_RELAYED:
    case PB_DSN_EXPANDED:
      return (notify & PB_NOTIFY_SUCCESS) != 0;
    case PB_DSN_N_ACTIONS:
      break;
    }
  return FALSE;
}

PbNotice *
pb_notice_new (PbQueue *queue, PbQueueMessage *message, PbBody *body, PbDsnAction action)
{
  PbNotice *self = g_new0 (PbNotice, 1);

  self->queue = pb_queue_ref (queue);
  self->message = message;
  self->envelope = pb_envelope_ref (message->envelope);
  self->body = body != NULL ? pb_body_ref (body) : NULL;
  self->snapshot = pb_registry_snapshot (queue->parts.registry);
  self->action = action;
  if (is_double (self->envelope))
    self->postmaster =
      g_strconcat (PB_LOCAL_POSTMASTER "@", self->snapshot->values.general_hostname, NULL);
  self->statuses = g_array_new (FALSE, FALSE, sizeof (PbRecipientStatus));
  self->recipients = g_array_new (FALSE, FALSE, sizeof (PbDsnRecipient));
  return self;
}

static void
notice_free (PbNotice *self)
{
  for (guint i = 0; i < self->recipients->len; i++)
    {
      PbDsnRecipient *recipient = &g_array_index (self->recipients, PbDsnRecipient, i);

      g_free ((char *) recipient->status);
      g_free ((char *) recipient->remote_mta);
      g_free ((char *) recipient->reply);
    }
  g_array_unref (self->recipients);
  for (guint i = 0; self->statuses != NULL && i < self->statuses->len; i++)
    pb_recipient_status_clear (&g_array_index (self->statuses, PbRecipientStatus, i));
  g_clear_pointer (&self->statuses, g_array_unref);
  g_clear_pointer (&self->text, g_byte_array_unref);
  g_clear_pointer (&self->body, pb_body_unref);
  g_free (self->postmaster);
  pb_envelope_unref (self->envelope);
  pb_snapshot_unref (self->snapshot);
  pb_queue_unref (self->queue);
  g_free (self);
}

/* The host alone of "mx.example.org[192.0.2.1]:25"; NULL when no other host spoke. */
static char *
remote_host (const PbResult *result)
{
  const char *bracket = result->remote != NULL ? strchr (result->remote, '[') : NULL;
  const char *end;

  if (bracket == NULL)
    return NULL;
  end = bracket == result->remote ? strchr (bracket, ']') : bracket - 1;
  return end != NULL ? g_strndup (result->remote, (gsize) (end - result->remote + 1)) : NULL;
}

void
pb_notice_add (PbNotice *self, guint index, const PbRecipientStatus *row, const PbResult *result)
{
  PbDsnRecipient recipient = { index, g_strdup (result->status), remote_host (result),
                               g_strdup (result->reply), result->reply_is_smtp };

  if (row != NULL)
    g_array_append_val (self->statuses, *row);
  g_array_append_val (self->recipients, recipient);
  self->message->n_held++;
  self->queue->n_held++;
}

void
pb_notice_mark (PbNotice *self, const PbRecipientStatus *row)
{
  g_array_append_val (self->statuses, *row);
}

/* Marks are handed in, and then @func is somebody else's to call, or there are none: the recipients leave memory. */
static void
notice_finish (PbNotice *self, PbNoticeEnd end)
{
  PbQueue *queue = self->queue;

  if (self->func != NULL)
    self->func (end, self->user_data);

  pb_queue_message_release (queue, self->message, self->recipients->len);
  queue->n_under_way--;
  notice_free (self);
}

/* Taken from the arrays that grew into the form the store wants. */
static PbSettlement *
make_settlement (PbNotice *self)
{
  PbSettlement *settlement = g_new0 (PbSettlement, 1);

  settlement->id = self->envelope->id;
  settlement->n_statuses = self->statuses->len;
  settlement->statuses =
    (PbRecipientStatus *) (void *) g_array_free (g_steal_pointer (&self->statuses), FALSE);
  return settlement;
}

static gboolean
has_8bit (const GByteArray *text)
{
  for (guint i = 0; i < text->len; i++)
    if (text->data[i] > 0x7f)
      return TRUE;
  return FALSE;
}

static PbEnvelope *
make_envelope (PbNotice *self)
{
  PbEnvelope *envelope = pb_envelope_new (self->id);
  const char *to = self->postmaster != NULL ? self->postmaster : self->envelope->sender;

  envelope->sender = g_strdup ("");
  envelope->n_recipients = 1;
  envelope->recipients = g_new0 (PbRecipient, 1);
  envelope->recipients[0].address = g_strdup (to);
  envelope->flags = PB_ENVELOPE_BOUNCE;
  /* The report itself is plain ASCII: only a sender that cannot be written in ASCII needs SMTPUTF8 on the way back. */
  if (!pb_text_is_ascii (to, strlen (to)))
    envelope->flags |= PB_ENVELOPE_SMTPUTF8;
  if (has_8bit (self->text))
    envelope->flags |= PB_ENVELOPE_8BIT;
  if (self->action == PB_DSN_FAILED && self->postmaster == NULL)
    envelope->flags |= PB_ENVELOPE_TELL_POSTMASTER;
  envelope->arrival = pb_clock_wall ();
  envelope->size = self->text->len;
  envelope->client = g_strdup ("local");
  if (pb_snapshot_is_copied (self->snapshot, to))
    {
      g_autoptr (GByteArray) text = g_steal_pointer (&self->text);

      self->text = g_byte_array_sized_new (text->len + 128);
      pb_trace_append_copy_mark (self->text, self->snapshot->values.general_hostname);
      g_byte_array_append (self->text, text->data, text->len);
      envelope->size = self->text->len;
    }
  pb_queue_expand (envelope, self->snapshot);
  return envelope;
}

static void
on_notice_settled (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer user_data)
{
  Settling *self = user_data;
  PbQueue *queue = self->queue;

  /* Removed by hand meanwhile: of what is gone nobody is told. */
  if (error != NULL && !g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND))
    pb_log (PB_LOG_ERROR, "dsn-lost", "reason", error->message, NULL);
  else if (error == NULL)
    pb_queue_take_new (queue, envelope, body);
  if (self->func != NULL)
    self->func (error == NULL ? PB_NOTICE_SETTLED : PB_NOTICE_GONE, self->user_data);
  queue->n_under_way--;
  pb_queue_unref (queue);
  g_free (self);
}

static void
on_built (gpointer data)
{
  PbNotice *self = data;
  PbQueue *queue = self->queue;
  PbSettlement *settlement;
  Settling *settling;
  g_autofree char *evidence = NULL;

  if (queue->closed)
    {
      notice_finish (self, PB_NOTICE_GONE);
      return;
    }
  settlement = make_settlement (self);
  settlement->dsn = make_envelope (self);
  settlement->dsn_body = pb_spool_new (queue->parts.store);
  g_byte_array_append (pb_spool_buffer (settlement->dsn_body), self->text->data, self->text->len);
  pb_log (PB_LOG_INFO, "dsn", "queue-id", settlement->dsn->id_text, "of", self->envelope->id_text,
          "action", pb_dsn_action_word (self->action), "to",
          self->postmaster != NULL ? self->postmaster : self->envelope->sender, NULL);
  evidence = g_strconcat (pb_dsn_action_word (self->action), " ", self->envelope->id_text, NULL);
  pb_queue_record_own (queue, settlement->dsn, "notice", evidence);
  queue->n_under_way++;
  settling = g_new (Settling, 1);
  *settling = (Settling){ pb_queue_ref (queue), g_steal_pointer (&self->func), self->user_data };
  pb_store_settle (queue->parts.store, settlement, queue->parts.main_mailbox, on_notice_settled,
                   settling);
  notice_finish (self, PB_NOTICE_SETTLED);
}

static GByteArray *
read_original (PbBody *body)
{
  GByteArray *original = g_byte_array_new ();
  gssize got;

  if (body == NULL)
    return original;
  g_byte_array_set_size (original, (guint) MIN (pb_body_size (body), MAX_ORIGINAL));
  got = pb_body_read (body, 0, original->data, original->len, NULL);
  g_byte_array_set_size (original, got > 0 ? (guint) got : 0);
  return original;
}

/* Notices are mail of our own name: signed like that of whoever may send as it. */
static void
sign (PbNotice *self)
{
  g_autoptr (PbSigning) signing = NULL;
  g_autoptr (GString) head = NULL;

  if (self->snapshot->values.mail_auth_sign_enabled)
    signing = pb_signing_new (self->snapshot, PB_SIGNING_SIGN);
  if (signing == NULL)
    return;
  pb_signing_feed (signing, (const char *) self->text->data, self->text->len);
  if (!pb_signing_end (signing, self->snapshot, NULL, 0))
    return;
  head = g_string_new (NULL);
  pb_signing_write (signing, NULL, NULL, head);
  g_byte_array_prepend (self->text, (const guint8 *) head->str, (guint) head->len);
}

/* On the worker. */
static void
build (gpointer data)
{
  PbNotice *self = data;
  g_autoptr (GByteArray) original = read_original (self->body);
  const PbSettingValues *values = &self->snapshot->values;
  char date[40], arrival[40], until[40], id_text[PB_QUEUE_ID_TEXT];
  PbDsn dsn = {
    .action = self->action,
    .to = self->postmaster,
    .hostname = values->general_hostname,
    .envelope = self->envelope,
    .recipients = (const PbDsnRecipient *) (void *) self->recipients->data,
    .n_recipients = self->recipients->len,
    .date = pb_clock_format_date (pb_clock_wall (), date),
    .arrival_date = pb_clock_format_date (self->envelope->arrival, arrival),
    .id_text = pb_queue_id_format (self->id, id_text),
    .original = (const char *) original->data,
    .original_length = original->len,
  };

  if (self->action == PB_DSN_DELAYED)
    dsn.will_retry_until = pb_clock_format_date (
      self->envelope->arrival + (gint64) values->queueing_lifetime * G_USEC_PER_SEC, until);
  self->text = pb_dsn_build (&dsn);
  sign (self);
}

static void
run_build (PbNotice *self)
{
  self->id = pb_store_next_id (self->queue->parts.store);
  pb_pool_run (self->queue->worker, build, self->queue->parts.main_mailbox, on_built, self);
}

static void
on_body_read (PbBody *body, const GError *error, gpointer user_data)
{
  PbNotice *self = user_data;

  self->body = body;
  /* Damaged: put aside as it is; there is nothing left that could be told. */
  if (!self->queue->closed && g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT))
    notice_finish (self, PB_NOTICE_UNREADABLE);
  else if (self->queue->closed
           || g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND))
    notice_finish (self, PB_NOTICE_GONE);
  else
    run_build (self);
}

void
pb_notice_send (PbNotice *self)
{
  self->queue->n_under_way++;
  if (self->body != NULL)
    run_build (self);
  else
    pb_store_read_body (self->queue->parts.store, self->envelope->id,
                        self->queue->parts.main_mailbox, on_body_read, self);
}

void
pb_notice_send_and_tell (PbNotice *self, PbNoticeEnded func, gpointer user_data)
{
  self->func = func;
  self->user_data = user_data;
  pb_notice_send (self);
}
