/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One server with all its models: made by the window for a connection, handed to every page, gone with
 * the window's connection. Binds what the user may do to the models that can be changed. Owns the
 * models; they hold the connection.
 */
#include "model/server.h"

#include "dbus/names.h"

struct _PbaServer
{
  GObject parent_instance;

  PbaConnection *connection;       /* (owned) */
  PbaSettingsModel *settings;      /* (owned) */
  PbaManager *manager;             /* (owned) */
  PbaPermissions *permissions;     /* (owned) */
  PbaQueue *queue;                 /* (owned) */
  PbaStatistics *statistics;       /* (owned) */
  PbaFindings *findings;           /* (owned) */
  PbaBlocks *blocks;               /* (owned) */
  PbaHistory *history;             /* (owned) */
  PbaCertificate *certificate;     /* (owned) */
  PbaAlerts *alerts;               /* (owned) */
  PbaSigningKeys *signing_keys;    /* (owned) */
  PbaSetupCheck *setup_check;      /* (owned) */
  PbaSecretAgent *secret_agent;    /* (owned) */
  PbaUpkeep *upkeep;               /* (owned) */
  PbaListModel *lists[PB_N_LISTS]; /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE (PbaServer, pba_server, G_TYPE_OBJECT)

enum
{
  PROP_QUEUE_COUNT = 1,
  PROP_BLOCK_COUNT,
  PROP_PROBLEM_COUNT,
  PROP_CONNECTION,
  PROP_SETTINGS,
  PROP_MANAGER,
  PROP_PERMISSIONS,
  PROP_QUEUE,
  PROP_STATISTICS,
  PROP_FINDINGS,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

static void
pba_server_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaServer *self = PBA_SERVER (object);
  const gpointer objects[N_PROPERTIES] = {
    [PROP_CONNECTION] = self->connection, [PROP_SETTINGS] = self->settings,
    [PROP_MANAGER] = self->manager,       [PROP_PERMISSIONS] = self->permissions,
    [PROP_QUEUE] = self->queue,           [PROP_STATISTICS] = self->statistics,
    [PROP_FINDINGS] = self->findings,
  };
  guint64 waiting = 0;
  guint blocked = 0;

  if (property >= PROP_CONNECTION)
    {
      g_value_set_object (value, objects[property]);
      return;
    }
  g_object_get (self->queue, "count", &waiting, NULL);
  g_object_get (self->blocks, "count", &blocked, NULL);
  g_value_set_uint (value, property == PROP_QUEUE_COUNT ? (guint) MIN (waiting, G_MAXUINT)
                           : property == PROP_PROBLEM_COUNT
                             ? g_list_model_get_n_items (G_LIST_MODEL (self->findings))
                                 + pba_setup_check_count (self->setup_check)
                             : blocked);
}

static void
pba_server_finalize (GObject *object)
{
  PbaServer *self = PBA_SERVER (object);

  for (guint i = 0; i < PB_N_LISTS; i++)
    g_clear_object (&self->lists[i]);
  g_object_unref (self->findings);
  g_object_unref (self->blocks);
  g_object_unref (self->history);
  g_object_unref (self->certificate);
  g_object_unref (self->alerts);
  g_object_unref (self->signing_keys);
  g_object_unref (self->setup_check);
  g_object_unref (self->secret_agent);
  g_object_unref (self->upkeep);
  g_object_unref (self->settings);
  g_object_unref (self->manager);
  g_object_unref (self->permissions);
  g_object_unref (self->queue);
  g_object_unref (self->statistics);
  g_object_unref (self->connection);
  G_OBJECT_CLASS (pba_server_parent_class)->finalize (object);
}

static void
pba_server_class_init (PbaServerClass *klass)
{
  static const char *const counts[] = { "queue-count", "block-count", "problem-count" };
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_server_get_gproperty;
  object_class->finalize = pba_server_finalize;
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    properties[i + 1] = g_param_spec_uint (counts[i], NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_CONNECTION] =
    g_param_spec_object ("connection", NULL, NULL, PBA_TYPE_CONNECTION, flags);
  properties[PROP_SETTINGS] =
    g_param_spec_object ("settings", NULL, NULL, PBA_TYPE_SETTINGS_MODEL, flags);
  properties[PROP_MANAGER] = g_param_spec_object ("manager", NULL, NULL, PBA_TYPE_MANAGER, flags);
  properties[PROP_PERMISSIONS] =
    g_param_spec_object ("permissions", NULL, NULL, PBA_TYPE_PERMISSIONS, flags);
  properties[PROP_QUEUE] = g_param_spec_object ("queue", NULL, NULL, PBA_TYPE_QUEUE, flags);
  properties[PROP_STATISTICS] =
    g_param_spec_object ("statistics", NULL, NULL, PBA_TYPE_STATISTICS, flags);
  properties[PROP_FINDINGS] =
    g_param_spec_object ("findings", NULL, NULL, PBA_TYPE_FINDINGS, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_server_init (PbaServer *self)
{
}

static void
on_queue_count (PbaQueue *queue, GParamSpec *pspec, gpointer user_data)
{
  g_object_notify_by_pspec (user_data, properties[PROP_QUEUE_COUNT]);
}

static void
on_block_count (PbaBlocks *blocks, GParamSpec *pspec, gpointer user_data)
{
  g_object_notify_by_pspec (user_data, properties[PROP_BLOCK_COUNT]);
}

static void
on_found (PbaFindings *findings, GParamSpec *pspec, gpointer user_data)
{
  g_object_notify_by_pspec (user_data, properties[PROP_PROBLEM_COUNT]);
}

static void
on_setup_checked (PbaSetupCheck *check, gpointer user_data)
{
  g_object_notify_by_pspec (user_data, properties[PROP_PROBLEM_COUNT]);
}

PbaServer *
pba_server_new (PbaConnection *connection)
{
  PbaServer *self = g_object_new (PBA_TYPE_SERVER, NULL);

  self->connection = g_object_ref (connection);
  self->settings = pba_settings_model_new (connection);
  self->manager = pba_manager_new (connection);
  self->permissions = pba_permissions_new (connection);
  self->queue = pba_queue_new (connection);
  self->statistics = pba_statistics_new (connection);
  self->certificate = pba_certificate_new (connection);
  self->blocks = pba_blocks_new (connection);
  self->alerts = pba_alerts_new (connection);
  self->signing_keys = pba_signing_keys_new (connection, self->manager);
  self->secret_agent = pba_secret_agent_new (connection);
  self->history = pba_history_new (connection);
  self->setup_check = pba_setup_check_new (connection);
  self->upkeep = pba_upkeep_new (connection);
  self->findings = pba_findings_new (connection, self->manager, self->settings);
  g_object_bind_property (self->permissions, "modify-settings", self->settings, "writable",
                          G_BINDING_SYNC_CREATE);
  g_signal_connect_object (self->queue, "notify::count", G_CALLBACK (on_queue_count), self, 0);
  g_signal_connect_object (self->blocks, "notify::count", G_CALLBACK (on_block_count), self, 0);
  g_signal_connect_object (self->findings, "notify::count", G_CALLBACK (on_found), self, 0);
  g_signal_connect_object (self->setup_check, "changed", G_CALLBACK (on_setup_checked), self, 0);
  return self;
}

PbaConnection *
pba_server_get_connection (PbaServer *self)
{
  return self->connection;
}

PbaSettingsModel *
pba_server_get_settings (PbaServer *self)
{
  return self->settings;
}

PbaManager *
pba_server_get_manager (PbaServer *self)
{
  return self->manager;
}

PbaPermissions *
pba_server_get_permissions (PbaServer *self)
{
  return self->permissions;
}

PbaQueue *
pba_server_get_queue (PbaServer *self)
{
  return self->queue;
}

PbaStatistics *
pba_server_get_statistics (PbaServer *self)
{
  return self->statistics;
}

PbaBlocks *
pba_server_get_blocks (PbaServer *self)
{
  return self->blocks;
}

PbaHistory *
pba_server_get_history (PbaServer *self)
{
  return self->history;
}

PbaCertificate *
pba_server_get_certificate (PbaServer *self)
{
  return self->certificate;
}

PbaAlerts *
pba_server_get_alerts (PbaServer *self)
{
  return self->alerts;
}

PbaSigningKeys *
pba_server_get_signing_keys (PbaServer *self)
{
  return self->signing_keys;
}

PbaSetupCheck *
pba_server_get_setup_check (PbaServer *self)
{
  return self->setup_check;
}

PbaUpkeep *
pba_server_get_upkeep (PbaServer *self)
{
  return self->upkeep;
}

PbaSecretAgent *
pba_server_get_secret_agent (PbaServer *self)
{
  return self->secret_agent;
}

PbaFindings *
pba_server_get_findings (PbaServer *self)
{
  return self->findings;
}

PbaListModel *
pba_server_get_list (PbaServer *self, PbListKind kind)
{
  g_return_val_if_fail (kind < PB_N_LISTS, NULL);

  if (self->lists[kind] == NULL)
    {
      const char *action = pb_list_spec (kind)->action;

      self->lists[kind] = pba_list_model_new (self->connection, kind);
      g_object_bind_property (self->permissions, action + strlen (PB_INTERFACE_PREFIX),
                              self->lists[kind], "writable", G_BINDING_SYNC_CREATE);
    }
  return self->lists[kind];
}
