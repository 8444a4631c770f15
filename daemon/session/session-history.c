/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a session hands in to the history: each message, taken or not, each refusal before there was one, with
 * the trail of what was judged.
 *
 * Called where a message is answered, a refusal is said or a transaction ends, on the session's thread. One
 * record a transaction: refused recipients are gathered in it until its end. The history takes a record
 * without waiting; without a history nothing is gathered. What one client can cause to be kept is bounded.
 */
#include "session/session-private.h"

#include "util/clock.h"
#include <arpa/inet.h>
#include <string.h>

#define MAX_NAMES   64  /* RCPT commands whose recipient is remembered by its number */
#define MAX_REFUSED 500 /* recipients of one transaction, dropped ones with them */
#define MAX_BARE    20  /* refusals of one connection outside of transactions */

/* A recipient who was refused, or by a rule taken and dropped, which the client is not told. */
typedef struct
{
  char *address; /* (owned) */
  PbHistoryEvent event;
  const char *check; /* (static) */
  char *reply; /* (owned) (nullable) */
} Refused;

/* Made with the first recipient; the transaction's. */
struct _PbSessionNotes
{
  GPtrArray *names; /* (owned) (element-type utf8) by the number of their RCPT; NULL where that was no address */
  GArray *refused;  /* (owned) of Refused */
  PbHistoryMessage *message; /* (owned) (nullable) with the trail, while the store makes the message safe */
  gboolean recorded;
};

static PbHistory *
find_history (PbSession *self)
{
  return self->shard->server->wiring.history;
}

static void
clear_refused (gpointer data)
{
  Refused *refused = data;

  g_free (refused->address);
  g_free (refused->reply);
}

static PbSessionNotes *
find_notes (PbSession *self)
{
  PbTransaction *transaction = self->transaction;
  PbSessionNotes *notes = transaction->notes;

  if (notes != NULL)
    return notes;
  notes = g_new0 (PbSessionNotes, 1);
  notes->names = g_ptr_array_new_with_free_func (g_free);
  notes->refused = g_array_new (FALSE, FALSE, sizeof (Refused));
  g_array_set_clear_func (notes->refused, clear_refused);
  transaction->notes = notes;
  return notes;
}

void
pb_session_notes_free (PbSessionNotes *self)
{
  g_ptr_array_unref (self->names);
  g_array_unref (self->refused);
  g_clear_pointer (&self->message, pb_history_message_free);
  g_free (self);
}

/* As it went over the wire, without its end. (transfer full) */
static char *
reply_text (PbReplyId id, const char *detail)
{
  GString *line;

  if (id == PB_REPLY_NONE)
    return NULL;
  line = g_string_new (NULL);
  pb_reply_append (line, id, detail);
  while (line->len > 0 && g_ascii_isspace (line->str[line->len - 1]))
    g_string_truncate (line, line->len - 1);
  return g_string_free (line, FALSE);
}

/* ---- the trail ---- */

static const char *
recipient_name (const PbSessionNotes *notes, int index)
{
  if (notes == NULL || index < 0 || (guint) index >= notes->names->len)
    return NULL;
  return notes->names->pdata[index];
}

static void
add_lines (PbHistoryMessage *message, const PbTrail *trail, const PbSessionNotes *notes,
           gint64 time)
{
  for (guint i = 0; trail != NULL && i < pb_trail_length (trail); i++)
    {
      const PbVerdict *verdict = pb_trail_get (trail, i);
      g_autofree char *reply = reply_text (verdict->reply, NULL);
      const PbHistoryLine line = {
        .time = verdict->stage == PB_STAGE_END_OF_DATA ? message->time : time,
        .stage = pb_stage_name (verdict->stage),
        .check = verdict->check,
        .outcome = pb_outcome_name (verdict->outcome),
        .recipient = recipient_name (notes, verdict->recipient),
        .reply = reply,
        .evidence = verdict->evidence,
      };

      pb_history_message_add_line (message, &line);
    }
}

/* ---- records ---- */

/* What is known of the client, and of the message once there is a transaction. */
static PbHistoryMessage *
start_record (PbSession *self, guint64 id)
{
  PbHistoryMessage *message = pb_history_message_new (id);
  PbTransaction *transaction = self->transaction;
  char ip[INET6_ADDRSTRLEN];

  message->time = pb_clock_wall ();
  message->client = g_strdup (pb_session_client_text (self, ip, sizeof ip));
  message->helo = g_strdup (self->helo);
  message->login = g_strdup (self->login);
  add_lines (message, self->trail, NULL, self->came);
  if (transaction == NULL)
    return message;
  message->size = transaction->size;
  message->sender =
    g_strdup (transaction->mail.sender != NULL ? transaction->mail.sender->text : "");
  message->message_id = g_strdup (transaction->header.message_id);
  add_lines (message, transaction->trail, transaction->notes, transaction->came);
  return message;
}

/* The accepted ones come first: attempts at delivery call them by their number. */
static void
add_refused (PbHistoryMessage *message, const PbSessionNotes *notes)
{
  for (guint i = 0; notes != NULL && i < notes->refused->len; i++)
    {
      const Refused *refused = &g_array_index (notes->refused, Refused, i);

      pb_history_message_add_recipient (message, refused->address, NULL, refused->event,
                                        refused->check, refused->reply);
      if (message->check == NULL || refused->event == PB_HISTORY_DISCARDED)
        message->check = refused->check;
      if (message->reply == NULL)
        message->reply = g_strdup (refused->reply);
    }
}

/* Recipients that were taken and whose message never came. */
static void
add_stranded (PbHistoryMessage *message, const PbTransaction *transaction, PbHistoryEvent event)
{
  for (guint i = 0; i < transaction->recipients->len; i++)
    pb_history_message_add_recipient (
      message, g_array_index (transaction->recipients, PbRecipient, i).address, NULL, event, NULL,
      NULL);
}

guint64
pb_session_record_id (PbSession *self)
{
  PbTransaction *transaction = self->transaction;

  if (transaction == NULL)
    return pb_store_next_id (self->shard->server->wiring.store);
  if (transaction->id == 0)
    transaction->id = pb_store_next_id (self->shard->server->wiring.store);
  return transaction->id;
}

void
pb_session_record_name (PbSession *self, const char *address)
{
  PbSessionNotes *notes;

  if (find_history (self) == NULL)
    return;
  notes = find_notes (self);
  if (notes->names->len >= MAX_NAMES)
    return;
  g_ptr_array_add (notes->names, g_strdup (address));
  self->transaction->note_octets += sizeof (char *) + (address != NULL ? strlen (address) + 1 : 0);
}

/* The whole transaction ends in @event. */
static void
record_transaction (PbSession *self, PbHistoryEvent event, const char *check, const char *reply)
{
  PbTransaction *transaction = self->transaction;
  PbSessionNotes *notes = find_notes (self);
  PbHistoryMessage *message;

  if (notes->recorded)
    return;
  notes->recorded = TRUE;
  message = start_record (self, pb_session_record_id (self));
  message->event = event;
  message->check = check;
  message->reply = g_strdup (reply);
  add_stranded (message, transaction, event);
  add_refused (message, notes);
  pb_history_add_message (find_history (self), message);
}

static void
record_bare_refusal (PbSession *self, guint64 id, const PbDecision *decision)
{
  PbHistoryMessage *message;

  if (self->recorded >= MAX_BARE)
    return;
  self->recorded++;
  message = start_record (self, id);
  message->event = PB_HISTORY_REFUSED;
  message->check = decision->check;
  message->reply = reply_text (decision->reply, decision->detail);
  pb_history_add_message (find_history (self), message);
}

/* What one transaction may cause to be kept is bounded. */
static void
note_recipient (PbSession *self, Refused *refused)
{
  PbSessionNotes *notes = find_notes (self);

  if (notes->refused->len >= MAX_REFUSED)
    {
      clear_refused (refused);
      return;
    }
  self->transaction->note_octets += sizeof *refused + strlen (refused->address) + 1
                                    + (refused->reply != NULL ? strlen (refused->reply) + 1 : 0);
  g_array_append_val (notes->refused, *refused);
}

void
pb_session_record_discarded (PbSession *self, const PbDecision *decision, const char *recipient)
{
  Refused refused = { g_strdup (recipient), PB_HISTORY_DISCARDED, decision->check, NULL };

  if (find_history (self) != NULL)
    note_recipient (self, &refused);
  else
    clear_refused (&refused);
}

void
pb_session_record_refusal (PbSession *self, guint64 id, const PbDecision *decision,
                           const char *recipient)
{
  g_autofree char *reply = NULL;

  if (find_history (self) == NULL)
    return;
  if (self->transaction == NULL)
    {
      record_bare_refusal (self, id, decision);
      return;
    }
  reply = reply_text (decision->reply, decision->detail);
  if (recipient != NULL)
    {
      Refused refused = { g_strdup (recipient), PB_HISTORY_REFUSED, decision->check,
                          g_steal_pointer (&reply) };

      note_recipient (self, &refused);
      return;
    }
  record_transaction (self, PB_HISTORY_REFUSED, decision->check, reply);
}

void
pb_session_record_cut_off (PbSession *self, const char *reason)
{
  if (find_history (self) != NULL && self->transaction != NULL)
    record_transaction (self, PB_HISTORY_BROKEN_OFF, NULL, reason);
}

void
pb_session_record_submitted (PbSession *self)
{
  if (find_history (self) != NULL)
    find_notes (self)->message = start_record (self, self->transaction->id);
}

void
pb_session_record_taken (PbSession *self, const PbEnvelope *envelope)
{
  PbSessionNotes *notes;
  PbHistoryMessage *message;
  g_autofree char *reply = NULL;
  PbHistoryLine taken = { .stage = "queue", .check = "", .outcome = "pass" };

  if (find_history (self) == NULL || self->transaction == NULL)
    return;
  notes = find_notes (self);
  message = g_steal_pointer (&notes->message);
  if (message == NULL)
    return;
  notes->recorded = TRUE;
  message->time = envelope->arrival;
  message->size = envelope->size;
  g_free (message->message_id);
  message->message_id = g_strdup (envelope->message_id);
  taken.time = pb_clock_wall ();
  taken.reply = reply = reply_text (PB_REPLY_QUEUED, envelope->id_text);
  pb_history_message_add_line (message, &taken);
  message->reply = g_steal_pointer (&reply);
  for (guint i = 0; i < envelope->n_recipients; i++)
    {
      g_autofree char *original = pb_recipient_original (&envelope->recipients[i]);

      pb_history_message_add_recipient (message, envelope->recipients[i].address, original,
                                        PB_HISTORY_ACCEPTED, NULL, NULL);
    }
  add_refused (message, notes);
  pb_history_add_message (find_history (self), message);
}

/* The whole message, by what its end was judged. */
static gboolean
is_dropped (const PbTrail *trail)
{
  for (guint i = 0; trail != NULL && i < pb_trail_length (trail); i++)
    if (pb_trail_get (trail, i)->outcome == PB_OUTCOME_DISCARDED
        && pb_trail_get (trail, i)->stage == PB_STAGE_END_OF_DATA)
      return TRUE;
  return FALSE;
}

static gboolean
has_discarded (const PbSessionNotes *notes)
{
  for (guint i = 0; i < notes->refused->len; i++)
    if (g_array_index (notes->refused, Refused, i).event == PB_HISTORY_DISCARDED)
      return TRUE;
  return FALSE;
}

void
pb_session_record_rest (PbSession *self)
{
  PbTransaction *transaction = self->transaction;
  PbSessionNotes *notes = transaction->notes;
  PbHistoryEvent event;

  if (find_history (self) == NULL || notes == NULL || notes->recorded)
    return;
  if (is_dropped (transaction->trail))
    event = PB_HISTORY_DISCARDED;
  else if (notes->refused->len == 0)
    return;
  else if (transaction->recipients->len > 0)
    event = PB_HISTORY_BROKEN_OFF;
  else
    event = has_discarded (notes) ? PB_HISTORY_DISCARDED : PB_HISTORY_REFUSED;
  record_transaction (self, event, NULL, NULL);
}
