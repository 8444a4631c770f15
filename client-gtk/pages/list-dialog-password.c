/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The password in the dialog of a relay exception. Part of PbaListDialog. The service takes it once it has
 * the exception itself, for its Id and for the relay host that it belongs to; so it goes second, and when it
 * is refused the dialog stays, with the exception saved. An empty row leaves the password as it is.
 */
#include "pages/list-dialog-private.h"

#include "model/exception-password.h"
#include "model/words.h"
#include "pages/relay-test-dialog.h"

#include <glib/gi18n.h>

/* What the service seals a password to. */
static const char *const bound[] = { "Server", "Port",        "Fallback", "Tls",
                                     "Verify", "Fingerprint", "User" };

/* Which login the exception is, as the fields say it now. @host, @user: (out) (transfer full): what it borrows from. */
static PbaRelayLogin
login_of (PbaListDialog *self, GVariant **host, GVariant **user)
{
  g_autoptr (GVariant) port =
    g_variant_ref_sink (pba_list_field_get_value (pba_list_dialog_find (self, "Port")));

  *host = g_variant_ref_sink (pba_list_field_get_value (pba_list_dialog_find (self, "Server")));
  *user = g_variant_ref_sink (pba_list_field_get_value (pba_list_dialog_find (self, "User")));
  return (PbaRelayLogin){
    .nas = pba_manager_get_instance_id (pba_server_get_manager (self->server)),
    .relay = self->id,
    .server = g_variant_get_string (*host, NULL),
    .port = g_variant_get_uint32 (port),
    .user = g_variant_get_string (*user, NULL),
  };
}

/* ---- out of the keyring ---- */

static void
on_looked_up (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaListDialog) self = user_data;
  g_autoptr (GError) error = NULL;
  char *password = pba_secrets_lookup_finish (result, &error);

  if (g_cancellable_is_cancelled (self->cancellable))
    {
      pba_secrets_free (password);
      return;
    }
  if (password != NULL)
    {
      pba_entry_row_set_text (self->password, password);
      pba_secrets_free (password);
      gtk_widget_set_visible (self->fill, FALSE);
    }
  else
    pba_entry_row_set_error (self->password, error->message);
}

static void
on_fill (PbaListDialog *self)
{
  g_autoptr (GVariant) host = NULL;
  g_autoptr (GVariant) user = NULL;
  PbaRelayLogin login = login_of (self, &host, &user);

  pba_secrets_lookup_async (&login, self->cancellable, on_looked_up, g_object_ref (self));
}

static void
on_searched (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaListDialog) self = user_data;
  gboolean found = pba_secrets_has_finish (result, NULL);

  if (!g_cancellable_is_cancelled (self->cancellable))
    gtk_widget_set_visible (self->fill, found);
}

/* A password that the service has lost, as by the exception's removal and its undo, may be there still. */
static void
add_fill (PbaListDialog *self)
{
  const char *state = "none";
  g_autoptr (GVariant) host = NULL;
  g_autoptr (GVariant) user = NULL;
  PbaRelayLogin login;

  self->fill = gtk_button_new_with_mnemonic (_ ("_Fill In"));
  gtk_widget_set_valign (self->fill, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text (self->fill, _ ("Fill in from your keyring"));
  gtk_widget_set_visible (self->fill, FALSE);
  g_signal_connect_swapped (self->fill, "clicked", G_CALLBACK (on_fill), self);
  pba_entry_row_add_suffix (self->password, self->fill);
  if (self->base == NULL || !g_variant_lookup (self->base, "SecretState", "&s", &state)
      || g_str_equal (state, "present"))
    return;
  login = login_of (self, &host, &user);
  if (login.nas[0] != '\0')
    pba_secrets_has_async (&login, self->cancellable, on_searched, g_object_ref (self));
}

/* ---- the test ---- */

/* To be saved with the rest. */
static void
on_pinned (PbaListDialog *self, const char *fingerprint)
{
  pba_list_field_set_choice (pba_list_dialog_find (self, "Verify"), "fingerprint");
  pba_list_field_set_text (pba_list_dialog_find (self, "Fingerprint"), fingerprint);
  pba_notice_bar_show (self->notice, _ ("Save to trust this certificate from now on"), NULL, NULL);
}

static void
on_test (PbaListDialog *self)
{
  GtkWidget *dialog = pba_relay_test_dialog_new (GTK_WINDOW (self), self->server, self->id);

  g_signal_connect_object (dialog, "pin", G_CALLBACK (on_pinned), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
add_test (PbaListDialog *self, AdwPreferencesGroup *group)
{
  if (pba_relay_test_dialog_supported (self->server))
    adw_preferences_group_add (group,
                               pba_relay_test_row_new (G_CALLBACK (on_test), self, &self->test));
}

/* What is saved is what is tested. */
static void
follow_test (PbaListDialog *self)
{
  gboolean saved = self->id != NULL && self->base != NULL;

  for (guint i = 0; saved && i < self->fields->len; i++)
    saved =
      !pba_list_dialog_differs (self, pba_list_field_get_column (self->fields->pdata[i])->name);
  if (self->test == NULL)
    return;
  gtk_widget_set_sensitive (self->test, saved && pba_list_dialog_is_on (self, "Enabled"));
  gtk_widget_set_tooltip_text (self->test, saved ? NULL : _ ("Save it first"));
}

/* ---- the row ---- */

static void
add (PbaListDialog *self, AdwPreferencesGroup *group)
{
  GtkWidget *row;

  if (!pba_exception_password_supported (self->server))
    return;
  row = g_object_new (PBA_TYPE_ENTRY_ROW, "title", _ ("Password"), "secret", TRUE, NULL);
  self->password = PBA_ENTRY_ROW (row);
  g_object_set (pba_entry_row_get_editable (self->password), "activates-default", TRUE, NULL);
  adw_preferences_group_add (group, row);
  add_fill (self);
  add_test (self, group);
}

static gboolean
wants_password (PbaListDialog *self)
{
  return pba_list_dialog_is_on (self, "Auth")
         && g_str_equal (pba_list_dialog_chosen (self, "SecretStorage"), "system");
}

static const char *
describe (PbaListDialog *self)
{
  const char *state = "none";

  if (self->base != NULL)
    g_variant_lookup (self->base, "SecretState", "&s", &state);
  if (g_str_equal (state, "none"))
    return _ ("The server has none yet");
  for (guint i = 0; i < G_N_ELEMENTS (bound); i++)
    if (g_str_equal (state, "stale") || pba_list_dialog_differs (self, bound[i]))
      return _ ("Type it again: the server has one for the relay host as it was before");
  return _ ("The server has it. Leave this empty to keep it");
}

static void
follow (PbaListDialog *self)
{
  follow_test (self);
  if (self->password == NULL)
    return;
  gtk_widget_set_visible (GTK_WIDGET (self->password), wants_password (self));
  pba_entry_row_set_caption (self->password, describe (self));
  pba_entry_row_set_error (self->password, NULL);
}

static gboolean
has (PbaListDialog *self)
{
  return self->password != NULL && wants_password (self)
         && pba_entry_row_get_text (self->password)[0] != '\0';
}

static gboolean
check (PbaListDialog *self)
{
  return TRUE;
}

void
pba_list_dialog_end_password (PbaListDialog *self, const char *trouble, const GError *error)
{
  g_autofree char *sentence = NULL;

  if (g_cancellable_is_cancelled (self->cancellable))
    return;
  if (error == NULL)
    {
      pba_list_model_refresh (self->model);
      pba_entry_row_set_text (self->password, "");
      pba_list_dialog_finish (self, trouble);
      return;
    }
  /* Saving again sends all of it: what was shown first is no longer what is there. */
  g_clear_pointer (&self->base, g_variant_unref);
  sentence = pba_words_error (error);
  pba_list_dialog_set_busy (self, FALSE);
  pba_notice_bar_show (self->notice, _ ("All but the password is saved"), NULL, NULL);
  pba_entry_row_set_error (self->password, sentence);
  gtk_widget_grab_focus (GTK_WIDGET (pba_entry_row_get_editable (self->password)));
}

static void
on_given (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaListDialog) self = user_data;
  g_autofree char *trouble = NULL;
  g_autoptr (GError) error = NULL;

  pba_exception_password_give_finish (PBA_SERVER (source), result, &trouble, &error);
  pba_list_dialog_end_password (self, trouble, error);
}

static void
give (PbaListDialog *self)
{
  g_autoptr (GVariant) host = NULL;
  g_autoptr (GVariant) user = NULL;
  PbaRelayLogin login = login_of (self, &host, &user);

  pba_exception_password_give_async (self->server, &login, pba_entry_row_get_text (self->password),
                                     self->cancellable, on_given, g_object_ref (self));
}

const PbaDialogPassword pba_dialog_relay_password = { add, follow, has, check, give };
