/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a list page has in the window's header bar: Create, Search, the menu with the files, and the views
 * of a list that has some. Part of PbaListPage. The widgets stand outside the page, where its actions are
 * out of reach; so they call it.
 */
#include "pages/list-page-private.h"

#include "model/words.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

static GtkWidget *
make_icon_button (GtkWidget *button, const char *icon, const char *name)
{
  if (GTK_IS_MENU_BUTTON (button))
    gtk_menu_button_set_icon_name (GTK_MENU_BUTTON (button), icon);
  else
    gtk_button_set_icon_name (GTK_BUTTON (button), icon);
  gtk_widget_set_tooltip_text (button, name);
  pba_accessible_name (button, name);
  return button;
}

static GMenuModel *
make_menu (void)
{
  GMenu *menu = g_menu_new ();

  g_menu_append (menu, _ ("_Import from CSV…"), "list.import");
  g_menu_append (menu, _ ("_Export to CSV…"), "list.export");
  return G_MENU_MODEL (menu);
}

static void
on_narrow (PbaListPage *self)
{
  gboolean narrow = pba_page_get_narrow (PBA_PAGE (self));

  adw_button_content_set_label (self->create_content, narrow ? "" : _ ("_Create"));
}

static void
make_buttons (PbaListPage *self)
{
  GtkWidget *content = adw_button_content_new ();
  GtkWidget *end = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  g_autoptr (GMenuModel) menu = make_menu ();

  self->create = gtk_button_new ();
  self->create_content = ADW_BUTTON_CONTENT (content);
  adw_button_content_set_icon_name (self->create_content, "list-add-symbolic");
  adw_button_content_set_use_underline (self->create_content, TRUE);
  gtk_button_set_child (GTK_BUTTON (self->create), content);
  gtk_widget_set_tooltip_text (self->create, _ ("Create"));
  pba_accessible_name (self->create, _ ("Create"));
  self->search_button =
    make_icon_button (gtk_toggle_button_new (), "system-search-symbolic", _ ("Search"));
  self->menu_button = make_icon_button (gtk_menu_button_new (), "view-more-symbolic", _ ("More"));
  gtk_menu_button_set_menu_model (GTK_MENU_BUTTON (self->menu_button), menu);
  gtk_box_append (GTK_BOX (end), self->search_button);
  gtk_box_append (GTK_BOX (end), self->menu_button);
  g_object_bind_property (self->search_button, "active", self->search_bar, "search-mode-enabled",
                          G_BINDING_BIDIRECTIONAL);
  g_signal_connect_object (self->create, "clicked", G_CALLBACK (pba_list_page_create_row), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self, "notify::narrow", G_CALLBACK (on_narrow), self, G_CONNECT_SWAPPED);
  on_narrow (self);
  g_object_set (self, "header-start", self->create, "header-end", end, NULL);
}

static void
add_menu_actions (PbaListPage *self)
{
  static const char *const names[] = { "import", "export" };
  static void (*const functions[]) (PbaListPage *) = { pba_list_page_import, pba_list_page_export };
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GSimpleAction) action = g_simple_action_new (names[i], NULL);

      g_signal_connect_object (action, "activate", G_CALLBACK (functions[i]), self,
                               G_CONNECT_SWAPPED);
      if (i == 0)
        g_object_bind_property (self->model, "writable", action, "enabled", G_BINDING_SYNC_CREATE);
      g_action_map_add_action (G_ACTION_MAP (group), G_ACTION (action));
    }
  gtk_widget_insert_action_group (self->menu_button, "list", G_ACTION_GROUP (group));
}

/* Narrow, the header bar has room for the view's name but not for the page's. */
static void
show_title (PbaListPage *self)
{
  GtkWidget *child = adw_view_stack_get_visible_child (self->views);
  AdwViewStackPage *page = adw_view_stack_get_page (self->views, child);

  adw_view_switcher_title_set_title (self->switcher, adw_view_stack_page_get_title (page));
}

static void
make_views (PbaListPage *self)
{
  GtkWidget *switcher = adw_view_switcher_title_new ();
  GtkWidget *bar = adw_view_switcher_bar_new ();

  self->views = ADW_VIEW_STACK (adw_view_stack_new ());
  for (guint i = 0; self->layout->views[i] != NULL; i++)
    {
      g_autofree char *name = pba_words_choice ("List", self->layout->views[i]);

      adw_view_stack_add_titled_with_icon (self->views, adw_bin_new (), self->layout->views[i],
                                           name, self->layout->view_icons[i]);
    }
  /* It only says which view is meant; the rows are the page's. */
  adw_bin_set_child (self->views_bin, GTK_WIDGET (self->views));
  self->switcher = ADW_VIEW_SWITCHER_TITLE (switcher);
  adw_view_switcher_title_set_stack (self->switcher, self->views);
  adw_view_switcher_bar_set_stack (ADW_VIEW_SWITCHER_BAR (bar), self->views);
  g_object_bind_property (switcher, "title-visible", bar, "reveal", G_BINDING_SYNC_CREATE);
  gtk_box_append (GTK_BOX (adw_bin_get_child (ADW_BIN (self))), bar);
  g_signal_connect_object (self->views, "notify::visible-child-name",
                           G_CALLBACK (show_title), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->views, "notify::visible-child-name",
                           G_CALLBACK (pba_list_page_show_view), self, G_CONNECT_SWAPPED);
  show_title (self);
  g_object_set (self, "header-title", switcher, NULL);
}

void
pba_list_page_make_bar (PbaListPage *self)
{
  make_buttons (self);
  add_menu_actions (self);
  if (self->layout->views != NULL)
    make_views (self);
}
