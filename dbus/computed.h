/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/settings-table.h"
#include <glib.h>

/* Read-only properties of the settings interfaces, worked out by the daemon: the rows of computed.def. */
typedef enum
{
#define PB_COMPUTED(iface, name, ...) PB_COMPUTED_##iface##_##name,
#include "dbus/computed.def"
#undef PB_COMPUTED
  PB_N_COMPUTED,
} PbComputedId;

typedef struct
{
  const char *interface; /* "Delivery" */
  const char *name;      /* "RelaySecretState" */
  const char *type;      /* D-Bus signature */
  const char *choices;   /* (nullable) "a|b|c" */
  PbSettingFlags flags;  /* PB_SETTING_PRIVATE, PB_SETTING_INEFFECTIVE */
  const char *group, *title, *help; /* untranslated */
} PbComputedSpec;

const PbComputedSpec *pb_computed_spec (PbComputedId id);
/** pb_computed_lookup: FALSE when @interface has no such computed property. */
gboolean pb_computed_lookup (const char *interface, const char *name, PbComputedId *id);
