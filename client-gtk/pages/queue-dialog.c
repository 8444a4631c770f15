/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A message of the queue as a whole: what is known of it, why each of its recipients waits, how delivery
 * was tried, and a way to its text. Opened by the queue page; shows the row as it is, also when it changes,
 * and changes nothing.
 */
#include "pages/queue-dialog.h"

#include "model/queued.h"
#include "model/words.h"
#include "pages/queue-item.h"
#include "pages/queue-text.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define MAX_RECIPIENTS 200 /* rows cost; the rest is counted */
#define MAX_ATTEMPTS   50

typedef struct
{
  PbaQueue *queue;                /* (owned) */
  PbaListRow *row;                /* (owned) */
  GtkWindow *window;              /* (unowned) */
  AdwPreferencesPage *page;       /* (unowned) */
  AdwPreferencesGroup *groups[3]; /* (unowned) (nullable): message, recipients, attempts */
  GVariant *attempts;             /* (owned) (nullable) */
  GCancellable *cancellable;      /* (owned) */
} Dialog;

static void
on_destroy (GtkWidget *window, gpointer user_data)
{
  Dialog *self = user_data;

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  g_signal_handlers_disconnect_by_data (self->row, self);
  g_clear_pointer (&self->attempts, g_variant_unref);
  g_object_unref (self->row);
  g_object_unref (self->queue);
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

static void
on_show_text (Dialog *self)
{
  pba_queue_text_show (self->window, self->queue, pba_list_row_get_id (self->row));
}

static void
add_way_to_text (Dialog *self, AdwPreferencesGroup *group)
{
  GtkWidget *row = g_object_new (ADW_TYPE_ACTION_ROW, "title", _ ("Show Header and Text"), "activatable",
                                 TRUE, NULL);

  adw_action_row_add_suffix (ADW_ACTION_ROW (row), gtk_image_new_from_icon_name ("go-next-symbolic"));
  pba_accessible_name (row, _ ("Show Header and Text"));
  g_signal_connect_swapped (row, "activated", G_CALLBACK (on_show_text), self);
  adw_preferences_group_add (group, row);
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
  if (pba_list_row_get_text (self->row, "Login")[0] != '\0')
    add_fact (group, _ ("Login"), pba_list_row_get_text (self->row, "Login"));
  if (pba_list_row_get_text (self->row, "Target")[0] != '\0')
    add_fact (group, _ ("Rerouted To"), pba_list_row_get_text (self->row, "Target"));
  add_id (group, pba_list_row_get_text (self->row, "Id"));
  if (pba_queue_can_read (self->queue))
    add_way_to_text (self, group);
  return group;
}

/* "Greylisted", "451 4.7.1 ...", who said so, the way, and "Deferred, 3 tries, next attempt: in 4 min", a line each. */
static char *
recipient_lines (const PbaQueuedRecipient *recipient, const char *state)
{
  g_autoptr (GString) lines = g_string_new (recipient->reason);

  if (recipient->evidence[0] != '\0')
    g_string_append_printf (lines, "%s%s", lines->len > 0 ? "\n" : "", recipient->evidence);
  if (recipient->remote[0] != '\0')
    g_string_append_printf (lines, "%s%s", lines->len > 0 ? "\n" : "", recipient->remote);
  if (recipient->route[0] != '\0')
    {
      g_string_append (lines, lines->len > 0 ? "\n" : "");
      /* Translators: %s is where mail goes, in the service's words */
      g_string_append_printf (lines, _ ("Route: %s"), recipient->route);
    }
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
  guint n = queued->n_recipients;

  adw_preferences_group_set_title (group, _ ("Recipients Not Done Yet"));
  guint shown = MIN (queued->recipients->len, MAX_RECIPIENTS);

  for (guint i = 0; i < shown; i++)
    adw_preferences_group_add (group, recipient_row_new (queued->recipients->pdata[i]));
  if (n > shown)
    {
      guint more = n - shown;
      g_autofree char *text =
        g_strdup_printf (ngettext ("%u more recipient", "%u more recipients", more), more);

      adw_preferences_group_add (group, g_object_new (ADW_TYPE_ACTION_ROW, "title", text, NULL));
    }
  return group;
}

/* ---- attempts ---- */

static char *
attempt_results (GVariant *attempt)
{
  g_autoptr (GVariant) results =
    g_variant_lookup_value (attempt, "Results", G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (GString) lines = g_string_new (NULL);

  for (gsize i = 0; results != NULL && i < g_variant_n_children (results); i++)
    {
      g_autoptr (GVariant) result = g_variant_get_child_value (results, i);
      const char *recipient = "", *reply = "";

      g_variant_lookup (result, "Recipient", "&s", &recipient);
      g_variant_lookup (result, "Reply", "&s", &reply);
      g_string_append_printf (lines, "%s%s", lines->len > 0 ? "\n" : "", recipient);
      if (reply[0] != '\0')
        g_string_append_printf (lines, ": %s", reply);
    }
  return g_string_free (g_steal_pointer (&lines), FALSE);
}

/* The transcript unfolds below the attempt. */
static void
add_transcript (AdwExpanderRow *row, const char *transcript)
{
  GtkWidget *label =
    g_object_new (GTK_TYPE_LABEL, "label", transcript, "selectable", TRUE, "wrap", TRUE, "wrap-mode",
                  PANGO_WRAP_WORD_CHAR, "xalign", 0.0, "margin-start", 12, "margin-end", 12,
                  "margin-top", 12, "margin-bottom", 12, NULL);
  GtkWidget *line = gtk_list_box_row_new ();

  gtk_widget_add_css_class (label, "monospace");
  gtk_widget_add_css_class (label, "caption");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (line), label);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (line), FALSE);
  pba_accessible_name (line, _ ("What was said"));
  adw_expander_row_add_row (row, line);
}

static GtkWidget *
attempt_row_new (GVariant *attempt)
{
  const char *remote = "", *transcript = "";
  guint64 time = 0;
  g_autofree char *results = attempt_results (attempt);
  g_autofree char *when = NULL;
  g_autofree char *title = NULL;
  g_autofree char *name = NULL;
  GtkWidget *row;

  g_variant_lookup (attempt, "Time", "t", &time);
  g_variant_lookup (attempt, "Remote", "&s", &remote);
  g_variant_lookup (attempt, "Transcript", "&s", &transcript);
  when = pba_words_time ((gint64) time);
  title = remote[0] != '\0' ? g_strdup_printf ("%s, %s", when, remote) : g_strdup (when);
  name = g_strdup_printf ("%s, %s", title, results);
  row = transcript[0] != '\0' ? adw_expander_row_new () : g_object_new (ADW_TYPE_ACTION_ROW, NULL);
  g_object_set (row, "use-markup", FALSE, "title", title, "subtitle", results, NULL);
  if (transcript[0] != '\0')
    add_transcript (ADW_EXPANDER_ROW (row), transcript);
  pba_accessible_name (row, name);
  return row;
}

/* The newest first: it says why the message still waits. */
static AdwPreferencesGroup *
make_attempts (Dialog *self)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  gsize n = self->attempts != NULL ? g_variant_n_children (self->attempts) : 0;

  adw_preferences_group_set_title (group, _ ("Attempts"));
  gtk_widget_set_visible (GTK_WIDGET (group), n > 0);
  for (gsize i = 0; i < MIN (n, MAX_ATTEMPTS); i++)
    {
      g_autoptr (GVariant) attempt = g_variant_get_child_value (self->attempts, n - 1 - i);

      adw_preferences_group_add (group, attempt_row_new (attempt));
    }
  return group;
}

static void
show_group (Dialog *self, guint place, AdwPreferencesGroup *group)
{
  self->groups[place] = group;
  adw_preferences_page_add (self->page, group);
}

static void
show_attempts (Dialog *self)
{
  if (self->groups[2] != NULL)
    adw_preferences_page_remove (self->page, self->groups[2]);
  show_group (self, 2, make_attempts (self));
}

static void
on_attempts (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GVariant) attempts =
    pba_queue_list_attempts_finish (PBA_QUEUE (source), result, NULL);
  /* What is not known is not shown. A call that was cancelled has none, and its window is gone. */
  Dialog *self = attempts != NULL ? user_data : NULL;

  if (attempts == NULL
      || (self->attempts != NULL && g_variant_equal (self->attempts, attempts)))
    return;
  g_clear_pointer (&self->attempts, g_variant_unref);
  self->attempts = g_steal_pointer (&attempts);
  show_attempts (self);
}

static void
ask_attempts (Dialog *self)
{
  if (pba_queue_can_list_attempts (self->queue))
    pba_queue_list_attempts_async (self->queue, pba_list_row_get_id (self->row), self->cancellable,
                                   on_attempts, self);
}

/* ---- the window ---- */

static void
show (Dialog *self)
{
  g_autoptr (PbaQueued) queued = pba_queued_new (pba_list_row_get_cells (self->row));

  for (guint i = 0; i < G_N_ELEMENTS (self->groups); i++)
    if (self->groups[i] != NULL)
      adw_preferences_page_remove (self->page, self->groups[i]);
  show_group (self, 0, make_facts (self, queued));
  show_group (self, 1, make_recipients (queued));
  show_group (self, 2, make_attempts (self));
  ask_attempts (self);
}

void
pba_queue_dialog_show (PbaPage *parent, PbaListRow *row)
{
  GtkWindow *above = GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (parent)));
  GtkWidget *window =
    g_object_new (ADW_TYPE_WINDOW, "modal", TRUE, "transient-for", above, "default-width", 520,
                  "default-height", 600, "title", _ ("Message"), "destroy-with-parent", TRUE, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  Dialog *self = g_new0 (Dialog, 1);

  self->queue = g_object_ref (pba_server_get_queue (pba_page_get_server (parent)));
  self->row = g_object_ref (row);
  self->window = GTK_WINDOW (window);
  self->cancellable = g_cancellable_new ();
  self->page = ADW_PREFERENCES_PAGE (adw_preferences_page_new ());
  gtk_box_append (GTK_BOX (box), adw_header_bar_new ());
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->page));
  adw_window_set_content (ADW_WINDOW (window), box);
  g_signal_connect (window, "destroy", G_CALLBACK (on_destroy), self);
  g_signal_connect_swapped (row, "notify::cells", G_CALLBACK (show), self);
  pba_close_on_escape (window);
  show (self);
  gtk_window_present (GTK_WINDOW (window));
}
