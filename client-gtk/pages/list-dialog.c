/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The dialog of a list's row, made from the list's columns and its layout's groups. Presented by the
 * list page. Save judges by the contract first; an error of that or of the service stands at its field
 * in the user's words and gets the focus, anything else in a bar on top. What is sent is what differs from
 * the row as it was shown first: what others change in it meanwhile stays, and a row that they removed can
 * be made anew.
 */
#include "pages/list-dialog.h"

#include "dbus/errors.h"
#include "model/words.h"
#include "pages/list-field.h"
#include "pages/list-layout.h"
#include "pages/skip-matrix.h"
#include "widgets/compat.h"
#include "widgets/notice-bar.h"

#include <glib/gi18n.h>

#define WIDTH        520
#define TOP          56 /* the header bar, and edges where the window has some */
#define MARGIN       24
#define LEAST_HEIGHT 300
#define MOST_HEIGHT  700

struct _PbaListDialog
{
  AdwWindow parent_instance;

  AdwPreferencesPage *page; /* template children */
  PbaNoticeBar *notice;
  GtkWidget *cancel, *save, *spinner;

  PbaServer *server;   /* (owned) */
  PbaListModel *model; /* (owned) */
  const PbaListLayout *layout;
  char *id;                   /* (owned) (nullable): of the row that is edited */
  GVariant *base;             /* (owned) (nullable): its cells as they were shown first */
  char *view;                 /* (owned) (nullable) */
  GPtrArray *fields;          /* (owned) (element-type PbaListField) */
  GtkWidget *focused;         /* (owned) (nullable): before the page was busy */
  GtkWidget *hint, *reset;    /* (unowned) (nullable) */
  GtkLabel *hint_label;       /* (unowned) */
  AdwPreferencesGroup *skips; /* (unowned) (nullable) */
  GCancellable *cancellable;  /* (owned) */
};

G_DEFINE_FINAL_TYPE (PbaListDialog, pba_list_dialog, ADW_TYPE_WINDOW)

static guint saved_signal;

static PbaListField *
find_field (PbaListDialog *self, const char *column)
{
  for (guint i = 0; i < self->fields->len; i++)
    if (g_str_equal (pba_list_field_get_column (self->fields->pdata[i])->name, column))
      return self->fields->pdata[i];
  return NULL;
}

static const char *
chosen (PbaListDialog *self, const char *column)
{
  PbaListField *field = find_field (self, column);
  const char *choice = field != NULL ? pba_list_field_get_choice (field) : NULL;

  return choice != NULL ? choice : "";
}

static void
show_field (PbaListDialog *self, const char *column, gboolean shown)
{
  PbaListField *field = find_field (self, column);

  if (field != NULL)
    gtk_widget_set_visible (pba_list_field_get_row (field), shown);
}

/* ---- rules ---- */

static const struct
{
  const char *kind, *example;
} examples[] = {
  { "sender", N_ ("Such as ann@example.org") },
  { "recipient", N_ ("Such as ann@example.org") },
  { "ip", N_ ("Such as 192.0.2.17 or 2001:db8::17") },
  { "network", N_ ("Such as 192.0.2.0/24 or 192.0.2.0/255.255.255.0") },
  { "domain", N_ ("Such as example.org, or .example.org for its subdomains") },
};

static void
follow_kind (PbaListDialog *self)
{
  const char *kind = chosen (self, "Kind");
  PbaListField *value = find_field (self, "Value");
  PbaListField *skip = find_field (self, "Skip");
  gboolean forgeable = g_str_equal (kind, "sender") || g_str_equal (kind, "domain");
  g_autofree char *title = pba_words_choice ("Kind", kind);

  if (value == NULL)
    return;
  pba_list_field_set_title (value, title);
  for (guint i = 0; i < G_N_ELEMENTS (examples); i++)
    if (g_str_equal (examples[i].kind, kind))
      pba_list_field_set_help (value, _ (examples[i].example));
  pba_list_field_join (value, forgeable && skip != NULL);
  gtk_widget_set_visible (self->hint, forgeable && skip != NULL);
  gtk_label_set_label (self->hint_label,
                       g_str_equal (kind, "domain")
                         ? _ ("A domain can be forged. A rule by the server’s IP is safer.")
                         : _ ("A sender can be forged. A rule by the server’s IP is safer."));
  if (skip != NULL)
    {
      PbaSkipMatrix *matrix = PBA_SKIP_MATRIX (pba_list_field_get_row (skip));
      g_autofree char *line = NULL;

      pba_skip_matrix_set_usual (matrix, pb_access_usual_skips (kind));
      gtk_widget_set_sensitive (self->reset, !pba_skip_matrix_is_usual (matrix));
      /* Translators: %s is a criterion such as Domain */
      line = g_strdup_printf (_ ("A message that matches is not tested by these. “Usual” is what "
                                 "a rule by “%s” skips."),
                              title);
      adw_preferences_group_set_description (self->skips, line);
    }
}

static void
on_use_ip (PbaListDialog *self)
{
  PbaListField *value = find_field (self, "Value");

  pba_list_field_set_choice (find_field (self, "Kind"), "ip");
  pba_list_field_focus (value);
}

static void
on_reset (PbaListDialog *self)
{
  pba_skip_matrix_reset (PBA_SKIP_MATRIX (pba_list_field_get_row (find_field (self, "Skip"))));
}

static void
add_hint (PbaListDialog *self, AdwPreferencesGroup *group)
{
  GtkWidget *row = adw_preferences_row_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *icon = gtk_image_new_from_icon_name ("dialog-warning-symbolic");
  GtkWidget *button = gtk_button_new_with_mnemonic (_ ("_Use IP"));

  self->hint_label = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_wrap (self->hint_label, TRUE);
  gtk_label_set_xalign (self->hint_label, 0);
  gtk_widget_set_hexpand (GTK_WIDGET (self->hint_label), TRUE);
  gtk_widget_add_css_class (GTK_WIDGET (self->hint_label), "subtitle");
  gtk_widget_add_css_class (icon, "warning");
  gtk_widget_add_css_class (button, "flat");
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (box, "hint");
  gtk_widget_add_css_class (row, "setting");
  gtk_box_append (GTK_BOX (box), icon);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->hint_label));
  gtk_box_append (GTK_BOX (box), button);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  gtk_widget_set_focusable (row, FALSE);
  g_signal_connect_swapped (button, "clicked", G_CALLBACK (on_use_ip), self);
  adw_preferences_group_add (group, row);
  self->hint = row;
}

static void
title_skips (PbaListDialog *self, AdwPreferencesGroup *group)
{
  self->skips = group;
  self->reset = gtk_button_new_with_mnemonic (_ ("_Reset"));
  gtk_widget_add_css_class (self->reset, "flat");
  gtk_widget_set_valign (self->reset, GTK_ALIGN_CENTER);
  g_signal_connect_swapped (self->reset, "clicked", G_CALLBACK (on_reset), self);
  adw_preferences_group_set_title (group, _ ("Skipped Checks"));
  adw_preferences_group_set_header_suffix (group, self->reset);
}

/* ---- fields ---- */

/* What only means something while another column says so. */
static void
follow_dependencies (PbaListDialog *self)
{
  PbaListField *auth = find_field (self, "Auth");
  gboolean login = FALSE;

  if (auth != NULL)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (pba_list_field_get_value (auth));

      login = g_variant_get_boolean (value);
    }
  show_field (self, "User", login);
  show_field (self, "SecretStorage", login);
  show_field (self, "Fingerprint", g_str_equal (chosen (self, "Verify"), "fingerprint"));
  follow_kind (self);
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
  g_autoptr (GVariant) value =
    self->base != NULL ? g_variant_lookup_value (self->base, name, NULL) : NULL;
  gboolean blacklist = g_strcmp0 (self->view, "blacklist") == 0;
  PbaListField *field;

  if (column == NULL || !belongs (self, name))
    return;
  field = pba_list_field_new (column, value, blacklist ? "domain" : NULL);
  if (g_str_equal (name, "Skip"))
    title_skips (self, group);
  g_ptr_array_add (self->fields, field);
  adw_preferences_group_add (group, pba_list_field_get_row (field));
  pba_list_field_set_changed (field, on_field_changed, self);
  if (g_str_equal (name, "Value"))
    add_hint (self, group);
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
  PbaListField *field = column != NULL ? find_field (self, column) : NULL;
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
      pba_notice_bar_show (self->notice, sentence, gone ? _ ("_Create Anew") : NULL, NULL);
      return;
    }
  pba_notice_bar_hide (self->notice);
  gtk_widget_set_visible (pba_list_field_get_row (field), TRUE);
  pba_list_field_focus (field);
}

static void
set_busy (PbaListDialog *self, gboolean busy)
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
      g_signal_emit (self, saved_signal, 0, id != NULL ? id : self->id);
      gtk_window_destroy (GTK_WINDOW (self));
      return;
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  set_busy (self, FALSE);
  show_error (self, error);
}

static gboolean
is_to_be_sent (PbaListDialog *self, const char *name, GVariant *value)
{
  g_autoptr (GVariant) was =
    self->base != NULL ? g_variant_lookup_value (self->base, name, NULL) : NULL;
  const char *kind = NULL;

  if (was == NULL || !g_variant_equal (was, value))
    return TRUE;
  /* A changed criterion would else set the checks to its usual ones. */
  return g_str_equal (name, "Skip") && g_variant_lookup (self->base, "Kind", "&s", &kind)
         && !g_str_equal (kind, chosen (self, "Kind"));
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

      if (is_to_be_sent (self, name, value))
        g_variant_dict_insert_value (&dict, name, value);
    }
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static void
on_save (PbaListDialog *self)
{
  g_autoptr (GVariant) cells = build_cells (self);
  g_autoptr (GError) error = NULL;

  if (self->id != NULL && g_variant_n_children (cells) == 0)
    {
      gtk_window_close (GTK_WINDOW (self));
      return;
    }
  if (!pba_list_model_check (self->model, self->id, self->base, cells, &error))
    {
      show_error (self, error);
      return;
    }
  pba_notice_bar_hide (self->notice);
  set_busy (self, TRUE);
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
  g_free (self->id);
  g_free (self->view);
  G_OBJECT_CLASS (pba_list_dialog_parent_class)->finalize (object);
}

static void
pba_list_dialog_class_init (PbaListDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pba_list_dialog_dispose;
  G_OBJECT_CLASS (klass)->finalize = pba_list_dialog_finalize;
  saved_signal = g_signal_new ("saved", PBA_TYPE_LIST_DIALOG, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                               NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
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

GtkWidget *
pba_list_dialog_new (GtkWindow *parent, PbaServer *server, PbListKind kind, PbaListRow *row,
                     const char *view)
{
  PbaListDialog *self =
    g_object_new (PBA_TYPE_LIST_DIALOG, "transient-for", parent, "modal", TRUE, NULL);

  self->server = g_object_ref (server);
  self->model = g_object_ref (pba_server_get_list (server, kind));
  g_signal_connect_object (pba_server_get_connection (server), "notify::connected",
                           G_CALLBACK (on_connected), self, G_CONNECT_SWAPPED);
  self->layout = pba_list_layout (kind);
  self->view = g_strdup (view);
  if (row != NULL)
    {
      self->id = g_strdup (pba_list_row_get_id (row));
      self->base = g_variant_ref (pba_list_row_get_cells (row));
    }
  gtk_window_set_title (GTK_WINDOW (self), dialog_title (self));
  fill (self);
  if (pba_list_model_get_writable (self->model))
    pba_list_field_focus (self->fields->pdata[0]);
  else
    show_read_only (self);
  return GTK_WIDGET (self);
}
