/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/setting-private.h"
#include "model/settings-model.h"

/* Shared by settings-model.c (what there is), settings-load.c (how it comes) and settings-apply.c (how it goes). */
struct _PbaSettingsModel
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  GCancellable *cancellable; /* (owned): of what is asked on this link */
  GPtrArray *settings;       /* (owned) (element-type PbaSetting) in order */
  GHashTable *by_key;        /* (owned): borrows from settings */
  GPtrArray *drafts;         /* (owned) (element-type PbaDraft): weak; each leaves when it is gone */
  guint64 revision;          /* what the edits are based on */
  gboolean loaded, applying, writable;
  gboolean stale;            /* an Apply was refused for a revision we had not seen */
  gboolean overwrite;        /* the next Apply goes without IfRevision */
  guint n_changes, n_errors, n_conflicts;
  char *error; /* (owned) (nullable) */
};

/** pba_settings_model_send_drafts: those that are changed, one after the other; takes @task and answers it with TRUE or the first error. */
void pba_settings_model_send_drafts (PbaSettingsModel *self, GTask *task);
void pba_settings_model_forget_drafts (PbaSettingsModel *self);
/** pba_settings_model_warn: brings the settings' warnings up to date. */
void pba_settings_model_warn (PbaSettingsModel *self);
/** pba_settings_model_count: brings n_changes, n_errors, conflict and summary up to date. */
void pba_settings_model_count (PbaSettingsModel *self);
void pba_settings_model_set_error (PbaSettingsModel *self, const char *sentence);
void pba_settings_model_set_applying (PbaSettingsModel *self, gboolean applying);
/** pba_settings_model_load: settings by the connection's introspection, then their values. */
void pba_settings_model_load (PbaSettingsModel *self);
/** pba_settings_model_fetch: all values and the revision again. */
void pba_settings_model_fetch (PbaSettingsModel *self);
void pba_settings_model_follow (PbaSettingsModel *self);
