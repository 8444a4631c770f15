/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/setting-row.h"

/* Shared by setting-row.c (the row) and setting-control.c (what is in it for each kind). */
struct _PbaSettingRow
{
  AdwPreferencesRow parent_instance;

  PbaSetting *setting; /* (owned) */
  gboolean narrow;

  GtkBox *header, *titles, *suffixes, *controls, *below; /* template children */
  GtkLabel *title_label, *subtitle_label, *caption_label, *note_label;
  GtkBox *note_box;
  GtkImage *error_icon, *note_icon;
  GtkButton *undo;
  GtkToggleButton *fold_button;
  GtkRevealer *fold;
  GtkListBox *dependents;

  GtkWidget *control;    /* (unowned): what gets the focus */
  GtkWidget *limit;      /* (unowned) (nullable): the switch of a limit */
  GtkWidget *movable;    /* (unowned) (nullable): goes below when narrow */
  GtkLabel *summary;     /* (unowned) (nullable): of a list */
  GtkLabel *unit;        /* (unowned) (nullable): behind a number */
  GtkWidget *choices[3]; /* (unowned) (nullable): Off, Watch, Enforce; radio buttons */
  guint32 last_limit;
  gboolean showing;      /* the model speaks, not the user */
};

/** pba_setting_control_make: the control of the setting's kind, put into its place and named. */
void pba_setting_control_make (PbaSettingRow *self);
/** pba_setting_control_show: pending into the control. */
void pba_setting_control_show (PbaSettingRow *self);
/** pba_setting_control_describe: @sentence stands under the row and describes the control. */
void pba_setting_control_describe (PbaSettingRow *self, const char *sentence, gboolean faulty);
/** pba_setting_control_activate: a click on the row. */
void pba_setting_control_activate (PbaSettingRow *self);
