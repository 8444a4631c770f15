/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the user may do on this server. Asked at each connection; until the answer is there, and when
 * none comes, everything counts as allowed, since the service judges each call anyway. Made by
 * PbaServer, which binds the models' "writable" to it.
 */
#include "model/permissions.h"

#include "dbus/names.h"

#include <string.h>

/* Properties in this order, each an action of the service. */
static const char *const actions[] = {
  PB_ACTION_VIEW,         PB_ACTION_MODIFY_SETTINGS,
  PB_ACTION_MANAGE_QUEUE, PB_ACTION_MANAGE_ACCOUNTS,
  PB_ACTION_SET_SECRETS,
};
#define N_ACTIONS G_N_ELEMENTS (actions)

struct _PbaPermissions
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  GCancellable *cancellable; /* (owned) */
  GVariant *answers;         /* (owned) (nullable) a{ss} */
};

G_DEFINE_FINAL_TYPE (PbaPermissions, pba_permissions, G_TYPE_OBJECT)

static GParamSpec *properties[N_ACTIONS + 1];

static const char *
answer_to (PbaPermissions *self, const char *action)
{
  const char *answer = "yes";

  if (self->answers != NULL)
    g_variant_lookup (self->answers, action, "&s", &answer);
  return answer;
}

gboolean
pba_permissions_may (PbaPermissions *self, const char *action)
{
  return !g_str_equal (answer_to (self, action), "no");
}

gboolean
pba_permissions_needs_password (PbaPermissions *self, const char *action)
{
  return g_str_equal (answer_to (self, action), "challenge");
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaPermissions) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);

  if (reply == NULL)
    return;
  g_clear_pointer (&self->answers, g_variant_unref);
  g_variant_get (reply, "(@a{ss})", &self->answers);
  for (guint i = 1; i <= N_ACTIONS; i++)
    g_object_notify_by_pspec (G_OBJECT (self), properties[i]);
}

static void
on_connected (PbaConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  PbaPermissions *self = user_data;

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  if (pba_connection_get_state (connection) == PBA_CONNECTION_CONNECTED)
    pba_connection_call (connection, "Manager", "GetPermissions", NULL, "(a{ss})",
                         self->cancellable, on_answer, g_object_ref (self));
}

static void
pba_permissions_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  g_value_set_boolean (value,
                       pba_permissions_may (PBA_PERMISSIONS (object), actions[property - 1]));
}

static void
pba_permissions_finalize (GObject *object)
{
  PbaPermissions *self = PBA_PERMISSIONS (object);

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  g_object_unref (self->connection);
  g_clear_pointer (&self->answers, g_variant_unref);
  G_OBJECT_CLASS (pba_permissions_parent_class)->finalize (object);
}

static void
pba_permissions_class_init (PbaPermissionsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = pba_permissions_get_gproperty;
  object_class->finalize = pba_permissions_finalize;
  for (guint i = 1; i <= N_ACTIONS; i++)
    properties[i] =
      g_param_spec_boolean (actions[i - 1] + strlen (PB_INTERFACE_PREFIX), NULL, NULL, TRUE,
                            G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_ACTIONS + 1, properties);
}

static void
pba_permissions_init (PbaPermissions *self)
{
  self->cancellable = g_cancellable_new ();
}

PbaPermissions *
pba_permissions_new (PbaConnection *connection)
{
  PbaPermissions *self = g_object_new (PBA_TYPE_PERMISSIONS, NULL);

  self->connection = g_object_ref (connection);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_connected), self, 0);
  on_connected (connection, NULL, self);
  return self;
}

static void
on_authorized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  if (reply != NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
pba_permissions_authorize_async (PbaPermissions *self, const char *const *wanted,
                                 GCancellable *cancellable, GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, pba_permissions_authorize_async);
  pba_connection_call (self->connection, "Manager", "Authorize", g_variant_new ("(^as)", wanted),
                       NULL, cancellable, on_authorized, task);
}

gboolean
pba_permissions_authorize_finish (PbaPermissions *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
