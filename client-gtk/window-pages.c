/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages in the window: made from the table when they are first gone to, and what the header bar shows
 * of the one that is seen. Part of PbaWindow.
 */
#include "client-gtk/window-private.h"

#include "widgets/toast.h"

#include <glib/gi18n.h>
#include <string.h>

static void
on_toast (PbaPage *page, AdwToast *toast, gpointer user_data)
{
  PbaWindow *self = user_data;

  pba_toast_show (self->toasts, g_object_ref (toast));
}

static void
on_page_go (PbaPage *page, const char *id, const char *key, gpointer user_data)
{
  pba_window_go (user_data, id, key);
}

static void
on_page_words (PbaWindow *self)
{
  pba_window_update_header (self);
}

static PbaPage *
make_page (PbaWindow *self, const PbaPageSpec *spec)
{
  static const char *const words[] = { "notify::title", "notify::subtitle", "notify::header-start",
                                       "notify::header-end", "notify::header-title" };
  GtkWidget *page = spec->make (self->server, spec);

  g_object_bind_property (self->leaflet, "folded", page, "narrow", G_BINDING_SYNC_CREATE);
  g_signal_connect_object (page, "toast", G_CALLBACK (on_toast), self, 0);
  g_signal_connect_object (page, "go", G_CALLBACK (on_page_go), self, 0);
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    g_signal_connect_object (page, words[i], G_CALLBACK (on_page_words), self, G_CONNECT_SWAPPED);
  gtk_stack_add_named (self->pages, page, spec->id);
  return PBA_PAGE (page);
}

/* What a stack does not show is hidden: in GTK 4.8 a screen reader finds it there all the same. */
static void
show_alone (GtkStack *stack, GtkWidget *child)
{
  GtkWidget *each = gtk_widget_get_first_child (GTK_WIDGET (stack));

  gtk_widget_set_visible (child, TRUE);
  gtk_stack_set_visible_child (stack, child);
  for (; each != NULL; each = gtk_widget_get_next_sibling (each))
    gtk_widget_set_visible (each, each == child);
}

static void
switch_to (PbaWindow *self, PbaPage *page, const char *id)
{
  if (self->page == page)
    return;
  if (self->page != NULL)
    pba_page_hidden (self->page);
  self->page = page;
  show_alone (self->pages, GTK_WIDGET (page));
  pba_sidebar_select (self->sidebar, id);
  pba_page_shown (page);
}

void
pba_window_show_page (PbaWindow *self, const char *id, const char *key)
{
  const PbaPageSpec *spec = pba_page_to_show (id);
  GtkWidget *page;

  if (spec == NULL || self->server == NULL)
    return;
  page = gtk_stack_get_child_by_name (self->pages, spec->id);
  if (page == NULL)
    page = GTK_WIDGET (make_page (self, spec));
  switch_to (self, PBA_PAGE (page), spec->id);
  adw_leaflet_set_visible_child_name (self->leaflet, "content");
  pba_window_update_header (self);
  if (key != NULL)
    pba_page_reveal (PBA_PAGE (page), key);
}

void
pba_window_go_to_setting (PbaWindow *self, const char *key)
{
  g_autofree char *interface = g_strndup (key, strcspn (key, "."));
  const PbaPageSpec *spec = pba_page_for_interface (interface);

  if (spec != NULL)
    pba_window_show_page (self, spec->id, key);
}

/* A page's part of the header bar stays where it was put once: GTK 4.8 is upset by widgets that leave and come back while a screen reader looks. */
static void
show_part (GtkStack *stack, GtkWidget *part)
{
  gtk_widget_set_visible (GTK_WIDGET (stack), part != NULL);
  if (part == NULL)
    return;
  if (gtk_widget_get_parent (part) != GTK_WIDGET (stack))
    gtk_stack_add_child (stack, part);
  show_alone (stack, part);
}

static void
forget_parts (GtkStack *stack, GtkWidget *kept)
{
  GtkWidget *next, *part = gtk_widget_get_first_child (GTK_WIDGET (stack));

  for (; part != NULL; part = next)
    {
      next = gtk_widget_get_next_sibling (part);
      if (part != kept)
        gtk_stack_remove (stack, part);
    }
}

void
pba_window_forget_pages (PbaWindow *self)
{
  GtkWidget *page;

  if (self->page != NULL)
    pba_page_hidden (self->page);
  self->page = NULL;
  while ((page = gtk_widget_get_first_child (GTK_WIDGET (self->pages))) != NULL)
    gtk_stack_remove (self->pages, page);
  forget_parts (self->start_stack, NULL);
  forget_parts (self->end_stack, NULL);
  forget_parts (self->title_stack, GTK_WIDGET (self->page_title));
}

/* "Security", the entry that the page stands under. */
static const char *
parent_title (PbaWindow *self)
{
  const char *id = gtk_stack_get_visible_child_name (self->pages);
  const PbaPageSpec *spec = id != NULL ? pba_page_lookup (id) : NULL;
  const PbaPageSpec *parent =
    spec != NULL && spec->parent != NULL ? pba_page_lookup (spec->parent) : NULL;

  return parent != NULL ? _ (parent->title) : "";
}

void
pba_window_update_header (PbaWindow *self)
{
  g_autofree char *title = NULL;
  g_autofree char *subtitle = NULL;
  g_autofree char *summary = NULL;
  g_autoptr (GtkWidget) start = NULL;
  g_autoptr (GtkWidget) end = NULL;
  g_autoptr (GtkWidget) middle = NULL;
  gboolean folded = adw_leaflet_get_folded (self->leaflet);
  gboolean settings = FALSE, any = FALSE;
  PbaSettingsModel *model;

  if (self->page == NULL)
    return;
  model = pba_server_get_settings (self->server);
  g_object_get (self->page, "title", &title, "subtitle", &subtitle, "settings", &settings,
                "header-start", &start, "header-end", &end, "header-title", &middle, NULL);
  if (settings)
    summary = pba_settings_model_dup_summary (model);
  any = pba_settings_model_get_changed (model) && !pba_settings_model_get_applying (model);
  adw_window_title_set_title (self->page_title, title != NULL ? title : "");
  adw_window_title_set_subtitle (self->page_title, summary != NULL    ? summary
                                                   : subtitle != NULL ? subtitle
                                                                      : parent_title (self));
  show_part (self->title_stack, middle != NULL ? middle : GTK_WIDGET (self->page_title));
  show_part (self->start_stack, start);
  show_part (self->end_stack, end);
  gtk_widget_set_visible (self->discard_button, settings && !folded);
  gtk_widget_set_visible (self->apply_button, settings && !folded);
  gtk_widget_set_visible (self->bottom_bar, settings && folded);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.apply", any);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.discard", any);
}
