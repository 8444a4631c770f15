/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Which row a setting gets. */
typedef enum
{
  PBA_SETTING_SWITCH, /* b */
  PBA_SETTING_NUMBER, /* u with a range */
  PBA_SETTING_LIMIT,  /* u, 0 = off: spin button and switch */
  PBA_SETTING_POLICY, /* s: off, watch, enforce */
  PBA_SETTING_CHOICE, /* s of some choices */
  PBA_SETTING_RADIO,  /* s of two choices that are sentences */
  PBA_SETTING_TEXT,   /* s */
  PBA_SETTING_LIST,   /* as */
} PbaSettingKind;
#define PBA_TYPE_SETTING_KIND (pba_setting_kind_get_type ())
GType pba_setting_kind_get_type (void);

/*
 * One setting as the user sees it. Properties (bind to them):
 *   key (s "General.MaxHops"), interface (s), name (s), type (s), kind: constant
 *   title, help, group (s): in the user's language; help may be set to something more telling
 *   unit (s): in the user's language, "" for none; minimum, maximum (u); choices (GStrv of bus words)
 *   effective (b): something obeys it; private (b); known (b): this program's table has it
 *   readable (b): its value could be read (private ones need the view action)
 *   writable (b): the user may change settings at all
 *   value (GVariant, nullable before the first load): what holds on the server
 *   pending (GVariant, nullable likewise): what the user made of it; setting it judges it
 *   changed (b): pending differs; error (s, nullable): a sentence, from here or from the server
 *   was (s, nullable): "Was 1000" while changed
 *   conflict (b): changed on the server while changed here
 *   note (s, nullable): a line under the row, such as what Watch saw
 *   warning (s, nullable): what is doubtful about pending
 */
#define PBA_TYPE_SETTING (pba_setting_get_type ())
G_DECLARE_FINAL_TYPE (PbaSetting, pba_setting, PBA, SETTING, GObject)

const char *pba_setting_get_key (PbaSetting *self);
const char *pba_setting_get_interface (PbaSetting *self);
const char *pba_setting_get_name (PbaSetting *self);
PbaSettingKind pba_setting_get_kind (PbaSetting *self);
const char *pba_setting_get_title (PbaSetting *self);
const char *pba_setting_get_help (PbaSetting *self);
void pba_setting_set_help (PbaSetting *self, const char *help);
const char *pba_setting_get_group (PbaSetting *self);
/** pba_setting_get_group_id: the untranslated group. */
const char *pba_setting_get_group_id (PbaSetting *self);
const char *pba_setting_get_unit (PbaSetting *self);
guint32 pba_setting_get_minimum (PbaSetting *self);
guint32 pba_setting_get_maximum (PbaSetting *self);
const char *const *pba_setting_get_choices (PbaSetting *self);
/** pba_setting_dup_choice_title: @choice a bus word. Returns: (transfer full): it in the user's language. */
char *pba_setting_dup_choice_title (PbaSetting *self, const char *choice);
/** pba_setting_get_default: (transfer none) (nullable): as the service's introspection gives it. */
GVariant *pba_setting_get_default (PbaSetting *self);
gboolean pba_setting_get_effective (PbaSetting *self);
gboolean pba_setting_get_private (PbaSetting *self);
gboolean pba_setting_get_readable (PbaSetting *self);
gboolean pba_setting_get_known (PbaSetting *self);
/** pba_setting_get_known_interface: whether this program's table has its interface at all. */
gboolean pba_setting_get_known_interface (PbaSetting *self);
const char *pba_setting_get_note (PbaSetting *self);
void pba_setting_set_note (PbaSetting *self, const char *note);
const char *pba_setting_get_warning (PbaSetting *self);

/** pba_setting_get_value: (transfer none) (nullable). */
GVariant *pba_setting_get_value (PbaSetting *self);
/** pba_setting_get_pending: (transfer none) (nullable). */
GVariant *pba_setting_get_pending (PbaSetting *self);
/** pba_setting_set_pending: a floating @value is taken. Ignored when of another type. */
void pba_setting_set_pending (PbaSetting *self, GVariant *value);
gboolean pba_setting_get_changed (PbaSetting *self);
gboolean pba_setting_get_conflict (PbaSetting *self);
const char *pba_setting_get_error (PbaSetting *self);
/** pba_setting_undo: pending becomes what holds on the server. */
void pba_setting_undo (PbaSetting *self);

/* Pending by type; each is harmless before the first load (FALSE, 0, "", empty). */
gboolean pba_setting_get_boolean (PbaSetting *self);
void pba_setting_set_boolean (PbaSetting *self, gboolean value);
guint32 pba_setting_get_number (PbaSetting *self);
void pba_setting_set_number (PbaSetting *self, guint32 value);
const char *pba_setting_get_text (PbaSetting *self);
void pba_setting_set_text (PbaSetting *self, const char *value);
/** pba_setting_dup_texts: (transfer full), never NULL. */
char **pba_setting_dup_texts (PbaSetting *self);
void pba_setting_set_texts (PbaSetting *self, const char *const *values);

G_END_DECLS
