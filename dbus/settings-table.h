/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/validate.h"
#include <gio/gio.h>

/*
 * settings.def is THE table: one row a setting, nothing else is needed to add one. Rows:
 *
 *   PB_SETTING_B (Interface, Name, field, default, flags, "Group", N_("Title"), N_("Help"))
 *   PB_SETTING_U (Interface, Name, field, default, minimum, maximum, "unit", flags, group, title, help)
 *   PB_SETTING_S (Interface, Name, field, "default", PB_CHECK_..., flags, group, title, help)
 *   PB_SETTING_C (Interface, Name, field, "default", "choice|choice|choice", flags, group, title, help)
 *   PB_SETTING_L (Interface, Name, field, PB_CHECK_..., flags, group, title, help)      (as, default empty)
 */
typedef enum
{
  PB_SETTING_NORMAL = 0,
  PB_SETTING_PRIVATE = 1 << 0,     /* needs view; never in GetAll or signals */
  PB_SETTING_SECRET = 1 << 1,      /* like PRIVATE, and in no Export */
  PB_SETTING_RESTART = 1 << 2,     /* acts from the next start: annotation org.postbus.Restart=true */
  PB_SETTING_INEFFECTIVE = 1 << 3, /* nothing obeys it yet: annotation org.postbus.Effective=false */
  PB_SETTING_MAY_BE_EMPTY = 1 << 4,
} PbSettingFlags;

typedef enum
{
#define PB_SETTING_B(iface, name, field, ...) PB_SETTING_ID_##iface##_##name,
#define PB_SETTING_U PB_SETTING_B
#define PB_SETTING_S PB_SETTING_B
#define PB_SETTING_C PB_SETTING_B
#define PB_SETTING_L PB_SETTING_B
#include "dbus/settings.def"
#undef PB_SETTING_B
#undef PB_SETTING_U
#undef PB_SETTING_S
#undef PB_SETTING_C
#undef PB_SETTING_L
  PB_N_SETTINGS,
} PbSettingId;

typedef struct
{
  const char *interface; /* "General" */
  const char *name;      /* "MaxHops" */
  const char *key;       /* "General.MaxHops" */
  const char *type;      /* "b" "u" "s" "as" */
  const char *def;       /* GVariant text of the default */
  guint32 minimum, maximum;
  const char *unit;      /* "seconds", "MiB", "" */
  const char *choices;   /* (nullable) "a|b|c" */
  PbCheck check;
  PbSettingFlags flags;
  const char *group, *title, *help; /* untranslated */
  gsize offset;          /* of its field in PbSettingValues */
} PbSettingSpec;

/* The typed values. Strings and string lists are owned by whoever holds the struct. */
typedef struct
{
#define PB_SETTING_B(iface, name, field, ...) gboolean field;
#define PB_SETTING_U(iface, name, field, ...) guint32 field;
#define PB_SETTING_S(iface, name, field, ...) char *field;
#define PB_SETTING_C(iface, name, field, ...) char *field;
#define PB_SETTING_L(iface, name, field, ...) char **field;
#include "dbus/settings.def"
#undef PB_SETTING_B
#undef PB_SETTING_U
#undef PB_SETTING_S
#undef PB_SETTING_C
#undef PB_SETTING_L
} PbSettingValues;

const PbSettingSpec *pb_setting_spec (PbSettingId id);
/** pb_setting_lookup: @key "General.MaxHops". Returns: (nullable). */
const PbSettingSpec *pb_setting_lookup (const char *key);
/** pb_setting_interfaces: NULL-terminated names in table order. */
const char *const *pb_setting_interfaces (void);
/** pb_setting_default: (transfer full), not floating. General.Hostname's is computed by the daemon. */
GVariant *pb_setting_default (const PbSettingSpec *spec);
/** pb_setting_validate: type, range, choices, check, size caps. Errors: PB_ERROR_INVALID_VALUE beginning with the key. */
gboolean pb_setting_validate (const PbSettingSpec *spec, GVariant *value, GError **error);

/** pb_setting_values_init: every field at its default. */
void pb_setting_values_init (PbSettingValues *values);
void pb_setting_values_clear (PbSettingValues *values);
void pb_setting_values_copy (PbSettingValues *to, const PbSettingValues *from);
/** pb_setting_values_set: @value was validated. */
void pb_setting_values_set (PbSettingValues *values, const PbSettingSpec *spec, GVariant *value);
/** pb_setting_values_get: (transfer full), not floating. */
GVariant *pb_setting_values_get (const PbSettingValues *values, const PbSettingSpec *spec);

/** pb_setting_interface_info: introspection of one settings interface with its annotations, built from the rows. (transfer none), lives for ever. */
GDBusInterfaceInfo *pb_setting_interface_info (const char *interface);
