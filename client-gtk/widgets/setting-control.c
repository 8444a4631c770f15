/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control in a setting's row, by kind: one row of a table each, with how it is made, how it shows
 * what is pending, and what a click on the row does. Called by setting-row.c. While a control is being
 * shown a value its own signals are not taken for the user's.
 */
#include "widgets/setting-row-private.h"

#include "model/words.h"
#include "widgets/compat.h"
#include "widgets/string-list.h"

#include <glib/gi18n.h>

#define LONG_SECONDS 120 /* from here on they are also told in minutes, hours and days */

typedef struct
{
  void (*make) (PbaSettingRow *self);
  void (*show) (PbaSettingRow *self);
  void (*activate) (PbaSettingRow *self);
} Kind;

static const char *const policy_words[] = { "off", "watch", "enforce" };

static void
place (PbaSettingRow *self, GtkWidget *control)
{
  gtk_widget_set_valign (control, GTK_ALIGN_CENTER);
  gtk_box_append (self->controls, control);
  self->control = control;
}

static void
focus_control (PbaSettingRow *self)
{
  gtk_widget_grab_focus (self->control);
}

/* ---- switch ---- */

static void
on_switched (PbaSettingRow *self)
{
  if (!self->showing)
    pba_setting_set_boolean (self->setting, gtk_switch_get_active (GTK_SWITCH (self->control)));
}

static void
make_switch (PbaSettingRow *self)
{
  place (self, gtk_switch_new ());
  g_signal_connect_swapped (self->control, "notify::active", G_CALLBACK (on_switched), self);
}

static void
show_switch (PbaSettingRow *self)
{
  gtk_switch_set_active (GTK_SWITCH (self->control), pba_setting_get_boolean (self->setting));
}

static void
toggle_switch (PbaSettingRow *self)
{
  gtk_switch_set_active (GTK_SWITCH (self->control),
                         !gtk_switch_get_active (GTK_SWITCH (self->control)));
}

/* ---- number and limit ---- */

static void
on_number (PbaSettingRow *self)
{
  guint32 number = gtk_spin_button_get_value (GTK_SPIN_BUTTON (self->control));

  if (self->showing)
    return;
  if (self->limit != NULL)
    self->last_limit = number;
  pba_setting_set_number (self->setting, number);
}

static void
make_number (PbaSettingRow *self)
{
  guint32 minimum = pba_setting_get_minimum (self->setting);
  guint32 maximum = pba_setting_get_maximum (self->setting);
  GtkWidget *spin = gtk_spin_button_new_with_range (minimum, maximum, 1);
  const char *unit = pba_setting_get_unit (self->setting);
  g_autofree char *in_title = g_strdup_printf ("(%s)", unit);

  gtk_spin_button_set_increments (GTK_SPIN_BUTTON (spin), 1, maximum > 1000 ? 100 : 10);
  gtk_spin_button_set_numeric (GTK_SPIN_BUTTON (spin), TRUE);
  gtk_editable_set_width_chars (GTK_EDITABLE (spin), maximum > 99999 ? 7 : 5);
  place (self, spin);
  if (unit[0] != '\0' && strstr (pba_setting_get_title (self->setting), in_title) == NULL)
    {
      self->unit = GTK_LABEL (gtk_label_new (unit));
      gtk_widget_add_css_class (GTK_WIDGET (self->unit), "dim-label");
      gtk_box_append (self->controls, GTK_WIDGET (self->unit));
      if (maximum >= LONG_SECONDS)
        self->movable = GTK_WIDGET (self->controls);
    }
  g_signal_connect_swapped (spin, "value-changed", G_CALLBACK (on_number), self);
}

/* Nobody reads 432000 seconds as 5 days. */
static void
show_unit (PbaSettingRow *self)
{
  const char *unit = pba_setting_get_unit (self->setting);
  guint32 number = pba_setting_get_number (self->setting);
  g_autofree char *duration = pba_words_duration (number);
  /* Translators: a number's unit and the same in larger ones: “s (5 days)” */
  g_autofree char *both = g_strdup_printf (_ ("%s (%s)"), unit, duration);

  if (g_str_equal (unit, pba_words_unit ("seconds")) && number >= LONG_SECONDS)
    unit = both;
  gtk_label_set_label (self->unit, unit);
}

static void
show_number (PbaSettingRow *self)
{
  if (self->unit != NULL)
    show_unit (self);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (self->control),
                             pba_setting_get_number (self->setting));
}

static guint32
usual_limit (PbaSettingRow *self)
{
  GVariant *value = pba_setting_get_value (self->setting);
  GVariant *def = pba_setting_get_default (self->setting);

  if (self->last_limit != 0)
    return self->last_limit;
  if (value != NULL && g_variant_get_uint32 (value) != 0)
    return g_variant_get_uint32 (value);
  return def != NULL && g_variant_get_uint32 (def) != 0 ? g_variant_get_uint32 (def) : 60;
}

static void
on_limited (PbaSettingRow *self)
{
  if (!self->showing)
    pba_setting_set_number (self->setting, gtk_switch_get_active (GTK_SWITCH (self->limit))
                                             ? usual_limit (self)
                                             : 0);
}

static void
make_limit (PbaSettingRow *self)
{
  g_autofree char *name = NULL;

  make_number (self);
  self->limit = gtk_switch_new ();
  gtk_widget_set_valign (self->limit, GTK_ALIGN_CENTER);
  /* Translators: names the switch of a limit for screen readers; %s is the limit */
  name = g_strdup_printf (_ ("Limit: %s"), pba_setting_get_title (self->setting));
  pba_accessible_name (self->limit, name);
  gtk_box_append (self->controls, self->limit);
  self->movable = GTK_WIDGET (self->controls);
  g_signal_connect_swapped (self->limit, "notify::active", G_CALLBACK (on_limited), self);
}

static void
show_limit (PbaSettingRow *self)
{
  guint32 number = pba_setting_get_number (self->setting);

  gtk_switch_set_active (GTK_SWITCH (self->limit), number != 0);
  gtk_widget_set_sensitive (self->control, number != 0);
  show_number (self);
}

static void
toggle_limit (PbaSettingRow *self)
{
  gtk_switch_set_active (GTK_SWITCH (self->limit),
                         !gtk_switch_get_active (GTK_SWITCH (self->limit)));
}

/* ---- policy ---- */

static void
on_policy (GtkToggleButton *button, gpointer user_data)
{
  PbaSettingRow *self = user_data;

  if (self->showing || !gtk_toggle_button_get_active (button))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (policy_words); i++)
    if (self->choices[i] == GTK_WIDGET (button))
      pba_setting_set_text (self->setting, policy_words[i]);
}

static void
make_policy (PbaSettingRow *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);

  gtk_widget_add_css_class (box, "linked");
  /* Its buttons would have it as wide as the titles leave room. */
  gtk_widget_set_hexpand (box, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (policy_words); i++)
    {
      g_autofree char *title = pba_setting_dup_choice_title (self->setting, policy_words[i]);
      g_autofree char *name =
        g_strdup_printf ("%s: %s", pba_setting_get_title (self->setting), title);

      self->choices[i] = gtk_toggle_button_new_with_label (title);
      gtk_widget_set_hexpand (self->choices[i], TRUE);
      pba_accessible_name (self->choices[i], name);
      if (i > 0)
        gtk_toggle_button_set_group (GTK_TOGGLE_BUTTON (self->choices[i]),
                                     GTK_TOGGLE_BUTTON (self->choices[0]));
      gtk_box_append (GTK_BOX (box), self->choices[i]);
      g_signal_connect (self->choices[i], "toggled", G_CALLBACK (on_policy), self);
    }
  place (self, box);
  self->movable = GTK_WIDGET (self->controls);
}

static void
show_policy (PbaSettingRow *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (policy_words); i++)
    gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (self->choices[i]),
                                  g_str_equal (pba_setting_get_text (self->setting),
                                               policy_words[i]));
}

static void
focus_policy (PbaSettingRow *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (policy_words); i++)
    if (gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (self->choices[i])))
      gtk_widget_grab_focus (self->choices[i]);
}

/* ---- choice ---- */

static void
on_chosen (PbaSettingRow *self)
{
  const char *const *words = pba_setting_get_choices (self->setting);
  guint selected = gtk_drop_down_get_selected (GTK_DROP_DOWN (self->control));

  if (!self->showing && selected < g_strv_length ((char **) words))
    pba_setting_set_text (self->setting, words[selected]);
}

static void
make_choice (PbaSettingRow *self)
{
  const char *const *words = pba_setting_get_choices (self->setting);
  g_autoptr (GtkStringList) titles = gtk_string_list_new (NULL);
  GtkWidget *drop_down;

  for (guint i = 0; words[i] != NULL; i++)
    gtk_string_list_take (titles, pba_setting_dup_choice_title (self->setting, words[i]));
  drop_down = pba_drop_down_new (titles);
  gtk_widget_add_css_class (drop_down, "flat");
  place (self, drop_down);
  /* The button inside is what the keyboard focus is on. */
  pba_accessible_name (gtk_widget_get_first_child (drop_down),
                       pba_setting_get_title (self->setting));
  self->movable = GTK_WIDGET (self->controls);
  g_signal_connect_swapped (drop_down, "notify::selected", G_CALLBACK (on_chosen), self);
}

static void
show_choice (PbaSettingRow *self)
{
  const char *const *words = pba_setting_get_choices (self->setting);
  guint selected = GTK_INVALID_LIST_POSITION;

  for (guint i = 0; words[i] != NULL; i++)
    if (g_str_equal (words[i], pba_setting_get_text (self->setting)))
      selected = i;
  gtk_drop_down_set_selected (GTK_DROP_DOWN (self->control), selected);
}

/* ---- radio ---- */

static void
on_radio (GtkCheckButton *button, gpointer user_data)
{
  PbaSettingRow *self = user_data;
  const char *const *words = pba_setting_get_choices (self->setting);

  if (self->showing || !gtk_check_button_get_active (button))
    return;
  for (guint i = 0; words[i] != NULL; i++)
    if (self->choices[i] == GTK_WIDGET (button))
      pba_setting_set_text (self->setting, words[i]);
}

static GtkWidget *
make_radio_line (PbaSettingRow *self, const char *word)
{
  GtkWidget *button = gtk_check_button_new ();
  g_autofree char *title = pba_setting_dup_choice_title (self->setting, word);
  GtkWidget *label = gtk_label_new (title);

  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_widget_set_hexpand (label, TRUE);
  gtk_check_button_set_child (GTK_CHECK_BUTTON (button), label);
  gtk_widget_add_css_class (button, "radio-line");
  pba_accessible_name (button, title);
  g_signal_connect (button, "toggled", G_CALLBACK (on_radio), self);
  return button;
}

static void
make_radio (PbaSettingRow *self)
{
  const char *const *words = pba_setting_get_choices (self->setting);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);

  for (guint i = 0; i < G_N_ELEMENTS (self->choices) && words[i] != NULL; i++)
    {
      self->choices[i] = make_radio_line (self, words[i]);
      if (i > 0)
        gtk_check_button_set_group (GTK_CHECK_BUTTON (self->choices[i]),
                                    GTK_CHECK_BUTTON (self->choices[0]));
      gtk_box_append (GTK_BOX (box), self->choices[i]);
    }
  gtk_widget_set_visible (GTK_WIDGET (self->title_label), FALSE);
  gtk_widget_add_css_class (GTK_WIDGET (self), "radio");
  gtk_box_append (self->titles, box);
  self->control = box;
}

static void
show_radio (PbaSettingRow *self)
{
  const char *const *words = pba_setting_get_choices (self->setting);

  for (guint i = 0; i < G_N_ELEMENTS (self->choices) && words[i] != NULL; i++)
    gtk_check_button_set_active (GTK_CHECK_BUTTON (self->choices[i]),
                                 g_str_equal (pba_setting_get_text (self->setting), words[i]));
}

static void
focus_radio (PbaSettingRow *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->choices) && self->choices[i] != NULL; i++)
    if (gtk_check_button_get_active (GTK_CHECK_BUTTON (self->choices[i])))
      gtk_widget_grab_focus (self->choices[i]);
}

/* ---- text ---- */

static void
on_text (PbaSettingRow *self)
{
  if (!self->showing)
    pba_setting_set_text (self->setting, gtk_editable_get_text (GTK_EDITABLE (self->control)));
}

static void
make_text (PbaSettingRow *self)
{
  /* A bare GtkText would show screen readers no text. */
  GtkWidget *text = gtk_entry_new ();
  GtkWidget *icon = gtk_image_new_from_icon_name ("document-edit-symbolic");

  gtk_widget_set_hexpand (text, TRUE);
  gtk_entry_set_placeholder_text (GTK_ENTRY (text), _ ("Not set"));
  gtk_box_insert_child_after (self->titles, text, GTK_WIDGET (self->title_label));
  gtk_widget_add_css_class (icon, "edit-icon");
  gtk_box_prepend (self->suffixes, icon);
  gtk_widget_add_css_class (GTK_WIDGET (self), "text-row");
  gtk_widget_add_css_class (GTK_WIDGET (self->title_label), "subtitle");
  gtk_widget_remove_css_class (GTK_WIDGET (self->title_label), "title");
  self->control = text;
  g_signal_connect_swapped (text, "changed", G_CALLBACK (on_text), self);
}

static void
show_text (PbaSettingRow *self)
{
  const char *text = pba_setting_get_text (self->setting);

  if (g_strcmp0 (gtk_editable_get_text (GTK_EDITABLE (self->control)), text) != 0)
    gtk_editable_set_text (GTK_EDITABLE (self->control), text);
}

static void
focus_text (PbaSettingRow *self)
{
  gtk_entry_grab_focus_without_selecting (GTK_ENTRY (self->control));
}

/* ---- list ---- */

static void
on_strings (PbaSettingRow *self)
{
  g_auto (GStrv) strings = pba_string_list_dup_strings (PBA_STRING_LIST (self->control));

  if (!self->showing)
    pba_setting_set_texts (self->setting, (const char *const *) strings);
}

static void
make_list (PbaSettingRow *self)
{
  GtkWidget *list = pba_string_list_new (pba_setting_get_title (self->setting));
  GtkWidget *revealer = gtk_revealer_new ();

  gtk_widget_set_margin_bottom (list, 12);
  gtk_revealer_set_child (GTK_REVEALER (revealer), list);
  gtk_box_append (self->below, revealer);
  self->control = list;
  self->summary = GTK_LABEL (gtk_label_new (NULL));
  gtk_widget_add_css_class (GTK_WIDGET (self->summary), "dim-label");
  gtk_box_append (self->controls, GTK_WIDGET (self->summary));
  gtk_widget_set_visible (GTK_WIDGET (self->fold_button), TRUE);
  g_object_bind_property (self->fold_button, "active", revealer, "reveal-child",
                          G_BINDING_SYNC_CREATE);
  g_signal_connect_swapped (list, "notify::strings", G_CALLBACK (on_strings), self);
}

static void
show_list (PbaSettingRow *self)
{
  g_auto (GStrv) strings = pba_setting_dup_texts (self->setting);
  guint n = g_strv_length (strings);
  g_autofree char *summary = g_strdup_printf (ngettext ("%u entry", "%u entries", n), n);

  pba_string_list_set_strings (PBA_STRING_LIST (self->control), (const char *const *) strings);
  gtk_label_set_label (self->summary, n > 0 ? summary : _ ("None"));
}

static void
toggle_fold (PbaSettingRow *self)
{
  gtk_toggle_button_set_active (self->fold_button,
                                !gtk_toggle_button_get_active (self->fold_button));
}

/* ---- all kinds ---- */

static const Kind kinds[] = {
  [PBA_SETTING_SWITCH] = { make_switch, show_switch, toggle_switch },
  [PBA_SETTING_NUMBER] = { make_number, show_number, focus_control },
  [PBA_SETTING_LIMIT] = { make_limit, show_limit, toggle_limit },
  [PBA_SETTING_POLICY] = { make_policy, show_policy, focus_policy },
  [PBA_SETTING_CHOICE] = { make_choice, show_choice, focus_control },
  [PBA_SETTING_RADIO] = { make_radio, show_radio, focus_radio },
  [PBA_SETTING_TEXT] = { make_text, show_text, focus_text },
  [PBA_SETTING_LIST] = { make_list, show_list, toggle_fold },
};

void
pba_setting_control_make (PbaSettingRow *self)
{
  self->showing = TRUE;
  kinds[pba_setting_get_kind (self->setting)].make (self);
  pba_accessible_name (self->control, pba_setting_get_title (self->setting));
  gtk_accessible_update_relation (GTK_ACCESSIBLE (self->control),
                                  GTK_ACCESSIBLE_RELATION_DESCRIBED_BY, self->caption_label,
                                  self->subtitle_label, NULL, -1);
  self->showing = FALSE;
}

void
pba_setting_control_show (PbaSettingRow *self)
{
  self->showing = TRUE;
  kinds[pba_setting_get_kind (self->setting)].show (self);
  self->showing = FALSE;
}

void
pba_setting_control_describe (PbaSettingRow *self, const char *sentence, gboolean faulty)
{
  PbaSettingKind kind = pba_setting_get_kind (self->setting);
  GtkLabel *label = kind == PBA_SETTING_TEXT || kind == PBA_SETTING_RADIO ? self->caption_label
                                                                          : self->subtitle_label;

  gtk_label_set_label (label, sentence);
  gtk_widget_set_visible (GTK_WIDGET (label), sentence[0] != '\0');
  pba_accessible_describe (self->control, sentence);
  if (self->limit != NULL)
    pba_accessible_describe (self->limit, sentence);
  for (guint i = 0; i < G_N_ELEMENTS (self->choices) && self->choices[i] != NULL; i++)
    pba_accessible_describe (self->choices[i], sentence);
  gtk_accessible_update_state (GTK_ACCESSIBLE (self->control), GTK_ACCESSIBLE_STATE_INVALID,
                               faulty ? GTK_ACCESSIBLE_INVALID_TRUE : GTK_ACCESSIBLE_INVALID_FALSE,
                               -1);
}

void
pba_setting_control_activate (PbaSettingRow *self)
{
  if (gtk_widget_get_sensitive (GTK_WIDGET (self->controls)))
    kinds[pba_setting_get_kind (self->setting)].activate (self);
}
