/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rows of a relay's password: the entry, and the one that offers to fill a lost one in from the
 * keyring. Made by the relay page, bound to its PbaRelayPassword for life. The text lies in memory that
 * is not paged out and is wiped as it is typed away; nothing here keeps a copy.
 */
#include "pages/password-row.h"

#include "widgets/compat.h"

#include <glib/gi18n.h>

/* Dots in the place of a password that is kept, and never shown. */
#define KEPT "••••••••••••"

static void
on_text (PbaEntryRow *row, GParamSpec *pspec, gpointer user_data)
{
  pba_relay_password_set_pending (user_data, pba_entry_row_get_text (row));
}

/* What is typed was handed over, or dropped. */
static void
on_changed (PbaRelayPassword *password, GParamSpec *pspec, gpointer user_data)
{
  pba_entry_row_set_text (user_data, pba_relay_password_get_pending (password));
}

static void
on_state (PbaRelayPassword *password, GParamSpec *pspec, gpointer user_data)
{
  gboolean kept = pba_relay_password_get_state (password) == PBA_PASSWORD_PRESENT;

  g_object_set (user_data, "placeholder", kept ? KEPT : _ ("Not set"), NULL);
}

static void
on_undo (GtkButton *button, gpointer user_data)
{
  PbaEntryRow *row =
    PBA_ENTRY_ROW (gtk_widget_get_ancestor (GTK_WIDGET (button), PBA_TYPE_ENTRY_ROW));

  pba_draft_discard (user_data);
  gtk_widget_grab_focus (GTK_WIDGET (pba_entry_row_get_editable (row)));
}

static void
add_undo (GtkWidget *row, PbaRelayPassword *password)
{
  GtkWidget *undo = gtk_button_new_from_icon_name ("edit-undo-symbolic");

  gtk_widget_set_valign (undo, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text (undo, _ ("Undo"));
  gtk_widget_add_css_class (undo, "flat");
  pba_accessible_name (undo, _ ("Undo"));
  g_object_bind_property (password, "changed", undo, "visible", G_BINDING_SYNC_CREATE);
  g_signal_connect_object (undo, "clicked", G_CALLBACK (on_undo), password, 0);
  pba_entry_row_add_suffix (PBA_ENTRY_ROW (row), undo);
}

GtkWidget *
pba_password_row_new (PbaRelayPassword *password)
{
  GtkWidget *row = g_object_new (PBA_TYPE_ENTRY_ROW, "title", _ ("Password"), "secret", TRUE, NULL);
  static const char *const same[] = { "changed", "error" };

  pba_entry_row_set_text (PBA_ENTRY_ROW (row), pba_relay_password_get_pending (password));
  for (guint i = 0; i < G_N_ELEMENTS (same); i++)
    g_object_bind_property (password, same[i], row, same[i], G_BINDING_SYNC_CREATE);
  g_object_bind_property (password, "sentence", row, "caption", G_BINDING_SYNC_CREATE);
  g_object_bind_property (password, "supported", row, "visible", G_BINDING_SYNC_CREATE);
  g_object_bind_property (password, "writable", row, "sensitive", G_BINDING_SYNC_CREATE);
  g_object_bind_property (password, "busy", pba_entry_row_get_editable (PBA_ENTRY_ROW (row)),
                          "editable", G_BINDING_SYNC_CREATE | G_BINDING_INVERT_BOOLEAN);
  add_undo (row, password);
  g_signal_connect_object (row, "notify::text", G_CALLBACK (on_text), password, 0);
  g_signal_connect_object (password, "notify::changed", G_CALLBACK (on_changed), row, 0);
  g_signal_connect_object (password, "notify::state", G_CALLBACK (on_state), row, 0);
  on_state (password, NULL, row);
  return row;
}

GtkWidget *
pba_password_refill_row_new (PbaRelayPassword *password, GCallback refill, gpointer user_data)
{
  GtkWidget *row = adw_action_row_new ();
  GtkWidget *button = gtk_button_new_with_mnemonic (_ ("_Fill In"));

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ ("Fill in from your keyring"));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row),
                               _ ("The server lost its copy or never had one"));
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
  g_object_bind_property (password, "can-refill", row, "visible", G_BINDING_SYNC_CREATE);
  g_object_bind_property (password, "busy", button, "sensitive",
                          G_BINDING_SYNC_CREATE | G_BINDING_INVERT_BOOLEAN);
  g_signal_connect_object (button, "clicked", refill, user_data, G_CONNECT_SWAPPED);
  return row;
}
