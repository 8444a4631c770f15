/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The dialog of a list's row, made from the list's columns and its layout's groups. Presented by the
 * list page. Save judges by the contract first; an error of that or of the service stands at its field
 * in the user's words and gets the focus, anything else in a bar on top. What is sent is what differs from
 * the row as it was shown first: what others change in it meanwhile stays, and a row that they removed can
 * be made anew.
 */
#include "pages/list-dialog-private.h"

#include "dbus/errors.h"
#include "model/words.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define WIDTH        520
#define TOP          56 /* the header bar, and edges where the window has some */
#define MARGIN       24
#define LEAST_HEIGHT 300
#define MOST_HEIGHT  700

G_DEFINE_FINAL_TYPE (PbaListDialog, pba_list_dialog, ADW_TYPE_WINDOW)

static guint saved_signal;

PbaListField *
pba_list_dialog_find (PbaListDialog *self, const char *column)
{
  for (guint i = 0; i < self->fields->len; i++)
    if (g_str_equal (pba_list_field_get_column (self->fields->pdata[i])->name, column))
      return self->fields->pdata[i];
  return NULL;
}

const char *
pba_list_dialog_chosen (PbaListDialog *self, const char *column)
{
  PbaListField *field = pba_list_dialog_find (self, column);
  const char *choice = field != NULL ? pba_list_field_get_choice (field) : NULL;

  return choice != NULL ? choice : "";
}

gboolean
pba_list_dialog_is_on (PbaListDialog *self, const char *column)
{
  PbaListField *field = pba_list_dialog_find (self, column);
  g_autoptr (GVariant) value =
    field != NULL ? g_variant_ref_sink (pba_list_field_get_value (field)) : NULL;

  return value != NULL && g_variant_get_boolean (value);
}

gboolean
pba_list_dialog_differs (PbaListDialog *self, const char *column)
{
  PbaListField *field = pba_list_dialog_find (self, column);
  g_autoptr (GVariant) was =
    self->base != NULL ? g_variant_lookup_value (self->base, column, NULL) : NULL;
  g_autoptr (GVariant) value =
    field != NULL ? g_variant_ref_sink (pba_list_field_get_value (field)) : NULL;

  return value != NULL && (was == NULL || !g_variant_equal (was, value));
}

static void
show_field (PbaListDialog *self, const char *column, gboolean shown)
{
  PbaListField *field = pba_list_dialog_find (self, column);

  if (field != NULL)
    gtk_widget_set_visible (pba_list_field_get_row (field), shown);
}

/* ---- fields ---- */

/* What only means something while another column says so. */
static void
follow_dependencies (PbaListDialog *self)
{
  gboolean login = pba_list_dialog_is_on (self, "Auth");

  show_field (self, "User", login);
  show_field (self, "SecretStorage", login);
  show_field (self, "Fingerprint",
              g_str_equal (pba_list_dialog_chosen (self, "Verify"), "fingerprint"));
  pba_list_dialog_follow_kind (self);
  self->password_kind->follow (self);
}

static void
on_field_changed (PbaListField *field, gpointer user_data)
{
  PbaListDialog *self = user_data;

  /* An error may have been about what two columns are to each other. */
  for (guint i = 0; i < self->fields->len; i++)
    pba_list_field_set_error (self->fields->pdata[i], NULL);
  follow_dependencies (self);
}

static const PbColumnSpec *
find_column (const PbListSpec *spec, const char *name)
{
  for (guint i = 0; i < spec->n_columns; i++)
    if (g_str_equal (spec->columns[i].name, name))
      return &spec->columns[i];
  return NULL;
}

static gboolean
belongs (PbaListDialog *self, const char *column)
{
  if (g_str_equal (column, "Skip"))
    return g_strcmp0 (self->view, "whitelist") == 0;
  if (g_str_equal (column, "Action"))
    return g_strcmp0 (self->view, "blacklist") == 0;
  return TRUE;
}

static void
add_field (PbaListDialog *self, AdwPreferencesGroup *group, const char *name)
{
  const PbColumnSpec *column = find_column (pb_list_spec (self->layout->kind), name);
  GVariant *cells = self->base != NULL ? self->base : self->draft;
  g_autoptr (GVariant) value = cells != NULL ? g_variant_lookup_value (cells, name, NULL) : NULL;
  gboolean blacklist = g_strcmp0 (self->view, "blacklist") == 0;
  PbaListField *field;

  if (g_str_equal (name, "Password"))
    self->password_kind->add (self, group);
  if (column == NULL || !belongs (self, name))
    return;
  field = pba_list_field_new (column, value, blacklist ? "domain" : NULL);
  g_ptr_array_add (self->fields, field);
  adw_preferences_group_add (group, pba_list_field_get_row (field));
  pba_list_field_set_changed (field, on_field_changed, self);
  pba_list_dialog_dress_rule (self, group, name);
}

/* As high as what it shows, as far as that fits a small screen; the rest scrolls. */
static void
fit_height (PbaListDialog *self, GPtrArray *groups)
{
  int height = TOP + 2 * MARGIN;

  for (guint i = 0; i < groups->len; i++)
    {
      int natural;

      gtk_widget_measure (groups->pdata[i], GTK_ORIENTATION_VERTICAL, WIDTH - 2 * MARGIN, NULL,
                          &natural, NULL, NULL);
      height += natural + (i > 0 ? MARGIN : 0);
    }
  gtk_window_set_default_size (GTK_WINDOW (self), WIDTH, CLAMP (height, LEAST_HEIGHT, MOST_HEIGHT));
}

/* A group without a title: its list would go by the name of its type. */
static void
name_group (PbaListDialog *self, AdwPreferencesGroup *group, guint first)
{
  const char *title = adw_preferences_group_get_title (group);
  GtkWidget *row = pba_list_field_get_row (self->fields->pdata[first]);

  if (title == NULL || title[0] == '\0')
    pba_accessible_name (gtk_widget_get_parent (row), gtk_window_get_title (GTK_WINDOW (self)));
}

static void
fill (PbaListDialog *self)
{
  const char *const *name = self->layout->fields;
  g_autoptr (GPtrArray) groups = g_ptr_array_new ();

  while (*name != NULL)
    {
      AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
      guint before = self->fields->len;

      for (; *name != NULL; name++)
        add_field (self, group, *name);
      name++;
      if (self->fields->len == before)
        {
          g_object_unref (g_object_ref_sink (group));
          continue;
        }
      adw_preferences_page_add (self->page, group);
      name_group (self, group, before);
      g_ptr_array_add (groups, group);
    }
  follow_dependencies (self);
  fit_height (self, groups);
}

/* ---- saving ---- */

static gboolean
is_connected (PbaListDialog *self)
{
  return pba_connection_get_state (pba_server_get_connection (self->server))
         == PBA_CONNECTION_CONNECTED;
}

static void
on_connected (PbaListDialog *self)
{
  if (is_connected (self))
    pba_notice_bar_hide (self->notice);
}

static void
show_error (PbaListDialog *self, const GError *error)
{
  g_autofree char *column = pba_error_dup_column (error);
  g_autofree char *sentence = pba_words_error (error);
  PbaListField *field = column != NULL ? pba_list_dialog_find (self, column) : NULL;
  gboolean gone = g_error_matches (error, PB_ERROR, PB_ERROR_NOT_FOUND) && self->id != NULL;

  if (!is_connected (self))
    {
      pba_notice_bar_show (self->notice,
                           _ ("The connection is lost. What you typed stays here: save again once "
                              "it is back"),
                           NULL, NULL);
      return;
    }
  if (field == NULL || !pba_list_field_set_error (field, sentence))
    {
      pba_notice_bar_show (self->notice, sentence, gone ? _ ("Create Anew") : NULL, NULL);
      return;
    }
  pba_notice_bar_hide (self->notice);
  gtk_widget_set_visible (pba_list_field_get_row (field), TRUE);
  pba_list_field_focus (field);
}

void
pba_list_dialog_set_busy (PbaListDialog *self, gboolean busy)
{
  /* First: an entry that the focus leaves while it is insensitive does not hear of it. */
  if (busy)
    {
      g_set_object (&self->focused, gtk_window_get_focus (GTK_WINDOW (self)));
      gtk_window_set_focus (GTK_WINDOW (self), NULL);
    }
  gtk_widget_set_sensitive (self->save, !busy);
  gtk_widget_set_sensitive (GTK_WIDGET (self->page), !busy);
  gtk_widget_set_visible (self->spinner, busy);
  gtk_spinner_set_spinning (GTK_SPINNER (self->spinner), busy);
  if (!busy && self->focused != NULL)
    gtk_widget_grab_focus (self->focused);
}

void
pba_list_dialog_finish (PbaListDialog *self, const char *trouble)
{
  g_signal_emit (self, saved_signal, 0, self->id, trouble);
  gtk_window_destroy (GTK_WINDOW (self));
}

static void
on_saved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaListDialog) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = NULL;

  if (pba_list_model_write_finish (PBA_LIST_MODEL (source), result, &id, &error))
    {
      if (g_cancellable_is_cancelled (self->cancellable))
        return;
      if (id != NULL)
        self->id = g_steal_pointer (&id);
      if (self->password_kind->has (self))
        self->password_kind->give (self);
      else
        pba_list_dialog_finish (self, NULL);
      return;
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  pba_list_dialog_set_busy (self, FALSE);
  show_error (self, error);
}

static gboolean
is_to_be_sent (PbaListDialog *self, const char *name)
{
  /* A changed criterion would else set the checks to its usual ones. */
  return pba_list_dialog_differs (self, name)
         || (g_str_equal (name, "Skip") && pba_list_dialog_differs (self, "Kind"));
}

/* Returns: (transfer full): what the fields say; when editing, only where it differs. */
static GVariant *
build_cells (PbaListDialog *self)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  if (self->view != NULL && self->base == NULL)
    g_variant_dict_insert (&dict, "List", "s", self->view);
  for (guint i = 0; i < self->fields->len; i++)
    {
      const char *name = pba_list_field_get_column (self->fields->pdata[i])->name;
      g_autoptr (GVariant) value =
        g_variant_ref_sink (pba_list_field_get_value (self->fields->pdata[i]));

      if (is_to_be_sent (self, name))
        g_variant_dict_insert_value (&dict, name, value);
    }
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static void
on_save (PbaListDialog *self)
{
  g_autoptr (GVariant) cells = build_cells (self);
  g_autoptr (GError) error = NULL;

  if (self->id != NULL && g_variant_n_children (cells) == 0 && !self->password_kind->has (self))
    {
      gtk_window_close (GTK_WINDOW (self));
      return;
    }
  if (!pba_list_model_check (self->model, self->id, self->base, cells, &error))
    {
      show_error (self, error);
      return;
    }
  if (!self->password_kind->check (self))
    return;
  pba_notice_bar_hide (self->notice);
  pba_list_dialog_set_busy (self, TRUE);
  if (self->id != NULL)
    pba_list_model_update_async (self->model, self->id, cells, self->cancellable, on_saved,
                                 g_object_ref (self));
  else
    pba_list_model_add_async (self->model, cells, self->cancellable, on_saved, g_object_ref (self));
}

static void
on_create_anew (PbaListDialog *self)
{
  g_clear_pointer (&self->id, g_free);
  g_clear_pointer (&self->base, g_variant_unref);
  on_save (self);
}

static void
on_cancel (PbaListDialog *self)
{
  gtk_window_close (GTK_WINDOW (self));
}

/* Not before: a window that gives away the focus while it is not there yet is no window to screen readers. */
static void
pba_list_dialog_map (GtkWidget *widget)
{
  PbaListDialog *self = PBA_LIST_DIALOG (widget);

  GTK_WIDGET_CLASS (pba_list_dialog_parent_class)->map (widget);
  if (pba_list_model_get_writable (self->model))
    pba_list_field_focus (self->fields->pdata[0]);
}

static void
pba_list_dialog_dispose (GObject *object)
{
  PbaListDialog *self = PBA_LIST_DIALOG (object);

  g_cancellable_cancel (self->cancellable);
  g_clear_pointer (&self->fields, g_ptr_array_unref);
  g_clear_object (&self->model);
  g_clear_object (&self->server);
  g_clear_object (&self->focused);
  gtk_widget_dispose_template (GTK_WIDGET (object), PBA_TYPE_LIST_DIALOG);
  G_OBJECT_CLASS (pba_list_dialog_parent_class)->dispose (object);
}

static void
pba_list_dialog_finalize (GObject *object)
{
  PbaListDialog *self = PBA_LIST_DIALOG (object);

  g_object_unref (self->cancellable);
  g_clear_pointer (&self->base, g_variant_unref);
  g_clear_pointer (&self->draft, g_variant_unref);
  g_free (self->id);
  g_free (self->view);
  G_OBJECT_CLASS (pba_list_dialog_parent_class)->finalize (object);
}

static void
pba_list_dialog_class_init (PbaListDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  widget_class->map = pba_list_dialog_map;
  G_OBJECT_CLASS (klass)->dispose = pba_list_dialog_dispose;
  G_OBJECT_CLASS (klass)->finalize = pba_list_dialog_finalize;
  saved_signal = g_signal_new ("saved", PBA_TYPE_LIST_DIALOG, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                               NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
  g_type_ensure (PBA_TYPE_NOTICE_BAR);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/postbus/Admin/list-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, PbaListDialog, page);
  gtk_widget_class_bind_template_child (widget_class, PbaListDialog, notice);
  gtk_widget_class_bind_template_child (widget_class, PbaListDialog, cancel);
  gtk_widget_class_bind_template_child (widget_class, PbaListDialog, save);
  gtk_widget_class_bind_template_child (widget_class, PbaListDialog, spinner);
  gtk_widget_class_bind_template_callback (widget_class, on_create_anew);
  gtk_widget_class_bind_template_callback (widget_class, on_save);
  gtk_widget_class_bind_template_callback (widget_class, on_cancel);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
pba_list_dialog_init (PbaListDialog *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->fields = g_ptr_array_new_with_free_func ((GDestroyNotify) pba_list_field_free);
  self->cancellable = g_cancellable_new ();
  pba_accessible_name (self->spinner, _ ("Saving"));
}

static const char *
dialog_title (PbaListDialog *self)
{
  if (g_strcmp0 (self->view, "whitelist") == 0)
    return _ ("Whitelist Rule");
  if (g_strcmp0 (self->view, "blacklist") == 0)
    return _ ("Blacklist Rule");
  return _ (self->layout->dialog_title);
}

static void
show_read_only (PbaListDialog *self)
{
  gtk_widget_set_visible (self->save, FALSE);
  gtk_widget_set_sensitive (GTK_WIDGET (self->page), FALSE);
  gtk_button_set_label (GTK_BUTTON (self->cancel), _ ("_Close"));
  pba_notice_bar_show (self->notice, _ ("You may look at this, but not change it"), NULL, NULL);
}

static GtkWidget *
dialog_new (GtkWindow *parent, PbaServer *server, PbListKind kind, PbaListRow *row,
            GVariant *draft, const char *view)
{
  PbaListDialog *self =
    g_object_new (PBA_TYPE_LIST_DIALOG, "transient-for", parent, "modal", TRUE, NULL);

  self->server = g_object_ref (server);
  self->model = g_object_ref (pba_server_get_list (server, kind));
  g_signal_connect_object (pba_server_get_connection (server), "notify::connected",
                           G_CALLBACK (on_connected), self, G_CONNECT_SWAPPED);
  self->layout = pba_list_layout (kind);
  self->password_kind =
    kind == PB_LIST_ACCOUNTS ? &pba_dialog_account_password : &pba_dialog_relay_password;
  self->view = g_strdup (view);
  if (row != NULL)
    {
      self->id = g_strdup (pba_list_row_get_id (row));
      self->base = g_variant_ref (pba_list_row_get_cells (row));
    }
  self->draft = draft != NULL ? g_variant_ref_sink (draft) : NULL;
  gtk_window_set_title (GTK_WINDOW (self), dialog_title (self));
  fill (self);
  if (!pba_list_model_get_writable (self->model))
    show_read_only (self);
  return GTK_WIDGET (self);
}

GtkWidget *
pba_list_dialog_new (GtkWindow *parent, PbaServer *server, PbListKind kind, PbaListRow *row,
                     const char *view)
{
  return dialog_new (parent, server, kind, row, NULL, view);
}

GtkWidget *
pba_list_dialog_new_draft (GtkWindow *parent, PbaServer *server, PbListKind kind, GVariant *cells,
                           const char *view)
{
  return dialog_new (parent, server, kind, NULL, cells, view);
}
