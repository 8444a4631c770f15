/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An editor of a list of strings: an entry a string, each with Remove, and one at the end that takes
 * more; what stands in that one counts too. Used by setting rows and rule dialogs. Empty entries do
 * not count; what a string may be is judged by whoever uses it. Lines are rebuilt only when the strings
 * come from outside, so that typing is left alone.
 */
#include "widgets/string-list.h"

#include "widgets/compat.h"

#include <glib/gi18n.h>

struct _PbaStringList
{
  GtkBox parent_instance;

  char *label;         /* (owned) */
  GtkWidget *box;      /* (unowned): of the lines */
  GtkEntry *new_entry; /* (unowned) */
  GtkWidget *add;      /* (unowned) */
  gboolean loading;
};

G_DEFINE_FINAL_TYPE (PbaStringList, pba_string_list, GTK_TYPE_BOX)

enum
{
  PROP_STRINGS = 1,
  PROP_LABEL,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

static void
name_lines (PbaStringList *self)
{
  guint n = 1;

  for (GtkWidget *line = gtk_widget_get_first_child (self->box); line != NULL;
       line = gtk_widget_get_next_sibling (line))
    {
      /* Translators: names an entry of a list for screen readers: “Fallback servers 2” */
      g_autofree char *name = g_strdup_printf (_ ("%s %u"), self->label, n++);

      pba_accessible_name (gtk_widget_get_first_child (line), name);
    }
  pba_accessible_name (self->new_entry, self->label);
  gtk_widget_set_visible (self->box, n > 1);
}

static void
notify_strings (PbaStringList *self)
{
  gtk_widget_set_sensitive (self->add, gtk_entry_get_text_length (self->new_entry) > 0);
  if (!self->loading)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STRINGS]);
}

static void
on_remove (GtkButton *button, gpointer user_data)
{
  PbaStringList *self = user_data;

  gtk_box_remove (GTK_BOX (self->box), gtk_widget_get_parent (GTK_WIDGET (button)));
  name_lines (self);
  gtk_widget_grab_focus (GTK_WIDGET (self->new_entry));
  notify_strings (self);
}

static void
add_line (PbaStringList *self, const char *text)
{
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *entry = gtk_entry_new ();
  GtkWidget *remove = gtk_button_new_from_icon_name ("edit-delete-symbolic");

  gtk_editable_set_text (GTK_EDITABLE (entry), text);
  gtk_widget_set_hexpand (entry, TRUE);
  gtk_widget_set_tooltip_text (remove, _ ("Remove"));
  pba_accessible_name (remove, _ ("Remove"));
  gtk_widget_add_css_class (remove, "flat");
  gtk_box_append (GTK_BOX (line), entry);
  gtk_box_append (GTK_BOX (line), remove);
  gtk_box_append (GTK_BOX (self->box), line);
  g_signal_connect_swapped (entry, "changed", G_CALLBACK (notify_strings), self);
  g_signal_connect (remove, "clicked", G_CALLBACK (on_remove), self);
}

/* What stands in the last entry becomes a line. */
static void
on_add (PbaStringList *self)
{
  g_autofree char *text =
    g_strstrip (g_strdup (gtk_editable_get_text (GTK_EDITABLE (self->new_entry))));

  if (text[0] == '\0')
    return;
  add_line (self, text);
  name_lines (self);
  gtk_editable_set_text (GTK_EDITABLE (self->new_entry), "");
  gtk_widget_grab_focus (GTK_WIDGET (self->new_entry));
}

static gboolean
pba_string_list_grab_focus (GtkWidget *widget)
{
  return gtk_widget_grab_focus (GTK_WIDGET (PBA_STRING_LIST (widget)->new_entry));
}

static void
pba_string_list_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaStringList *self = PBA_STRING_LIST (object);

  if (property == PROP_STRINGS)
    g_value_take_boxed (value, pba_string_list_dup_strings (self));
  else
    g_value_set_string (value, self->label);
}

static void
pba_string_list_set_gproperty (GObject *object, guint property, const GValue *value,
                               GParamSpec *pspec)
{
  PbaStringList *self = PBA_STRING_LIST (object);

  if (property == PROP_STRINGS)
    pba_string_list_set_strings (self, g_value_get_boxed (value));
  else
    {
      g_free (self->label);
      self->label = g_value_dup_string (value);
      name_lines (self);
    }
}

static void
pba_string_list_finalize (GObject *object)
{
  g_free (PBA_STRING_LIST (object)->label);
  G_OBJECT_CLASS (pba_string_list_parent_class)->finalize (object);
}

static void
pba_string_list_class_init (PbaStringListClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags both = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_string_list_get_gproperty;
  object_class->set_property = pba_string_list_set_gproperty;
  object_class->finalize = pba_string_list_finalize;
  GTK_WIDGET_CLASS (klass)->grab_focus = pba_string_list_grab_focus;
  properties[PROP_STRINGS] = g_param_spec_boxed ("strings", NULL, NULL, G_TYPE_STRV, both);
  properties[PROP_LABEL] = g_param_spec_string ("label", NULL, NULL, "", both);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_string_list_init (PbaStringList *self)
{
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);

  self->label = g_strdup ("");
  gtk_orientable_set_orientation (GTK_ORIENTABLE (self), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (self), 6);
  self->box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  self->new_entry = GTK_ENTRY (gtk_entry_new ());
  self->add = gtk_button_new_from_icon_name ("list-add-symbolic");
  gtk_entry_set_placeholder_text (self->new_entry, _ ("Add…"));
  gtk_widget_set_hexpand (GTK_WIDGET (self->new_entry), TRUE);
  gtk_widget_set_tooltip_text (self->add, _ ("Add"));
  pba_accessible_name (self->add, _ ("Add"));
  gtk_widget_add_css_class (self->add, "flat");
  gtk_box_append (GTK_BOX (line), GTK_WIDGET (self->new_entry));
  gtk_box_append (GTK_BOX (line), self->add);
  gtk_box_append (GTK_BOX (self), self->box);
  gtk_box_append (GTK_BOX (self), line);
  g_signal_connect_swapped (self->new_entry, "changed", G_CALLBACK (notify_strings), self);
  g_signal_connect_swapped (self->new_entry, "activate", G_CALLBACK (on_add), self);
  g_signal_connect_swapped (self->add, "clicked", G_CALLBACK (on_add), self);
  name_lines (self);
  gtk_widget_set_sensitive (self->add, FALSE);
}

GtkWidget *
pba_string_list_new (const char *label)
{
  return g_object_new (PBA_TYPE_STRING_LIST, "label", label, NULL);
}

void
pba_string_list_set_strings (PbaStringList *self, const char *const *strings)
{
  g_auto (GStrv) present = pba_string_list_dup_strings (self);
  static const char *const none[] = { NULL };
  GtkWidget *line;

  if (strings == NULL)
    strings = none;
  if (g_strv_equal ((const char *const *) present, strings))
    return;
  self->loading = TRUE;
  while ((line = gtk_widget_get_first_child (self->box)) != NULL)
    gtk_box_remove (GTK_BOX (self->box), line);
  for (guint i = 0; strings[i] != NULL; i++)
    add_line (self, strings[i]);
  gtk_editable_set_text (GTK_EDITABLE (self->new_entry), "");
  name_lines (self);
  self->loading = FALSE;
  notify_strings (self);
}

static void
collect (GStrvBuilder *strings, gpointer entry)
{
  g_autofree char *text = g_strstrip (g_strdup (gtk_editable_get_text (entry)));

  if (text[0] != '\0')
    g_strv_builder_add (strings, text);
}

char **
pba_string_list_dup_strings (PbaStringList *self)
{
  g_autoptr (GStrvBuilder) strings = g_strv_builder_new ();

  for (GtkWidget *line = gtk_widget_get_first_child (self->box); line != NULL;
       line = gtk_widget_get_next_sibling (line))
    collect (strings, gtk_widget_get_first_child (line));
  collect (strings, self->new_entry);
  return g_strv_builder_end (strings);
}
