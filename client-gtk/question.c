/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What ssh, a far polkit and the service ask, as a dialog: a password, or whether a host's key is to be trusted. Made
 * by the window when the question comes. Closing the dialog is a no. What was typed goes
 * to the connection and nowhere else.
 */
#include "client-gtk/question.h"

#include "widgets/compat.h"
#include "widgets/entry-row.h"

#include <glib/gi18n.h>
#include <string.h>

static void
on_response (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  PbaConnection *connection = user_data;
  GtkWidget *entry = adw_message_dialog_get_extra_child (dialog);

  if (!g_str_equal (response, "yes"))
    pba_connection_answer (connection, GTK_IS_EDITABLE (entry) ? NULL : "no");
  else
    pba_connection_answer (connection, GTK_IS_EDITABLE (entry)
                                         ? gtk_editable_get_text (GTK_EDITABLE (entry))
                                         : "yes");
}

static void
on_entry_activate (GtkWidget *entry, gpointer user_data)
{
  adw_message_dialog_response (user_data, "yes");
  gtk_window_close (user_data);
}

static AdwMessageDialog *
ask_secret (GtkWindow *parent, PbaConnection *connection, PbaQuestion kind, const char *text)
{
  GtkWidget *entry = gtk_password_entry_new ();
  gboolean login = kind == PBA_QUESTION_SECRET;
  AdwMessageDialog *dialog;
  g_autofree char *heading =
    /* Translators: %s is a host */
    g_strdup_printf (
      login ? _ ("Log In to %s")
            /* Translators: %s is a host, which wants a password before it does something */
            : _ ("Authenticate on %s"),
      pba_connection_get_host (connection));

  dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, heading, text));
  gtk_password_entry_set_show_peek_icon (GTK_PASSWORD_ENTRY (entry), TRUE);
  pba_accessible_name (entry, _ ("Password"));
  adw_message_dialog_set_extra_child (dialog, entry);
  adw_message_dialog_add_responses (dialog, "no", _ ("_Cancel"), "yes",
                                    login ? _ ("_Log In") : _ ("_Authenticate"), NULL);
  g_signal_connect_object (entry, "activate", G_CALLBACK (on_entry_activate), dialog, 0);
  gtk_window_set_focus (GTK_WINDOW (dialog), entry);
  return dialog;
}

static AdwMessageDialog *
ask_host_key (GtkWindow *parent, PbaConnection *connection, const char *text)
{
  AdwMessageDialog *dialog;
  GtkWidget *record = gtk_label_new (text);
  /* Translators: %s is a host */
  g_autofree char *heading =
    g_strdup_printf (_ ("Trust %s?"), pba_connection_get_host (connection));

  dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (
    parent, heading,
    _ ("You connect to this host for the first time. Compare its fingerprint with the one "
       "that its administrator gives you.")));
  gtk_label_set_wrap (GTK_LABEL (record), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (record), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_selectable (GTK_LABEL (record), TRUE);
  gtk_label_set_xalign (GTK_LABEL (record), 0);
  gtk_widget_add_css_class (record, "record");
  gtk_widget_add_css_class (record, "caption");
  adw_message_dialog_set_extra_child (dialog, record);
  adw_message_dialog_add_responses (dialog, "no", _ ("_Cancel"), "yes", _ ("_Trust"), NULL);
  return dialog;
}

GtkWindow *
pba_question_ask (GtkWindow *parent, PbaConnection *connection, PbaQuestion kind, const char *text)
{
  AdwMessageDialog *dialog = NULL;
  g_autofree char *stripped = g_strstrip (g_strdup (text));

  switch (kind)
    {
    case PBA_QUESTION_SECRET:
    case PBA_QUESTION_AUTHENTICATE:
      dialog = ask_secret (parent, connection, kind, stripped);
      break;
    case PBA_QUESTION_HOST_KEY:
      dialog = ask_host_key (parent, connection, stripped);
      break;
    }
  adw_message_dialog_set_default_response (dialog, "yes");
  adw_message_dialog_set_close_response (dialog, "no");
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_response), connection, 0);
  gtk_window_present (GTK_WINDOW (dialog));
  return GTK_WINDOW (dialog);
}

/* ---- a relay's password ---- */

static void
on_relay_response (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  PbaEntryRow *row = g_object_get_data (G_OBJECT (dialog), "password");

  pba_secret_agent_answer (user_data,
                           g_str_equal (response, "yes") ? pba_entry_row_get_text (row) : NULL);
}

/* GTK's own entry for passwords upsets screen readers (4.8). */
static GtkWidget *
relay_entry_new (AdwMessageDialog *dialog)
{
  GtkWidget *list = gtk_list_box_new ();
  GtkWidget *row = g_object_new (PBA_TYPE_ENTRY_ROW, "title", _ ("Password"), "secret", TRUE, NULL);
  GtkEditable *entry = GTK_EDITABLE (pba_entry_row_get_editable (PBA_ENTRY_ROW (row)));

  gtk_list_box_set_selection_mode (GTK_LIST_BOX (list), GTK_SELECTION_NONE);
  gtk_widget_add_css_class (list, "boxed-list");
  pba_accessible_name (list, _ ("Relay Password"));
  gtk_list_box_append (GTK_LIST_BOX (list), row);
  g_object_set (entry, "activates-default", TRUE, NULL);
  g_object_set_data (G_OBJECT (dialog), "password", row);
  gtk_window_set_focus (GTK_WINDOW (dialog), GTK_WIDGET (entry));
  return list;
}

static char *
relay_words (const PbaSecretQuestion *question)
{
  const char *keeps = question->keep ? _ ("It is kept in your keyring.")
                                     : _ ("It is not kept: you will be asked again.");

  if (question->refused[0] != '\0')
    /* Translators: a relay host, its answer to a login, and a sentence about where the password is kept */
    return g_strdup_printf (_ ("%s refused the last password: %s\n\n%s"), question->server,
                            question->refused, keeps);
  /* Translators: a user name, a relay host, and a sentence about where the password is kept */
  return g_strdup_printf (_ ("Mail waits for the password of “%s” at %s.\n\n%s"), question->user,
                          question->server, keeps);
}

GtkWindow *
pba_question_ask_relay (GtkWindow *parent, PbaSecretAgent *agent, const PbaSecretQuestion *question)
{
  g_autofree char *words = relay_words (question);
  AdwMessageDialog *dialog =
    ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, _ ("Relay Password"), words));

  adw_message_dialog_set_extra_child (dialog, relay_entry_new (dialog));
  adw_message_dialog_add_responses (dialog, "no", _ ("_Not Now"), "yes", _ ("_Send Mail"), NULL);
  adw_message_dialog_set_response_appearance (dialog, "yes", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (dialog, "yes");
  adw_message_dialog_set_close_response (dialog, "no");
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_relay_response), agent, 0);
  gtk_window_present (GTK_WINDOW (dialog));
  return GTK_WINDOW (dialog);
}
