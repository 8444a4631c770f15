/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What libadwaita 1.4 has and 1.2 lacks: rows whose value is a property. Used by dialogs and pages for
 * what is no setting; settings have PbaSettingRow. Also what names widgets for screen readers, which in
 * GTK 4.8 takes a long list or a mend.
 */
#include "widgets/compat.h"

struct _PbaSwitchRow
{
  AdwActionRow parent_instance;

  GtkSwitch *control; /* (unowned) */
};

struct _PbaSpinRow
{
  AdwActionRow parent_instance;

  GtkSpinButton *control; /* (unowned) */
};

G_DEFINE_FINAL_TYPE (PbaSwitchRow, pba_switch_row, ADW_TYPE_ACTION_ROW)
G_DEFINE_FINAL_TYPE (PbaSpinRow, pba_spin_row, ADW_TYPE_ACTION_ROW)

enum
{
  PROP_VALUE = 1,
};

/* Set on widgets that were given a name. */
static G_DEFINE_QUARK (pba-named, named)

void
pba_accessible_name (gpointer widget, const char *name)
{
  g_object_set_qdata (widget, named_quark (), GINT_TO_POINTER (TRUE));
  /* GTK 4.8 says both, and libadwaita's rows are labelled by their title. */
  gtk_accessible_reset_relation (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_RELATION_LABELLED_BY);
  gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

void
pba_accessible_describe (gpointer widget, const char *description)
{
  if (description != NULL && description[0] != '\0')
    gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                    description, -1);
  else
    gtk_accessible_reset_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION);
}

void
pba_accessible_name_lists (GtkWidget *widget, const char *name)
{
  if (GTK_IS_LIST_BOX (widget))
    pba_accessible_name (widget, name);
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    pba_accessible_name_lists (child, name);
}

/* The widget around an item's label takes the focus and would go by its type. */
static void
on_bind_item (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer user_data)
{
  GtkWidget *around = gtk_widget_get_parent (gtk_list_item_get_child (item));

  pba_accessible_name (around, gtk_string_object_get_string (gtk_list_item_get_item (item)));
}

GtkWidget *
pba_drop_down_new (GtkStringList *titles)
{
  /* Without a model first: nothing is bound before the handler is there. */
  GtkWidget *drop_down = gtk_drop_down_new (NULL, NULL);
  GtkListItemFactory *factory = gtk_drop_down_get_factory (GTK_DROP_DOWN (drop_down));

  g_signal_connect_after (factory, "bind", G_CALLBACK (on_bind_item), NULL);
  gtk_drop_down_set_model (GTK_DROP_DOWN (drop_down), G_LIST_MODEL (titles));
  return drop_down;
}

/* GTK 4.8 names a button both by its label as it was written and by the label widget that has the
 * mnemonic: "_Apply Apply". The widget alone is right, unless the button was given a name. */
static gboolean
on_realize (GSignalInvocationHint *hint, guint n_values, const GValue *values, gpointer user_data)
{
  gpointer widget = g_value_get_object (&values[0]);

  if (!GTK_IS_BUTTON (widget))
    return TRUE;
  if (g_object_get_qdata (widget, named_quark ()) != NULL)
    gtk_accessible_reset_relation (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_RELATION_LABELLED_BY);
  else if (gtk_button_get_label (widget) != NULL && gtk_button_get_use_underline (widget))
    gtk_accessible_reset_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL);
  return TRUE;
}

void
pba_accessible_mend_buttons (void)
{
  G_GNUC_UNUSED g_autoptr (GTypeClass) loaded = g_type_class_ref (GTK_TYPE_WIDGET);

  g_signal_add_emission_hook (g_signal_lookup ("realize", GTK_TYPE_WIDGET), 0, on_realize, NULL, NULL);
}

/* Title and subtitle of the row name its control. */
static void
name_control (GtkWidget *row, gpointer control, const char *title, const char *subtitle)
{
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle != NULL ? subtitle : "");
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), control);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), control);
  pba_accessible_name (control, title);
  pba_accessible_describe (control, subtitle);
}

static void
on_active (GtkSwitch *control, GParamSpec *pspec, gpointer user_data)
{
  g_object_notify (user_data, "active");
}

static void
pba_switch_row_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  g_value_set_boolean (value, pba_switch_row_get_active (PBA_SWITCH_ROW (object)));
}

static void
pba_switch_row_set_gproperty (GObject *object, guint property, const GValue *value,
                              GParamSpec *pspec)
{
  pba_switch_row_set_active (PBA_SWITCH_ROW (object), g_value_get_boolean (value));
}

static void
pba_switch_row_class_init (PbaSwitchRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = pba_switch_row_get_gproperty;
  object_class->set_property = pba_switch_row_set_gproperty;
  g_object_class_install_property (object_class, PROP_VALUE,
                                   g_param_spec_boolean ("active", NULL, NULL, FALSE,
                                                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY
                                                           | G_PARAM_STATIC_STRINGS));
}

static void
pba_switch_row_init (PbaSwitchRow *self)
{
  self->control = GTK_SWITCH (gtk_switch_new ());
  gtk_widget_set_valign (GTK_WIDGET (self->control), GTK_ALIGN_CENTER);
  g_signal_connect_object (self->control, "notify::active", G_CALLBACK (on_active), self, 0);
}

GtkWidget *
pba_switch_row_new (const char *title, const char *subtitle)
{
  PbaSwitchRow *self = g_object_new (PBA_TYPE_SWITCH_ROW, NULL);

  name_control (GTK_WIDGET (self), self->control, title, subtitle);
  return GTK_WIDGET (self);
}

gboolean
pba_switch_row_get_active (PbaSwitchRow *self)
{
  return gtk_switch_get_active (self->control);
}

void
pba_switch_row_set_active (PbaSwitchRow *self, gboolean active)
{
  gtk_switch_set_active (self->control, active);
}

static void
on_value (GtkSpinButton *control, GParamSpec *pspec, gpointer user_data)
{
  g_object_notify (user_data, "value");
}

static void
pba_spin_row_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  g_value_set_double (value, pba_spin_row_get_value (PBA_SPIN_ROW (object)));
}

static void
pba_spin_row_set_gproperty (GObject *object, guint property, const GValue *value, GParamSpec *pspec)
{
  pba_spin_row_set_value (PBA_SPIN_ROW (object), g_value_get_double (value));
}

static void
pba_spin_row_class_init (PbaSpinRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = pba_spin_row_get_gproperty;
  object_class->set_property = pba_spin_row_set_gproperty;
  g_object_class_install_property (object_class, PROP_VALUE,
                                   g_param_spec_double ("value", NULL, NULL, -G_MAXDOUBLE,
                                                        G_MAXDOUBLE, 0,
                                                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY
                                                          | G_PARAM_STATIC_STRINGS));
}

static void
pba_spin_row_init (PbaSpinRow *self)
{
}

GtkWidget *
pba_spin_row_new (const char *title, const char *subtitle, double minimum, double maximum)
{
  PbaSpinRow *self = g_object_new (PBA_TYPE_SPIN_ROW, NULL);

  self->control = GTK_SPIN_BUTTON (gtk_spin_button_new_with_range (minimum, maximum, 1));
  gtk_spin_button_set_numeric (self->control, TRUE);
  gtk_widget_set_valign (GTK_WIDGET (self->control), GTK_ALIGN_CENTER);
  g_signal_connect_object (self->control, "notify::value", G_CALLBACK (on_value), self, 0);
  name_control (GTK_WIDGET (self), self->control, title, subtitle);
  return GTK_WIDGET (self);
}

double
pba_spin_row_get_value (PbaSpinRow *self)
{
  return gtk_spin_button_get_value (self->control);
}

void
pba_spin_row_set_value (PbaSpinRow *self, double value)
{
  gtk_spin_button_set_value (self->control, value);
}

void
pba_close_on_escape (GtkWidget *window)
{
  GtkEventController *controller = gtk_shortcut_controller_new ();

  gtk_shortcut_controller_add_shortcut (GTK_SHORTCUT_CONTROLLER (controller),
                                        gtk_shortcut_new (gtk_keyval_trigger_new (GDK_KEY_Escape,
                                                                                  0),
                                                          gtk_named_action_new ("window.close")));
  gtk_widget_add_controller (window, controller);
}
