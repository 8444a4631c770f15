/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is done to the messages selected on the queue page. Part of PbaQueuePage. Everything acts at once on
 * the service, and a toast says to how many; what can be undone has its Undo there. A removal cannot, and
 * is asked about first. A refusal is a toast with its sentence.
 */
#include "pages/queue-page-private.h"

#include "dbus/names.h"
#include "dbus/validate.h"
#include "model/words.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define MOST_UNDOS 10

static const struct
{
  const char *name; /* of the widget's action */
  PbaQueueAction action;
} actions[] = {
  { "queue.hold", PBA_QUEUE_HOLD },       { "queue.release", PBA_QUEUE_RELEASE },
  { "queue.retry", PBA_QUEUE_RETRY },     { "queue.remove", PBA_QUEUE_REMOVE },
  { "queue.reroute", PBA_QUEUE_REROUTE },
};

/* An action that can be undone. It must not keep the page, which keeps it. */
typedef struct
{
  PbaQueueChoice *choice; /* (owned) */
  PbaQueueAction undo;
} Undo;

static void
undo_free (gpointer data)
{
  Undo *undo = data;

  pba_queue_choice_unref (undo->choice);
  g_free (undo);
}

/* One action under way. */
typedef struct
{
  PbaQueuePage *page;     /* (owned) */
  PbaQueueChoice *choice; /* (owned) */
  PbaQueueAction action;
  char *target; /* (owned) (nullable) */
  gboolean undoing;
} Act;

static void
act_free (Act *act)
{
  g_object_unref (act->page);
  pba_queue_choice_unref (act->choice);
  g_free (act->target);
  g_free (act);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Act, act_free)

static char *
done_words (const Act *act, guint n)
{
  switch (act->action)
    {
    case PBA_QUEUE_HOLD:
      return g_strdup_printf (ngettext ("%u message held", "%u messages held", n), n);
    case PBA_QUEUE_RELEASE:
      return g_strdup_printf (ngettext ("%u message released", "%u messages released", n), n);
    case PBA_QUEUE_RETRY:
      return g_strdup_printf (ngettext ("%u message is tried now", "%u messages are tried now", n),
                              n);
    case PBA_QUEUE_REMOVE:
    case PBA_QUEUE_BOUNCE:
      return g_strdup_printf (ngettext ("%u message removed", "%u messages removed", n), n);
    case PBA_QUEUE_REROUTE:
      break;
    }
  if (act->target == NULL || act->target[0] == '\0')
    return g_strdup_printf (
      ngettext ("%u message goes by the settings again", "%u messages go by the settings again", n),
      n);
  /* Translators: %s is a host */
  return g_strdup_printf (ngettext ("%u message goes to %s now", "%u messages go to %s now", n), n,
                          act->target);
}

/* ---- doing, and its undo ---- */

static void on_undo (PbaPage *page, gpointer key);

/* What undoes @action; the same when nothing does. */
static PbaQueueAction
opposite (PbaQueueAction action)
{
  return action == PBA_QUEUE_HOLD      ? PBA_QUEUE_RELEASE
         : action == PBA_QUEUE_RELEASE ? PBA_QUEUE_HOLD
                                       : action;
}

static gboolean
can_undo (const Act *act)
{
  if (act->undoing || !pba_queue_choice_has_ids (act->choice))
    return FALSE;
  return opposite (act->action) != act->action
         || (act->action == PBA_QUEUE_REROUTE && act->target != NULL && act->target[0] != '\0');
}

/* Toasts queue up: each one's button undoes what it speaks of. */
static gpointer
keep_undo (PbaQueuePage *self, const Act *act)
{
  gpointer key = GUINT_TO_POINTER (++self->last_undo);
  Undo *undo = g_new (Undo, 1);

  *undo = (Undo){ pba_queue_choice_ref (act->choice), opposite (act->action) };
  if (g_hash_table_size (self->undos) >= MOST_UNDOS)
    g_hash_table_remove_all (self->undos);
  g_hash_table_insert (self->undos, key, undo);
  return key;
}

static void
on_acted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Act) act = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *words = NULL;
  PbaQueuePage *self = act->page;
  gpointer key = NULL;
  guint n;

  pba_queue_act_finish (PBA_QUEUE (source), result, &n, &error);
  /* The page is gone. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  self->acting = FALSE;
  pba_queue_page_show_actions (self);
  if (error != NULL)
    {
      pba_page_toast_error (PBA_PAGE (self), error);
      return;
    }
  words = done_words (act, n);
  if (n > 0 && can_undo (act))
    key = keep_undo (self, act);
  pba_page_toast (PBA_PAGE (self), words, key != NULL ? _ ("_Undo") : NULL, on_undo, key);
}

/* @choice (transfer full). */
static void
start (PbaQueuePage *self, PbaQueueAction action, PbaQueueChoice *choice, const char *target,
       gboolean undoing)
{
  Act *act = g_new0 (Act, 1);

  act->page = g_object_ref (self);
  act->choice = choice;
  act->action = action;
  act->target = g_strdup (target);
  act->undoing = undoing;
  self->acting = TRUE;
  pba_queue_page_show_actions (self);
  pba_queue_act_async (self->queue, action, choice, target, self->cancellable, on_acted, act);
}

static void
on_undo (PbaPage *page, gpointer key)
{
  PbaQueuePage *self = PBA_QUEUE_PAGE (page);
  Undo *undo = g_hash_table_lookup (self->undos, key);

  if (undo == NULL)
    return;
  start (self, undo->undo, pba_queue_choice_ref (undo->choice), NULL, TRUE);
  g_hash_table_remove (self->undos, key);
}

/* ---- asking first ---- */

/* A dialog about what is selected. Its choice is made before it opens: what comes meanwhile was not asked about. */
typedef struct
{
  PbaQueuePage *page;     /* (owned) */
  PbaQueueChoice *choice; /* (owned) */
  GtkWidget *widget;      /* (unowned): what the dialog asks: a check button, an entry */
} Question;

static void
question_free (gpointer data, GClosure *closure)
{
  Question *question = data;

  g_object_unref (question->page);
  pba_queue_choice_unref (question->choice);
  g_free (question);
}

static void
on_remove_response (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  Question *question = user_data;
  gboolean tell = gtk_check_button_get_active (GTK_CHECK_BUTTON (question->widget));

  if (g_str_equal (response, "remove"))
    start (question->page, tell ? PBA_QUEUE_BOUNCE : PBA_QUEUE_REMOVE,
           pba_queue_choice_ref (question->choice), NULL, FALSE);
}

static void
on_target_changed (GtkEditable *entry, AdwMessageDialog *dialog)
{
  const char *text = gtk_editable_get_text (entry);
  gboolean good = text[0] == '\0' || pb_check (PB_CHECK_HOST_PORT, text) == NULL;

  adw_message_dialog_set_response_enabled (dialog, "reroute", good);
  if (good)
    gtk_widget_remove_css_class (GTK_WIDGET (entry), "error");
  else
    gtk_widget_add_css_class (GTK_WIDGET (entry), "error");
}

static void
on_reroute_response (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  Question *question = user_data;

  if (g_str_equal (response, "reroute"))
    start (question->page, PBA_QUEUE_REROUTE, pba_queue_choice_ref (question->choice),
           gtk_editable_get_text (GTK_EDITABLE (question->widget)), FALSE);
}

/* @choice (transfer full). */
static void
ask (PbaQueuePage *self, PbaQueueChoice *choice, const char *title, const char *body,
     GtkWidget *widget, const char *response, const char *label, GCallback on_response)
{
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (
    GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), title, body));
  Question *question = g_new0 (Question, 1);
  gboolean removes = g_str_equal (response, "remove");

  question->page = g_object_ref (self);
  question->choice = choice;
  question->widget = widget;
  adw_message_dialog_set_extra_child (dialog, widget);
  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), response, label, NULL);
  adw_message_dialog_set_response_appearance (
    dialog, response, removes ? ADW_RESPONSE_DESTRUCTIVE : ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (dialog, removes ? "cancel" : response);
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_signal_connect_data (dialog, "response", on_response, question, question_free, 0);
  if (GTK_IS_EDITABLE (widget))
    g_signal_connect_object (widget, "changed", G_CALLBACK (on_target_changed), dialog, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
ask_to_remove (PbaQueuePage *self, PbaQueueChoice *choice)
{
  guint n = pba_queue_page_count_selected (self);
  g_autofree char *count = pba_words_count (n);
  /* Translators: %s is how many, 1 or more */
  g_autofree char *title =
    g_strdup_printf (ngettext ("Remove %s Message?", "Remove %s Messages?", n), count);
  GtkWidget *check = gtk_check_button_new_with_label (
    ngettext ("Tell the sender that it was not delivered",
              "Tell the senders that they were not delivered", n));

  ask (self, choice, title,
       ngettext ("It is deleted from the queue and not delivered. This cannot be undone.",
                 "They are deleted from the queue and not delivered. This cannot be undone.", n),
       check, "remove", _ ("_Remove"), G_CALLBACK (on_remove_response));
}

static void
ask_where_to (PbaQueuePage *self, PbaQueueChoice *choice)
{
  guint n = pba_queue_page_count_selected (self);
  g_autofree char *count = pba_words_count (n);
  g_autofree char *title =
    g_strdup_printf (ngettext ("Reroute %s Message", "Reroute %s Messages", n), count);
  GtkWidget *entry =
    g_object_new (GTK_TYPE_ENTRY, "placeholder-text", "mail.example.org:25", "activates-default",
                  TRUE, "input-purpose", GTK_INPUT_PURPOSE_URL, NULL);

  pba_accessible_name (entry, _ ("Host and port"));
  ask (self, choice, title,
       _ ("For all recipients, whatever the settings say. Leave it empty to go by the settings "
          "again."),
       entry, "reroute", _ ("_Reroute"), G_CALLBACK (on_reroute_response));
}

/* ---- the actions ---- */

static void
finish_waiting (PbaQueuePage *self, PbaQueueChoice *choice)
{
  switch (self->pending)
    {
    case PBA_QUEUE_HOLD:
    case PBA_QUEUE_RELEASE:
    case PBA_QUEUE_RETRY:
      start (self, self->pending, choice, NULL, FALSE);
      break;
    case PBA_QUEUE_REMOVE:
    case PBA_QUEUE_BOUNCE:
      ask_to_remove (self, choice);
      break;
    case PBA_QUEUE_REROUTE:
      ask_where_to (self, choice);
      break;
    }
}

void
pba_queue_page_go_on_acting (PbaQueuePage *self)
{
  PbaQueueChoice *choice;

  if (!self->waiting)
    return;
  if (pba_queue_page_count_selected (self) == 0 || pba_list_model_get_error (self->model) != NULL)
    {
      self->waiting = FALSE;
      pba_queue_page_show_actions (self);
      return;
    }
  choice = pba_queue_page_choose (self);
  if (choice == NULL)
    return;
  self->waiting = FALSE;
  pba_queue_page_show_actions (self);
  finish_waiting (self, choice);
}

static void
on_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PbaQueuePage *self = PBA_QUEUE_PAGE (widget);

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    if (g_str_equal (actions[i].name, name))
      self->pending = actions[i].action;
  if (self->acting || self->waiting || pba_queue_page_count_selected (self) == 0)
    return;
  self->waiting = TRUE;
  pba_queue_page_show_actions (self);
  pba_queue_page_go_on_acting (self);
}

static void
on_unselect (GtkWidget *widget, const char *name, GVariant *parameter)
{
  gtk_selection_model_unselect_all (GTK_SELECTION_MODEL (PBA_QUEUE_PAGE (widget)->selection));
}

void
pba_queue_page_show_actions (PbaQueuePage *self)
{
  PbaPermissions *permissions = pba_server_get_permissions (pba_page_get_server (PBA_PAGE (self)));
  gboolean may = pba_permissions_may (permissions, PB_ACTION_MANAGE_QUEUE);
  gboolean busy = self->acting || self->waiting;
  gboolean held = self->all || pba_queue_page_has_selected (self, "held", TRUE);
  gboolean others = self->all || pba_queue_page_has_selected (self, "held", FALSE);
  gboolean compact = pba_compact_bin_get_compact (self->table);
  guint n = pba_queue_page_count_selected (self);

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      PbaQueueAction action = actions[i].action;
      gboolean fits = action == PBA_QUEUE_RELEASE ? held
                      : action == PBA_QUEUE_HOLD || action == PBA_QUEUE_RETRY ? others
                                                                              : TRUE;

      gtk_widget_action_set_enabled (GTK_WIDGET (self), actions[i].name,
                                     may && !busy && fits && n > 0
                                       && pba_queue_can_act (self->queue, action));
    }
  gtk_widget_set_visible (self->resting, n == 0 || !may);
  gtk_widget_set_visible (self->selecting, n > 0 && may);
  gtk_widget_set_visible (self->hold_button, others || !held);
  gtk_widget_set_visible (self->release_button, held);
  gtk_widget_set_visible (self->buttons, !compact);
  gtk_widget_set_visible (self->more_button, compact);
  gtk_widget_set_visible (self->progress, busy);
}

void
pba_queue_page_install_actions (GtkWidgetClass *widget_class)
{
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    gtk_widget_class_install_action (widget_class, actions[i].name, NULL, on_action);
  gtk_widget_class_install_action (widget_class, "queue.unselect", NULL, on_unselect);
}

/* Keys of the rows; in the search entry they mean what they mean in entries. */
void
pba_queue_page_add_keys (PbaQueuePage *self)
{
  static const struct
  {
    const char *keys, *action;
  } shortcuts[] = {
    { "Delete", "queue.remove" },
    { "Escape", "queue.unselect" },
  };
  GtkEventController *controller = gtk_shortcut_controller_new ();

  for (guint i = 0; i < G_N_ELEMENTS (shortcuts); i++)
    gtk_shortcut_controller_add_shortcut (
      GTK_SHORTCUT_CONTROLLER (controller),
      gtk_shortcut_new (gtk_shortcut_trigger_parse_string (shortcuts[i].keys),
                        gtk_named_action_new (shortcuts[i].action)));
  gtk_event_controller_set_propagation_phase (controller, GTK_PHASE_CAPTURE);
  gtk_widget_add_controller (GTK_WIDGET (self->list_view), controller);
  self->undos = g_hash_table_new_full (NULL, NULL, NULL, undo_free);
}
