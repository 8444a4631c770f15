/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The settings of the DNS blocklists, and below them how the lists are: each one that is ill, with the
 * service's reason, and a way to the list of all. Which lists to ask is the user's choice alone: none is
 * offered here. Made by the table of pages; follows the service's alerts and the list's total.
 */
#include "pages/blocklists-page.h"

#include "pages/finding-row.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define ILL       "blocklist-ill"
#define LIST_PAGE "blocklist-zones"

struct _PbaBlocklistsPage
{
  PbaSettingsPage parent_instance;

  AdwPreferencesGroup *group; /* (unowned) (nullable): before there are settings */
  GtkWidget *lists;           /* (unowned): the row that leads to the list */
  GPtrArray *rows;            /* (owned) (element-type GtkWidget): of those that are ill */
};

G_DEFINE_FINAL_TYPE (PbaBlocklistsPage, pba_blocklists_page, PBA_TYPE_SETTINGS_PAGE)

static PbaServer *
server_of (PbaBlocklistsPage *self)
{
  return pba_page_get_server (PBA_PAGE (self));
}

static void
on_total (PbaBlocklistsPage *self)
{
  PbaListModel *list = pba_server_get_list (server_of (self), PB_LIST_DNSBL_ZONES);
  guint n = pba_list_model_get_total (list);
  g_autofree char *count = g_strdup_printf (ngettext ("%u list", "%u lists", n), n);
  const char *text = n > 0 ? count : _ ("There are none yet: nobody is asked");

  if (self->group == NULL || !pba_list_model_get_loaded (list))
    return;
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->lists), text);
}

static void
on_alerts (PbaBlocklistsPage *self)
{
  PbaAlerts *alerts = pba_server_get_alerts (server_of (self));

  if (self->group == NULL)
    return;
  for (guint i = 0; i < self->rows->len; i++)
    adw_preferences_group_remove (self->group, self->rows->pdata[i]);
  g_ptr_array_set_size (self->rows, 0);
  for (guint i = 0; i < pba_alerts_get_n (alerts); i++)
    {
      const PbaServiceAlert *alert = pba_alerts_get (alerts, i);
      g_autofree char *title = NULL;
      GtkWidget *row;

      if (!g_str_equal (alert->name, ILL))
        continue;
      /* Translators: %s is a DNS blocklist: “bl.example.org” */
      title = g_strdup_printf (_ ("%s is not asked"), alert->subject);
      row = pba_alert_row_new (PBA_PAGE (self), PBA_SEVERITY_WARNING, title, alert->text, NULL);
      adw_preferences_group_add (self->group, row);
      g_ptr_array_add (self->rows, row);
    }
}

static void
on_lists (PbaBlocklistsPage *self)
{
  pba_page_go (PBA_PAGE (self), LIST_PAGE, NULL);
}

static void
pba_blocklists_page_filled (PbaSettingsPage *page)
{
  PbaBlocklistsPage *self = PBA_BLOCKLISTS_PAGE (page);
  PbaListModel *list = pba_server_get_list (server_of (self), PB_LIST_DNSBL_ZONES);

  g_ptr_array_set_size (self->rows, 0);
  if (self->group != NULL)
    adw_preferences_page_remove (pba_settings_page_get_preferences (page), self->group);
  self->group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  adw_preferences_group_set_title (self->group, _ ("Lists"));
  self->lists = g_object_new (ADW_TYPE_ACTION_ROW, "title", _ ("Blocklist zones"), "activatable",
                              TRUE, "subtitle-lines", 0, NULL);
  adw_action_row_add_suffix (ADW_ACTION_ROW (self->lists),
                             g_object_new (GTK_TYPE_IMAGE, "icon-name", "go-next-symbolic",
                                           "accessible-role", GTK_ACCESSIBLE_ROLE_PRESENTATION,
                                           NULL));
  g_signal_connect_object (self->lists, "activated", G_CALLBACK (on_lists), self,
                           G_CONNECT_SWAPPED);
  adw_preferences_group_add (self->group, self->lists);
  adw_preferences_page_add (pba_settings_page_get_preferences (page), self->group);
  /* Asks for the first page, and with it how many there are. */
  g_list_model_get_n_items (G_LIST_MODEL (list));
  on_total (self);
  on_alerts (self);
}

static void
pba_blocklists_page_constructed (GObject *object)
{
  PbaBlocklistsPage *self = PBA_BLOCKLISTS_PAGE (object);
  PbaListModel *list = pba_server_get_list (server_of (self), PB_LIST_DNSBL_ZONES);

  g_signal_connect_object (pba_server_get_alerts (server_of (self)), "changed",
                           G_CALLBACK (on_alerts), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (list, "notify::total", G_CALLBACK (on_total), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (list, "notify::loaded", G_CALLBACK (on_total), self, G_CONNECT_SWAPPED);
  G_OBJECT_CLASS (pba_blocklists_page_parent_class)->constructed (object);
}

static void
pba_blocklists_page_finalize (GObject *object)
{
  g_ptr_array_unref (PBA_BLOCKLISTS_PAGE (object)->rows);
  G_OBJECT_CLASS (pba_blocklists_page_parent_class)->finalize (object);
}

static void
pba_blocklists_page_class_init (PbaBlocklistsPageClass *klass)
{
  G_OBJECT_CLASS (klass)->constructed = pba_blocklists_page_constructed;
  G_OBJECT_CLASS (klass)->finalize = pba_blocklists_page_finalize;
  PBA_SETTINGS_PAGE_CLASS (klass)->filled = pba_blocklists_page_filled;
}

static void
pba_blocklists_page_init (PbaBlocklistsPage *self)
{
  self->rows = g_ptr_array_new ();
}

GtkWidget *
pba_blocklists_page_new (PbaServer *server, const char *title, const char *const *interfaces)
{
  return g_object_new (PBA_TYPE_BLOCKLISTS_PAGE, "server", server, "title", title, "interfaces",
                       interfaces, "settings", TRUE, NULL);
}
