/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How settings go: one Manager.Apply of all that differs, all or nothing, based on the revision that
 * was seen. Called by the window. An error that names a setting is put on it, a conflict makes the
 * model fetch again and say so; the edits stay in every case.
 */
#include "model/settings-model-private.h"

#include "dbus/errors.h"
#include "model/words.h"

#include <glib/gi18n.h>

/* What could keep mail or people out when it is wrong, so that nobody might be able to put it right:
 * such changes are made on trial. */
static const char *const risky[] = {
  /* who may send, and how */
  "General.AuthEnabled",
  "General.AuthSkipLocalNetwork",
  "General.AuthPlaintextNeedsTls",
  "General.LocalNetworks",
  /* a wrong megabyte count refuses all that is larger */
  "General.MaxMessageSize",
  /* where all mail goes */
  "Delivery.Mode",
  "Delivery.RelayServer",
  "Delivery.RelayPort",
  "Delivery.RelayTls",
  /* clients may find no TLS that they take */
  "Tls.CertificateFile",
  "Tls.KeyFile",
  "Tls.MinVersion",
  /* where mail for people here goes, and whose logins count */
  "Mailboxes.Kind",
  "Mailboxes.LmtpAddress",
  "Mailboxes.AccountSource",
  /* without the DNS nothing is sent */
  "Dns.Servers",
  /* refused before a word is said */
  "ConnectionPolicy.MaxConnections",
  "ConnectionPolicy.MaxConnectionsPerMinute",
  "ConnectionPolicy.RejectUnknownClientHostname",
  "Advanced.RejectUnauthorizedPipelining",
  "Advanced.RejectNonFqdnHelo",
  "Advanced.RejectUnknownHelo",
  "Advanced.MaxUnknownRecipients",
  "Advanced.MaxJunkCommands",
  "Advanced.GreetDelay",
  "Advanced.BareNewline",
  NULL,
};

static GVariant *
build_changes (PbaSettingsModel *self)
{
  GVariantBuilder changes;
  g_auto (GStrv) interfaces = pba_settings_model_dup_interfaces (self);

  g_variant_builder_init (&changes, G_VARIANT_TYPE ("a{sa{sv}}"));
  for (guint i = 0; interfaces[i] != NULL; i++)
    {
      GVariantDict names;
      gboolean any = FALSE;

      g_variant_dict_init (&names, NULL);
      for (guint j = 0; j < self->settings->len; j++)
        {
          PbaSetting *setting = self->settings->pdata[j];

          if (!g_str_equal (pba_setting_get_interface (setting), interfaces[i])
              || !pba_setting_get_changed (setting))
            continue;
          g_variant_dict_insert_value (&names, pba_setting_get_name (setting),
                                       pba_setting_get_pending (setting));
          any = TRUE;
        }
      if (any)
        g_variant_builder_add (&changes, "{s@a{sv}}", interfaces[i], g_variant_dict_end (&names));
      else
        g_variant_dict_clear (&names);
    }
  return g_variant_ref_sink (g_variant_builder_end (&changes));
}

static GVariant *
build_options (PbaSettingsModel *self, guint confirm_timeout)
{
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  if (!self->overwrite)
    g_variant_dict_insert (&options, "IfRevision", "t", self->revision);
  if (confirm_timeout > 0 && pba_settings_model_can_confirm (self))
    g_variant_dict_insert (&options, "ConfirmTimeout", "u", confirm_timeout);
  return g_variant_dict_end (&options);
}

static void
take_over (PbaSettingsModel *self, GVariant *changes)
{
  GVariantIter iter;
  const char *interface, *name;
  GVariant *names, *value;

  g_variant_iter_init (&iter, changes);
  while (g_variant_iter_next (&iter, "{&s@a{sv}}", &interface, &names))
    {
      g_autoptr (GVariant) held_names = names;
      GVariantIter inner;

      g_variant_iter_init (&inner, held_names);
      while (g_variant_iter_next (&inner, "{&sv}", &name, &value))
        {
          g_autoptr (GVariant) held = value;
          g_autofree char *key = g_strconcat (interface, ".", name, NULL);
          PbaSetting *setting = pba_settings_model_lookup (self, key);

          if (setting != NULL)
            pba_setting_applied (setting, held);
        }
    }
}

static void
take_refusal (PbaSettingsModel *self, const GError *error)
{
  g_autofree char *place = pba_error_dup_place (error);
  g_autofree char *sentence = pba_words_error (error);
  PbaSetting *setting = place != NULL ? pba_settings_model_lookup (self, place) : NULL;

  /* Only what another value would mend belongs to a row; the rest may go well next time. */
  if (!g_error_matches (error, PB_ERROR, PB_ERROR_INVALID_VALUE)
      && !g_error_matches (error, PB_ERROR, PB_ERROR_TOO_LARGE))
    setting = NULL;
  if (g_error_matches (error, PB_ERROR, PB_ERROR_CONFLICT))
    {
      self->stale = TRUE;
      pba_settings_model_fetch (self);
    }
  else if (setting != NULL)
    pba_setting_set_error (setting, sentence);
  else
    pba_settings_model_set_error (self, sentence);
  pba_settings_model_count (self);
}

/* What one Apply is about. */
typedef struct
{
  GVariant *changes;  /* (owned) a{sa{sv}} */
  gboolean on_trial; /* Confirm comes later, and the drafts after it */
} Request;

static void
request_free (gpointer data)
{
  Request *request = data;

  g_variant_unref (request->changes);
  g_free (request);
}

static void
on_applied (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaSettingsModel *self = g_task_get_source_object (task);
  Request *request = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  if (reply == NULL)
    {
      pba_settings_model_set_applying (self, FALSE);
      take_refusal (self, error);
      g_task_return_error (task, error);
      return;
    }
  g_variant_get (reply, "(t)", &self->revision);
  self->overwrite = self->stale = FALSE;
  take_over (self, request->changes);
  pba_settings_model_count (self);
  /* The service may keep a value in another form than it was given. */
  pba_settings_model_fetch (self);
  if (!request->on_trial)
    {
      pba_settings_model_send_drafts (self, g_steal_pointer (&task));
      return;
    }
  pba_settings_model_set_applying (self, FALSE);
  g_task_return_boolean (task, TRUE);
}

void
pba_settings_model_apply_async (PbaSettingsModel *self, guint confirm_timeout,
                                GCancellable *cancellable, GAsyncReadyCallback callback,
                                gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  Request *request;

  g_task_set_source_tag (task, pba_settings_model_apply_async);
  pba_settings_model_set_error (self, NULL);
  if (self->n_errors > 0)
    {
      g_task_return_new_error (task, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s: needs attention",
                               pba_settings_model_get_first_error_key (self));
      return;
    }
  if (self->n_changes == 0 || self->applying)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  request = g_new0 (Request, 1);
  request->changes = build_changes (self);
  request->on_trial = confirm_timeout > 0 && pba_settings_model_can_confirm (self);
  g_task_set_task_data (task, request, request_free);
  if (g_variant_n_children (request->changes) == 0)
    {
      pba_settings_model_send_drafts (self, g_steal_pointer (&task));
      return;
    }
  pba_settings_model_set_applying (self, TRUE);
  pba_connection_call (self->connection, "Manager", "Apply",
                       g_variant_new ("(@a{sa{sv}}@a{sv})", request->changes,
                                      build_options (self, confirm_timeout)),
                       "(t)", cancellable, on_applied, g_steal_pointer (&task));
}

gboolean
pba_settings_model_apply_finish (PbaSettingsModel *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

gboolean
pba_settings_model_can_confirm (PbaSettingsModel *self)
{
  return pba_connection_has_method (self->connection, "Manager", "Confirm");
}

gboolean
pba_settings_model_needs_confirm (PbaSettingsModel *self)
{
  for (guint i = 0; i < self->settings->len; i++)
    if (pba_setting_get_changed (self->settings->pdata[i])
        && g_strv_contains (risky, pba_setting_get_key (self->settings->pdata[i])))
      return TRUE;
  return FALSE;
}

static void
on_confirmed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaSettingsModel *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  if (reply != NULL)
    pba_settings_model_send_drafts (self, g_steal_pointer (&task));
  else
    g_task_return_error (task, error);
}

void
pba_settings_model_confirm_async (PbaSettingsModel *self, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, pba_settings_model_confirm_async);
  pba_connection_call (self->connection, "Manager", "Confirm",
                       g_variant_new ("(t)", self->revision), NULL, cancellable, on_confirmed,
                       task);
}

gboolean
pba_settings_model_confirm_finish (PbaSettingsModel *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
