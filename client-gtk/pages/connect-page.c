/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The connection page: this computer, a host by ssh, the recent ones. Says what a try is at and, when it
 * failed, why, with ssh's own words. The window does the connecting; this page only asks for it and
 * follows the connection it is given. It looks for a service on this computer by a probe of its own,
 * which starts nothing.
 */
#include "pages/connect-page.h"

#include "widgets/compat.h"
#include "widgets/entry-row.h"

#include <glib/gi18n.h>

struct _PbaConnectPage
{
  AdwBin parent_instance;

  GtkListBox *recent_list; /* template children */
  GtkWidget *recent_group, *trouble, *spinner_row;
  AdwActionRow *local_row, *progress_row;
  PbaEntryRow *host_row;
  GtkLabel *trouble_sentence, *trouble_detail;

  GtkButton *connect_button; /* (unowned) */
  PbaHosts *hosts;           /* (owned) (nullable) */
  PbaConnection *probe;      /* (owned) (nullable) */
  PbaConnection *connection; /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE (PbaConnectPage, pba_connect_page, ADW_TYPE_BIN)

static guint connect_signal;

static void
ask_to_connect (PbaConnectPage *self, const char *address)
{
  g_signal_emit (self, connect_signal, 0, address);
}

static void
on_local (PbaConnectPage *self)
{
  ask_to_connect (self, "");
}

static void
on_connect (PbaConnectPage *self)
{
  g_autofree char *address = g_strstrip (g_strdup (pba_entry_row_get_text (self->host_row)));
  g_autoptr (GError) error = NULL;

  if (!pba_connection_check_address (address, &error))
    {
      pba_entry_row_set_error (self->host_row, error->message);
      gtk_widget_grab_focus (GTK_WIDGET (pba_entry_row_get_editable (self->host_row)));
      return;
    }
  pba_entry_row_set_error (self->host_row, NULL);
  ask_to_connect (self, address);
}

static void
on_host_edited (PbaConnectPage *self)
{
  pba_entry_row_set_error (self->host_row, NULL);
}

static void
on_cancel (PbaConnectPage *self)
{
  if (self->connection != NULL)
    pba_connection_close (self->connection);
}

/* ---- recent hosts ---- */

static void
on_recent (GtkListBox *list, GtkListBoxRow *row, gpointer user_data)
{
  ask_to_connect (user_data, g_object_get_data (G_OBJECT (row), "address"));
}

static void
on_forget (GtkButton *button, gpointer user_data)
{
  PbaConnectPage *self = user_data;
  GtkWidget *row = gtk_widget_get_ancestor (GTK_WIDGET (button), GTK_TYPE_LIST_BOX_ROW);
  g_autofree char *address = g_strdup (g_object_get_data (G_OBJECT (row), "address"));

  pba_hosts_remove (self->hosts, address);
}

static GtkWidget *
make_recent (gpointer item, gpointer user_data)
{
  PbaHost *host = item;
  GtkWidget *row = adw_action_row_new ();
  GtkWidget *forget = gtk_button_new_from_icon_name ("edit-clear-symbolic");
  g_autofree char *title = g_markup_escape_text (pba_host_get_host (host), -1);
  g_autofree char *summary = pba_host_dup_summary (host);
  g_autofree char *subtitle = g_markup_escape_text (summary, -1);
  /* Translators: %s is a host */
  g_autofree char *name = g_strdup_printf (_ ("Forget %s"), pba_host_get_host (host));
  GtkWidget *arrow = gtk_image_new_from_icon_name ("go-next-symbolic");

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row),
                             gtk_image_new_from_icon_name ("network-server-symbolic"));
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), TRUE);
  gtk_widget_set_tooltip_text (forget, _ ("Forget"));
  gtk_widget_set_valign (forget, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (forget, "flat");
  gtk_widget_add_css_class (arrow, "dim-label");
  pba_accessible_name (forget, name);
  g_signal_connect (forget, "clicked", G_CALLBACK (on_forget), user_data);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), forget);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), arrow);
  g_object_set_data_full (G_OBJECT (row), "address", g_strdup (pba_host_get_address (host)),
                          g_free);
  return row;
}

static void
on_hosts (GListModel *hosts, guint position, guint removed, guint added, gpointer user_data)
{
  PbaConnectPage *self = user_data;

  gtk_widget_set_visible (self->recent_group, g_list_model_get_n_items (hosts) > 0);
}

void
pba_connect_page_set_hosts (PbaConnectPage *self, PbaHosts *hosts)
{
  g_set_object (&self->hosts, hosts);
  gtk_list_box_bind_model (self->recent_list, G_LIST_MODEL (hosts), make_recent, self, NULL);
  g_signal_connect_object (hosts, "items-changed", G_CALLBACK (on_hosts), self, 0);
  on_hosts (G_LIST_MODEL (hosts), 0, 0, 0, self);
}

/* ---- what is tried ---- */

static void
show_trouble (PbaConnectPage *self, const char *sentence, const char *detail)
{
  gtk_widget_set_visible (self->trouble, sentence != NULL);
  gtk_label_set_label (self->trouble_sentence, sentence != NULL ? sentence : "");
  gtk_label_set_label (self->trouble_detail, detail != NULL ? detail : "");
  gtk_widget_set_visible (GTK_WIDGET (self->trouble_detail), detail != NULL);
  pba_accessible_name (self->trouble, sentence != NULL ? sentence : "");
}

static void
on_state (PbaConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  PbaConnectPage *self = user_data;
  gboolean trying = pba_connection_get_state (connection) == PBA_CONNECTION_CONNECTING;
  g_autofree char *sentence = NULL;

  gtk_widget_set_visible (self->spinner_row, trying);
  gtk_widget_set_sensitive (GTK_WIDGET (self->connect_button), !trying);
  gtk_widget_set_sensitive (GTK_WIDGET (self->local_row), !trying);
  /* Translators: %s is a host */
  sentence = g_strdup_printf (_ ("Connecting to %s…"), pba_connection_get_host (connection));
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->progress_row), sentence);
  show_trouble (self, trying ? NULL : pba_connection_get_error (connection),
                pba_connection_get_detail (connection));
}

void
pba_connect_page_follow (PbaConnectPage *self, PbaConnection *connection)
{
  if (self->connection != NULL)
    g_signal_handlers_disconnect_by_data (self->connection, self);
  g_set_object (&self->connection, connection);
  show_trouble (self, NULL, NULL);
  if (connection == NULL)
    return;
  g_signal_connect_object (connection, "notify::state", G_CALLBACK (on_state), self, 0);
  g_signal_connect_object (connection, "notify::error", G_CALLBACK (on_state), self, 0);
  on_state (connection, NULL, self);
}

static void
on_probe (PbaConnection *probe, GParamSpec *pspec, gpointer user_data)
{
  PbaConnectPage *self = user_data;
  g_autofree char *line = NULL;

  switch (pba_connection_get_state (probe))
    {
    case PBA_CONNECTION_CONNECTED:
      /* Translators: %s is name and version: “Postbus 1.0 is running” */
      line = g_strdup_printf (_ ("%s is running"), pba_connection_get_login (probe));
      break;
    case PBA_CONNECTION_CONNECTING:
      line = g_strdup (_ ("Looking for Postbus…"));
      break;
    case PBA_CONNECTION_DENIED:
      line = g_strdup (_ ("Postbus is running, ask its administrator for access"));
      break;
    case PBA_CONNECTION_SKEW:
      line = g_strdup (_ ("Another version of Postbus is running"));
      break;
    case PBA_CONNECTION_DISCONNECTED:
    case PBA_CONNECTION_LOST:
      line = g_strdup (_ ("Postbus is not running"));
      break;
    }
  adw_action_row_set_subtitle (self->local_row, line);
}

void
pba_connect_page_look (PbaConnectPage *self)
{
  if (self->probe == NULL)
    {
      self->probe = pba_connection_new ("");
      g_signal_connect_object (self->probe, "notify::state", G_CALLBACK (on_probe), self, 0);
      g_signal_connect_object (self->probe, "notify::login", G_CALLBACK (on_probe), self, 0);
    }
  pba_connection_probe (self->probe);
}

static void
pba_connect_page_dispose (GObject *object)
{
  PbaConnectPage *self = PBA_CONNECT_PAGE (object);

  g_clear_object (&self->probe);
  g_clear_object (&self->connection);
  g_clear_object (&self->hosts);
  gtk_widget_dispose_template (GTK_WIDGET (object), PBA_TYPE_CONNECT_PAGE);
  G_OBJECT_CLASS (pba_connect_page_parent_class)->dispose (object);
}

static void
pba_connect_page_class_init (PbaConnectPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pba_connect_page_dispose;
  connect_signal = g_signal_new ("connect", PBA_TYPE_CONNECT_PAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  g_type_ensure (PBA_TYPE_ENTRY_ROW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/postbus/Admin/connect-page.ui");
  gtk_widget_class_bind_template_child (widget_class, PbaConnectPage, recent_list);
  gtk_widget_class_bind_template_child (widget_class, PbaConnectPage, recent_group);
  gtk_widget_class_bind_template_child (widget_class, PbaConnectPage, trouble);
  gtk_widget_class_bind_template_child (widget_class, PbaConnectPage, trouble_sentence);
  gtk_widget_class_bind_template_child (widget_class, PbaConnectPage, trouble_detail);
  gtk_widget_class_bind_template_child (widget_class, PbaConnectPage, spinner_row);
  gtk_widget_class_bind_template_child (widget_class, PbaConnectPage, progress_row);
  gtk_widget_class_bind_template_child (widget_class, PbaConnectPage, local_row);
  gtk_widget_class_bind_template_child (widget_class, PbaConnectPage, host_row);
  gtk_widget_class_bind_template_callback (widget_class, on_local);
  gtk_widget_class_bind_template_callback (widget_class, on_connect);
  gtk_widget_class_bind_template_callback (widget_class, on_host_edited);
  gtk_widget_class_bind_template_callback (widget_class, on_cancel);
  gtk_widget_class_bind_template_callback (widget_class, on_recent);
}

static void
pba_connect_page_init (PbaConnectPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  pba_accessible_name_lists (GTK_WIDGET (self), _ ("Connect to a Mail Server"));
  pba_accessible_name (self->recent_list, _ ("Recent"));
  self->connect_button = GTK_BUTTON (gtk_button_new_with_mnemonic (_ ("_Connect")));
  gtk_widget_set_valign (GTK_WIDGET (self->connect_button), GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (GTK_WIDGET (self->connect_button), "suggested-action");
  g_signal_connect_swapped (self->connect_button, "clicked", G_CALLBACK (on_connect), self);
  pba_entry_row_add_suffix (self->host_row, GTK_WIDGET (self->connect_button));
  pba_entry_row_add_prefix (self->host_row,
                            gtk_image_new_from_icon_name ("network-server-symbolic"));
}
