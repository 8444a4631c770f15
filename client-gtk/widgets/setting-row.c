/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The row of one setting. Made by settings pages from a PbaSetting and bound to it for life: what is
 * pending, changed, faulty or noted comes from its properties, and what the user does goes there. The
 * control itself is setting-control.c's. Dependent rows live in a fold under the row, as in
 * AdwExpanderRow.
 */
#include "widgets/setting-row-private.h"

#include "model/advice.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

G_DEFINE_FINAL_TYPE (PbaSettingRow, pba_setting_row, ADW_TYPE_PREFERENCES_ROW)

enum
{
  PROP_SETTING = 1,
  PROP_NARROW,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

static void
set_class (PbaSettingRow *self, const char *name, gboolean on)
{
  if (on)
    gtk_widget_add_css_class (GTK_WIDGET (self), name);
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self), name);
}

/* What it does, as it is chosen now. */
static const char *
help_of (PbaSetting *setting)
{
  const char *choice =
    pba_setting_get_choices (setting) != NULL ? pba_setting_get_text (setting) : NULL;
  const char *advice = pba_advice (pba_setting_get_key (setting), choice);

  /* Sentences to choose from need no other. */
  if (pba_setting_get_kind (setting) == PBA_SETTING_RADIO)
    return "";
  return advice != NULL ? advice : pba_setting_get_help (setting);
}

/* Help, and that nothing obeys it: two sentences have their full stops. */
static char *
describe_effect (PbaSetting *setting)
{
  const char *help = help_of (setting);

  if (!pba_setting_get_readable (setting))
    return g_strdup (_ ("Only administrators of the server may see this"));
  if (pba_setting_get_effective (setting))
    return g_strdup (help);
  if (help[0] == '\0')
    return g_strdup (_ ("Not obeyed yet by this server"));
  /* Translators: %s is a sentence without its full stop, about what a setting does */
  return g_strdup_printf (_ ("%s. Not obeyed yet by this server."), help);
}

/* "Was When offered. Mail waits when the relay host cannot do it.": a choice is told what it does. */
static char *
describe_change (PbaSetting *setting)
{
  g_autofree char *was = NULL;
  const char *help;

  g_object_get (setting, "was", &was, NULL);
  help = help_of (setting);
  if (was == NULL || pba_setting_get_kind (setting) != PBA_SETTING_CHOICE || help[0] == '\0')
    return g_steal_pointer (&was);
  /* Translators: two sentences without their full stops: what a setting was, and what it does now */
  return g_strdup_printf (_ ("%s. %s."), was, help);
}

static void
show_sentence (PbaSettingRow *self)
{
  const char *error = pba_setting_get_error (self->setting);
  gboolean changed = pba_setting_get_changed (self->setting);
  g_autofree char *was = describe_change (self->setting);
  g_autofree char *effect = describe_effect (self->setting);

  set_class (self, "erroneous", error != NULL && changed);
  set_class (self, "changed", error == NULL && changed);
  gtk_widget_set_visible (GTK_WIDGET (self->error_icon), error != NULL && changed);
  gtk_widget_set_visible (GTK_WIDGET (self->undo), changed);
  pba_setting_control_describe (self,
                                changed && error != NULL ? error
                                : was != NULL            ? was
                                                         : effect,
                                changed && error != NULL);
}

static void
show_note (PbaSettingRow *self)
{
  const char *warning = pba_setting_get_warning (self->setting);
  const char *note = warning != NULL ? warning : pba_setting_get_note (self->setting);

  gtk_image_set_from_icon_name (self->note_icon, warning != NULL ? "dialog-warning-symbolic"
                                                                 : "view-reveal-symbolic");
  gtk_widget_remove_css_class (GTK_WIDGET (self->note_icon),
                               warning != NULL ? "accent" : "warning");
  gtk_widget_add_css_class (GTK_WIDGET (self->note_icon), warning != NULL ? "warning" : "accent");
  gtk_widget_set_visible (GTK_WIDGET (self->note_box), note != NULL);
  gtk_label_set_label (self->note_label, note != NULL ? note : "");
}

static void
show_use (PbaSettingRow *self)
{
  gboolean usable = FALSE;
  gboolean on = pba_setting_get_boolean (self->setting);

  g_object_get (self->setting, "writable", &usable, NULL);
  usable = usable && pba_setting_get_readable (self->setting)
           && pba_setting_get_value (self->setting) != NULL;
  gtk_widget_set_sensitive (GTK_WIDGET (self->controls), usable);
  gtk_widget_set_sensitive (self->control, usable);
  if (gtk_widget_get_first_child (GTK_WIDGET (self->dependents)) == NULL)
    return;
  gtk_widget_set_sensitive (GTK_WIDGET (self->fold_button), on);
  gtk_widget_set_sensitive (GTK_WIDGET (self->dependents), on);
  if (!on)
    gtk_toggle_button_set_active (self->fold_button, FALSE);
}

static void
on_pending (PbaSettingRow *self)
{
  gboolean was_on = gtk_widget_get_sensitive (GTK_WIDGET (self->dependents));

  show_use (self);
  pba_setting_control_show (self);
  show_sentence (self);
  /* Switching on shows what can be said about it. */
  if (gtk_widget_get_visible (GTK_WIDGET (self->fold)) && !was_on
      && pba_setting_get_boolean (self->setting))
    gtk_toggle_button_set_active (self->fold_button, TRUE);
}

static void
on_undo (PbaSettingRow *self)
{
  pba_setting_undo (self->setting);
  gtk_widget_child_focus (GTK_WIDGET (self), GTK_DIR_TAB_FORWARD);
}

static void
on_clicked (PbaSettingRow *self, int n_press, double x, double y, GtkGesture *gesture)
{
  GtkWidget *target = gtk_widget_pick (GTK_WIDGET (self->header), x, y, GTK_PICK_DEFAULT);

  /* The controls have heard of it themselves. */
  if (target != NULL && gtk_widget_is_ancestor (target, GTK_WIDGET (self->suffixes)))
    return;
  if (self->control != NULL && target == self->control)
    return;
  pba_setting_control_activate (self);
}

/* GTK 4.8 has a new icon name the button. */
static void
name_fold (PbaSettingRow *self)
{
  g_autofree char *name = NULL;

  if (self->setting == NULL)
    return;
  /* Translators: names the button that unfolds more rows, for screen readers; %s is the row's title */
  name = g_strdup_printf (_ ("More: %s"), pba_setting_get_title (self->setting));
  pba_accessible_name (self->fold_button, name);
}

static void
on_fold (PbaSettingRow *self)
{
  gboolean open = gtk_toggle_button_get_active (self->fold_button);

  gtk_button_set_icon_name (GTK_BUTTON (self->fold_button),
                            open ? "pan-up-symbolic" : "pan-down-symbolic");
  name_fold (self);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->fold_button),
                               open ? _ ("Show Less") : _ ("Show More"));
  gtk_accessible_update_state (GTK_ACCESSIBLE (self->fold_button), GTK_ACCESSIBLE_STATE_EXPANDED,
                               open, -1);
}

static void
bring_to (GtkBox *from, GtkBox *to, GtkWidget *child, GtkWidget *after)
{
  g_object_ref (child);
  gtk_box_remove (from, child);
  if (after != NULL)
    gtk_box_insert_child_after (to, child, after);
  else
    gtk_box_prepend (to, child);
  g_object_unref (child);
}

/* What is too wide for a narrow window goes under the titles. */
static void
set_narrow (PbaSettingRow *self, gboolean narrow)
{
  gboolean below;

  if (self->narrow == narrow)
    return;
  self->narrow = narrow;
  if (self->movable == NULL)
    return;
  below = gtk_widget_get_parent (self->movable) == GTK_WIDGET (self->below);
  if (narrow && !below)
    bring_to (self->suffixes, self->below, self->movable, NULL);
  else if (!narrow && below)
    bring_to (self->below, self->suffixes, self->movable, GTK_WIDGET (self->undo));
  gtk_widget_set_hexpand (self->control, narrow);
  gtk_widget_set_margin_bottom (self->movable, narrow ? 12 : 0);
}

static void
pba_setting_row_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaSettingRow *self = PBA_SETTING_ROW (object);

  if (property == PROP_SETTING)
    g_value_set_object (value, self->setting);
  else
    g_value_set_boolean (value, self->narrow);
}

static void
pba_setting_row_set_gproperty (GObject *object, guint property, const GValue *value,
                               GParamSpec *pspec)
{
  PbaSettingRow *self = PBA_SETTING_ROW (object);

  if (property == PROP_SETTING)
    self->setting = g_value_dup_object (value);
  else
    set_narrow (self, g_value_get_boolean (value));
}

static void
pba_setting_row_constructed (GObject *object)
{
  PbaSettingRow *self = PBA_SETTING_ROW (object);
  static const struct
  {
    const char *signal;
    void (*show) (PbaSettingRow *self);
  } follows[] = {
    { "notify::pending", on_pending },     { "notify::changed", show_sentence },
    { "notify::error", show_sentence },    { "notify::help", show_sentence },
    { "notify::readable", show_sentence }, { "notify::readable", show_use },
    { "notify::note", show_note },         { "notify::warning", show_note },
    { "notify::writable", show_use },      { "notify::value", show_sentence },
  };

  G_OBJECT_CLASS (pba_setting_row_parent_class)->constructed (object);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self), pba_setting_get_title (self->setting));
  gtk_label_set_label (self->title_label, pba_setting_get_title (self->setting));
  pba_accessible_name (self->undo, _ ("Undo"));
  pba_setting_control_make (self);
  on_fold (self);
  show_use (self);
  pba_setting_control_show (self);
  show_sentence (self);
  show_note (self);
  for (guint i = 0; i < G_N_ELEMENTS (follows); i++)
    g_signal_connect_object (self->setting, follows[i].signal, G_CALLBACK (follows[i].show), self,
                             G_CONNECT_SWAPPED);
}

static void
pba_setting_row_dispose (GObject *object)
{
  gtk_widget_dispose_template (GTK_WIDGET (object), PBA_TYPE_SETTING_ROW);
  G_OBJECT_CLASS (pba_setting_row_parent_class)->dispose (object);
}

static void
pba_setting_row_finalize (GObject *object)
{
  g_object_unref (PBA_SETTING_ROW (object)->setting);
  G_OBJECT_CLASS (pba_setting_row_parent_class)->finalize (object);
}

static void
pba_setting_row_class_init (PbaSettingRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->get_property = pba_setting_row_get_gproperty;
  object_class->set_property = pba_setting_row_set_gproperty;
  object_class->constructed = pba_setting_row_constructed;
  object_class->dispose = pba_setting_row_dispose;
  object_class->finalize = pba_setting_row_finalize;
  properties[PROP_SETTING] =
    g_param_spec_object ("setting", NULL, NULL, PBA_TYPE_SETTING,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_NARROW] =
    g_param_spec_boolean ("narrow", NULL, NULL, FALSE, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  gtk_widget_class_set_template_from_resource (widget_class, "/org/postbus/Admin/setting-row.ui");
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, header);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, titles);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, suffixes);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, controls);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, below);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, title_label);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, subtitle_label);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, caption_label);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, note_label);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, note_box);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, note_icon);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, error_icon);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, undo);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, fold_button);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, fold);
  gtk_widget_class_bind_template_child (widget_class, PbaSettingRow, dependents);
  gtk_widget_class_bind_template_callback (widget_class, on_undo);
  gtk_widget_class_bind_template_callback (widget_class, on_fold);
  gtk_widget_class_bind_template_callback (widget_class, on_clicked);
}

static void
pba_setting_row_init (PbaSettingRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pba_setting_row_new (PbaSetting *setting)
{
  return g_object_new (PBA_TYPE_SETTING_ROW, "setting", setting, NULL);
}

PbaSetting *
pba_setting_row_get_setting (PbaSettingRow *self)
{
  return self->setting;
}

void
pba_setting_row_add_dependent (PbaSettingRow *self, GtkWidget *row, GtkWidget *after)
{
  gtk_list_box_insert (self->dependents, row,
                       after != NULL ? gtk_list_box_row_get_index (GTK_LIST_BOX_ROW (after)) + 1
                                     : -1);
  gtk_widget_set_visible (GTK_WIDGET (self->fold), TRUE);
  gtk_widget_set_visible (GTK_WIDGET (self->fold_button), TRUE);
  name_fold (self);
  if (PBA_IS_SETTING_ROW (row))
    g_object_bind_property (self, "narrow", row, "narrow", G_BINDING_SYNC_CREATE);
  show_use (self);
  gtk_toggle_button_set_active (self->fold_button, pba_setting_get_boolean (self->setting));
}

void
pba_setting_row_add_suffix (PbaSettingRow *self, GtkWidget *widget)
{
  gtk_box_prepend (self->controls, widget);
}

gboolean
pba_setting_row_unfold_around (GtkWidget *row)
{
  GtkWidget *outer = gtk_widget_get_ancestor (gtk_widget_get_parent (row), PBA_TYPE_SETTING_ROW);

  if (outer == NULL)
    return TRUE;
  gtk_toggle_button_set_active (PBA_SETTING_ROW (outer)->fold_button, TRUE);
  if (gtk_widget_is_sensitive (row))
    return TRUE;
  /* It is seen, but the switch has to be on first. */
  gtk_widget_grab_focus (PBA_SETTING_ROW (outer)->control);
  return FALSE;
}

void
pba_setting_row_focus_control (PbaSettingRow *self)
{
  if (!pba_setting_row_unfold_around (GTK_WIDGET (self)))
    return;
  if (pba_setting_get_kind (self->setting) == PBA_SETTING_LIST)
    gtk_toggle_button_set_active (self->fold_button, TRUE);
  if (self->choices[0] != NULL)
    pba_setting_control_activate (self);
  else if (!gtk_widget_grab_focus (self->control)
           && (self->limit == NULL || !gtk_widget_grab_focus (self->limit)))
    gtk_widget_child_focus (GTK_WIDGET (self), GTK_DIR_TAB_FORWARD);
}
