/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The blocks as a list of two-line rows with their buttons; without any, or where they cannot be had, a
 * sentence. Made by the table of pages; the model is the server's.
 */
#include "pages/blocks-page.h"

#include "model/words.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define HOUR 3600
#define DAY  (24 * HOUR)

struct _PbaBlocksPage
{
  PbaPage parent_instance;

  GtkStack *stack; /* all (unowned) */
  AdwStatusPage *status;
};

G_DEFINE_FINAL_TYPE (PbaBlocksPage, pba_blocks_page, PBA_TYPE_PAGE)

/* The widgets of a row, and the block that they show. */
typedef struct
{
  PbaBlocksPage *page; /* (unowned) */
  GtkImage *icon;      /* all (unowned) */
  GtkLabel *title, *subtitle;
  GtkWidget *lift, *extend, *why;
  PbaListRow *row; /* (owned) (nullable) */
  gulong handler;
} Item;

static PbaBlocks *
blocks_of (PbaBlocksPage *self)
{
  return pba_server_get_blocks (pba_page_get_server (PBA_PAGE (self)));
}

/* ---- what a row says ---- */

static char *
reason_text (const char *reason)
{
  if (g_str_equal (reason, "failed-logins"))
    return g_strdup (_ ("Too many failed logins"));
  if (g_str_equal (reason, "unknown-recipients"))
    return g_strdup (_ ("Too many unknown recipients"));
  return g_strdup (reason);
}

static void
show_block (Item *item)
{
  g_autofree char *reason = reason_text (pba_list_row_get_text (item->row, "Reason"));
  g_autofree char *since = pba_words_time (pba_list_row_get_number (item->row, "Since"));
  g_autofree char *expires = pba_words_time (pba_list_row_get_number (item->row, "Expires"));
  gboolean account = g_str_equal (pba_list_row_get_text (item->row, "Kind"), "account");
  const char *subject = pba_list_row_get_text (item->row, "Subject");
  /* Translators: why somebody is blocked; then when it began and when it ends, such as "11:40" or "in 4 min" */
  g_autofree char *text = g_strdup_printf (_ ("%s. Since: %s. Ends: %s"), reason, since, expires);
  g_autofree char *lift = NULL;
  g_autofree char *extend = NULL;
  g_autofree char *why = NULL;

  gtk_image_set_from_icon_name (item->icon,
                                account ? "avatar-default-symbolic" : "computer-symbolic");
  pba_accessible_name (item->icon, account ? _ ("Account") : _ ("IP address"));
  gtk_label_set_label (item->title, subject);
  gtk_label_set_label (item->subtitle, pba_list_row_get_loaded (item->row) ? text : "");
  /* Translators: for screen readers; %s is an IP address or an account */
  lift = g_strdup_printf (_ ("Lift the block of %s"), subject);
  /* Translators: for screen readers; %s is an IP address or an account */
  extend = g_strdup_printf (_ ("Extend the block of %s"), subject);
  /* Translators: for screen readers; %s is an IP address or an account */
  why = g_strdup_printf (_ ("Why? Messages of %s"), subject);
  pba_accessible_name (item->why, why);
  pba_accessible_name (item->lift, lift);
  pba_accessible_name (item->extend, extend);
}

/* ---- what can be done ---- */

static void
on_acted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaBlocksPage) self = user_data;
  g_autoptr (GError) error = NULL;

  if (!pba_blocks_act_finish (PBA_BLOCKS (source), result, &error))
    pba_page_toast_error (PBA_PAGE (self), error);
}

static void
on_lifted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaBlocksPage) self = user_data;
  g_autoptr (GError) error = NULL;

  if (pba_blocks_act_finish (PBA_BLOCKS (source), result, &error))
    pba_page_toast (PBA_PAGE (self), _ ("The block is lifted"), NULL, NULL, NULL);
  else
    pba_page_toast_error (PBA_PAGE (self), error);
}

static void
on_lift (GtkButton *button, gpointer user_data)
{
  Item *item = user_data;

  if (item->row != NULL && pba_list_row_get_id (item->row) != NULL)
    pba_blocks_lift_async (blocks_of (item->page), pba_list_row_get_id (item->row), NULL, on_lifted,
                           g_object_ref (item->page));
}

/* What it sent lately. */
static void
on_why (GtkButton *button, gpointer user_data)
{
  Item *item = user_data;
  g_autofree char *key = NULL;

  if (item->row == NULL)
    return;
  key = g_strconcat ("text:", pba_list_row_get_text (item->row, "Subject"), NULL);
  pba_page_go (PBA_PAGE (item->page), "messages", key);
}

/* From its present end on. */
static void
on_extend (GSimpleAction *action, GVariant *seconds, gpointer user_data)
{
  Item *item = user_data;
  gint64 expires;

  if (item->row == NULL || pba_list_row_get_id (item->row) == NULL)
    return;
  expires = pba_list_row_get_number (item->row, "Expires") + g_variant_get_int32 (seconds);
  pba_blocks_extend_async (blocks_of (item->page), pba_list_row_get_id (item->row), expires, NULL,
                           on_acted, g_object_ref (item->page));
}

/* ---- rows ---- */

static GtkLabel *
add_label (GtkWidget *box, const char *class)
{
  GtkWidget *label = g_object_new (GTK_TYPE_LABEL, "xalign", 0.0, "wrap", TRUE, "wrap-mode",
                                   PANGO_WRAP_WORD_CHAR, NULL);

  if (class != NULL)
    gtk_widget_add_css_class (label, class);
  gtk_box_append (GTK_BOX (box), label);
  return GTK_LABEL (label);
}

static GMenu *
make_menu (void)
{
  GMenu *menu = g_menu_new ();
  const struct
  {
    const char *title;
    int seconds;
  } spans[] = {
    { _ ("By an Hour"), HOUR },
    { _ ("By a Day"), DAY },
    { _ ("By a Week"), 7 * DAY },
  };

  for (guint i = 0; i < G_N_ELEMENTS (spans); i++)
    {
      g_autofree char *action = g_strdup_printf ("block.extend(%d)", spans[i].seconds);

      g_menu_append (menu, spans[i].title, action);
    }
  return menu;
}

static void
add_buttons (Item *item, GtkWidget *box)
{
  static const GActionEntry entries[] = {
    { .name = "extend", .activate = on_extend, .parameter_type = "i" },
  };
  g_autoptr (GSimpleActionGroup) actions = g_simple_action_group_new ();
  g_autoptr (GMenu) menu = make_menu ();
  PbaServer *server = pba_page_get_server (PBA_PAGE (item->page));
  GtkWidget *buttons[2];

  g_action_map_add_action_entries (G_ACTION_MAP (actions), entries, G_N_ELEMENTS (entries), item);
  gtk_widget_insert_action_group (box, "block", G_ACTION_GROUP (actions));
  item->why = gtk_button_new_with_label (_ ("Why?"));
  gtk_widget_add_css_class (item->why, "flat");
  gtk_widget_set_valign (item->why, GTK_ALIGN_CENTER);
  gtk_widget_set_visible (item->why, pba_history_get_supported (pba_server_get_history (server)));
  g_signal_connect (item->why, "clicked", G_CALLBACK (on_why), item);
  gtk_box_append (GTK_BOX (box), item->why);
  item->extend = gtk_menu_button_new ();
  gtk_menu_button_set_label (GTK_MENU_BUTTON (item->extend), _ ("Extend"));
  gtk_menu_button_set_menu_model (GTK_MENU_BUTTON (item->extend), G_MENU_MODEL (menu));
  item->lift = gtk_button_new_with_label (_ ("Lift"));
  g_signal_connect (item->lift, "clicked", G_CALLBACK (on_lift), item);
  buttons[0] = item->extend;
  buttons[1] = item->lift;
  for (guint i = 0; i < G_N_ELEMENTS (buttons); i++)
    {
      gtk_widget_set_valign (buttons[i], GTK_ALIGN_CENTER);
      g_object_bind_property (pba_server_get_permissions (server), "modify-settings", buttons[i],
                              "sensitive", G_BINDING_SYNC_CREATE);
      gtk_box_append (GTK_BOX (box), buttons[i]);
    }
}

static void
on_setup (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  Item *item = g_new0 (Item, 1);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *texts = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);
  GtkWidget *icon = gtk_image_new ();

  item->page = user_data;
  item->icon = GTK_IMAGE (icon);
  gtk_widget_set_margin_end (icon, 6);
  gtk_box_append (GTK_BOX (box), icon);
  gtk_widget_set_hexpand (texts, TRUE);
  gtk_widget_set_valign (texts, GTK_ALIGN_CENTER);
  gtk_box_append (GTK_BOX (box), texts);
  item->title = add_label (texts, NULL);
  item->subtitle = add_label (texts, "dim-label");
  gtk_widget_add_css_class (GTK_WIDGET (item->subtitle), "caption");
  add_buttons (item, box);
  gtk_widget_set_margin_top (box, 8);
  gtk_widget_set_margin_bottom (box, 8);
  gtk_widget_set_margin_start (box, 12);
  gtk_widget_set_margin_end (box, 12);
  gtk_list_item_set_activatable (list_item, FALSE);
  gtk_list_item_set_child (list_item, box);
  g_object_set_data_full (G_OBJECT (list_item), "item", item, g_free);
}

static void
on_bind (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  Item *item = g_object_get_data (G_OBJECT (list_item), "item");
  GtkWidget *around = gtk_widget_get_parent (gtk_list_item_get_child (list_item));

  item->row = g_object_ref (gtk_list_item_get_item (list_item));
  item->handler =
    g_signal_connect_swapped (item->row, "notify::cells", G_CALLBACK (show_block), item);
  show_block (item);
  pba_accessible_name (around, gtk_label_get_label (item->title));
}

static void
on_unbind (GtkSignalListItemFactory *factory, GtkListItem *list_item, gpointer user_data)
{
  Item *item = g_object_get_data (G_OBJECT (list_item), "item");

  g_clear_signal_handler (&item->handler, item->row);
  g_clear_object (&item->row);
}

/* ---- the page ---- */

static void
show_state (PbaBlocksPage *self)
{
  PbaListModel *rows = pba_blocks_get_rows (blocks_of (self));
  const char *error = pba_list_model_get_error (rows);
  gboolean some = g_list_model_get_n_items (G_LIST_MODEL (rows)) > 0;

  gtk_stack_set_visible_child_name (self->stack, some ? "rows" : "status");
  adw_status_page_set_title (self->status,
                             error != NULL ? _ ("The Blocks Cannot Be Read") : _ ("No Blocks"));
  adw_status_page_set_description (
    self->status, error != NULL ? error
                                : _ ("Who fails to log in too often is kept out for a while, and "
                                     "shown here"));
}

static void
pba_blocks_page_shown (PbaPage *page)
{
  pba_blocks_set_watched (blocks_of (PBA_BLOCKS_PAGE (page)), TRUE);
}

static void
pba_blocks_page_hidden (PbaPage *page)
{
  pba_blocks_set_watched (blocks_of (PBA_BLOCKS_PAGE (page)), FALSE);
}

static void
pba_blocks_page_constructed (GObject *object)
{
  PbaBlocksPage *self = PBA_BLOCKS_PAGE (object);
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();
  PbaListModel *rows;
  GtkWidget *view, *scroller, *clamp;

  G_OBJECT_CLASS (pba_blocks_page_parent_class)->constructed (object);
  rows = pba_blocks_get_rows (blocks_of (self));
  g_signal_connect_object (factory, "setup", G_CALLBACK (on_setup), self, 0);
  g_signal_connect_object (factory, "bind", G_CALLBACK (on_bind), self, 0);
  g_signal_connect_object (factory, "unbind", G_CALLBACK (on_unbind), self, 0);
  view = gtk_list_view_new (GTK_SELECTION_MODEL (
                              gtk_no_selection_new (g_object_ref (G_LIST_MODEL (rows)))),
                            factory);
  gtk_list_view_set_show_separators (GTK_LIST_VIEW (view), TRUE);
  gtk_widget_add_css_class (view, "rich-list");
  pba_accessible_name (view, _ ("Blocks"));
  clamp = adw_clamp_scrollable_new ();
  adw_clamp_scrollable_set_maximum_size (ADW_CLAMP_SCROLLABLE (clamp), 860);
  adw_clamp_scrollable_set_child (ADW_CLAMP_SCROLLABLE (clamp), view);
  scroller = gtk_scrolled_window_new ();
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), clamp);
  gtk_stack_add_named (self->stack, scroller, "rows");
  g_signal_connect_object (rows, "items-changed", G_CALLBACK (show_state), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (rows, "notify::error", G_CALLBACK (show_state), self, G_CONNECT_SWAPPED);
  show_state (self);
}

static void
pba_blocks_page_class_init (PbaBlocksPageClass *klass)
{
  G_OBJECT_CLASS (klass)->constructed = pba_blocks_page_constructed;
  PBA_PAGE_CLASS (klass)->shown = pba_blocks_page_shown;
  PBA_PAGE_CLASS (klass)->hidden = pba_blocks_page_hidden;
}

static void
pba_blocks_page_init (PbaBlocksPage *self)
{
  GtkWidget *stack = gtk_stack_new ();
  GtkWidget *status = adw_status_page_new ();

  self->stack = GTK_STACK (stack);
  self->status = ADW_STATUS_PAGE (status);
  gtk_stack_add_named (self->stack, status, "status");
  adw_bin_set_child (ADW_BIN (self), stack);
}

GtkWidget *
pba_blocks_page_new (PbaServer *server, const char *title, const char *icon)
{
  PbaBlocksPage *self = g_object_new (PBA_TYPE_BLOCKS_PAGE, "server", server, "title", title, NULL);

  adw_status_page_set_icon_name (self->status, icon);
  return GTK_WIDGET (self);
}
