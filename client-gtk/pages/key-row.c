/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One signing key as a row of the page Mail Authentication. It copies what it needs of the key, since the
 * list is made anew at every change. Switching and removing go straight to the service; what it refuses is
 * a toast of the page, and a removal is asked about first, since a key cannot be had back.
 */
#include "pages/key-row.h"

#include "model/record.h"
#include "pages/record-box.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>
#include <string.h>

/* What its buttons need. */
typedef struct
{
  PbaPage *page;    /* (unowned): the row is in it */
  char *id, *title; /* (owned) */
  gboolean active;
} Row;

static void
row_free (gpointer data, GClosure *closure)
{
  Row *self = data;

  g_free (self->id);
  g_free (self->title);
  g_free (self);
}

static Row *
row_new (PbaPage *page, const PbaSigningKey *key, const char *title)
{
  Row *self = g_new0 (Row, 1);

  self->page = page;
  self->id = g_strdup (key->id);
  self->title = g_strdup (title);
  self->active = key->active;
  return self;
}

static PbaSigningKeys *
keys_of (PbaPage *page)
{
  return pba_server_get_signing_keys (pba_page_get_server (page));
}

/* ---- what is said of it ---- */

/* Another key of its domain and kind that signs in its stead: the newest active one does. */
static gboolean
is_superseded (GPtrArray *keys, const PbaSigningKey *key)
{
  for (guint i = 0; i < keys->len; i++)
    {
      const PbaSigningKey *other = keys->pdata[i];

      if (other == key)
        return FALSE;
      if (other->active && other->usable && g_str_equal (other->domain, key->domain)
          && g_str_equal (other->algorithm, key->algorithm))
        return TRUE;
    }
  return FALSE;
}

static gboolean
signs_at_all (PbaPage *page)
{
  PbaSetting *setting =
    pba_settings_model_lookup (pba_server_get_settings (pba_page_get_server (page)),
                               "MailAuth.SignEnabled");
  GVariant *value = setting != NULL ? pba_setting_get_value (setting) : NULL;

  return value == NULL || g_variant_get_boolean (value);
}

typedef struct
{
  const char *icon, *style, *word, *sentence;
} State;

static State
state_of (PbaPage *page, GPtrArray *keys, const PbaSigningKey *key)
{
  if (!key->usable)
    return (State){ "dialog-error-symbolic", "error", _ ("Cannot be used"),
                    _ ("The server cannot open this key: its master key is another one now. Remove "
                       "it and create a new one.") };
  if (!key->active)
    return (State){ "content-loading-symbolic", "dim-label", _ ("Not active"),
                    _ ("Publish this record at the provider of the domain’s DNS. Once it can be "
                       "looked up, activate the key.") };
  if (is_superseded (keys, key))
    return (State){ "document-open-recent-symbolic", "dim-label", _ ("Replaced by a newer key"),
                    _ ("Nothing is signed with it any more. Keep its record for a week, for mail "
                       "that is still under way, then remove both.") };
  if (!signs_at_all (page))
    return (State){ "dialog-warning-symbolic", "warning", _ ("Active, but signing is off"),
                    _ ("Nothing is signed until “Sign outgoing mail” is on. The record stays as "
                       "long as the key is used.") };
  return (State){ "emblem-default-symbolic", "success", _ ("Signs mail"),
                  _ ("Mail of this domain is signed. The record must stay published as long as the "
                     "key is used.") };
}

static const char *
kind_of (const PbaSigningKey *key)
{
  return g_str_equal (key->algorithm, "rsa")       ? _ ("RSA")
         : g_str_equal (key->algorithm, "ed25519") ? _ ("Ed25519")
                                                   : key->algorithm;
}

/* ---- changes ---- */

static void
on_switched (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaPage) page = user_data;
  g_autoptr (GError) error = NULL;

  if (!pba_signing_keys_finish (PBA_SIGNING_KEYS (source), result, &error))
    pba_page_toast_error (page, error);
}

static void
on_switch (GtkButton *button, gpointer user_data)
{
  Row *self = user_data;

  pba_signing_keys_activate_async (keys_of (self->page), self->id, !self->active, NULL, on_switched,
                                   g_object_ref (self->page));
}

static void
on_removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaPage) page = user_data;
  g_autoptr (GError) error = NULL;

  if (pba_signing_keys_finish (PBA_SIGNING_KEYS (source), result, &error))
    pba_page_toast (page, _ ("The key is removed. Its record may go from the DNS in a week"), NULL,
                    NULL, NULL);
  else
    pba_page_toast_error (page, error);
}

static void
on_remove_response (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  const char *id = g_object_get_data (G_OBJECT (dialog), "id");

  if (g_str_equal (response, "remove"))
    pba_signing_keys_remove_async (keys_of (user_data), id, NULL, on_removed,
                                   g_object_ref (user_data));
}

static void
on_remove (GtkButton *button, gpointer user_data)
{
  Row *self = user_data;
  GtkWindow *window = GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self->page)));
  /* Translators: %s is a signing key: “pb202611, example.org” */
  g_autofree char *title = g_strdup_printf (_ ("Remove the Key %s?"), self->title);
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (
    window, title,
    self->active ? _ ("Mail of the domain is no longer signed with it. A key cannot be had back.")
                 : _ ("A key cannot be had back.")));

  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "remove", _ ("_Remove"), NULL);
  adw_message_dialog_set_response_appearance (dialog, "remove", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (dialog, "cancel");
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_object_set_data_full (G_OBJECT (dialog), "id", g_strdup (self->id), g_free);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_remove_response), self->page, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

/* ---- the row ---- */

static GtkWidget *
button_new (PbaPage *page, const PbaSigningKey *key, const char *words, const char *title,
            GCallback clicked)
{
  GtkWidget *button = gtk_button_new_with_label (words);
  g_autofree char *name = g_strdup_printf (_ ("%s: %s"), words, title);

  pba_accessible_name (button, name);
  g_object_bind_property (pba_server_get_permissions (pba_page_get_server (page)),
                          "modify-settings", button, "sensitive", G_BINDING_SYNC_CREATE);
  g_signal_connect_data (button, "clicked", clicked, row_new (page, key, title), row_free, 0);
  return button;
}

static GtkWidget *
buttons_new (PbaPage *page, const PbaSigningKey *key, const char *title)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8);
  GtkWidget *remove = button_new (page, key, _ ("Remove…"), title, G_CALLBACK (on_remove));

  if (key->usable || key->active)
    gtk_box_append (GTK_BOX (box),
                    button_new (page, key, key->active ? _ ("Deactivate") : _ ("Activate"), title,
                                G_CALLBACK (on_switch)));
  gtk_box_append (GTK_BOX (box), remove);
  return box;
}

static GtkWidget *
body_new (PbaPage *page, const PbaSigningKey *key, const char *title, const State *state)
{
  GtkWidget *row = gtk_list_box_row_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  GtkWidget *sentence = gtk_label_new (state->sentence);
  g_autofree char *line = pba_record_dup_line (key->name, key->value);

  gtk_label_set_xalign (GTK_LABEL (sentence), 0);
  gtk_label_set_wrap (GTK_LABEL (sentence), TRUE);
  gtk_box_append (GTK_BOX (box), sentence);
  gtk_box_append (GTK_BOX (box), pba_record_box_new (key->name, "TXT", key->value, line));
  gtk_box_append (GTK_BOX (box), buttons_new (page, key, title));
  gtk_widget_add_css_class (box, "padded");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  pba_accessible_name (row, state->sentence);
  return row;
}

GtkWidget *
pba_key_row_new (PbaPage *page, GPtrArray *keys, const PbaSigningKey *key)
{
  State state = state_of (page, keys, key);
  GtkWidget *row = adw_expander_row_new ();
  GtkWidget *icon = gtk_image_new_from_icon_name (state.icon);
  g_autofree char *title = g_strdup_printf ("%s, %s", key->selector, key->domain);
  /* Translators: of a signing key: its selector, its kind and its state: “pb202611, RSA. Signs mail” */
  g_autofree char *second =
    g_strdup_printf (_ ("%s, %s. %s"), key->selector, kind_of (key), state.word);
  g_autofree char *name = g_strdup_printf ("%s, %s", key->domain, second);
  g_autofree char *escaped_domain = g_markup_escape_text (key->domain, -1);
  g_autofree char *escaped = g_markup_escape_text (second, -1);

  gtk_widget_add_css_class (icon, state.style);
  gtk_widget_set_tooltip_text (icon, state.word);
  pba_accessible_name (icon, state.word);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), escaped_domain);
  adw_expander_row_set_subtitle (ADW_EXPANDER_ROW (row), escaped);
  adw_expander_row_add_prefix (ADW_EXPANDER_ROW (row), icon);
  adw_expander_row_add_row (ADW_EXPANDER_ROW (row), body_new (page, key, title, &state));
  pba_accessible_name_lists (row, title);
  pba_accessible_name (row, name);
  return row;
}
