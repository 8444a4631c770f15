/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One message of the history: what is known of it, each recipient, and each step with its outcome, what was found and
 * what was said, down to the transcripts. A refusal has its reason explained and, where a rule helps, a rule
 * drafted for it. Opened by the page of messages; changes nothing itself.
 */
#include "pages/message-dialog.h"

#include "model/message.h"
#include "model/reply.h"
#include "model/words.h"
#include "pages/fact-row.h"
#include "pages/list-dialog.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>
#include <string.h>

#define CODES 10 /* octets that codes alone take, "550 5.1.1": no evidence to read */

typedef struct
{
  PbaPage *page;              /* (owned) */
  GtkWidget *window;          /* (unowned) */
  GVariant *cells;            /* (owned) the message */
  AdwPreferencesGroup *steps; /* (unowned) */
  GtkWidget *waiting;         /* (unowned) (nullable) in @steps until they have come */
  GCancellable *cancellable;  /* (owned) */
} Dialog;

static void
on_destroy (GtkWidget *window, gpointer user_data)
{
  Dialog *self = user_data;

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  g_variant_unref (self->cells);
  g_object_unref (self->page);
  g_free (self);
}

static const char *
text_of (GVariant *cells, const char *key)
{
  const char *text = "";

  g_variant_lookup (cells, key, "&s", &text);
  return text;
}

/* ---- why, and what then ---- */

typedef struct
{
  PbaPage *page;      /* (owned) */
  GtkWindow *over;    /* (owned) closed when it is left for a page */
  const char *target; /* (static) (nullable) */
  GVariant *cells;    /* (owned) */
  char *check;        /* (owned) */
} Why;

static void
on_rule_saved (PbaListDialog *dialog, const char *id, const char *trouble, gpointer user_data)
{
  pba_page_toast (user_data, _ ("The rule is saved. Such mail is let in when it is sent again"),
                  NULL, NULL, NULL);
}

/* The narrowest rule that lets such mail in, to be looked at and saved. */
static void
draft_rule (PbaPage *page, GtkWindow *over, GVariant *cells, const char *check)
{
  g_autoptr (GVariant) rule = pba_message_draft_rule (cells, check);
  GtkWidget *dialog = pba_list_dialog_new_draft (over, pba_page_get_server (page),
                                                 PB_LIST_ACCESS_LIST, rule, "whitelist");

  g_signal_connect_object (dialog, "saved", G_CALLBACK (on_rule_saved), page, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
why_free (gpointer data)
{
  Why *why = data;

  g_object_unref (why->page);
  g_object_unref (why->over);
  g_variant_unref (why->cells);
  g_free (why->check);
  g_free (why);
}

/* Not while the question is still on its way out: it looks at the window below. */
static gboolean
on_draft (gpointer user_data)
{
  Why *why = user_data;

  if (gtk_widget_get_visible (GTK_WIDGET (why->over)))
    draft_rule (why->page, why->over, why->cells, why->check);
  return G_SOURCE_REMOVE;
}

static void
on_why_answered (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  Why *why = user_data;

  if (g_str_equal (response, "settings"))
    {
      gtk_window_close (why->over);
      pba_page_go (why->page, why->target, NULL);
    }
  if (g_str_equal (response, "allow"))
    g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, on_draft, why, why_free);
  else
    why_free (why);
}

/* What can be done about it from where it is explained. */
static void
add_responses (AdwMessageDialog *dialog, const Why *why)
{
  PbaPermissions *permissions = pba_server_get_permissions (pba_page_get_server (why->page));
  g_autoptr (GVariant) rule = pba_message_draft_rule (why->cells, why->check);
  gboolean allowed = FALSE;

  g_object_get (permissions, "modify-settings", &allowed, NULL);
  adw_message_dialog_add_response (dialog, "close", _ ("_Close"));
  if (why->target != NULL)
    adw_message_dialog_add_response (dialog, "settings", _ ("_Open Settings"));
  if (rule != NULL && allowed)
    adw_message_dialog_add_response (dialog, "allow", _ ("_Allow…"));
  adw_message_dialog_set_close_response (dialog, "close");
  adw_message_dialog_set_default_response (dialog, "close");
}

/* Today's judgement stands below what was said then. */
static void
on_explained (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (AdwMessageDialog) dialog = user_data;
  g_autoptr (GVariant) trail = pba_history_explain_finish (PBA_HISTORY (source), result, NULL);
  g_autofree char *words = trail != NULL ? pba_message_verdict_words (trail) : NULL;
  g_autofree char *body = NULL;

  if (words == NULL || !gtk_widget_get_visible (GTK_WIDGET (dialog)))
    return;
  body = g_strjoin ("\n\n", adw_message_dialog_get_body (dialog), words, NULL);
  adw_message_dialog_set_body (dialog, body);
}

/* Why a check refuses, with what was found and said, what would be today, and the way to its settings. */
static void
show_why (Dialog *self, const char *check, const char *evidence, const char *recipient)
{
  PbaHistory *history = pba_server_get_history (pba_page_get_server (self->page));
  PbaCheckAdvice advice = pba_check_advice (check);
  g_autofree char *title = pba_check_title (check);
  g_autofree char *body =
    g_strjoin ("\n\n",
               advice.why != NULL
                 ? advice.why
                 : _ ("This program does not know this check. The server’s own words say more."),
               evidence, NULL);
  GtkWidget *dialog = adw_message_dialog_new (GTK_WINDOW (self->window), title, body);
  Why *why = g_new0 (Why, 1);

  why->page = g_object_ref (self->page);
  why->over = g_object_ref (GTK_WINDOW (self->window));
  why->target = advice.page;
  why->cells = g_variant_ref (self->cells);
  why->check = g_strdup (check);
  add_responses (ADW_MESSAGE_DIALOG (dialog), why);
  g_signal_connect (dialog, "response", G_CALLBACK (on_why_answered), why);
  gtk_window_present (GTK_WINDOW (dialog));
  if (pba_history_can_explain (history))
    pba_history_explain_async (history, self->cells, recipient, NULL, on_explained,
                               g_object_ref (dialog));
}

static void
on_allow (GtkButton *button, gpointer user_data)
{
  Dialog *self = user_data;

  draft_rule (self->page, GTK_WINDOW (self->window), self->cells,
              g_object_get_data (G_OBJECT (button), "check"));
}

static void
on_why (GtkButton *button, gpointer user_data)
{
  Dialog *self = user_data;

  show_why (self, g_object_get_data (G_OBJECT (button), "check"),
            g_object_get_data (G_OBJECT (button), "evidence"),
            g_object_get_data (G_OBJECT (button), "recipient"));
}

static GtkWidget *
add_button (Dialog *self, GtkWidget *box, const char *label, const char *name,
            const PbaTrailStep *step, GCallback callback)
{
  GtkWidget *button = gtk_button_new_with_label (label);

  pba_accessible_name (button, name);
  g_object_set_data_full (G_OBJECT (button), "check", g_strdup (step->check), g_free);
  g_object_set_data_full (G_OBJECT (button), "evidence", g_strdup (step->second), g_free);
  g_object_set_data_full (G_OBJECT (button), "recipient", g_strdup (step->recipient), g_free);
  g_signal_connect (button, "clicked", callback, self);
  gtk_box_append (GTK_BOX (box), button);
  return button;
}

static GtkWidget *
make_buttons (Dialog *self, const PbaTrailStep *step)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  g_autoptr (GVariant) rule = pba_message_draft_rule (self->cells, step->check);
  /* Translators: for screen readers; %s is a check, such as Relay access denied */
  g_autofree char *why = g_strdup_printf (_ ("Why? %s"), step->title);
  GtkWidget *button;

  gtk_widget_set_margin_top (box, 6);
  add_button (self, box, _ ("Why?"), why, step, G_CALLBACK (on_why));
  if (rule != NULL)
    {
      /* Translators: for screen readers; %s is a check, such as Blocklist */
      g_autofree char *allow = g_strdup_printf (_ ("Allow mail like this: %s"), step->title);

      button = add_button (self, box, _ ("Allow…"), allow, step, G_CALLBACK (on_allow));
      g_object_bind_property (pba_server_get_permissions (pba_page_get_server (self->page)),
                              "modify-settings", button, "sensitive", G_BINDING_SYNC_CREATE);
    }
  return box;
}

/* ---- steps ---- */

static GtkWidget *
make_label (const char *text, const char *class)
{
  GtkWidget *label = g_object_new (GTK_TYPE_LABEL, "label", text, "xalign", 0.0, "wrap", TRUE,
                                   "wrap-mode", PANGO_WRAP_WORD_CHAR, "hexpand", TRUE, NULL);

  if (class != NULL)
    gtk_widget_add_css_class (label, class);
  return label;
}

/* A button, and below it what was said once it is pressed. */
static void
add_transcript (GtkWidget *texts, const PbaTrailStep *step)
{
  GtkWidget *button = gtk_toggle_button_new_with_label (_ ("Transcript"));
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *text = make_label (step->transcript, "record");
  GtkWidget *scroller = gtk_scrolled_window_new ();
  GtkWidget *copy = pba_copy_button_new (step->transcript, _ ("Copy Transcript"));
  /* Translators: for screen readers; %s is a step, such as Attempt to deliver to mx.example.org */
  g_autofree char *name = g_strdup_printf (_ ("Transcript: %s"), step->title);

  /* Its lines are as they were said; longer ones scroll. */
  gtk_label_set_wrap (GTK_LABEL (text), FALSE);
  gtk_label_set_selectable (GTK_LABEL (text), TRUE);
  gtk_widget_add_css_class (text, "caption");
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_AUTOMATIC,
                                  GTK_POLICY_NEVER);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), text);
  gtk_widget_set_hexpand (scroller, TRUE);
  gtk_widget_set_valign (copy, GTK_ALIGN_START);
  gtk_box_append (GTK_BOX (box), scroller);
  gtk_box_append (GTK_BOX (box), copy);
  gtk_widget_set_halign (button, GTK_ALIGN_START);
  gtk_widget_set_margin_top (button, 6);
  gtk_widget_set_margin_bottom (button, 6);
  pba_accessible_name (button, name);
  g_object_bind_property (button, "active", box, "visible", G_BINDING_SYNC_CREATE);
  gtk_box_append (GTK_BOX (texts), button);
  gtk_box_append (GTK_BOX (texts), box);
}

static GtkWidget *
make_icon (const char *event)
{
  PbaEventLook look = pba_event_look (event);
  GtkWidget *icon = gtk_image_new_from_icon_name (look.icon);

  if (look.style != NULL)
    gtk_widget_add_css_class (icon, look.style);
  pba_accessible_name (icon, look.title);
  return icon;
}

static GtkWidget *
step_row_new (Dialog *self, const PbaTrailStep *step)
{
  GtkWidget *row = adw_preferences_row_new ();
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *texts = gtk_box_new (GTK_ORIENTATION_VERTICAL, 2);
  GtkWidget *icon = make_icon (step->outcome);
  GtkWidget *time = make_label (step->time, "caption");
  g_autofree char *name = g_strdup_printf ("%s, %s, %s", step->title, step->second, step->time);

  gtk_widget_set_valign (icon, GTK_ALIGN_START);
  gtk_widget_set_margin_top (icon, 2);
  gtk_widget_set_valign (time, GTK_ALIGN_START);
  gtk_widget_set_hexpand (time, FALSE);
  gtk_label_set_wrap (GTK_LABEL (time), FALSE);
  gtk_widget_add_css_class (time, "dim-label");
  gtk_widget_add_css_class (time, "numeric");
  gtk_box_append (GTK_BOX (texts), make_label (step->title, NULL));
  if (step->second[0] != '\0')
    {
      GtkWidget *second = make_label (step->second, "caption");

      gtk_widget_add_css_class (second, "dim-label");
      gtk_box_append (GTK_BOX (texts), second);
    }
  if (g_str_equal (step->outcome, "refused") || g_str_equal (step->outcome, "watched")
      || (g_str_equal (step->outcome, "discarded") && step->check[0] != '\0'))
    gtk_box_append (GTK_BOX (texts), make_buttons (self, step));
  if (step->transcript[0] != '\0')
    add_transcript (texts, step);
  gtk_box_append (GTK_BOX (line), icon);
  gtk_box_append (GTK_BOX (line), texts);
  gtk_box_append (GTK_BOX (line), time);
  gtk_widget_add_css_class (line, "padded");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), line);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  pba_accessible_name (row, name);
  return row;
}

static void
show_note (Dialog *self, const char *title, const char *subtitle)
{
  GtkWidget *row = g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", title,
                                 "title-lines", 0, "subtitle", subtitle, "subtitle-lines", 0, NULL);

  adw_preferences_group_add (self->steps, row);
}

static void
on_trail (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Dialog *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) lines = pba_history_trail_finish (PBA_HISTORY (source), result, &error);
  g_autoptr (GPtrArray) steps = lines != NULL ? pba_trail_steps_new (lines) : NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* the window is gone, and what it had */
  adw_preferences_group_remove (self->steps, self->waiting);
  self->waiting = NULL;
  if (error != NULL)
    {
      g_autofree char *sentence = pba_words_error (error);

      show_note (self, _ ("The steps cannot be read"), sentence);
    }
  else if (steps->len == 0)
    show_note (self, _ ("No steps were kept of this message"), NULL);
  for (guint i = 0; steps != NULL && i < steps->len; i++)
    adw_preferences_group_add (self->steps, step_row_new (self, steps->pdata[i]));
}

/* ---- what is known at once ---- */

static void
add_fact (AdwPreferencesGroup *group, const char *title, const char *fact)
{
  if (fact != NULL && fact[0] != '\0')
    adw_preferences_group_add (group, pba_fact_row_new (title, fact));
}

/* "192.0.2.1, mail.example.org, logged in as ann" */
static char *
client_words (GVariant *cells)
{
  const char *client = text_of (cells, "Client"), *helo = text_of (cells, "Helo");
  const char *login = text_of (cells, "Login");
  g_autoptr (GString) words = g_string_new (NULL);

  g_string_append (words, g_str_equal (client, "local") ? _ ("This server") : client);
  if (helo[0] != '\0')
    g_string_append_printf (words, ", %s", helo);
  if (login[0] != '\0')
    {
      /* Translators: %s is an account */
      g_autofree char *as = g_strdup_printf (_ ("logged in as %s"), login);

      g_string_append_printf (words, ", %s", as);
    }
  return g_string_free (g_steal_pointer (&words), FALSE);
}

static AdwPreferencesGroup *
make_facts (Dialog *self, const PbaMessage *message)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  g_autofree char *client = client_words (self->cells);
  g_autofree char *when = NULL;
  const char *sender = NULL, *id = text_of (self->cells, "Id");
  guint64 seconds = 0;
  g_autoptr (GDateTime) time = NULL;
  GtkWidget *row;

  g_variant_lookup (self->cells, "Time", "t", &seconds);
  time = g_date_time_new_from_unix_local ((gint64) MIN (seconds, G_MAXINT64));
  when = time != NULL ? g_date_time_format (time, "%c") : NULL;
  if (g_variant_lookup (self->cells, "Sender", "&s", &sender))
    add_fact (group, _ ("Sender"), sender[0] != '\0' ? sender : _ ("The null sender"));
  add_fact (group, _ ("Client"), client);
  add_fact (group, _ ("Time"), when);
  add_fact (group, _ ("Size"), message->size);
  add_fact (group, _ ("Message ID"), text_of (self->cells, "MessageId"));
  row = pba_fact_row_new (_ ("Queue ID"), id);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), pba_copy_button_new (id, _ ("Copy Queue ID")));
  adw_preferences_group_add (group, row);
  pba_accessible_name_lists (GTK_WIDGET (group), _ ("Message"));
  return group;
}

/* Our own refusal is known by its check, what others said by their words. */
static char *
recipient_reason (GVariant *recipient, char **evidence)
{
  const char *check = text_of (recipient, "Check"), *reply = text_of (recipient, "Reply");

  if (check[0] == '\0')
    return pba_reply_explain (reply, evidence);
  *evidence = g_strdup (reply);
  return pba_check_title (check);
}

static GtkWidget *
recipient_row_new (GVariant *recipient)
{
  const char *address = text_of (recipient, "Address"), *original = text_of (recipient, "Original");
  g_autofree char *evidence = NULL;
  g_autofree char *reason = recipient_reason (recipient, &evidence);
  PbaEventLook look = pba_event_look (text_of (recipient, "Event"));
  g_autofree char *alias = NULL;
  g_autofree char *second = NULL;
  g_autofree char *name = NULL;
  GtkWidget *chip = gtk_label_new (look.title);
  GtkWidget *row;

  if (original[0] != '\0')
    /* Translators: %s is the address that an alias stands for */
    alias = g_strdup_printf (_ ("Sent to %s"), original);
  second = g_strdup_printf ("%s%s%s%s%s", alias != NULL ? alias : "",
                            alias != NULL && reason[0] != '\0' ? "\n" : "", reason,
                            strlen (evidence) > CODES ? "\n" : "",
                            strlen (evidence) > CODES ? evidence : "");
  row = g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", address, "title-lines", 0,
                      "subtitle", second, "subtitle-lines", 0, NULL);
  gtk_widget_add_css_class (chip, "chip");
  if (look.style != NULL)
    gtk_widget_add_css_class (chip, look.style);
  gtk_widget_set_valign (chip, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), chip);
  name = g_strdup_printf ("%s, %s, %s", address, look.title, second);
  pba_accessible_name (row, name);
  return row;
}

static AdwPreferencesGroup *
make_recipients (Dialog *self)
{
  g_autoptr (GVariant) recipients =
    g_variant_lookup_value (self->cells, "Recipients", G_VARIANT_TYPE ("aa{sv}"));
  AdwPreferencesGroup *group;
  guint32 count = 0;
  gsize n = recipients != NULL ? g_variant_n_children (recipients) : 0;

  if (n == 0)
    return NULL;
  g_variant_lookup (self->cells, "RecipientCount", "u", &count);
  group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  adw_preferences_group_set_title (group, _ ("Recipients"));
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) recipient = g_variant_get_child_value (recipients, i);

      adw_preferences_group_add (group, recipient_row_new (recipient));
    }
  if (count > n)
    {
      guint more = count - (guint) n;
      g_autofree char *text =
        g_strdup_printf (ngettext ("%u more recipient", "%u more recipients", more), more);

      adw_preferences_group_add (group, g_object_new (ADW_TYPE_ACTION_ROW, "title", text, NULL));
    }
  return group;
}

static void
fill (Dialog *self, AdwPreferencesPage *page)
{
  g_autoptr (PbaMessage) message = pba_message_new (self->cells);
  AdwPreferencesGroup *recipients = make_recipients (self);
  GtkWidget *spinner = gtk_spinner_new ();

  adw_preferences_page_add (page, make_facts (self, message));
  if (recipients != NULL)
    adw_preferences_page_add (page, recipients);
  self->steps = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  adw_preferences_group_set_title (self->steps, _ ("What Happened"));
  self->waiting = g_object_new (ADW_TYPE_ACTION_ROW, "title", _ ("Looking it up"), NULL);
  gtk_spinner_start (GTK_SPINNER (spinner));
  adw_action_row_add_prefix (ADW_ACTION_ROW (self->waiting), spinner);
  adw_preferences_group_add (self->steps, self->waiting);
  adw_preferences_page_add (page, self->steps);
}

void
pba_message_dialog_show (PbaPage *page, PbaListRow *row)
{
  GtkWindow *above = GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (page)));
  PbaHistory *history = pba_server_get_history (pba_page_get_server (page));
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *content = adw_preferences_page_new ();
  Dialog *self = g_new0 (Dialog, 1);

  self->page = g_object_ref (page);
  self->cells = g_variant_ref (pba_list_row_get_cells (row));
  self->cancellable = g_cancellable_new ();
  self->window =
    g_object_new (ADW_TYPE_WINDOW, "modal", TRUE, "transient-for", above, "default-width", 620,
                  "default-height", 680, "title", _ ("Message"), "destroy-with-parent", TRUE, NULL);
  gtk_box_append (GTK_BOX (box), adw_header_bar_new ());
  gtk_box_append (GTK_BOX (box), content);
  adw_window_set_content (ADW_WINDOW (self->window), box);
  g_signal_connect (self->window, "destroy", G_CALLBACK (on_destroy), self);
  pba_close_on_escape (self->window);
  fill (self, ADW_PREFERENCES_PAGE (content));
  pba_history_trail_async (history, text_of (self->cells, "Id"), self->cancellable, on_trail, self);
  gtk_window_present (GTK_WINDOW (self->window));
}
