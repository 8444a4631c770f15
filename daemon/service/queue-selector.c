/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Filters of Queue.List and selectors of the actions, read from what the bus brings.
 *
 * Called by the Queue object. Every key is known, typed and capped, or the call is refused with its place.
 * An action on everything must be asked for in so many words, so that a shell variable that happens to be
 * empty empties no queue. The caller owns what is returned.
 */
#include "service/queue-selector.h"

#include "dbus/errors.h"

#include <string.h>

#define MAX_IDS  10000
#define MAX_TEXT 4096

static gboolean
take_ids (PbQueueFilter *filter, const char *place, GVariant *value, GError **error)
{
  g_autofree const char **ids = NULL;

  if (g_variant_n_children (value) > MAX_IDS)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_TOO_LARGE, "%s.Ids: at most %u a call", place, MAX_IDS);
      return FALSE;
    }
  ids = g_variant_get_strv (value, &filter->n_ids);
  g_free (filter->ids);
  /* One more, so that an empty list is a filter that nothing matches, not the lack of one. */
  filter->ids = g_new0 (guint64, filter->n_ids + 1);
  for (gsize i = 0; i < filter->n_ids; i++)
    if (!pb_queue_id_parse (ids[i], &filter->ids[i]))
      {
        g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s.Ids: “%.40s” is no queue id", place,
                     ids[i]);
        return FALSE;
      }
  return TRUE;
}

static gboolean
take_state (PbQueueFilter *filter, const char *place, const char *text, GError **error)
{
  static const char *const states[] = { "active", "deferred", "held" };

  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    if (strcmp (text, states[i]) == 0)
      {
        filter->state = states[i];
        return TRUE;
      }
  g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s.State: must be active, deferred or held",
               place);
  return FALSE;
}

static gboolean
take_text (PbQueueFilter *filter, const char *place, const char *name, const char *text, GError **error)
{
  char **target = strcmp (name, "Sender") == 0        ? &filter->sender
                  : strcmp (name, "Recipient") == 0   ? &filter->recipient
                  : strcmp (name, "Destination") == 0 ? &filter->domain
                  : strcmp (name, "Search") == 0      ? &filter->search
                                                      : NULL;

  if (strlen (text) > MAX_TEXT)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_TOO_LARGE, "%s.%.40s: at most %u octets", place, name,
                   MAX_TEXT);
      return FALSE;
    }
  if (strcmp (name, "State") == 0)
    return take_state (filter, place, text, error);
  if (target == NULL)
    return FALSE;
  g_clear_pointer (target, g_free);
  if (target != &filter->search)
    *target = g_strdup (text);
  /* Nothing to look for is in everything, and spares the walk through all. */
  else if (text[0] != '\0')
    *target = g_utf8_casefold (text, -1);
  return TRUE;
}

static gboolean
take (PbQueueFilter *filter, const char *place, const char *name, GVariant *value, GError **error)
{
  GError *own = NULL;
  gboolean good;

  if (strcmp (name, "Ids") == 0 && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    return take_ids (filter, place, value, error);
  good = g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
         && take_text (filter, place, name, g_variant_get_string (value, NULL), &own);
  if (!good && own == NULL)
    g_set_error (&own, PB_ERROR, PB_ERROR_INVALID_VALUE,
                 "%s.%.40s: must be Ids (as), Sender, Recipient, Destination, State or Search (s)", place,
                 name);
  if (own != NULL)
    g_propagate_error (error, own);
  return good;
}

PbQueueFilter *
pb_queue_filter_read (const char *place, GVariant *given, GError **error)
{
  PbQueueFilter *filter = g_new0 (PbQueueFilter, 1);
  GVariantIter iter;
  const char *name;
  GVariant *value;
  gboolean good = TRUE;

  g_variant_iter_init (&iter, given);
  while (good && g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      good = take (filter, place, name, value, error);
      g_variant_unref (value);
    }
  if (good)
    return filter;
  pb_queue_filter_free (filter);
  return NULL;
}

static gboolean
says_nothing (const PbQueueFilter *filter)
{
  return filter->ids == NULL && filter->sender == NULL && filter->recipient == NULL
         && filter->domain == NULL && filter->state == NULL && filter->search == NULL;
}

PbQueueFilter *
pb_queue_selector_read (const char *place, GVariant *given, GError **error)
{
  PbQueueFilter *filter;
  gboolean all = FALSE;

  if (g_variant_n_children (given) == 1 && g_variant_lookup (given, "All", "b", &all) && all)
    return g_new0 (PbQueueFilter, 1);
  if (g_variant_lookup (given, "All", "*", NULL))
    {
      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s.All: must be true, and stand alone", place);
      return NULL;
    }
  filter = pb_queue_filter_read (place, given, error);
  if (filter == NULL || !says_nothing (filter))
    return filter;
  g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
               "%s: says of no message that it is meant; for all messages say All (b) true", place);
  pb_queue_filter_free (filter);
  return NULL;
}
