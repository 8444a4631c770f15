/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which messages are meant: a filter held against rows of the table message.
 *
 * Called on the viewing thread by pages and walks. Addresses have no index, which every message would pay
 * for though most live for a second; instead a row is first looked through for the text alone and decoded
 * only if it is there, which a million rows take less than a second for.
 */
#include "store/row.h"
#include "store/store-private.h"

#include <string.h>

void
pb_queue_filter_free (PbQueueFilter *self)
{
  if (self == NULL)
    return;
  g_free (self->ids);
  g_free (self->sender);
  g_free (self->recipient);
  g_free (self->domain);
  g_free (self->search);
  g_free (self);
}

static gboolean
equal (const char *a, const char *b)
{
  return a != NULL && g_ascii_strcasecmp (a, b) == 0;
}

static gboolean
matches_recipient (const PbQueueFilter *filter, const char *address)
{
  const char *at = strrchr (address, '@');

  return (filter->recipient == NULL || equal (address, filter->recipient))
         && (filter->domain == NULL || (at != NULL && equal (at + 1, filter->domain)));
}

/* In the id, the addresses, the client and the last replies; of recipients those that still wait. */
static gboolean
matches_search (const PbQueueFilter *filter, const PbQueued *queued)
{
  const PbEnvelope *envelope = queued->envelope;
  g_autoptr (GString) text = g_string_new (envelope->id_text);
  g_autofree char *valid = NULL;
  g_autofree char *folded = NULL;

  g_string_append_printf (text, "\n%s\n%s", envelope->sender != NULL ? envelope->sender : "",
                          envelope->client != NULL ? envelope->client : "");
  for (guint i = 0; i < queued->n_statuses; i++)
    {
      const PbRecipientStatus *status = &queued->statuses[i];

      g_string_append_printf (text, "\n%s\n%s\n%s",
                              envelope->recipients[status->recipient].address,
                              status->last_reply != NULL ? status->last_reply : "",
                              status->last_remote != NULL ? status->last_remote : "");
    }
  valid = g_utf8_make_valid (text->str, (gssize) text->len);
  folded = g_utf8_casefold (valid, -1);
  return strstr (folded, filter->search) != NULL;
}

/* What is no ASCII has forms that only folding finds. */
static gboolean
may_show (const char *search, sqlite3_stmt *row)
{
  return !g_str_is_ascii (search) || pb_row_shows (row, search);
}

static gboolean
may_match (const PbQueueFilter *filter, sqlite3_stmt *row)
{
  return (filter->search == NULL || may_show (filter->search, row))
         && (filter->sender == NULL || pb_row_contains (row, filter->sender))
         && (filter->recipient == NULL || pb_row_contains (row, filter->recipient))
         && (filter->domain == NULL || pb_row_contains (row, filter->domain));
}

static gboolean
matches (const PbQueueFilter *filter, const PbQueued *queued)
{
  const PbEnvelope *envelope = queued->envelope;

  if (filter->sender != NULL && !equal (envelope->sender, filter->sender))
    return FALSE;
  if (filter->search != NULL && !matches_search (filter, queued))
    return FALSE;
  if (filter->recipient == NULL && filter->domain == NULL)
    return TRUE;
  /* Whoever has it already says nothing of what is left. */
  for (guint i = 0; i < queued->n_statuses; i++)
    if (matches_recipient (filter, envelope->recipients[queued->statuses[i].recipient].address))
      return TRUE;
  return FALSE;
}

gboolean
pb_queue_filter_reads_rows (const PbQueueFilter *self)
{
  return self != NULL
         && (self->sender != NULL || self->recipient != NULL || self->domain != NULL
             || self->search != NULL);
}

PbQueued *
pb_queue_filter_match (const PbQueueFilter *self, sqlite3_stmt *row)
{
  const char *damage = NULL;
  PbQueued *queued;
  PbClass class, wanted;

  if (self != NULL && self->state != NULL
      && (!pb_row_class (row, &class) || !pb_class_from_name (self->state, &wanted) || class != wanted))
    return NULL;
  if (self != NULL && !may_match (self, row))
    return NULL;
  queued = pb_row_decode (row, &damage);
  if (queued == NULL)
    queued = pb_row_decode_damaged (row, damage);
  if (self != NULL && !matches (self, queued))
    g_clear_pointer (&queued, pb_queued_free);
  return queued;
}
