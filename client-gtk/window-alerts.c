/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the desktop is told while nobody looks at the window: that a relay host refuses the login, once,
 * with a way to where it is mended; taken back when it is over. Part of PbaWindow, begun with its server.
 */
#include "client-gtk/window-private.h"

#include <glib/gi18n.h>

#define REFUSED "relay-login-refused"

static char *
notification_id (PbaWindow *self)
{
  return g_strdup_printf (REFUSED "-%u",
                          gtk_application_window_get_id (GTK_APPLICATION_WINDOW (self)));
}

static const PbaServiceAlert *
find_refusal (PbaAlerts *alerts)
{
  for (guint i = 0; i < pba_alerts_get_n (alerts); i++)
    if (g_str_equal (pba_alerts_get (alerts, i)->name, REFUSED))
      return pba_alerts_get (alerts, i);
  return NULL;
}

static void
tell (PbaWindow *self, const PbaServiceAlert *alert)
{
  g_autoptr (GNotification) notification =
    g_notification_new (_ ("A relay host refuses the login"));
  gboolean general = g_str_equal (alert->subject, "general");
  g_autoptr (GVariant) target = g_variant_ref_sink (
    g_variant_new ("(us)", gtk_application_window_get_id (GTK_APPLICATION_WINDOW (self)),
                   general ? "relay-settings" : "relay-exceptions"));
  g_autofree char *id = notification_id (self);

  g_notification_set_body (notification, alert->text);
  g_notification_set_default_action_and_target_value (notification, "app.show-page", target);
  g_notification_add_button_with_target_value (notification,
                                               general ? _ ("Show Relay Settings")
                                                       : _ ("Show Relay Exceptions"),
                                               "app.show-page", target);
  g_application_send_notification (G_APPLICATION (gtk_window_get_application (GTK_WINDOW (self))),
                                   id, notification);
}

static void
withdraw (PbaWindow *self)
{
  GtkApplication *application = gtk_window_get_application (GTK_WINDOW (self));
  g_autofree char *id = notification_id (self);

  if (self->told_of_refusal && application != NULL)
    g_application_withdraw_notification (G_APPLICATION (application), id);
  self->told_of_refusal = FALSE;
}

static void
on_alerts (PbaWindow *self)
{
  const PbaServiceAlert *alert = find_refusal (pba_server_get_alerts (self->server));

  if (alert == NULL)
    withdraw (self);
  else if (!self->told_of_refusal && !gtk_window_is_active (GTK_WINDOW (self)))
    {
      self->told_of_refusal = TRUE;
      tell (self, alert);
    }
}

void
pba_window_follow_alerts (PbaWindow *self)
{
  g_signal_connect_object (pba_server_get_alerts (self->server), "changed", G_CALLBACK (on_alerts),
                           self, G_CONNECT_SWAPPED);
}

void
pba_window_forget_alerts (PbaWindow *self)
{
  withdraw (self);
}
