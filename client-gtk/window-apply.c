/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Apply, Discard and closing with changes. Part of PbaWindow. A faulty row is gone to instead of being
 * sent; changes that could lock mail out are made on trial where the service can roll them back, and
 * kept only when the user says so in time.
 */
#include "client-gtk/window-private.h"

#include "dbus/errors.h"
#include "model/words.h"
#include "widgets/toast.h"

#include <glib/gi18n.h>

#define TRIAL_SECONDS 30

/* The dialog of a trial, while it counts down. */
typedef struct
{
  PbaWindow *window;        /* (owned) */
  AdwMessageDialog *dialog; /* (unowned) */
  guint left;
  guint source;
} Trial;

static void
go_to_error (PbaWindow *self)
{
  const char *key = pba_settings_model_get_first_error_key (pba_server_get_settings (self->server));

  if (key != NULL)
    pba_window_go_to_setting (self, key);
}

/* ---- a trial ---- */

static void
show_trial (Trial *trial)
{
  g_autofree char *body = g_strdup_printf (
    ngettext (
      "Mail might not get through with them. They are taken back in %u second unless you keep them.",
      "Mail might not get through with them. They are taken back in %u seconds unless you keep them.",
      trial->left),
    trial->left);

  adw_message_dialog_set_body (trial->dialog, body);
}

static gboolean
on_trial_tick (gpointer user_data)
{
  Trial *trial = user_data;

  if (--trial->left > 0)
    {
      show_trial (trial);
      return G_SOURCE_CONTINUE;
    }
  trial->source = 0;
  gtk_window_close (GTK_WINDOW (trial->dialog));
  return G_SOURCE_REMOVE;
}

/* An Apply, or the Confirm behind it, has ended well. */
static void
end_well (PbaWindow *self, const char *sentence)
{
  if (self->close_after_apply)
    gtk_window_destroy (GTK_WINDOW (self));
  else
    pba_toast_say (self->toasts, sentence);
}

/* It has not: the row says why, or a toast does. A conflict has its bar. */
static void
end_badly (PbaWindow *self, PbaSettingsModel *settings, const GError *error)
{
  g_autofree char *sentence = pba_words_error (error);

  self->close_after_apply = FALSE;
  if (g_error_matches (error, PB_ERROR, PB_ERROR_CONFLICT))
    return;
  if (pba_settings_model_get_n_errors (settings) > 0)
    go_to_error (self);
  else
    pba_toast_say (self->toasts, sentence);
}

static void
on_confirmed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaWindow) self = user_data;
  g_autoptr (GError) error = NULL;
  PbaSettingsModel *settings = PBA_SETTINGS_MODEL (source);

  if (pba_settings_model_confirm_finish (settings, result, &error))
    end_well (self, _ ("The settings are kept"));
  else
    end_badly (self, settings, error);
}

/* The service takes them back by itself when the time is over. */
static void
say_taken_back (Trial *trial)
{
  g_autofree char *sentence =
    g_strdup_printf (ngettext ("The server takes the settings back in %u second",
                               "The server takes the settings back in %u seconds", trial->left),
                     trial->left);

  pba_toast_say (trial->window->toasts, trial->left > 0 ? sentence : _ ("The settings are taken back"));
}

static void
on_trial_response (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  Trial *trial = user_data;

  if (g_str_equal (response, "keep") && trial->window->server != NULL)
    {
      pba_settings_model_confirm_async (pba_server_get_settings (trial->window->server), NULL,
                                        on_confirmed, g_object_ref (trial->window));
      return;
    }
  trial->window->close_after_apply = FALSE;
  say_taken_back (trial);
}

static void
trial_free (gpointer data, GClosure *closure)
{
  Trial *trial = data;

  g_clear_handle_id (&trial->source, g_source_remove);
  g_object_unref (trial->window);
  g_free (trial);
}

static void
begin_trial (PbaWindow *self)
{
  Trial *trial = g_new0 (Trial, 1);

  trial->window = g_object_ref (self);
  trial->left = TRIAL_SECONDS;
  trial->dialog = ADW_MESSAGE_DIALOG (
    adw_message_dialog_new (GTK_WINDOW (self), _ ("Keep These Settings?"), NULL));
  adw_message_dialog_add_responses (trial->dialog, "undo", _ ("_Take Back"), "keep", _ ("_Keep"),
                                    NULL);
  adw_message_dialog_set_response_appearance (trial->dialog, "keep", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (trial->dialog, "keep");
  adw_message_dialog_set_close_response (trial->dialog, "undo");
  g_signal_connect_data (trial->dialog, "response", G_CALLBACK (on_trial_response), trial,
                         trial_free, 0);
  show_trial (trial);
  trial->source = g_timeout_add_seconds (1, on_trial_tick, trial);
  gtk_window_present (GTK_WINDOW (trial->dialog));
}

/* ---- apply ---- */

static void
on_applied (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaWindow) self = user_data;
  g_autoptr (GError) error = NULL;
  PbaSettingsModel *settings = PBA_SETTINGS_MODEL (source);
  gboolean done = pba_settings_model_apply_finish (settings, result, &error);

  if (self->server == NULL || pba_server_get_settings (self->server) != settings)
    return;
  pba_window_update_notice (self);
  if (!done)
    end_badly (self, settings, error);
  else if (self->on_trial)
    begin_trial (self);
  else
    end_well (self, _ ("The settings are applied"));
}

void
pba_window_apply (PbaWindow *self)
{
  PbaSettingsModel *settings;

  if (self->server == NULL)
    return;
  settings = pba_server_get_settings (self->server);
  if (pba_settings_model_get_n_errors (settings) > 0)
    {
      go_to_error (self);
      return;
    }
  self->on_trial =
    pba_settings_model_needs_confirm (settings) && pba_settings_model_can_confirm (settings);
  pba_settings_model_apply_async (settings, self->on_trial ? TRIAL_SECONDS : 0, NULL, on_applied,
                                  g_object_ref (self));
}

void
pba_window_discard (PbaWindow *self)
{
  if (self->server != NULL)
    pba_settings_model_discard (pba_server_get_settings (self->server));
}

/* ---- closing ---- */

static void
on_close_response (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  PbaWindow *self = user_data;

  if (g_str_equal (response, "discard"))
    {
      pba_window_discard (self);
      gtk_window_destroy (GTK_WINDOW (self));
    }
  else if (g_str_equal (response, "apply"))
    {
      self->close_after_apply =
        pba_settings_model_get_n_errors (pba_server_get_settings (self->server)) == 0;
      pba_window_apply (self);
    }
}

gboolean
pba_window_may_close (PbaWindow *self)
{
  AdwMessageDialog *dialog;

  if (self->server == NULL
      || !pba_settings_model_get_changed (pba_server_get_settings (self->server)))
    return TRUE;
  dialog =
    ADW_MESSAGE_DIALOG (adw_message_dialog_new (GTK_WINDOW (self), _ ("Apply Changes?"),
                                                _ ("Settings were changed and not applied yet.")));
  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "discard", _ ("_Discard"),
                                    "apply", _ ("_Apply"), NULL);
  adw_message_dialog_set_response_appearance (dialog, "discard", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_response_appearance (dialog, "apply", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (dialog, "apply");
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_close_response), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
  return FALSE;
}
