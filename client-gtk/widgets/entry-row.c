/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A text entry as a row, in AdwEntryRow's look, with a caption line of its own for help or error.
 * Used by dialogs, the connection page and relay logins. The text is judged by whoever made the row;
 * it only shows what it is told. Clicking anywhere in the row goes to the text.
 */
#include "widgets/entry-row.h"

#include "widgets/compat.h"

#include <glib/gi18n.h>

struct _PbaEntryRow
{
  AdwPreferencesRow parent_instance;

  GtkBox *header, *suffixes; /* template children */
  GtkLabel *title_label, *caption_label;
  GtkEntry *entry; /* a bare GtkText would show screen readers no text */
  GtkImage *edit_icon, *error_icon;
  GtkToggleButton *peek;
  char *caption, *error; /* (owned) (nullable) */
  gboolean secret, changed;
};

G_DEFINE_FINAL_TYPE (PbaEntryRow, pba_entry_row, ADW_TYPE_PREFERENCES_ROW)

enum
{
  PROP_TEXT = 1,
  PROP_CAPTION,
  PROP_ERROR,
  PROP_SECRET,
  PROP_CHANGED,
  PROP_PLACEHOLDER,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];
static guint apply_signal;

static void
set_class (PbaEntryRow *self, const char *name, gboolean on)
{
  if (on)
    gtk_widget_add_css_class (GTK_WIDGET (self), name);
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self), name);
}

static void
show_caption (PbaEntryRow *self)
{
  const char *line = self->error != NULL ? self->error : self->caption;
  gboolean faulty = self->error != NULL;

  gtk_label_set_label (self->caption_label, line != NULL ? line : "");
  gtk_widget_set_visible (GTK_WIDGET (self->caption_label), line != NULL && line[0] != '\0');
  gtk_widget_set_visible (GTK_WIDGET (self->error_icon), faulty);
  set_class (self, "erroneous", faulty);
  set_class (self, "changed", self->changed && !faulty);
  pba_accessible_describe (self->entry, line);
  gtk_accessible_update_state (GTK_ACCESSIBLE (self->entry), GTK_ACCESSIBLE_STATE_INVALID,
                               faulty ? GTK_ACCESSIBLE_INVALID_TRUE : GTK_ACCESSIBLE_INVALID_FALSE,
                               -1);
}

static void
show_secret (PbaEntryRow *self)
{
  gtk_widget_set_visible (GTK_WIDGET (self->peek), self->secret);
  gtk_entry_set_visibility (self->entry,
                            !self->secret || gtk_toggle_button_get_active (self->peek));
  gtk_entry_set_input_purpose (self->entry, self->secret ? GTK_INPUT_PURPOSE_PASSWORD
                                                         : GTK_INPUT_PURPOSE_FREE_FORM);
}

/* Memory that is not paged out and is wiped, and no history of what was typed. */
static void
keep_secret (PbaEntryRow *self)
{
  g_autoptr (GtkEntryBuffer) buffer = gtk_password_entry_buffer_new ();

  gtk_entry_set_buffer (self->entry, buffer);
  gtk_editable_set_enable_undo (GTK_EDITABLE (self->entry), FALSE);
}

static void
on_title (PbaEntryRow *self, GParamSpec *pspec, gpointer user_data)
{
  const char *title = adw_preferences_row_get_title (ADW_PREFERENCES_ROW (self));

  gtk_label_set_label (self->title_label, title);
  pba_accessible_name (self->entry, title);
}

static void
on_text (PbaEntryRow *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TEXT]);
}

static void
on_activate (PbaEntryRow *self)
{
  g_signal_emit (self, apply_signal, 0);
}

static void
on_pressed (PbaEntryRow *self)
{
  gtk_entry_grab_focus_without_selecting (self->entry);
}

static void
on_peek (PbaEntryRow *self)
{
  gboolean open = gtk_toggle_button_get_active (self->peek);

  gtk_button_set_icon_name (GTK_BUTTON (self->peek),
                            open ? "view-conceal-symbolic" : "view-reveal-symbolic");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->peek),
                               open ? _ ("Hide Password") : _ ("Show Password"));
  pba_accessible_name (self->peek, _ ("Show Password"));
  show_secret (self);
}

static void
set_string (char **field, const char *value)
{
  g_free (*field);
  *field = value != NULL && value[0] != '\0' ? g_strdup (value) : NULL;
}

static void
pba_entry_row_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaEntryRow *self = PBA_ENTRY_ROW (object);

  if (property == PROP_TEXT)
    g_value_set_string (value, pba_entry_row_get_text (self));
  else if (property == PROP_PLACEHOLDER)
    g_value_set_string (value, gtk_entry_get_placeholder_text (self->entry));
  else if (property == PROP_CAPTION || property == PROP_ERROR)
    g_value_set_string (value, property == PROP_CAPTION ? self->caption : self->error);
  else
    g_value_set_boolean (value, property == PROP_SECRET ? self->secret : self->changed);
}

static void
pba_entry_row_set_gproperty (GObject *object, guint property, const GValue *value,
                             GParamSpec *pspec)
{
  PbaEntryRow *self = PBA_ENTRY_ROW (object);

  if (property == PROP_TEXT)
    pba_entry_row_set_text (self, g_value_get_string (value));
  else if (property == PROP_PLACEHOLDER)
    gtk_entry_set_placeholder_text (self->entry, g_value_get_string (value));
  else if (property == PROP_CAPTION)
    pba_entry_row_set_caption (self, g_value_get_string (value));
  else if (property == PROP_ERROR)
    pba_entry_row_set_error (self, g_value_get_string (value));
  else if (property == PROP_SECRET)
    {
      self->secret = g_value_get_boolean (value);
      if (self->secret)
        keep_secret (self);
      show_secret (self);
    }
  else
    {
      self->changed = g_value_get_boolean (value);
      show_caption (self);
    }
}

static void
pba_entry_row_dispose (GObject *object)
{
  gtk_widget_dispose_template (GTK_WIDGET (object), PBA_TYPE_ENTRY_ROW);
  G_OBJECT_CLASS (pba_entry_row_parent_class)->dispose (object);
}

static void
pba_entry_row_finalize (GObject *object)
{
  PbaEntryRow *self = PBA_ENTRY_ROW (object);

  g_free (self->caption);
  g_free (self->error);
  G_OBJECT_CLASS (pba_entry_row_parent_class)->finalize (object);
}

static void
pba_entry_row_class_init (PbaEntryRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  const GParamFlags both = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_entry_row_get_gproperty;
  object_class->set_property = pba_entry_row_set_gproperty;
  object_class->dispose = pba_entry_row_dispose;
  object_class->finalize = pba_entry_row_finalize;

  properties[PROP_TEXT] = g_param_spec_string ("text", NULL, NULL, "", both);
  properties[PROP_CAPTION] = g_param_spec_string ("caption", NULL, NULL, NULL, both);
  properties[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, both);
  properties[PROP_SECRET] = g_param_spec_boolean ("secret", NULL, NULL, FALSE, both);
  properties[PROP_CHANGED] = g_param_spec_boolean ("changed", NULL, NULL, FALSE, both);
  properties[PROP_PLACEHOLDER] = g_param_spec_string ("placeholder", NULL, NULL, NULL, both);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
  apply_signal = g_signal_new ("apply", PBA_TYPE_ENTRY_ROW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, 0);

  gtk_widget_class_set_template_from_resource (widget_class, "/org/postbus/Admin/entry-row.ui");
  gtk_widget_class_bind_template_child (widget_class, PbaEntryRow, header);
  gtk_widget_class_bind_template_child (widget_class, PbaEntryRow, suffixes);
  gtk_widget_class_bind_template_child (widget_class, PbaEntryRow, title_label);
  gtk_widget_class_bind_template_child (widget_class, PbaEntryRow, caption_label);
  gtk_widget_class_bind_template_child (widget_class, PbaEntryRow, entry);
  gtk_widget_class_bind_template_child (widget_class, PbaEntryRow, edit_icon);
  gtk_widget_class_bind_template_child (widget_class, PbaEntryRow, error_icon);
  gtk_widget_class_bind_template_child (widget_class, PbaEntryRow, peek);
  gtk_widget_class_bind_template_callback (widget_class, on_text);
  gtk_widget_class_bind_template_callback (widget_class, on_activate);
  gtk_widget_class_bind_template_callback (widget_class, on_pressed);
  gtk_widget_class_bind_template_callback (widget_class, on_peek);
}

static void
pba_entry_row_init (PbaEntryRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect (self, "notify::title", G_CALLBACK (on_title), NULL);
  on_peek (self);
  show_caption (self);
}

GtkWidget *
pba_entry_row_new (const char *title)
{
  return g_object_new (PBA_TYPE_ENTRY_ROW, "title", title, NULL);
}

const char *
pba_entry_row_get_text (PbaEntryRow *self)
{
  return gtk_editable_get_text (GTK_EDITABLE (self->entry));
}

void
pba_entry_row_set_text (PbaEntryRow *self, const char *text)
{
  if (g_strcmp0 (text, pba_entry_row_get_text (self)) != 0)
    gtk_editable_set_text (GTK_EDITABLE (self->entry), text != NULL ? text : "");
}

void
pba_entry_row_set_caption (PbaEntryRow *self, const char *caption)
{
  set_string (&self->caption, caption);
  show_caption (self);
}

void
pba_entry_row_set_error (PbaEntryRow *self, const char *error)
{
  set_string (&self->error, error);
  show_caption (self);
}

void
pba_entry_row_add_suffix (PbaEntryRow *self, GtkWidget *widget)
{
  gtk_box_append (self->suffixes, widget);
}

void
pba_entry_row_add_prefix (PbaEntryRow *self, GtkWidget *widget)
{
  gtk_box_prepend (self->header, widget);
}

GtkEditable *
pba_entry_row_get_editable (PbaEntryRow *self)
{
  return GTK_EDITABLE (self->entry);
}
