/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A column of a list in its dialog. One row of a table a kind of control: how it is made and shown a
 * value, and what value it holds. Made and owned by the dialog, which places the row. What a value may
 * be is the contract's to say; a field only shows the sentence it is given.
 */
#include "pages/list-field.h"

#include "model/words.h"
#include "pages/expiry-row.h"
#include "pages/skip-matrix.h"
#include "widgets/compat.h"
#include "widgets/entry-row.h"
#include "widgets/string-list.h"

#include <glib/gi18n.h>

typedef struct
{
  void (*make) (PbaListField *self, GVariant *value);
  GVariant *(*get) (PbaListField *self);
} Kind;

struct _PbaListField
{
  const PbColumnSpec *column;
  const Kind *kind;
  char *help;         /* (owned) */
  char **choices;     /* (owned) (nullable) */
  GtkWidget *row;     /* (owned) */
  GtkWidget *control; /* (unowned): what takes the focus */
  GtkLabel *caption;  /* (unowned) (nullable): of rows that have no subtitle */
  gboolean fresh;     /* of a row to be made */
  void (*changed) (PbaListField *self, gpointer user_data);
  gpointer user_data;
};

static void
on_changed (PbaListField *self)
{
  pba_list_field_set_error (self, NULL);
  if (self->changed != NULL)
    self->changed (self, self->user_data);
}

static void
take_row (PbaListField *self, GtkWidget *row, GtkWidget *control)
{
  self->row = g_object_ref_sink (row);
  self->control = control;
}

/* ---- text ---- */

static void
make_text (PbaListField *self, GVariant *value)
{
  GtkWidget *row = pba_entry_row_new (_ (self->column->title));

  pba_entry_row_set_text (PBA_ENTRY_ROW (row), g_variant_get_string (value, NULL));
  pba_entry_row_set_caption (PBA_ENTRY_ROW (row), self->help);
  take_row (self, row, GTK_WIDGET (pba_entry_row_get_editable (PBA_ENTRY_ROW (row))));
  /* Enter saves. */
  g_object_set (self->control, "activates-default", TRUE, NULL);
  g_signal_connect_swapped (row, "notify::text", G_CALLBACK (on_changed), self);
}

static GVariant *
get_text (PbaListField *self)
{
  return g_variant_new_take_string (
    g_strstrip (g_strdup (pba_entry_row_get_text (PBA_ENTRY_ROW (self->row)))));
}

/* ---- choice ---- */

static void
make_choice (PbaListField *self, GVariant *value)
{
  g_autoptr (GtkStringList) titles = gtk_string_list_new (NULL);
  GtkWidget *row = adw_action_row_new ();

  for (guint i = 0; self->choices[i] != NULL; i++)
    gtk_string_list_take (titles, pba_words_choice (self->column->name, self->choices[i]));
  self->control = pba_drop_down_new (titles);
  gtk_widget_add_css_class (self->control, "flat");
  gtk_widget_set_valign (self->control, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (row, "setting");
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ (self->column->title));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), self->help);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), self->control);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), self->control);
  /* The button inside is what the keyboard focus is on. */
  pba_accessible_name (gtk_widget_get_first_child (self->control), _ (self->column->title));
  pba_accessible_describe (gtk_widget_get_first_child (self->control), self->help);
  take_row (self, row, self->control);
  pba_list_field_set_choice (self, g_variant_get_string (value, NULL));
  g_signal_connect_swapped (self->control, "notify::selected", G_CALLBACK (on_changed), self);
}

static GVariant *
get_choice (PbaListField *self)
{
  const char *choice = pba_list_field_get_choice (self);

  return g_variant_new_string (choice != NULL ? choice : "");
}

/* ---- switch ---- */

static void
make_switch (PbaListField *self, GVariant *value)
{
  GtkWidget *row = pba_switch_row_new (_ (self->column->title), self->help);

  pba_switch_row_set_active (PBA_SWITCH_ROW (row), g_variant_get_boolean (value));
  take_row (self, row, row);
  g_signal_connect_swapped (row, "notify::active", G_CALLBACK (on_changed), self);
}

static GVariant *
get_switch (PbaListField *self)
{
  return g_variant_new_boolean (pba_switch_row_get_active (PBA_SWITCH_ROW (self->row)));
}

/* ---- numbers ---- */

static void
make_number (PbaListField *self, GVariant *value)
{
  gboolean whole = self->column->type[0] == 'i';
  double least = whole ? (double) G_MININT32 : self->column->minimum;
  double most = whole                        ? (double) G_MAXINT32
                : self->column->maximum != 0 ? self->column->maximum
                                             : (double) G_MAXUINT32;
  GtkWidget *row = pba_spin_row_new (_ (self->column->title), self->help, least, most);

  double number =
    whole ? (double) g_variant_get_int32 (value) : (double) g_variant_get_uint32 (value);

  pba_spin_row_set_value (PBA_SPIN_ROW (row), number);
  take_row (self, row, row);
  g_signal_connect_swapped (row, "notify::value", G_CALLBACK (on_changed), self);
}

static GVariant *
get_number (PbaListField *self)
{
  double number = pba_spin_row_get_value (PBA_SPIN_ROW (self->row));

  return self->column->type[0] == 'i' ? g_variant_new_int32 (number)
                                      : g_variant_new_uint32 (number);
}

/* ---- string list ---- */

static void
make_list (PbaListField *self, GVariant *value)
{
  g_autofree const char **strings = g_variant_get_strv (value, NULL);
  GtkWidget *row = adw_preferences_row_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *title = gtk_label_new (_ (self->column->title));
  GtkWidget *list = pba_string_list_new (_ (self->column->title));

  pba_string_list_set_strings (PBA_STRING_LIST (list), (const char *const *) strings);
  self->caption = GTK_LABEL (gtk_label_new (self->help));
  gtk_label_set_xalign (GTK_LABEL (title), 0);
  gtk_label_set_xalign (self->caption, 0);
  gtk_label_set_wrap (self->caption, TRUE);
  gtk_widget_add_css_class (GTK_WIDGET (self->caption), "subtitle");
  gtk_widget_add_css_class (box, "field-box");
  gtk_widget_add_css_class (row, "setting");
  gtk_box_append (GTK_BOX (box), title);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->caption));
  gtk_box_append (GTK_BOX (box), list);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  gtk_widget_set_focusable (row, FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ (self->column->title));
  take_row (self, row, list);
  g_signal_connect_swapped (list, "notify::strings", G_CALLBACK (on_changed), self);
}

static GVariant *
get_list (PbaListField *self)
{
  g_auto (GStrv) strings = pba_string_list_dup_strings (PBA_STRING_LIST (self->control));

  return g_variant_new_strv ((const char *const *) strings, -1);
}

/* ---- checks to skip ---- */

static void
make_skips (PbaListField *self, GVariant *value)
{
  g_autofree const char **skips = g_variant_get_strv (value, NULL);
  GtkWidget *row = pba_skip_matrix_new ();

  pba_skip_matrix_set_skips (PBA_SKIP_MATRIX (row),
                             self->fresh ? NULL : (const char *const *) skips);
  take_row (self, row, row);
  g_signal_connect_swapped (row, "changed", G_CALLBACK (on_changed), self);
}

static GVariant *
get_skips (PbaListField *self)
{
  g_auto (GStrv) skips = pba_skip_matrix_dup_skips (PBA_SKIP_MATRIX (self->row));

  return g_variant_new_strv ((const char *const *) skips, -1);
}

/* ---- a day ---- */

static void
make_time (PbaListField *self, GVariant *value)
{
  GtkWidget *row = pba_expiry_row_new (_ (self->column->title));

  pba_expiry_row_set_time (PBA_EXPIRY_ROW (row), g_variant_get_uint64 (value));
  take_row (self, row, row);
  g_signal_connect_swapped (row, "changed", G_CALLBACK (on_changed), self);
}

static GVariant *
get_time (PbaListField *self)
{
  return g_variant_new_uint64 (pba_expiry_row_get_time (PBA_EXPIRY_ROW (self->row)));
}

static const Kind text_kind = { make_text, get_text };
static const Kind choice_kind = { make_choice, get_choice };
static const Kind switch_kind = { make_switch, get_switch };
static const Kind number_kind = { make_number, get_number };
static const Kind list_kind = { make_list, get_list };
static const Kind skips_kind = { make_skips, get_skips };
static const Kind time_kind = { make_time, get_time };

static const Kind *
kind_of (const PbColumnSpec *column)
{
  switch (column->type[0])
    {
    case 'b':
      return &switch_kind;
    case 'u':
    case 'i':
      return &number_kind;
    case 't':
      return &time_kind;
    case 'a':
      return column->choices != NULL ? &skips_kind : &list_kind;
    default:
      return column->choices != NULL ? &choice_kind : &text_kind;
    }
}

static char **
split_choices (const char *choices, const char *without)
{
  g_auto (GStrv) all = g_strsplit (choices, "|", -1);
  g_autoptr (GStrvBuilder) offered = g_strv_builder_new ();

  for (guint i = 0; all[i] != NULL; i++)
    if (g_strcmp0 (all[i], without) != 0)
      g_strv_builder_add (offered, all[i]);
  return g_strv_builder_end (offered);
}

PbaListField *
pba_list_field_new (const PbColumnSpec *column, GVariant *value, const char *without)
{
  PbaListField *self = g_new0 (PbaListField, 1);
  g_autoptr (GVariant) shown =
    value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE (column->type))
      ? g_variant_ref (value)
      : g_variant_parse (G_VARIANT_TYPE (column->type), column->def, NULL, NULL, NULL);

  self->column = column;
  self->kind = kind_of (column);
  self->fresh = value == NULL;
  self->help = pba_words_help (column->help);
  self->choices = column->choices != NULL ? split_choices (column->choices, without) : NULL;
  self->kind->make (self, shown);
  return self;
}

void
pba_list_field_free (PbaListField *self)
{
  g_signal_handlers_disconnect_by_data (self->row, self);
  if (self->control != NULL)
    g_signal_handlers_disconnect_by_data (self->control, self);
  g_object_unref (self->row);
  g_strfreev (self->choices);
  g_free (self->help);
  g_free (self);
}

void
pba_list_field_set_changed (PbaListField *self,
                            void (*func) (PbaListField *self, gpointer user_data),
                            gpointer user_data)
{
  self->changed = func;
  self->user_data = user_data;
}

const PbColumnSpec *
pba_list_field_get_column (PbaListField *self)
{
  return self->column;
}

GtkWidget *
pba_list_field_get_row (PbaListField *self)
{
  return self->row;
}

GVariant *
pba_list_field_get_value (PbaListField *self)
{
  return self->kind->get (self);
}

const char *
pba_list_field_get_choice (PbaListField *self)
{
  guint selected;

  if (self->kind != &choice_kind)
    return NULL;
  selected = gtk_drop_down_get_selected (GTK_DROP_DOWN (self->control));
  return selected < g_strv_length (self->choices) ? self->choices[selected] : NULL;
}

void
pba_list_field_set_choice (PbaListField *self, const char *choice)
{
  for (guint i = 0; self->kind == &choice_kind && self->choices[i] != NULL; i++)
    if (g_str_equal (self->choices[i], choice))
      gtk_drop_down_set_selected (GTK_DROP_DOWN (self->control), i);
}

void
pba_list_field_set_text (PbaListField *self, const char *text)
{
  if (self->kind == &text_kind)
    pba_entry_row_set_text (PBA_ENTRY_ROW (self->row), text);
}

static void
set_class (GtkWidget *widget, const char *name, gboolean on)
{
  if (on)
    gtk_widget_add_css_class (widget, name);
  else
    gtk_widget_remove_css_class (widget, name);
}

gboolean
pba_list_field_set_error (PbaListField *self, const char *sentence)
{
  const char *line = sentence != NULL ? sentence : self->help;

  if (self->kind == &text_kind)
    {
      pba_entry_row_set_error (PBA_ENTRY_ROW (self->row), sentence);
      return TRUE;
    }
  set_class (self->row, "erroneous", sentence != NULL);
  if (self->caption != NULL)
    gtk_label_set_label (self->caption, line);
  else if (ADW_IS_ACTION_ROW (self->row))
    adw_action_row_set_subtitle (ADW_ACTION_ROW (self->row), line);
  else
    return FALSE;
  pba_accessible_describe (self->control, line);
  return TRUE;
}

void
pba_list_field_set_help (PbaListField *self, const char *help)
{
  if (g_strcmp0 (self->help, help) == 0)
    return;
  g_free (self->help);
  self->help = g_strdup (help);
  if (self->kind == &text_kind)
    pba_entry_row_set_caption (PBA_ENTRY_ROW (self->row), help);
  else
    pba_list_field_set_error (self, NULL);
}

void
pba_list_field_join (PbaListField *self, gboolean joined)
{
  set_class (self->row, "joined", joined);
}

void
pba_list_field_set_title (PbaListField *self, const char *title)
{
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->row), title);
}

void
pba_list_field_focus (PbaListField *self)
{
  GtkWidget *inside = ADW_IS_ACTION_ROW (self->row)
                        ? adw_action_row_get_activatable_widget (ADW_ACTION_ROW (self->row))
                        : self->control;

  gtk_widget_grab_focus (inside != NULL ? inside : self->row);
}
