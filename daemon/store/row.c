/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a row of the table message to what the queue and the bus see.
 *
 * Called on the reader thread by claims and pages. Nothing in a row is believed before its digest fits:
 * a row that does not is answered by NULL and the reason, and who called quarantines the message.
 */
#include "store/row.h"

#include "store/seal.h"

#include <string.h>

#define RECIPIENTS_MAX 100000

enum
{
  COLUMN_ID,
  COLUMN_ARRIVAL,
  COLUMN_N_RECIPIENTS,
  COLUMN_CLASS,
  COLUMN_ENVELOPE,
  COLUMN_STATUS,
  COLUMN_TARGET,
};

guint64
pb_row_id (sqlite3_stmt *row)
{
  return (guint64) sqlite3_column_int64 (row, COLUMN_ID);
}

gboolean
pb_row_class (sqlite3_stmt *row, PbClass *class)
{
  int value = sqlite3_column_int (row, COLUMN_CLASS);

  *class = (PbClass) value;
  return value >= 0 && value < PB_N_CLASSES;
}

static gboolean
column_contains (sqlite3_stmt *row, int column, const char *text)
{
  const char *octets = sqlite3_column_blob (row, column);
  gsize length = (gsize) sqlite3_column_bytes (row, column), wanted = strlen (text);
  int first = g_ascii_tolower (text[0]);

  for (gsize i = 0; i + wanted <= length; i++)
    if (g_ascii_tolower (octets[i]) == first
        && g_ascii_strncasecmp (octets + i, text, wanted) == 0)
      return TRUE;
  return FALSE;
}

gboolean
pb_row_contains (sqlite3_stmt *row, const char *text)
{
  return text[0] == '\0' || column_contains (row, COLUMN_ENVELOPE, text);
}

gboolean
pb_row_shows (sqlite3_stmt *row, const char *text)
{
  char id[PB_QUEUE_ID_TEXT];

  if (column_contains (row, COLUMN_ENVELOPE, text) || column_contains (row, COLUMN_STATUS, text))
    return TRUE;
  return strcasestr (pb_queue_id_format (pb_row_id (row), id), text) != NULL;
}

static guint
row_n_recipients (sqlite3_stmt *row)
{
  return (guint) CLAMP (sqlite3_column_int64 (row, COLUMN_N_RECIPIENTS), 0, RECIPIENTS_MAX);
}

static PbEnvelope *
row_envelope (sqlite3_stmt *row)
{
  const void *sealed = sqlite3_column_blob (row, COLUMN_ENVELOPE);
  gsize length = (gsize) sqlite3_column_bytes (row, COLUMN_ENVELOPE);
  const void *inner = pb_unseal (sealed, length, &length);

  return inner != NULL ? pb_envelope_deserialize (pb_row_id (row), inner, length) : NULL;
}

/* NULL when damaged. */
static PbStatusSet *
row_statuses (sqlite3_stmt *row)
{
  if (sqlite3_column_type (row, COLUMN_STATUS) == SQLITE_NULL)
    return pb_status_set_new (row_n_recipients (row), sqlite3_column_int64 (row, COLUMN_ARRIVAL));
  return pb_status_set_parse (sqlite3_column_blob (row, COLUMN_STATUS),
                              (gsize) sqlite3_column_bytes (row, COLUMN_STATUS),
                              row_n_recipients (row));
}

static PbQueued *
queued_new (PbEnvelope *envelope, PbStatusSet *set, sqlite3_stmt *row)
{
  PbQueued *queued = g_new0 (PbQueued, 1);

  queued->envelope = envelope;
  queued->statuses = pb_status_set_steal_left (set, &queued->n_statuses);
  queued->target = g_strdup ((const char *) sqlite3_column_text (row, COLUMN_TARGET));
  return queued;
}

PbQueued *
pb_row_decode (sqlite3_stmt *row, const char **damage)
{
  g_autoptr (PbEnvelope) envelope = row_envelope (row);
  g_autoptr (PbStatusSet) set = NULL;

  if (envelope == NULL || envelope->n_recipients != row_n_recipients (row))
    {
      *damage = "5.3.0 the envelope is damaged in the store";
      return NULL;
    }
  set = row_statuses (row);
  if (set == NULL)
    {
      *damage = PB_STATUS_DAMAGED;
      return NULL;
    }
  return queued_new (g_steal_pointer (&envelope), set, row);
}

PbQueued *
pb_row_decode_damaged (sqlite3_stmt *row, const char *damage)
{
  guint n = row_n_recipients (row);
  g_autoptr (PbEnvelope) envelope = row_envelope (row);
  g_autoptr (PbStatusSet) set = row_statuses (row);

  if (envelope == NULL || envelope->n_recipients != n)
    {
      g_clear_pointer (&envelope, pb_envelope_unref);
      envelope = pb_envelope_new (pb_row_id (row));
      envelope->sender = g_strdup ("");
      envelope->client = g_strdup ("local");
      envelope->arrival = sqlite3_column_int64 (row, COLUMN_ARRIVAL) * G_USEC_PER_SEC;
      envelope->recipients = g_new0 (PbRecipient, MAX (n, 1));
      envelope->n_recipients = n;
      /* RFC 2606 2: a name that can never be mistaken for somebody's. */
      for (guint i = 0; i < n; i++)
        envelope->recipients[i].address = g_strdup ("unreadable@damaged.invalid");
    }
  if (set == NULL)
    set = pb_status_set_new (n, 0);
  pb_status_set_quarantine (set, damage);
  return queued_new (g_steal_pointer (&envelope), set, row);
}

PbBody *
pb_row_file_body (sqlite3_stmt *row, int column, PbSpoolDir *directory, const char *name, guint64 size)
{
  gsize length = (gsize) sqlite3_column_bytes (row, column);
  const void *inner = pb_unseal (sqlite3_column_blob (row, column), length, &length);
  g_autoptr (GBytes) head = inner != NULL ? pb_envelope_read_head (inner, length) : NULL;
  PbBody *body;

  if (head == NULL || g_bytes_get_size (head) > size)
    return pb_body_new_file (directory, name, size);
  body = pb_body_new_file (directory, name, size - g_bytes_get_size (head));
  pb_body_add_head (body, head);
  return body;
}
