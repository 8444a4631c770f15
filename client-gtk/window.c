/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The window: a stack of the connection page and, once connected, sidebar and content in a leaflet that
 * folds when narrow. Made by the application. This file is the widget and its actions; what they do is
 * in window-pages.c, window-link.c and window-apply.c.
 */
#include "client-gtk/window-private.h"

#include "widgets/compat.h"

#include <glib/gi18n.h>

G_DEFINE_FINAL_TYPE (PbaWindow, pba_window, ADW_TYPE_APPLICATION_WINDOW)

static void
on_connect (PbaWindow *self, const char *address)
{
  pba_window_connect (self, address);
}

static void
on_go (PbaWindow *self, const char *page, const char *key)
{
  pba_window_go (self, page, key);
}

static void
on_folded (PbaWindow *self)
{
  pba_window_update_header (self);
}

static void
on_notice_first (PbaWindow *self)
{
  pba_window_notice_clicked (self, TRUE);
}

static void
on_notice_second (PbaWindow *self)
{
  pba_window_notice_clicked (self, FALSE);
}

static void
on_apply (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pba_window_apply (PBA_WINDOW (widget));
}

static void
on_discard (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pba_window_discard (PBA_WINDOW (widget));
}

static void
on_disconnect (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pba_window_disconnect (PBA_WINDOW (widget));
  pba_connect_page_look (PBA_WINDOW (widget)->connect_page);
}

static void
on_search (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PbaWindow *self = PBA_WINDOW (widget);

  if (self->server == NULL)
    return;
  adw_leaflet_set_visible_child_name (self->leaflet, "sidebar");
  gtk_search_bar_set_search_mode (pba_sidebar_get_search_bar (self->sidebar), TRUE);
  gtk_widget_grab_focus (GTK_WIDGET (self->sidebar));
}

static void
on_back (GtkWidget *widget, const char *name, GVariant *parameter)
{
  adw_leaflet_navigate (PBA_WINDOW (widget)->leaflet, ADW_NAVIGATION_DIRECTION_BACK);
}

static void
on_menu (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PbaWindow *self = PBA_WINDOW (widget);

  gtk_menu_button_popup (self->server != NULL ? self->main_menu_button : self->connect_menu);
}

static void
on_go_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  pba_window_go (PBA_WINDOW (widget), g_variant_get_string (parameter, NULL), NULL);
}

static gboolean
pba_window_close_request (GtkWindow *window)
{
  if (!pba_window_may_close (PBA_WINDOW (window)))
    return TRUE;
  return GTK_WINDOW_CLASS (pba_window_parent_class)->close_request (window);
}

static void
pba_window_dispose (GObject *object)
{
  PbaWindow *self = PBA_WINDOW (object);

  pba_window_forget_present (self);
  if (self->hosts != NULL)
    pba_window_disconnect (self);
  g_clear_object (&self->hosts);
  g_clear_pointer (&self->wanted_page, g_free);
  g_clear_pointer (&self->wanted_key, g_free);
  G_OBJECT_CLASS (pba_window_parent_class)->dispose (object);
}

static void
bind_children (GtkWidgetClass *widget_class)
{
#define BIND(child) gtk_widget_class_bind_template_child (widget_class, PbaWindow, child)
  BIND (toasts);
  BIND (stack);
  BIND (pages);
  BIND (connect_page);
  BIND (leaflet);
  BIND (sidebar);
  BIND (search_button);
  BIND (connect_menu);
  BIND (main_menu_button);
  BIND (host_title);
  BIND (page_title);
  BIND (title_stack);
  BIND (start_stack);
  BIND (end_stack);
  BIND (discard_button);
  BIND (apply_button);
  BIND (back_button);
  BIND (bottom_bar);
  BIND (notice);
#undef BIND
}

static void
pba_window_class_init (PbaWindowClass *klass)
{
  static const struct
  {
    const char *name, *parameter;
    GtkWidgetActionActivateFunc activate;
  } actions[] = {
    { "win.apply", NULL, on_apply },
    { "win.discard", NULL, on_discard },
    { "win.disconnect", NULL, on_disconnect },
    { "win.search", NULL, on_search },
    { "win.back", NULL, on_back },
    { "win.menu", NULL, on_menu },
    { "win.go", "s", on_go_action },
  };
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pba_window_dispose;
  GTK_WINDOW_CLASS (klass)->close_request = pba_window_close_request;
  g_type_ensure (PBA_TYPE_CONNECT_PAGE);
  g_type_ensure (PBA_TYPE_SIDEBAR);
  g_type_ensure (PBA_TYPE_NOTICE_BAR);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/postbus/Admin/window.ui");
  bind_children (widget_class);
  gtk_widget_class_bind_template_callback (widget_class, on_connect);
  gtk_widget_class_bind_template_callback (widget_class, on_go);
  gtk_widget_class_bind_template_callback (widget_class, on_folded);
  gtk_widget_class_bind_template_callback (widget_class, on_notice_first);
  gtk_widget_class_bind_template_callback (widget_class, on_notice_second);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    gtk_widget_class_install_action (widget_class, actions[i].name, actions[i].parameter,
                                     actions[i].activate);
}

static void
pba_window_init (PbaWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_object_bind_property (self->search_button, "active", pba_sidebar_get_search_bar (self->sidebar),
                          "search-mode-enabled", G_BINDING_BIDIRECTIONAL);
  gtk_search_bar_set_key_capture_widget (pba_sidebar_get_search_bar (self->sidebar),
                                         GTK_WIDGET (self->sidebar));
  pba_accessible_name (self->search_button, _ ("Find a Setting"));
  pba_accessible_name (self->connect_menu, _ ("Main Menu"));
  pba_accessible_name (self->main_menu_button, _ ("Main Menu"));
  pba_accessible_name (self->back_button, _ ("Back"));
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.disconnect", FALSE);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.apply", FALSE);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.discard", FALSE);
}

GtkWidget *
pba_window_new (AdwApplication *application, PbaHosts *hosts)
{
  PbaWindow *self = g_object_new (PBA_TYPE_WINDOW, "application", application, NULL);

  self->hosts = g_object_ref (hosts);
  pba_connect_page_set_hosts (self->connect_page, hosts);
  pba_connect_page_look (self->connect_page);
  return GTK_WIDGET (self);
}

void
pba_window_go (PbaWindow *self, const char *page, const char *key)
{
  if (self->server != NULL)
    {
      pba_window_show_page (self, page, key);
      return;
    }
  g_free (self->wanted_page);
  g_free (self->wanted_key);
  self->wanted_page = g_strdup (page);
  self->wanted_key = g_strdup (key);
}
