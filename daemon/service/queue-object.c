/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Queue: what waits. Counts are kept by the store and open to all; the list is
 * read by the store's reader thread and needs the view action.
 */
#include "service/bus-info.h"
#include "service/objects.h"

#include "dbus/errors.h"
#include "dbus/names.h"

#include <string.h>

#define MAX_PAGE 500
#define MAX_IDS 10000

struct _PbQueueObject
{
  PbBus *bus;              /* (unowned) */
  PbStore *store;          /* (unowned) */
  PbMailbox *main_mailbox; /* (unowned) */
};

static const char *const states[] = { "active", "deferred", "held" };

static GVariant *
get_property (gpointer object, const char *property)
{
  PbQueueObject *self = object;
  PbQueueCounts counts;

  pb_store_counts (self->store, &counts);
  const struct
  {
    const char *name;
    guint64 value;
  } rows[] = {
    { "Active", counts.active }, { "Deferred", counts.deferred }, { "Held", counts.held },
    { "Size", counts.bytes },    { "Oldest", counts.oldest },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (strcmp (rows[i].name, property) == 0)
      return g_variant_new_uint64 (rows[i].value);
  g_return_val_if_reached (g_variant_new_uint64 (0));
}

static gboolean
filter_take_ids (PbQueueFilter *filter, GVariant *value, GError **error)
{
  g_autofree const char **ids = g_variant_get_strv (value, &filter->n_ids);

  if (filter->n_ids > MAX_IDS)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_TOO_LARGE, "Queue.List.Ids: at most %u a call", MAX_IDS);
      return FALSE;
    }
  /* One more, so that an empty list is a filter that nothing matches, not the lack of one. */
  filter->ids = g_new0 (guint64, filter->n_ids + 1);
  for (gsize i = 0; i < filter->n_ids; i++)
    if (!pb_queue_id_parse (ids[i], &filter->ids[i]))
      {
        g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "Queue.List.Ids: “%.40s” is no queue id", ids[i]);
        return FALSE;
      }
  return TRUE;
}

static gboolean
filter_take_state (PbQueueFilter *filter, GVariant *value, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    if (strcmp (g_variant_get_string (value, NULL), states[i]) == 0)
      {
        filter->state = states[i];
        return TRUE;
      }
  g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "Queue.List.State: must be active, deferred or held");
  return FALSE;
}

static void
filter_take_search (PbQueueFilter *filter, GVariant *value)
{
  const char *text = g_variant_get_string (value, NULL);

  g_free (filter->search);
  /* Nothing to look for is in everything, and spares the walk through all. */
  filter->search = text[0] != '\0' ? g_utf8_casefold (text, -1) : NULL;
}

static gboolean
filter_take (PbQueueFilter *filter, const char *name, GVariant *value, GError **error)
{
  gboolean is_string = g_variant_is_of_type (value, G_VARIANT_TYPE_STRING);

  if (strcmp (name, "Ids") == 0 && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    return filter_take_ids (filter, value, error);
  if (strcmp (name, "State") == 0 && is_string)
    return filter_take_state (filter, value, error);
  if (strcmp (name, "Search") == 0 && is_string)
    {
      filter_take_search (filter, value);
      return TRUE;
    }

  char **target = strcmp (name, "Sender") == 0        ? &filter->sender
                  : strcmp (name, "Recipient") == 0   ? &filter->recipient
                  : strcmp (name, "Destination") == 0 ? &filter->domain
                                                      : NULL;
  if (target == NULL || !is_string)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                   "Queue.List.%.40s: must be Ids (as), Sender, Recipient, Destination, State or Search (s)", name);
      return FALSE;
    }
  g_free (*target);
  *target = g_variant_dup_string (value, NULL);
  return TRUE;
}

static PbQueueFilter *
read_filter (GVariant *given, GError **error)
{
  PbQueueFilter *filter = g_new0 (PbQueueFilter, 1);
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
  pb_queue_filter_free (filter);
  return NULL;
}

static const char *
recipient_state (const PbRecipientStatus *status)
{
  switch (status->state)
    {
    case PB_RECIPIENT_QUEUED:
      return status->attempts > 0 ? "deferred" : "active";
    case PB_RECIPIENT_HELD:
      return "held";
    case PB_RECIPIENT_DELIVERED:
      return "delivered";
    case PB_RECIPIENT_FAILED:
      break;
    }
  return "failed";
}

/* D-Bus strings are UTF-8; what a remote server said need not be. */
static void
add_string (GVariantBuilder *builder, const char *key, const char *text)
{
  g_variant_builder_add (builder, "{sv}", key, g_variant_new_take_string (g_utf8_make_valid (text != NULL ? text : "", -1)));
}

static GVariant *
recipients_to_variant (const PbQueued *queued)
{
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < queued->n_statuses; i++)
    {
      const PbRecipientStatus *status = &queued->statuses[i];
      g_variant_builder_open (&list, G_VARIANT_TYPE ("a{sv}"));
      add_string (&list, "Address", queued->envelope->recipients[status->recipient].address);
      add_string (&list, "State", recipient_state (status));
      g_variant_builder_add (&list, "{sv}", "Attempts", g_variant_new_uint32 (status->attempts));
      g_variant_builder_add (&list, "{sv}", "NextAttempt", g_variant_new_uint64 (MAX (status->next_attempt, 0)));
      add_string (&list, "LastReply", status->last_reply);
      g_variant_builder_close (&list);
    }
  return g_variant_builder_end (&list);
}

/* A message is as its worst recipient: held, else deferred, else active. */
static const char *
message_state (const PbQueued *queued)
{
  const char *state = "active";

  for (guint i = 0; i < queued->n_statuses; i++)
    {
      if (queued->statuses[i].state == PB_RECIPIENT_HELD)
        return "held";
      if (queued->statuses[i].attempts > 0)
        state = "deferred";
    }
  return state;
}

static void
add_message (GVariantBuilder *messages, const PbQueued *queued)
{
  const PbEnvelope *envelope = queued->envelope;

  g_variant_builder_open (messages, G_VARIANT_TYPE ("a{sv}"));
  add_string (messages, "Id", envelope->id_text);
  add_string (messages, "Sender", envelope->sender);
  add_string (messages, "Client", envelope->client);
  add_string (messages, "State", message_state (queued));
  g_variant_builder_add (messages, "{sv}", "Arrival", g_variant_new_uint64 (envelope->arrival / G_USEC_PER_SEC));
  g_variant_builder_add (messages, "{sv}", "Size", g_variant_new_uint64 (envelope->size));
  g_variant_builder_add (messages, "{sv}", "Recipients", recipients_to_variant (queued));
  g_variant_builder_close (messages);
}

static void
on_paged (GPtrArray *queued, guint total, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;
  GVariantBuilder messages;

  if (error != NULL)
    {
      pb_bus_call_fail (call, error);
      return;
    }
  g_variant_builder_init (&messages, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < queued->len; i++)
    add_message (&messages, queued->pdata[i]);
  pb_bus_call_return (call, g_variant_new ("(u@aa{sv})", total, g_variant_builder_end (&messages)));
  g_ptr_array_unref (queued);
}

static void
handle_list (PbBusCall *call, gpointer object)
{
  PbQueueObject *self = object;
  g_autoptr (GVariant) given = NULL;
  g_autoptr (GError) error = NULL;
  guint offset, limit;

  g_variant_get (call->parameters, "(@a{sv}uu)", &given, &offset, &limit);
  PbQueueFilter *filter = read_filter (given, &error);
  if (filter == NULL)
    {
      pb_bus_call_fail (call, error);
      return;
    }
  pb_store_page (self->store, filter, offset, MIN (limit, MAX_PAGE), self->main_mailbox, on_paged, call);
}

static const PbBusMethod methods[] = {
  { "List", PB_ACTION_VIEW, handle_list },
};

PbQueueObject *
pb_queue_object_new (PbBus *bus, PbStore *store, PbMailbox *main_mailbox)
{
  PbQueueObject *self = g_new0 (PbQueueObject, 1);
  const PbBusInterface interface = {
    .info = &queue_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .get = get_property,
    .object = self,
  };

  self->bus = bus;
  self->store = store;
  self->main_mailbox = main_mailbox;
  pb_bus_add (bus, &interface);
  return self;
}

void
pb_queue_object_tell_held (PbQueueObject *self)
{
  GVariantBuilder changed;

  g_variant_builder_init (&changed, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&changed, "{sv}", "Held", get_property (self, "Held"));
  pb_bus_emit_changed (self->bus, "Queue", g_variant_builder_end (&changed), NULL);
}

void
pb_queue_object_free (PbQueueObject *self)
{
  g_free (self);
}
