/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A message of the queue as a whole: what is known of it, and why each of its recipients waits. Opened
 * by the queue page; shows the row as it is, also when it changes, and changes nothing.
 */
#include "pages/queue-dialog.h"

#include "model/queued.h"
#include "model/words.h"
#include "pages/queue-item.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define MAX_RECIPIENTS 200 /* rows cost; the rest is counted */

typedef struct
{
  PbaListRow *row;                /* (owned) */
  AdwPreferencesPage *page;       /* (unowned) */
  AdwPreferencesGroup *groups[2]; /* (unowned) (nullable): message, recipients */
} Dialog;

static void
on_destroy (GtkWidget *window, gpointer user_data)
{
  Dialog *self = user_data;

  g_signal_handlers_disconnect_by_data (self->row, self);
  g_object_unref (self->row);
  g_free (self);
}

static GtkWidget *
add_fact (AdwPreferencesGroup *group, const char *title, const char *fact)
{
  GtkWidget *row = g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", title,
                                 "subtitle", fact, "subtitle-lines", 0, NULL);
  g_autofree char *name = g_strdup_printf ("%s, %s", title, fact);

  pba_accessible_name (row, name);
  adw_preferences_group_add (group, row);
  return row;
}

static void
on_copy (GtkButton *button, gpointer user_data)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (button)), user_data);
}

/* The journal speaks of a message by this. */
static void
add_id (AdwPreferencesGroup *group, const char *id)
{
  GtkWidget *row = add_fact (group, _ ("Queue ID"), id);
  GtkWidget *button = gtk_button_new_from_icon_name ("edit-copy-symbolic");

  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");
  gtk_widget_set_tooltip_text (button, _ ("Copy Queue ID"));
  pba_accessible_name (button, _ ("Copy Queue ID"));
  g_signal_connect_data (button, "clicked", G_CALLBACK (on_copy), g_strdup (id),
                         (GClosureNotify) (void (*) (void)) g_free, 0);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
}

static AdwPreferencesGroup *
make_facts (Dialog *self, const PbaQueued *queued)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  gint64 arrival = pba_list_row_get_number (self->row, "Arrival");
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (arrival);
  g_autofree char *when = g_date_time_format (time, "%c");
  const char *sender = pba_list_row_get_text (self->row, "Sender");

  add_fact (group, _ ("Sender"), sender[0] != '\0' ? sender : queued->sender);
  add_fact (group, _ ("Arrived"), when);
  add_fact (group, _ ("Size"), queued->size);
  add_fact (group, _ ("Client"), pba_list_row_get_text (self->row, "Client"));
  add_id (group, pba_list_row_get_text (self->row, "Id"));
  return group;
}

/* "Greylisted", "451 4.7.1 ..." and "Deferred, 3 tries, next attempt: in 4 min", a line each. */
static char *
recipient_lines (const PbaQueuedRecipient *recipient, const char *state)
{
  g_autoptr (GString) lines = g_string_new (recipient->reason);

  if (recipient->evidence[0] != '\0')
    g_string_append_printf (lines, "%s%s", lines->len > 0 ? "\n" : "", recipient->evidence);
  if (lines->len > 0)
    g_string_append_c (lines, '\n');
  /* Translators: of a recipient: state, tries so far, when it is tried again */
  g_string_append_printf (lines,
                          ngettext ("%s, %u try, next attempt: %s",
                                    "%s, %u tries, next attempt: %s", recipient->tries),
                          state, recipient->tries, recipient->next);
  return g_string_free (g_steal_pointer (&lines), FALSE);
}

static GtkWidget *
recipient_row_new (const PbaQueuedRecipient *recipient)
{
  g_autofree char *state = pba_queued_state_title (recipient->state);
  g_autofree char *lines = recipient_lines (recipient, state);
  g_autofree char *name = g_strdup_printf ("%s, %s", recipient->address, lines);
  GtkWidget *icon = gtk_image_new ();
  GtkWidget *row =
    g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", recipient->address,
                  "title-lines", 0, "subtitle", lines, "subtitle-lines", 0, NULL);

  pba_queue_state_icon (GTK_IMAGE (icon), recipient->state);
  gtk_widget_set_tooltip_text (icon, state);
  pba_accessible_name (icon, state);
  pba_accessible_name (row, name);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), icon);
  return row;
}

static AdwPreferencesGroup *
make_recipients (const PbaQueued *queued)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  guint n = queued->recipients->len;

  adw_preferences_group_set_title (group, _ ("Recipients Not Done Yet"));
  for (guint i = 0; i < MIN (n, MAX_RECIPIENTS); i++)
    adw_preferences_group_add (group, recipient_row_new (queued->recipients->pdata[i]));
  if (n > MAX_RECIPIENTS)
    {
      guint more = n - MAX_RECIPIENTS;
      g_autofree char *text =
        g_strdup_printf (ngettext ("%u more recipient", "%u more recipients", more), more);

      adw_preferences_group_add (group, g_object_new (ADW_TYPE_ACTION_ROW, "title", text, NULL));
    }
  return group;
}

static void
show (Dialog *self)
{
  g_autoptr (PbaQueued) queued = pba_queued_new (pba_list_row_get_cells (self->row));

  for (guint i = 0; i < G_N_ELEMENTS (self->groups); i++)
    if (self->groups[i] != NULL)
      adw_preferences_page_remove (self->page, self->groups[i]);
  self->groups[0] = make_facts (self, queued);
  self->groups[1] = make_recipients (queued);
  for (guint i = 0; i < G_N_ELEMENTS (self->groups); i++)
    adw_preferences_page_add (self->page, self->groups[i]);
}

static void
close_on_escape (GtkWidget *window)
{
  GtkEventController *controller = gtk_shortcut_controller_new ();

  gtk_shortcut_controller_add_shortcut (GTK_SHORTCUT_CONTROLLER (controller),
                                        gtk_shortcut_new (gtk_keyval_trigger_new (GDK_KEY_Escape,
                                                                                  0),
                                                          gtk_named_action_new ("window.close")));
  gtk_widget_add_controller (window, controller);
}

void
pba_queue_dialog_show (GtkWidget *parent, PbaListRow *row)
{
  GtkWindow *above = GTK_WINDOW (gtk_widget_get_root (parent));
  GtkWidget *window =
    g_object_new (ADW_TYPE_WINDOW, "modal", TRUE, "transient-for", above, "default-width", 520,
                  "default-height", 600, "title", _ ("Message"), "destroy-with-parent", TRUE, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  Dialog *self = g_new0 (Dialog, 1);

  self->row = g_object_ref (row);
  self->page = ADW_PREFERENCES_PAGE (adw_preferences_page_new ());
  gtk_box_append (GTK_BOX (box), adw_header_bar_new ());
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->page));
  adw_window_set_content (ADW_WINDOW (window), box);
  g_signal_connect (window, "destroy", G_CALLBACK (on_destroy), self);
  g_signal_connect_swapped (row, "notify::cells", G_CALLBACK (show), self);
  close_on_escape (window);
  show (self);
  gtk_window_present (GTK_WINDOW (window));
}
