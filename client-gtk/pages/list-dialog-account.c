/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The password in the dialog of an account, typed twice since nobody can read it back. Part of
 * PbaListDialog. The service takes it once it has the account itself, so it goes second. Empty rows
 * leave the password as it is; an account without one gets mail and cannot log in.
 */
#include "pages/list-dialog-private.h"

#include "model/account-password.h"

#include <glib/gi18n.h>

static void
on_text (PbaListDialog *self)
{
  pba_entry_row_set_error (self->password, NULL);
  pba_entry_row_set_error (self->repeat, NULL);
}

static PbaEntryRow *
add_row (PbaListDialog *self, AdwPreferencesGroup *group, const char *title)
{
  GtkWidget *row = g_object_new (PBA_TYPE_ENTRY_ROW, "title", title, "secret", TRUE, NULL);

  g_object_set (pba_entry_row_get_editable (PBA_ENTRY_ROW (row)), "activates-default", TRUE, NULL);
  g_signal_connect_object (row, "notify::text", G_CALLBACK (on_text), self, G_CONNECT_SWAPPED);
  adw_preferences_group_add (group, row);
  return PBA_ENTRY_ROW (row);
}

static void
add (PbaListDialog *self, AdwPreferencesGroup *group)
{
  gboolean set = FALSE;

  if (!pba_account_password_supported (self->server))
    return;
  if (self->base != NULL)
    g_variant_lookup (self->base, "PasswordSet", "b", &set);
  /* Both are there before either can change. */
  self->repeat = NULL;
  self->password = add_row (self, group, set ? _ ("New password") : _ ("Password"));
  self->repeat = add_row (self, group, _ ("Repeat password"));
  pba_entry_row_set_caption (self->password,
                             set ? _ ("The server has one. Leave this empty to keep it")
                                 : _ ("Without one the account gets mail, but cannot log in"));
}

static void
follow (PbaListDialog *self)
{
}

static gboolean
has (PbaListDialog *self)
{
  return self->password != NULL
         && (pba_entry_row_get_text (self->password)[0] != '\0'
             || pba_entry_row_get_text (self->repeat)[0] != '\0');
}

static gboolean
check (PbaListDialog *self)
{
  if (!has (self)
      || g_str_equal (pba_entry_row_get_text (self->password),
                      pba_entry_row_get_text (self->repeat)))
    return TRUE;
  pba_entry_row_set_error (self->repeat, _ ("Type the same password in both rows"));
  gtk_widget_grab_focus (GTK_WIDGET (pba_entry_row_get_editable (self->repeat)));
  return FALSE;
}

static void
on_given (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaListDialog) self = user_data;
  g_autoptr (GError) error = NULL;

  pba_account_password_give_finish (PBA_SERVER (source), result, &error);
  if (error == NULL && !g_cancellable_is_cancelled (self->cancellable))
    pba_entry_row_set_text (self->repeat, "");
  pba_list_dialog_end_password (self, NULL, error);
}

static void
give (PbaListDialog *self)
{
  pba_account_password_give_async (self->server, self->id, pba_entry_row_get_text (self->password),
                                   self->cancellable, on_given, g_object_ref (self));
}

const PbaDialogPassword pba_dialog_account_password = { add, follow, has, check, give };
