/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server as a whole: what it says of itself, and its methods for relay logins. Made by PbaServer;
 * asked at each connection, then follows PropertiesChanged. Before the first answer everything reads as
 * nothing. Errors of methods are the service's, ready for pba_words_error().
 */
#include "model/manager.h"

#include "model/wipe.h"

#include <glib/gi18n.h>
#include <string.h>

struct _PbaManager
{
  GObject parent_instance;

  PbaConnection *connection;           /* (owned) */
  char *version, *state, *instance_id; /* (owned) */
  guint64 revision;
  GVariant *listening; /* (owned) (nullable) a(ssu) */
};

G_DEFINE_FINAL_TYPE (PbaManager, pba_manager, G_TYPE_OBJECT)

enum
{
  PROP_VERSION = 1,
  PROP_STATE,
  PROP_STATE_TITLE,
  PROP_REVISION,
  PROP_INSTANCE_ID,
  PROP_LISTENING,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

static const char *
state_title (const char *state)
{
  static const char *const titles[][2] = {
    { "starting", N_ ("Starting") },
    { "running", N_ ("Accepting mail") },
    { "low-space", N_ ("Takes no mail: the disk is nearly full") },
    { "store-failed", N_ ("Takes no mail: the disk failed") },
    { "stopping", N_ ("Stopping") },
  };

  for (guint i = 0; i < G_N_ELEMENTS (titles); i++)
    if (g_str_equal (titles[i][0], state))
      return _ (titles[i][1]);
  return state;
}

static void
take_values (PbaManager *self, GVariant *values)
{
  static const struct
  {
    const char *name;
    gsize offset;
  } texts[] = {
    { "Version", G_STRUCT_OFFSET (PbaManager, version) },
    { "State", G_STRUCT_OFFSET (PbaManager, state) },
    { "InstanceId", G_STRUCT_OFFSET (PbaManager, instance_id) },
  };
  GVariant *listening = g_variant_lookup_value (values, "Listening", G_VARIANT_TYPE ("a(ssu)"));

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      char *text;

      if (!g_variant_lookup (values, texts[i].name, "s", &text))
        continue;
      g_free (G_STRUCT_MEMBER (char *, self, texts[i].offset));
      G_STRUCT_MEMBER (char *, self, texts[i].offset) = text;
    }
  g_variant_lookup (values, "Revision", "t", &self->revision);
  if (listening != NULL)
    {
      g_clear_pointer (&self->listening, g_variant_unref);
      self->listening = listening;
    }
  for (guint i = 1; i < N_PROPERTIES; i++)
    g_object_notify_by_pspec (G_OBJECT (self), properties[i]);
}

static void
on_all (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaManager) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) values = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  if (values != NULL)
    take_values (self, values);
}

static void
on_connected (PbaConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  if (pba_connection_get_state (connection) == PBA_CONNECTION_CONNECTED)
    pba_connection_get_all (connection, "Manager", NULL, on_all, g_object_ref (user_data));
}

static void
on_properties_changed (PbaConnection *connection, const char *interface, GVariant *changed,
                       const char *const *invalidated, gpointer user_data)
{
  if (g_str_equal (interface, "Manager"))
    take_values (user_data, changed);
}

static void
pba_manager_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaManager *self = PBA_MANAGER (object);
  const char *const texts[N_PROPERTIES] = {
    [PROP_VERSION] = self->version,
    [PROP_STATE] = self->state,
    [PROP_STATE_TITLE] = state_title (self->state),
    [PROP_INSTANCE_ID] = self->instance_id,
  };

  if (property == PROP_REVISION)
    g_value_set_uint64 (value, self->revision);
  else if (property == PROP_LISTENING)
    g_value_set_variant (value, self->listening);
  else
    g_value_set_string (value, texts[property]);
}

static void
pba_manager_finalize (GObject *object)
{
  PbaManager *self = PBA_MANAGER (object);

  g_object_unref (self->connection);
  g_free (self->version);
  g_free (self->state);
  g_free (self->instance_id);
  g_clear_pointer (&self->listening, g_variant_unref);
  G_OBJECT_CLASS (pba_manager_parent_class)->finalize (object);
}

static void
pba_manager_class_init (PbaManagerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_manager_get_gproperty;
  object_class->finalize = pba_manager_finalize;
  properties[PROP_VERSION] = g_param_spec_string ("version", NULL, NULL, "", flags);
  properties[PROP_STATE] = g_param_spec_string ("state", NULL, NULL, "", flags);
  properties[PROP_STATE_TITLE] = g_param_spec_string ("state-title", NULL, NULL, "", flags);
  properties[PROP_REVISION] =
    g_param_spec_uint64 ("revision", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  properties[PROP_INSTANCE_ID] = g_param_spec_string ("instance-id", NULL, NULL, "", flags);
  properties[PROP_LISTENING] =
    g_param_spec_variant ("listening", NULL, NULL, G_VARIANT_TYPE ("a(ssu)"), NULL, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_manager_init (PbaManager *self)
{
  self->version = g_strdup ("");
  self->state = g_strdup ("");
  self->instance_id = g_strdup ("");
}

PbaManager *
pba_manager_new (PbaConnection *connection)
{
  PbaManager *self = g_object_new (PBA_TYPE_MANAGER, NULL);

  self->connection = g_object_ref (connection);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_connected), self, 0);
  g_signal_connect_object (connection, "properties-changed", G_CALLBACK (on_properties_changed),
                           self, 0);
  on_connected (connection, NULL, self);
  return self;
}

const char *
pba_manager_get_version (PbaManager *self)
{
  return self->version;
}

const char *
pba_manager_get_state (PbaManager *self)
{
  return self->state;
}

const char *
pba_manager_get_instance_id (PbaManager *self)
{
  return self->instance_id;
}

guint64
pba_manager_get_revision (PbaManager *self)
{
  return self->revision;
}

GVariant *
pba_manager_get_listening (PbaManager *self)
{
  return self->listening;
}

static void
on_reply (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  GVariant *reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  if (reply != NULL)
    g_task_return_pointer (task, reply, (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

static void
on_secret_set (GObject *source, GAsyncResult *result, gpointer user_data)
{
  pba_wipe_message_buffers (PBA_CONNECTION (source));
  on_reply (source, result, user_data);
}

void
pba_manager_set_relay_secret_async (PbaManager *self, const char *relay, const char *secret,
                                    GCancellable *cancellable, GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, pba_manager_set_relay_secret_async);
  pba_connection_call (self->connection, "Manager", "SetRelaySecret",
                       g_variant_new ("(s@ay)", relay, pba_wipe_octets (secret)), NULL,
                       cancellable, on_secret_set, task);
}

gboolean
pba_manager_set_relay_secret_finish (PbaManager *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GVariant) reply = g_task_propagate_pointer (G_TASK (result), error);

  return reply != NULL;
}

void
pba_manager_test_relay_async (PbaManager *self, const char *relay, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, pba_manager_test_relay_async);
  pba_connection_call (self->connection, "Manager", "TestRelay", g_variant_new ("(s)", relay),
                       "(aa{sv})", cancellable, on_reply, task);
}

void
pba_manager_test_scanner_async (PbaManager *self, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, pba_manager_test_scanner_async);
  pba_connection_call (self->connection, "Diagnostics", "TestScanner", NULL, "(aa{sv})",
                       cancellable, on_reply, task);
}

void
pba_manager_send_report_async (PbaManager *self, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, pba_manager_send_report_async);
  pba_connection_call (self->connection, "Diagnostics", "SendReport", NULL, "(s)", cancellable,
                       on_reply, task);
}

gboolean
pba_manager_send_report_finish (PbaManager *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GVariant) reply = g_task_propagate_pointer (G_TASK (result), error);

  return reply != NULL;
}

GVariant *
pba_manager_test_finish (PbaManager *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GVariant) reply = g_task_propagate_pointer (G_TASK (result), error);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}
