/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is handed in to the history, as plain structs: made by sessions and the queue on their threads,
 * read by the history's writer. Nothing here touches a file. Every record is bounded, so that a flood of
 * refusals in one session cannot fill the memory that all records share.
 */
#include "store/history-private.h"

#include "protocol/text.h"

#include <string.h>

#define MAX_QUIET      200 /* lines of a message; more of them are kept only when they refuse */
#define MAX_LINES      400
#define MAX_TEXT       1024 /* octets of a reply or a line's evidence */
#define MAX_TRANSCRIPT 8192

static const char *const event_names[PB_N_HISTORY_EVENTS] = {
  [PB_HISTORY_ACCEPTED] = "accepted",     [PB_HISTORY_REFUSED] = "refused",
  [PB_HISTORY_DELIVERED] = "delivered",   [PB_HISTORY_DEFERRED] = "deferred",
  [PB_HISTORY_BOUNCED] = "bounced",       [PB_HISTORY_DISCARDED] = "discarded",
  [PB_HISTORY_BROKEN_OFF] = "broken-off", [PB_HISTORY_REMOVED] = "removed",
};

const char *
pb_history_event_name (PbHistoryEvent event)
{
  return event < PB_N_HISTORY_EVENTS ? event_names[event] : "unknown";
}

gboolean
pb_history_event_parse (const char *name, PbHistoryEvent *event)
{
  for (guint i = 0; i < PB_N_HISTORY_EVENTS; i++)
    if (strcmp (event_names[i], name) == 0)
      {
        *event = i;
        return TRUE;
      }
  return FALSE;
}

/* What of the recipients a message is called by: what needs a look comes first. */
PbHistoryEvent
pb_history_summary (PbHistoryEvent own, guint events)
{
  static const PbHistoryEvent by_weight[] = {
    PB_HISTORY_BOUNCED,   PB_HISTORY_DEFERRED,  PB_HISTORY_ACCEPTED, PB_HISTORY_REMOVED,
    PB_HISTORY_DELIVERED, PB_HISTORY_DISCARDED, PB_HISTORY_REFUSED,  PB_HISTORY_BROKEN_OFF,
  };

  if (own != PB_HISTORY_ACCEPTED)
    return own;
  for (guint i = 0; i < G_N_ELEMENTS (by_weight); i++)
    if ((events & (1u << by_weight[i])) != 0)
      return by_weight[i];
  return PB_HISTORY_ACCEPTED;
}

/* ---- texts in one ---- */

/* GLib's own is a call with many questions, for a few octets, some sixty times a message. */
static void
append (GString *packed, const char *text, gsize length)
{
  if (packed->len + length >= packed->allocated_len)
    {
      g_string_append_len (packed, text, (gssize) length);
      return;
    }
  memcpy (packed->str + packed->len, text, length);
  packed->len += length;
  packed->str[packed->len] = '\0';
}

void
pb_history_pack (GString *packed, const char *text, gsize max)
{
  gsize before = packed->len;

  if (text == NULL)
    {
      g_string_append_c (packed, PB_HISTORY_FIELD_END);
      return;
    }
  append (packed, text, strnlen (text, max));
  for (char *c = packed->str + before; *(c += strcspn (c, "\x1f\x1e")) != '\0';)
    *c = '?';
  g_string_append_c (packed, PB_HISTORY_FIELD_END);
}

/* Of our own words, which have no marks. */
static void
pack_word (GString *packed, const char *word)
{
  append (packed, word, strlen (word));
  g_string_append_c (packed, PB_HISTORY_FIELD_END);
}

void
pb_history_pack_number (GString *packed, gint64 number)
{
  char digits[24];
  char *at = digits + sizeof digits;
  guint64 left = number > 0 ? (guint64) number : 0;

  do
    *--at = (char) ('0' + left % 10);
  while ((left /= 10) != 0);
  append (packed, at, (gsize) (digits + sizeof digits - at));
  g_string_append_c (packed, PB_HISTORY_FIELD_END);
}

gboolean
pb_history_unpack (char **rest, const char **fields, guint n)
{
  char *at = *rest;
  guint i = 0;

  if (at == NULL || *at == '\0')
    return FALSE;
  for (guint field = 0; field < n; field++)
    fields[field] = "";
  while (*at != '\0' && *at != PB_HISTORY_ROW_END)
    {
      char *end = at + strcspn (at, "\x1f\x1e");

      if (i < n)
        fields[i++] = at;
      at = end;
      if (*at == PB_HISTORY_FIELD_END)
        *at++ = '\0';
    }
  if (*at == PB_HISTORY_ROW_END)
    *at++ = '\0';
  *rest = at;
  return TRUE;
}

/* ---- messages ---- */

static void
clear_recipient (gpointer data)
{
  PbHistoryRecipient *recipient = data;

  g_free (recipient->address);
  g_free (recipient->original);
  g_free (recipient->reply);
}

PbHistoryMessage *
pb_history_message_new (guint64 id)
{
  PbHistoryMessage *self = g_new0 (PbHistoryMessage, 1);

  self->id = id;
  self->recipients = g_array_new (FALSE, FALSE, sizeof (PbHistoryRecipient));
  g_array_set_clear_func (self->recipients, clear_recipient);
  return self;
}

void
pb_history_message_free (PbHistoryMessage *self)
{
  if (self == NULL)
    return;
  g_free (self->client);
  g_free (self->helo);
  g_free (self->login);
  g_free (self->sender);
  g_free (self->message_id);
  g_free (self->reply);
  g_array_unref (self->recipients);
  if (self->trail != NULL)
    g_string_free (self->trail, TRUE);
  g_free (self);
}

void
pb_history_message_add_recipient (PbHistoryMessage *self, const char *address, const char *original,
                                  PbHistoryEvent event, const char *check, const char *reply)
{
  PbHistoryRecipient recipient = {
    .address = g_strdup (address),
    .original = g_strdup (original),
    .event = event,
    .check = check,
    .reply = g_strdup (reply),
  };

  g_array_append_val (self->recipients, recipient);
}

/* Says the least: passed, exempt, skipped. */
static gboolean
is_quiet (const PbHistoryLine *line)
{
  return strcmp (line->outcome, "pass") == 0 || strcmp (line->outcome, "exempt") == 0
         || strcmp (line->outcome, "skipped") == 0;
}

static void
cut (char *text, gsize max)
{
  if (text != NULL && strlen (text) > max)
    text[max] = '\0';
}

void
pb_history_message_add_line (PbHistoryMessage *self, const PbHistoryLine *line)
{
  if (self->n_lines >= (is_quiet (line) ? MAX_QUIET : MAX_LINES))
    return;
  if (self->trail == NULL)
    self->trail = g_string_sized_new (1024);
  self->n_lines++;
  if (line->time == self->line_time)
    g_string_append_c (self->trail, PB_HISTORY_FIELD_END);
  else
    pb_history_pack_number (self->trail, line->time);
  self->line_time = line->time;
  pack_word (self->trail, line->stage);
  pack_word (self->trail, line->check);
  pack_word (self->trail, line->outcome);
  pb_history_pack (self->trail, line->recipient, MAX_TEXT);
  pb_history_pack (self->trail, line->reply, MAX_TEXT);
  pb_history_pack (self->trail, line->evidence, MAX_TEXT);
  g_string_append_c (self->trail, PB_HISTORY_ROW_END);
}

/* ---- attempts ---- */

PbHistoryAttempt *
pb_history_attempt_new (guint64 id, guint n_results)
{
  PbHistoryAttempt *self = g_new0 (PbHistoryAttempt, 1);

  self->id = id;
  self->results = g_new0 (PbHistoryResult, n_results);
  self->n_results = n_results;
  return self;
}

void
pb_history_attempt_free (PbHistoryAttempt *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_results; i++)
    g_free (self->results[i].reply);
  g_free (self->results);
  g_free (self->remote);
  g_free (self->transcript);
  g_free (self);
}

/* ---- records ---- */

void
pb_history_op_free (PbHistoryOp *self)
{
  switch (self->kind)
    {
    case PB_HISTORY_OP_MESSAGE:
      pb_history_message_free (self->message);
      break;
    case PB_HISTORY_OP_ATTEMPT:
    case PB_HISTORY_OP_REMOVED:
      pb_history_attempt_free (self->attempt);
      break;
    }
  g_free (self);
}

static gsize
length (const char *text)
{
  return text != NULL ? strlen (text) + 16 : 0;
}

static gsize
message_octets (const PbHistoryMessage *message)
{
  gsize octets = sizeof *message + sizeof (GArray) + length (message->client)
                 + length (message->helo) + length (message->login) + length (message->sender)
                 + length (message->message_id) + length (message->reply)
                 + (message->trail != NULL ? message->trail->allocated_len : 0);

  for (guint i = 0; i < message->recipients->len; i++)
    {
      const PbHistoryRecipient *recipient =
        &g_array_index (message->recipients, PbHistoryRecipient, i);

      octets += sizeof *recipient + length (recipient->address) + length (recipient->original)
                + length (recipient->reply);
    }
  return octets;
}

static gsize
attempt_octets (const PbHistoryAttempt *attempt)
{
  gsize octets = sizeof *attempt + length (attempt->remote) + length (attempt->transcript);

  for (guint i = 0; i < attempt->n_results; i++)
    octets += sizeof attempt->results[i] + length (attempt->results[i].reply);
  return octets;
}

void
pb_history_op_measure (PbHistoryOp *self)
{
  gsize octets = sizeof *self + sizeof (GList);

  switch (self->kind)
    {
    case PB_HISTORY_OP_MESSAGE:
      octets += message_octets (self->message);
      break;
    case PB_HISTORY_OP_ATTEMPT:
      cut (self->attempt->transcript, MAX_TRANSCRIPT);
      octets += attempt_octets (self->attempt);
      break;
    case PB_HISTORY_OP_REMOVED:
      octets += attempt_octets (self->attempt);
      break;
    }
  self->octets = octets;
}

gboolean
pb_history_op_strip (PbHistoryOp *self)
{
  gboolean any = FALSE;

  switch (self->kind)
    {
    case PB_HISTORY_OP_MESSAGE:
      any = self->message->trail != NULL;
      if (any)
        g_string_free (g_steal_pointer (&self->message->trail), TRUE);
      break;
    case PB_HISTORY_OP_ATTEMPT:
      any = self->attempt->transcript != NULL;
      g_clear_pointer (&self->attempt->transcript, g_free);
      break;
    case PB_HISTORY_OP_REMOVED:
      break;
    }
  if (any)
    pb_history_op_measure (self);
  return any;
}

void
pb_history_filter_free (PbHistoryFilter *self)
{
  if (self == NULL)
    return;
  g_free (self->text);
  g_free (self->sender);
  g_free (self->recipient);
  g_free (self->client);
  g_free (self->check);
  g_free (self);
}
