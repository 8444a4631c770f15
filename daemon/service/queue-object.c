/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Queue: what waits, and what an administrator does about it. Counts are kept by the
 * store and open to all; the list, a message's octets and how it was tried are read by threads for viewing
 * and need the view action; hold, release, retry, remove and reroute are the queue's and are answered once they are
 * on disk. That something has changed is told at most once a second, without saying what. Main thread.
 */
#include "service/bus-info.h"
#include "service/objects.h"
#include "service/queue-rows.h"
#include "service/queue-selector.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "dbus/validate.h"

#include <string.h>

#define MAX_PAGE     500
#define MAX_READ     65536
#define TELL_SECONDS 1

struct _PbQueueObject
{
  PbBus *bus;              /* (unowned) */
  PbStore *store;          /* (unowned) */
  PbQueue *queue;          /* (unowned) */
  PbRegistry *registry;    /* (unowned) */
  PbHistory *history;      /* (unowned) (nullable) */
  PbMailbox *main_mailbox; /* (unowned) */
  guint tell_source;       /* while nothing more is to be told */
};

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
    { "Active", counts.active }, { "Deferred", counts.deferred },        { "Held", counts.held },
    { "Size", counts.bytes },    { "Oldest", (guint64) counts.oldest },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (strcmp (rows[i].name, property) == 0)
      return g_variant_new_uint64 (rows[i].value);
  g_return_val_if_reached (g_variant_new_uint64 (0));
}

static void
fail (PbBusCall *call, PbError code, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (PB_ERROR, (gint) code, text);

  pb_bus_call_fail (call, error);
}

/* ---- looking ---- */

/* A call that outlives the object when the service ends. */
typedef struct
{
  PbBusCall *call;
  PbRegistry *registry; /* (owned) */
} Listing;

static void
on_paged (GPtrArray *page, guint total, const GError *error, gpointer user_data)
{
  Listing *self = user_data;
  g_autoptr (GPtrArray) queued = page;
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);

  if (error != NULL)
    pb_bus_call_fail (self->call, error);
  else
    pb_bus_call_return (self->call, g_variant_new ("(u@aa{sv})", total, pb_queue_rows (queued, snapshot)));
  g_object_unref (self->registry);
  g_free (self);
}

static void
handle_list (PbBusCall *call, gpointer object)
{
  PbQueueObject *self = object;
  g_autoptr (GVariant) given = NULL;
  g_autoptr (GError) error = NULL;
  PbQueueFilter *filter;
  Listing *listing;
  guint offset, limit;

  g_variant_get (call->parameters, "(@a{sv}uu)", &given, &offset, &limit);
  if (limit > MAX_PAGE)
    {
      fail (call, PB_ERROR_TOO_LARGE, "Queue.List: at most 500 a call");
      return;
    }
  filter = pb_queue_filter_read ("Queue.List", given, &error);
  if (filter == NULL)
    {
      pb_bus_call_fail (call, error);
      return;
    }
  listing = g_new (Listing, 1);
  *listing = (Listing){ call, g_object_ref (self->registry) };
  pb_store_page (self->store, filter, offset, limit, self->main_mailbox, on_paged, listing);
}

/* Returns: FALSE: answered. */
static gboolean
take_id (PbBusCall *call, const char *place, const char *text, guint64 *id)
{
  g_autofree char *words = NULL;

  if (pb_queue_id_parse (text, id))
    return TRUE;
  words = g_strdup_printf ("%s: “%.40s” is no queue id", place, text);
  fail (call, PB_ERROR_INVALID_VALUE, words);
  return FALSE;
}

static void
on_read (GBytes *octets, guint64 size, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new ("(t@ay)", size,
                                             g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, octets, TRUE)));
}

static void
handle_read (PbBusCall *call, gpointer object)
{
  PbQueueObject *self = object;
  const char *text;
  guint64 id, offset;
  guint length;

  g_variant_get (call->parameters, "(&stu)", &text, &offset, &length);
  if (length > MAX_READ)
    fail (call, PB_ERROR_TOO_LARGE, "Queue.Read: at most 65536 octets a call");
  else if (offset > G_MAXINT64)
    fail (call, PB_ERROR_INVALID_VALUE, "Queue.Read: no message is that long");
  else if (take_id (call, "Queue.Read", text, &id))
    pb_store_read (self->store, id, offset, length, self->main_mailbox, on_read, call);
}

static void
on_attempts (GVariant *rows, guint total, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new ("(@aa{sv})", rows));
}

static void
handle_attempts (PbBusCall *call, gpointer object)
{
  PbQueueObject *self = object;
  const char *text;
  guint64 id;

  g_variant_get (call->parameters, "(&s)", &text);
  if (take_id (call, "Queue.Attempts", text, &id))
    pb_history_list_attempts (self->history, id, self->main_mailbox, on_attempts, call);
}

/* ---- acting ---- */

static void
on_acted (guint n, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new ("(u)", n));
}

/* @given (transfer full). Returns: (nullable) NULL: answered. */
static PbQueueFilter *
take_selector (PbBusCall *call, const char *place, GVariant *given)
{
  g_autoptr (GVariant) selector = given;
  g_autoptr (GError) error = NULL;
  PbQueueFilter *filter = pb_queue_selector_read (place, selector, &error);

  if (filter == NULL)
    pb_bus_call_fail (call, error);
  return filter;
}

static void
act (PbBusCall *call, PbQueueObject *self, const char *place, PbStoreChangeKind kind)
{
  PbQueueFilter *filter = take_selector (call, place, g_variant_get_child_value (call->parameters, 0));

  if (filter != NULL)
    pb_queue_act (self->queue, filter, kind, NULL, call->who, on_acted, call);
}

static void
handle_hold (PbBusCall *call, gpointer object)
{
  act (call, object, "Queue.Hold", PB_CHANGE_HOLD);
}

static void
handle_release (PbBusCall *call, gpointer object)
{
  act (call, object, "Queue.Release", PB_CHANGE_RELEASE);
}

static void
handle_retry (PbBusCall *call, gpointer object)
{
  act (call, object, "Queue.Retry", PB_CHANGE_RETRY);
}

static void
handle_remove (PbBusCall *call, gpointer object)
{
  PbQueueObject *self = object;
  PbQueueFilter *filter = take_selector (call, "Queue.Remove", g_variant_get_child_value (call->parameters, 0));
  gboolean notify;

  if (filter == NULL)
    return;
  g_variant_get_child (call->parameters, 1, "b", &notify);
  if (notify)
    pb_queue_remove_and_tell (self->queue, filter, call->who, on_acted, call);
  else
    pb_queue_act (self->queue, filter, PB_CHANGE_REMOVE, NULL, call->who, on_acted, call);
}

static void
handle_reroute (PbBusCall *call, gpointer object)
{
  PbQueueObject *self = object;
  const char *target, *words = NULL;
  PbQueueFilter *filter;

  g_variant_get_child (call->parameters, 1, "&s", &target);
  if (target[0] != '\0')
    words = pb_check (PB_CHECK_HOST_PORT, target);
  if (words != NULL)
    {
      g_autofree char *text = g_strdup_printf ("Queue.Reroute: the target %s", words);

      fail (call, PB_ERROR_INVALID_VALUE, text);
      return;
    }
  filter = take_selector (call, "Queue.Reroute", g_variant_get_child_value (call->parameters, 0));
  if (filter != NULL)
    pb_queue_act (self->queue, filter, PB_CHANGE_REROUTE, target[0] != '\0' ? target : NULL, call->who, on_acted,
                  call);
}

static const PbBusMethod methods[] = {
  { "List", PB_ACTION_VIEW, handle_list },
  { "Read", PB_ACTION_VIEW, handle_read },
  { "Attempts", PB_ACTION_VIEW, handle_attempts },
  { "Hold", PB_ACTION_MANAGE_QUEUE, handle_hold },
  { "Release", PB_ACTION_MANAGE_QUEUE, handle_release },
  { "Retry", PB_ACTION_MANAGE_QUEUE, handle_retry },
  { "Remove", PB_ACTION_MANAGE_QUEUE, handle_remove },
  { "Reroute", PB_ACTION_MANAGE_QUEUE, handle_reroute },
};

/* ---- telling ---- */

static gboolean
on_told_long_ago (gpointer user_data)
{
  PbQueueObject *self = user_data;

  self->tell_source = 0;
  pb_store_watch_next_change (self->store);
  return G_SOURCE_REMOVE;
}

PbQueueObject *
pb_queue_object_new (const PbQueueObjectParts *parts)
{
  PbQueueObject *self = g_new0 (PbQueueObject, 1);
  const PbBusInterface interface = {
    .info = &queue_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .get = get_property,
    .object = self,
  };

  self->bus = parts->bus;
  self->store = parts->store;
  self->queue = parts->queue;
  self->registry = parts->registry;
  self->history = parts->history;
  self->main_mailbox = parts->mailbox;
  pb_bus_add (self->bus, &interface);
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
pb_queue_object_tell_changed (PbQueueObject *self)
{
  pb_bus_emit (self->bus, "Queue", "Changed", g_variant_new ("()"));
  if (self->tell_source == 0)
    self->tell_source = g_timeout_add_seconds (TELL_SECONDS, on_told_long_ago, self);
}

void
pb_queue_object_free (PbQueueObject *self)
{
  g_clear_handle_id (&self->tell_source, g_source_remove);
  g_free (self);
}
