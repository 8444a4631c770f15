/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The list interfaces (TrustedList, Accounts, ...): one shape, one implementation, a row of
 * list-kinds.c each. Reads need the view action; writes the action of the list. What is written acts
 * at once and is answered after the commit; the broadcast signal holds the revision only.
 */
#include "service/objects.h"

#include "dbus/errors.h"
#include "dbus/list-kinds.h"
#include "dbus/names.h"

#include <string.h>

#define MAX_PAGE 500
#define MAX_ROWS 10000

typedef struct
{
  PbRegistry *registry; /* (unowned) */
  PbListKind kind;
  PbPool *workers; /* (unowned) */
  PbBusMethod methods[8];
  guint n_methods;
} PbListObject;

struct _PbListObjects
{
  PbBus *bus;           /* (unowned) */
  PbRegistry *registry; /* (unowned) */
  gulong changed_handler;
  PbListObject objects[PB_N_LISTS];
};

static void
on_write_done (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, NULL);
}

static void
on_add_done (GVariant *result, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new ("(@s)", result));
}

static void
fail_too_large (PbBusCall *call, const PbListObject *self, const char *argument, guint most)
{
  g_autoptr (GError) error =
    g_error_new (PB_ERROR, PB_ERROR_TOO_LARGE, "%s.%s: at most %u a call", pb_list_spec (self->kind)->name, argument, most);
  pb_bus_call_fail (call, error);
}

static void
handle_list (PbBusCall *call, gpointer object)
{
  PbListObject *self = object;
  g_autoptr (GVariant) filter = NULL;
  g_autoptr (GError) error = NULL;
  guint offset, limit;

  g_variant_get (call->parameters, "(@a{sv}uu)", &filter, &offset, &limit);
  if (limit > MAX_PAGE)
    {
      fail_too_large (call, self, "List", MAX_PAGE);
      return;
    }
  GVariant *page = pb_registry_list_page (self->registry, self->kind, filter, offset, limit, &error);
  if (page == NULL)
    {
      pb_bus_call_fail (call, error);
      return;
    }
  g_variant_take_ref (page);
  pb_bus_call_return (call, page);
  g_variant_unref (page);
}

static void
handle_get (PbBusCall *call, gpointer object)
{
  PbListObject *self = object;
  g_autoptr (GError) error = NULL;
  const char *id;

  g_variant_get (call->parameters, "(&s)", &id);
  GVariant *row = pb_registry_list_get (self->registry, self->kind, id, &error);
  if (row == NULL)
    {
      pb_bus_call_fail (call, error);
      return;
    }
  g_variant_take_ref (row);
  pb_bus_call_return (call, g_variant_new ("(@a{sv})", row));
  g_variant_unref (row);
}

static void
handle_add (PbBusCall *call, gpointer object)
{
  PbListObject *self = object;
  g_autoptr (GVariant) row = g_variant_get_child_value (call->parameters, 0);

  pb_registry_list_add (self->registry, self->kind, row, call->who, on_add_done, call);
}

static void
handle_update (PbBusCall *call, gpointer object)
{
  PbListObject *self = object;
  g_autoptr (GVariant) row = g_variant_get_child_value (call->parameters, 1);
  const char *id;

  g_variant_get_child (call->parameters, 0, "&s", &id);
  pb_registry_list_update (self->registry, self->kind, id, row, call->who, on_write_done, call);
}

static void
handle_remove (PbBusCall *call, gpointer object)
{
  PbListObject *self = object;
  g_autofree const char **ids = NULL;

  g_variant_get (call->parameters, "(^a&s)", &ids);
  if (g_strv_length ((char **) ids) > MAX_ROWS)
    fail_too_large (call, self, "Remove", MAX_ROWS);
  else
    pb_registry_list_remove (self->registry, self->kind, ids, call->who, on_write_done, call);
}

static void
handle_move (PbBusCall *call, gpointer object)
{
  PbListObject *self = object;
  const char *id;
  guint position;

  g_variant_get (call->parameters, "(&su)", &id, &position);
  pb_registry_list_move (self->registry, self->kind, id, position, call->who, on_write_done, call);
}

static void
handle_replace (PbBusCall *call, gpointer object)
{
  PbListObject *self = object;
  g_autoptr (GVariant) rows = g_variant_get_child_value (call->parameters, 0);

  if (g_variant_n_children (rows) > MAX_ROWS)
    fail_too_large (call, self, "Replace", MAX_ROWS);
  else
    pb_registry_list_replace (self->registry, self->kind, rows, call->who, on_write_done, call);
}

/* One NUL at the end goes: gdbus writes text as octets with it. Of too many octets one too many is enough to be refused. */
static PbSecret *
take_octets (GVariant *given)
{
  gsize length;
  const guint8 *octets = g_variant_get_fixed_array (given, &length, 1);

  if (length > 0 && octets[length - 1] == '\0')
    length--;
  return pb_secret_copy (octets, MIN (length, PB_ACCOUNT_PASSWORD_MAX + 1));
}

/* Each argument by itself: a "&" would make one flat copy of both, and free the octets as they are. */
static void
handle_set_password (PbBusCall *call, gpointer object)
{
  PbListObject *self = object;
  g_autoptr (GVariant) id = g_variant_get_child_value (call->parameters, 0);
  g_autoptr (GVariant) given = g_variant_get_child_value (call->parameters, 1);
  g_autoptr (PbSecret) password = take_octets (given);

  pb_registry_set_password (self->registry, g_variant_get_string (id, NULL), password, self->workers, call->who, on_write_done,
                            call);
}

static void
on_list_changed (PbRegistry *registry, int kind, guint64 revision, gpointer user_data)
{
  PbListObjects *self = user_data;

  pb_bus_emit (self->bus, pb_list_spec (kind)->name, "Changed", g_variant_new ("(t)", revision));
}

static void
list_object_init (PbListObject *self, PbRegistry *registry, PbListKind kind)
{
  const char *write = pb_list_spec (kind)->action;
  const PbBusMethod methods[] = {
    { "List", PB_ACTION_VIEW, handle_list }, { "Get", PB_ACTION_VIEW, handle_get },
    { "Add", write, handle_add },            { "Update", write, handle_update },
    { "Remove", write, handle_remove },      { "Move", write, handle_move },
    { "Replace", write, handle_replace },
    { "SetPassword", write, handle_set_password, .secret = TRUE }, /* Accounts alone: the last */
  };

  G_STATIC_ASSERT (sizeof methods == sizeof self->methods);
  memcpy (self->methods, methods, sizeof methods);
  self->n_methods = G_N_ELEMENTS (methods) - (kind != PB_LIST_ACCOUNTS);
  self->registry = registry;
  self->kind = kind;
}

PbListObjects *
pb_list_objects_new (PbBus *bus, PbRegistry *registry, PbPool *workers)
{
  PbListObjects *self = g_new0 (PbListObjects, 1);

  self->bus = bus;
  self->registry = registry;
  for (PbListKind kind = 0; kind < PB_N_LISTS; kind++)
    {
      PbListObject *object = &self->objects[kind];
      list_object_init (object, registry, kind);
      object->workers = workers;
      const PbBusInterface interface = {
        .info = pb_list_interface_info (kind),
        .methods = object->methods,
        .n_methods = object->n_methods,
        .object = object,
      };
      pb_bus_add (bus, &interface);
    }
  self->changed_handler = g_signal_connect (registry, "list-changed", G_CALLBACK (on_list_changed), self);
  return self;
}

void
pb_list_objects_free (PbListObjects *self)
{
  g_signal_handler_disconnect (self->registry, self->changed_handler);
  g_free (self);
}
