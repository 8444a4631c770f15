/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the desktop is told while nobody looks at the window: what does not end by itself and keeps mail from
 * going, each once, with a way to where it is mended; taken back when it is over. Part of PbaWindow, begun
 * with its server.
 */
#include "client-gtk/window-private.h"

#include <glib/gi18n.h>

/* A bit of "told" each. */
static const struct
{
  const char *name, *title;
  const char *page, *button;                 /* where it is mended */
  const char *general_page, *general_button; /* (nullable): where its subject is "general" */
} kinds[] = {
  { "relay-login-refused", N_ ("A relay host refuses the login"), "relay-exceptions",
    N_ ("Show Relay Exceptions"), "relay-settings", N_ ("Show Relay Settings") },
  { "queue-growing", N_ ("Mail is stuck in the queue"), "queue", N_ ("Show Queue"), NULL, NULL },
};

static char *
notification_id (PbaWindow *self, guint kind)
{
  return g_strdup_printf ("%s-%u", kinds[kind].name,
                          gtk_application_window_get_id (GTK_APPLICATION_WINDOW (self)));
}

static const PbaServiceAlert *
find_alert (PbaAlerts *alerts, guint kind)
{
  for (guint i = 0; i < pba_alerts_get_n (alerts); i++)
    if (g_str_equal (pba_alerts_get (alerts, i)->name, kinds[kind].name))
      return pba_alerts_get (alerts, i);
  return NULL;
}

static void
tell (PbaWindow *self, guint kind, const PbaServiceAlert *alert)
{
  g_autoptr (GNotification) notification = g_notification_new (_ (kinds[kind].title));
  gboolean general = kinds[kind].general_page != NULL && g_str_equal (alert->subject, "general");
  g_autoptr (GVariant) target = g_variant_ref_sink (
    g_variant_new ("(us)", gtk_application_window_get_id (GTK_APPLICATION_WINDOW (self)),
                   general ? kinds[kind].general_page : kinds[kind].page));
  g_autofree char *id = notification_id (self, kind);

  g_notification_set_body (notification, alert->text);
  g_notification_set_default_action_and_target_value (notification, "app.show-page", target);
  g_notification_add_button_with_target_value (notification,
                                               general ? _ (kinds[kind].general_button)
                                                       : _ (kinds[kind].button),
                                               "app.show-page", target);
  g_application_send_notification (G_APPLICATION (gtk_window_get_application (GTK_WINDOW (self))),
                                   id, notification);
}

static void
withdraw (PbaWindow *self, guint kind)
{
  GtkApplication *application = gtk_window_get_application (GTK_WINDOW (self));
  g_autofree char *id = notification_id (self, kind);

  if ((self->told & (1u << kind)) != 0 && application != NULL)
    g_application_withdraw_notification (G_APPLICATION (application), id);
  self->told &= ~(1u << kind);
}

static void
on_alerts (PbaWindow *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      const PbaServiceAlert *alert = find_alert (pba_server_get_alerts (self->server), i);

      if (alert == NULL)
        withdraw (self, i);
      else if ((self->told & (1u << i)) == 0 && !gtk_window_is_active (GTK_WINDOW (self)))
        {
          self->told |= 1u << i;
          tell (self, i, alert);
        }
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
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    withdraw (self, i);
}
