/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/settings-table.h"
#include "model/setting.h"

/* Shared by setting.c (what becomes of it) and setting-values.c (what is asked of it). */
struct _PbaSetting
{
  GObject parent_instance;

  const PbSettingSpec *spec; /* (nullable): only the service knows it */
  guint rank;
  char *key, *interface, *name, *type; /* (owned) */
  PbaSettingKind kind;
  char *title, *help, *group, *group_id, *unit; /* (owned) */
  guint32 minimum, maximum;
  char **choices;    /* (owned) (nullable) */
  GVariant *def;     /* (owned) (nullable) */
  gboolean effective, is_private, unreadable, writable, conflict;
  GVariant *value, *pending; /* (owned) (nullable) */
  char *problem;             /* (owned) (nullable): of pending, found here */
  char *refusal;             /* (owned) (nullable): the server's, until pending is another */
  char *note, *warning;      /* (owned) (nullable) */
};

/** pba_setting_new: from what the service's introspection says of it; our table adds what it knows (check, kind, words). */
PbaSetting *pba_setting_new (const char *interface, GDBusPropertyInfo *info);
/** pba_setting_describe: another introspection of the same setting, after a new connection. */
void pba_setting_describe (PbaSetting *self, GDBusPropertyInfo *info);
/** pba_setting_take_value: what holds on the server. An edit stays; when that changed beneath it, conflict is set. */
void pba_setting_take_value (PbaSetting *self, GVariant *value);
/** pba_setting_applied: the server took pending; what it says later of the value counts. */
void pba_setting_applied (PbaSetting *self, GVariant *value);
void pba_setting_set_warning (PbaSetting *self, const char *sentence);
void pba_setting_set_error (PbaSetting *self, const char *sentence);
void pba_setting_set_unreadable (PbaSetting *self);
void pba_setting_set_writable (PbaSetting *self, gboolean writable);
void pba_setting_clear_conflict (PbaSetting *self);
/** pba_setting_get_rank: place in the table; G_MAXUINT when only the service knows it. */
guint pba_setting_get_rank (PbaSetting *self);
