/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The alerts that the service has, asked for at each connection and whenever it tells of a change. Made
 * by PbaServer, shown by the overview and the relay page. A service that has none, or a user who may not
 * see them, has an empty list.
 */
#include "model/alerts.h"

#include "model/said.h"

struct _PbaAlerts
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  GPtrArray *alerts;         /* (owned) (element-type PbaServiceAlert) */
};

G_DEFINE_FINAL_TYPE (PbaAlerts, pba_alerts, G_TYPE_OBJECT)

static guint changed_signal;

static void
alert_free (gpointer data)
{
  PbaServiceAlert *self = data;

  g_free (self->name);
  g_free (self->subject);
  g_free (self->text);
  g_free (self->remedy);
  g_free (self);
}

/* @rows (nullable) aa{sv}. */
static void
take (PbaAlerts *self, GVariant *rows)
{
  GVariantIter iter;
  GVariant *row;

  g_ptr_array_set_size (self->alerts, 0);
  if (rows != NULL)
    g_variant_iter_init (&iter, rows);
  while (rows != NULL && g_variant_iter_loop (&iter, "@a{sv}", &row))
    {
      PbaServiceAlert *alert = g_new0 (PbaServiceAlert, 1);

      if (g_variant_lookup (row, "Name", "s", &alert->name)
          && g_variant_lookup (row, "Subject", "s", &alert->subject)
          && g_variant_lookup (row, "Text", "s", NULL)
          && g_variant_lookup (row, "Remedy", "s", NULL))
        {
          alert->text = pba_said_dup (row, "Text");
          alert->remedy = pba_said_dup (row, "Remedy");
          g_ptr_array_add (self->alerts, alert);
        }
      else
        alert_free (alert);
    }
  g_signal_emit (self, changed_signal, 0);
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaAlerts) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) rows = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  take (self, rows);
}

static void
ask (PbaAlerts *self)
{
  if (pba_connection_has_method (self->connection, "Alerts", "List"))
    pba_connection_poll (self->connection, "Alerts", "List", NULL, "(aa{sv})", NULL, on_listed,
                         g_object_ref (self));
}

static void
on_connected (PbaAlerts *self)
{
  if (pba_connection_get_state (self->connection) == PBA_CONNECTION_CONNECTED)
    ask (self);
}

static void
on_bus_signal (PbaConnection *connection, const char *interface, const char *name,
               GVariant *parameters, gpointer user_data)
{
  if (g_str_equal (interface, "Alerts") && g_str_equal (name, "Changed"))
    ask (user_data);
}

static void
pba_alerts_finalize (GObject *object)
{
  PbaAlerts *self = PBA_ALERTS (object);

  g_ptr_array_unref (self->alerts);
  g_object_unref (self->connection);
  G_OBJECT_CLASS (pba_alerts_parent_class)->finalize (object);
}

static void
pba_alerts_class_init (PbaAlertsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_alerts_finalize;
  changed_signal = g_signal_new ("changed", PBA_TYPE_ALERTS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 0);
}

static void
pba_alerts_init (PbaAlerts *self)
{
  self->alerts = g_ptr_array_new_with_free_func (alert_free);
}

PbaAlerts *
pba_alerts_new (PbaConnection *connection)
{
  PbaAlerts *self = g_object_new (PBA_TYPE_ALERTS, NULL);

  self->connection = g_object_ref (connection);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_connected), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (connection, "bus-signal", G_CALLBACK (on_bus_signal), self, 0);
  on_connected (self);
  return self;
}

guint
pba_alerts_get_n (PbaAlerts *self)
{
  return self->alerts->len;
}

const PbaServiceAlert *
pba_alerts_get (PbaAlerts *self, guint index)
{
  return self->alerts->pdata[index];
}

const PbaServiceAlert *
pba_alerts_find (PbaAlerts *self, const char *name, const char *subject)
{
  for (guint i = 0; i < self->alerts->len; i++)
    {
      const PbaServiceAlert *alert = self->alerts->pdata[i];

      if (g_str_equal (alert->name, name) && g_str_equal (alert->subject, subject))
        return alert;
    }
  return NULL;
}
