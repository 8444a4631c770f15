/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.History: what became of mail. Its state is open to all, since it tells nothing of mail; what was
 * kept needs the view action, and is read by the history's reader thread. Every argument is looked at before
 * anything is asked. What HistorySettings say is handed on to the history from here, at the start and when it changes.
 */
#include "service/bus-info.h"
#include "service/objects.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "protocol/envelope.h"

#include <string.h>

#define MAX_TEXT 1024 /* octets of a string in a filter */

struct _PbHistoryObject
{
  PbBus *bus;              /* (unowned) */
  PbHistory *history;      /* (unowned) */
  PbMailbox *main_mailbox; /* (unowned) */
  PbRegistry *registry;    /* (unowned) */
  gulong settings_handler;
};

static const char *
state_name (PbHistoryState state)
{
  switch (state)
    {
    case PB_HISTORY_OK:
      return "ok";
    case PB_HISTORY_BEHIND:
      return "behind";
    case PB_HISTORY_UNAVAILABLE:
      break;
    }
  return "unavailable";
}

static GVariant *
get_property (gpointer object, const char *property)
{
  PbHistoryObject *self = object;
  guint64 dropped;
  PbHistoryState state = pb_history_state (self->history, &dropped);

  if (strcmp (property, "State") == 0)
    return g_variant_new_string (state_name (state));
  return g_variant_new_uint64 (dropped);
}

static void
on_state (PbHistory *history, PbHistoryState state, guint64 dropped, gpointer user_data)
{
  PbHistoryObject *self = user_data;
  GVariantBuilder changed;

  g_variant_builder_init (&changed, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&changed, "{sv}", "State", g_variant_new_string (state_name (state)));
  g_variant_builder_add (&changed, "{sv}", "Dropped", g_variant_new_uint64 (dropped));
  pb_bus_emit_changed (self->bus, "History", g_variant_builder_end (&changed), NULL);
}

/* ---- limits ---- */

static void
obey_settings (PbHistoryObject *self)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);

  pb_history_set_limits (self->history, snapshot->values.history_settings_days,
                         snapshot->values.history_settings_max_mib);
}

static void
on_settings_changed (PbRegistry *registry, const char *interface, const char *const *names, gpointer user_data)
{
  if (strcmp (interface, "HistorySettings") == 0)
    obey_settings (user_data);
}

/* ---- filters ---- */

static gboolean
take_event (PbHistoryFilter *filter, const char *name, GError **error)
{
  PbHistoryEvent event;

  if (pb_history_event_parse (name, &event))
    {
      filter->events |= 1u << event;
      return TRUE;
    }
  g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
               "History.Search.Event: “%.40s” is none; must be accepted, refused, delivered, deferred, bounced, "
               "discarded, broken-off or removed",
               name);
  return FALSE;
}

static gboolean
take_events (PbHistoryFilter *filter, GVariant *value, GError **error)
{
  g_autofree const char **names = g_variant_get_strv (value, NULL);

  for (guint i = 0; names[i] != NULL; i++)
    if (!take_event (filter, names[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
take_text (char **target, const char *name, GVariant *value, GError **error)
{
  gsize length;
  const char *text = g_variant_get_string (value, &length);

  if (length > MAX_TEXT)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_TOO_LARGE, "History.Search.%s: at most %u octets", name, MAX_TEXT);
      return FALSE;
    }
  g_free (*target);
  *target = g_strdup (text);
  return TRUE;
}

static gint64 *
time_field (PbHistoryFilter *filter, const char *name)
{
  return strcmp (name, "Since") == 0 ? &filter->since : strcmp (name, "Until") == 0 ? &filter->until : NULL;
}

static char **
text_field (PbHistoryFilter *filter, const char *name)
{
  const struct
  {
    const char *name;
    char **field;
  } rows[] = {
    { "Text", &filter->text },     { "Sender", &filter->sender }, { "Recipient", &filter->recipient },
    { "Client", &filter->client }, { "Check", &filter->check },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (strcmp (rows[i].name, name) == 0)
      return rows[i].field;
  return NULL;
}

static gboolean
filter_take (PbHistoryFilter *filter, const char *name, GVariant *value, GError **error)
{
  char **text = text_field (filter, name);
  gint64 *time = time_field (filter, name);

  if (text != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return take_text (text, name, value, error);
  if (time != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    {
      *time = (gint64) MIN (g_variant_get_uint64 (value), G_MAXINT64);
      return TRUE;
    }
  if (strcmp (name, "Event") == 0 && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return take_event (filter, g_variant_get_string (value, NULL), error);
  if (strcmp (name, "Event") == 0 && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    return take_events (filter, value, error);
  g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
               "History.Search.%.40s: must be Text, Sender, Recipient, Client or Check (s), Event (s or as), Since or Until (t)",
               name);
  return FALSE;
}

static PbHistoryFilter *
read_filter (GVariant *given, GError **error)
{
  PbHistoryFilter *filter = g_new0 (PbHistoryFilter, 1);
  GVariantIter iter;
  const char *name;
  GVariant *value;
  gboolean good = TRUE;

  g_variant_iter_init (&iter, given);
  while (good && g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      good = filter_take (filter, name, value, error);
      g_variant_unref (value);
    }
  if (good)
    return filter;
  pb_history_filter_free (filter);
  return NULL;
}

/* ---- methods ---- */

static void
on_found (GVariant *rows, guint total, const GError *error, gpointer user_data)
{
  if (error != NULL)
    pb_bus_call_fail (user_data, error);
  else
    pb_bus_call_return (user_data, g_variant_new ("(u@aa{sv})", total, rows));
}

static void
handle_search (PbBusCall *call, gpointer object)
{
  PbHistoryObject *self = object;
  g_autoptr (GVariant) given = NULL;
  g_autoptr (GError) error = NULL;
  PbHistoryFilter *filter;
  guint offset, limit;

  g_variant_get (call->parameters, "(@a{sv}uu)", &given, &offset, &limit);
  filter = read_filter (given, &error);
  if (filter == NULL)
    pb_bus_call_fail (call, error);
  else
    pb_history_search (self->history, filter, offset, limit, self->main_mailbox, on_found, call);
}

static void
on_trail (GVariant *rows, guint total, const GError *error, gpointer user_data)
{
  if (error != NULL)
    pb_bus_call_fail (user_data, error);
  else
    pb_bus_call_return (user_data, g_variant_new ("(@aa{sv})", rows));
}

static void
handle_trail (PbBusCall *call, gpointer object)
{
  PbHistoryObject *self = object;
  g_autoptr (GError) error = NULL;
  const char *text;
  guint64 id;

  g_variant_get (call->parameters, "(&s)", &text);
  if (pb_queue_id_parse (text, &id))
    {
      pb_history_trail (self->history, id, self->main_mailbox, on_trail, call);
      return;
    }
  g_set_error (&error, PB_ERROR, PB_ERROR_INVALID_VALUE, "History.Trail: “%.40s” is no id", text);
  pb_bus_call_fail (call, error);
}

static const PbBusMethod methods[] = {
  { "Search", PB_ACTION_VIEW, handle_search },
  { "Trail", PB_ACTION_VIEW, handle_trail },
};

PbHistoryObject *
pb_history_object_new (PbBus *bus, PbHistory *history, PbRegistry *registry, PbMailbox *main_mailbox)
{
  PbHistoryObject *self = g_new0 (PbHistoryObject, 1);
  const PbBusInterface interface = {
    .info = &history_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .get = get_property,
    .object = self,
  };

  self->bus = bus;
  self->history = history;
  self->main_mailbox = main_mailbox;
  self->registry = registry;
  pb_bus_add (bus, &interface);
  pb_history_watch (history, main_mailbox, on_state, self);
  self->settings_handler = g_signal_connect (registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  obey_settings (self);
  return self;
}

void
pb_history_object_free (PbHistoryObject *self)
{
  g_signal_handler_disconnect (self->registry, self->settings_handler);
  pb_history_unwatch (self->history);
  g_free (self);
}
