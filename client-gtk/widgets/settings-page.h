/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/page.h"
#include "widgets/setting-row.h"

G_BEGIN_DECLS

/*
 * A page of settings: an AdwPreferencesPage filled from the groups of some interfaces, in table order; settings that only the
 * service knows come along by their own annotations. Rows are made when the model has loaded, again when it lists other settings.
 * Usable as it is (pba_settings_page_new) or as the base of a page that puts more beside its rows: override "filled".
 */
#define PBA_TYPE_SETTINGS_PAGE (pba_settings_page_get_type ())
G_DECLARE_DERIVABLE_TYPE (PbaSettingsPage, pba_settings_page, PBA, SETTINGS_PAGE, PbaPage)

struct _PbaSettingsPageClass
{
  PbaPageClass parent_class;
  /** interfaces: (nullable): NULL-terminated names; else the construct property "interfaces" counts. */
  const char *const *interfaces;
  /** filled: rows have been made (again): add groups, hide rows, connect. */
  void (*filled) (PbaSettingsPage *self);
};

/** pba_settings_page_new: @interfaces NULL-terminated; "*" takes what no other page has, that is the interfaces of a newer service. */
GtkWidget *pba_settings_page_new (PbaServer *server, const char *title, const char *const *interfaces);
AdwPreferencesPage *pba_settings_page_get_preferences (PbaSettingsPage *self);
/** pba_settings_page_get_row: (nullable): by key. */
PbaSettingRow *pba_settings_page_get_row (PbaSettingsPage *self, const char *key);
/** pba_settings_page_get_group: (nullable): by its title in the user's language: pba_setting_get_group() of a setting in it. */
AdwPreferencesGroup *pba_settings_page_get_group (PbaSettingsPage *self, const char *group);

G_END_DECLS
