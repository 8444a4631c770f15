/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The window's connection: trying one, showing the pages once it is there, saying that it is lost,
 * asking what ssh asks, and going back to the connection page. Part of PbaWindow. What was edited stays
 * in the server's models for as long as the user does not disconnect.
 */
#include "client-gtk/window-private.h"

#include "client-gtk/question.h"

#include <glib/gi18n.h>

#define PATIENCE_MS 300 /* so long a window may stay away for a connection that comes at once */

/* Where a new connection begins: the first page there is. */
static const char *
first_page (void)
{
  guint n;
  const PbaPageSpec *specs = pba_pages (&n);

  for (guint i = 0; i < n; i++)
    if (specs[i].make != NULL)
      return specs[i].id;
  return "general";
}

static void
on_model_changed (PbaWindow *self)
{
  pba_window_update_header (self);
  pba_window_update_notice (self);
}

static void
on_relay_question_gone (gpointer user_data, GObject *question)
{
  ((PbaWindow *) user_data)->relay_question = NULL;
}

/* It closes without an answer. */
static void
drop_relay_question (PbaWindow *self)
{
  if (self->relay_question == NULL)
    return;
  g_object_weak_unref (G_OBJECT (self->relay_question), on_relay_question_gone, self);
  gtk_window_destroy (g_steal_pointer (&self->relay_question));
}

static void
on_relay_question (PbaSecretAgent *agent, const PbaSecretQuestion *question, gpointer user_data)
{
  PbaWindow *self = user_data;

  drop_relay_question (self);
  self->relay_question = pba_question_ask_relay (GTK_WINDOW (self), agent, question);
  g_object_weak_ref (G_OBJECT (self->relay_question), on_relay_question_gone, self);
}

static void
follow_secret_agent (PbaWindow *self)
{
  PbaSecretAgent *agent = pba_server_get_secret_agent (self->server);

  g_signal_connect_object (agent, "question", G_CALLBACK (on_relay_question), self, 0);
  g_signal_connect_object (agent, "over", G_CALLBACK (drop_relay_question), self,
                           G_CONNECT_SWAPPED);
}

static void
begin (PbaWindow *self)
{
  static const char *const follows[] = { "notify::summary", "notify::changed", "notify::applying",
                                         "notify::conflict" };
  PbaSettingsModel *settings;
  g_autofree char *page = g_steal_pointer (&self->wanted_page);
  g_autofree char *key = g_steal_pointer (&self->wanted_key);

  self->server = pba_server_new (self->connection);
  follow_secret_agent (self);
  pba_window_follow_alerts (self);
  settings = pba_server_get_settings (self->server);
  for (guint i = 0; i < G_N_ELEMENTS (follows); i++)
    g_signal_connect_object (settings, follows[i], G_CALLBACK (on_model_changed), self,
                             G_CONNECT_SWAPPED);
  pba_sidebar_set_server (self->sidebar, self->server);
  pba_hosts_add (self->hosts, pba_connection_get_address (self->connection));
  gtk_stack_set_visible_child_name (self->stack, "main");
  /* A page that there is not, by a newer shortcut maybe, is no reason to show none. */
  pba_window_show_page (self,
                        page != NULL && pba_page_to_show (page) != NULL ? page : first_page (),
                        key);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.disconnect", TRUE);
}

static void
on_login (PbaWindow *self)
{
  adw_window_title_set_title (self->host_title, pba_connection_get_host (self->connection));
  adw_window_title_set_subtitle (self->host_title, pba_connection_get_login (self->connection));
}

void
pba_window_forget_present (PbaWindow *self)
{
  g_clear_handle_id (&self->present_source, g_source_remove);
}

static void
present_if_waiting (PbaWindow *self)
{
  if (self->present_source == 0)
    return;
  pba_window_forget_present (self);
  gtk_window_present (GTK_WINDOW (self));
}

static gboolean
on_present_late (gpointer user_data)
{
  PbaWindow *self = user_data;

  self->present_source = 0;
  gtk_window_present (GTK_WINDOW (self));
  return G_SOURCE_REMOVE;
}

static void
on_state (PbaConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  PbaWindow *self = user_data;
  PbaConnectionState state = pba_connection_get_state (connection);

  if (state == PBA_CONNECTION_CONNECTED && self->server == NULL)
    begin (self);
  if (state != PBA_CONNECTION_CONNECTING && self->question != NULL)
    gtk_window_destroy (self->question);
  if (state != PBA_CONNECTION_CONNECTING)
    present_if_waiting (self);
  pba_window_update_notice (self);
}

static void
on_question_gone (gpointer user_data, GObject *question)
{
  PbaWindow *self = user_data;

  self->question = NULL;
}

static void
on_question (PbaConnection *connection, PbaQuestion kind, const char *text, gpointer user_data)
{
  PbaWindow *self = user_data;

  present_if_waiting (self);
  if (self->question != NULL)
    gtk_window_destroy (self->question);
  self->question = pba_question_ask (GTK_WINDOW (self), connection, kind, text);
  g_object_weak_ref (G_OBJECT (self->question), on_question_gone, self);
}

void
pba_window_disconnect (PbaWindow *self)
{
  if (self->question != NULL)
    {
      g_object_weak_unref (G_OBJECT (self->question), on_question_gone, self);
      gtk_window_destroy (self->question);
      self->question = NULL;
    }
  drop_relay_question (self);
  pba_window_forget_alerts (self);
  if (self->connection != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->connection, self);
      pba_connection_close (self->connection);
    }
  pba_window_forget_pages (self);
  pba_sidebar_set_server (self->sidebar, NULL);
  g_clear_object (&self->server);
  g_clear_object (&self->connection);
  pba_connect_page_follow (self->connect_page, NULL);
  gtk_stack_set_visible_child_name (self->stack, "connect");
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.disconnect", FALSE);
  pba_window_update_notice (self);
}

void
pba_window_connect (PbaWindow *self, const char *address)
{
  pba_window_disconnect (self);
  self->connection = pba_connection_new (address);
  g_signal_connect_object (self->connection, "notify::state", G_CALLBACK (on_state), self, 0);
  g_signal_connect_object (self->connection, "notify::error", G_CALLBACK (on_state), self, 0);
  g_signal_connect_object (self->connection, "notify::login", G_CALLBACK (on_login), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->connection, "question", G_CALLBACK (on_question), self, 0);
  on_login (self);
  pba_connect_page_follow (self->connect_page, self->connection);
  pba_connection_open (self->connection);
}

void
pba_window_present_connected (PbaWindow *self)
{
  if (self->connection == NULL
      || pba_connection_get_state (self->connection) != PBA_CONNECTION_CONNECTING)
    gtk_window_present (GTK_WINDOW (self));
  else if (self->present_source == 0)
    self->present_source = g_timeout_add (PATIENCE_MS, on_present_late, self);
}

void
pba_window_update_notice (PbaWindow *self)
{
  PbaConnectionState state = PBA_CONNECTION_CONNECTED;
  const char *why = NULL;
  g_autofree char *sentence = NULL;

  if (self->server != NULL)
    {
      state = pba_connection_get_state (self->connection);
      why = pba_connection_get_error (self->connection);
    }
  if (state != PBA_CONNECTION_CONNECTED)
    {
      self->notice_is_link = TRUE;
      /* Translators: %s is a sentence such as “The mail server has stopped.” */
      sentence = g_strdup_printf (_ ("%s What you changed here is kept."), why != NULL ? why : "");
      pba_notice_bar_show (self->notice, g_strstrip (sentence), _ ("Reconnect"), NULL);
    }
  else if (self->server != NULL
           && pba_settings_model_get_conflict (pba_server_get_settings (self->server)))
    {
      self->notice_is_link = FALSE;
      pba_notice_bar_show (self->notice,
                           _ ("These settings were changed elsewhere while you edited them."),
                           _ ("Reload"), _ ("Overwrite"));
    }
  else
    pba_notice_bar_hide (self->notice);
}

void
pba_window_notice_clicked (PbaWindow *self, gboolean first)
{
  PbaSettingsModel *settings = pba_server_get_settings (self->server);

  if (self->notice_is_link)
    pba_connection_retry (self->connection);
  else if (first)
    pba_settings_model_resolve_reload (settings);
  else
    {
      pba_settings_model_resolve_overwrite (settings);
      pba_window_apply (self);
    }
}
