/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/list-kinds.h"
#include "settings/snapshot.h"
#include "store/config-store.h"
#include <glib-object.h>

/*
 * The live settings: checks, commits, swaps the snapshot, tells. Main thread, but pb_registry_snapshot().
 * Every change, whichever method asked for it, goes through one place: a list of PbConfigChange, committed, then applied.
 *
 * Signals: "settings-changed" (const char *interface, GStrv names), "list-changed" (int PbListKind, guint64 revision), both after the commit and before the reply.
 */
#define PB_TYPE_REGISTRY (pb_registry_get_type ())
G_DECLARE_FINAL_TYPE (PbRegistry, pb_registry, PB, REGISTRY, GObject)

/** pb_registry_new: loads everything; blocks (start-up). @store is borrowed, @reply_to the main thread's. @hostname: default of General.Hostname. */
PbRegistry *pb_registry_new (PbConfigStore *store, PbMailbox *reply_to, const char *hostname, GError **error);

/** pb_registry_snapshot: (transfer full). Any thread. */
PbSnapshot *pb_registry_snapshot (PbRegistry *self);
guint64 pb_registry_revision (PbRegistry *self);
const char *pb_registry_instance_id (PbRegistry *self);

typedef struct
{
  const char *who;        /* for revisions: "uid 1000" */
  guint64 if_revision;    /* 0: whatever; else PB_ERROR_CONFLICT when it differs */
  gboolean dry_run;
} PbApplyOptions;

/** PbRegistryDone: @error as on the bus (PB_ERROR_*). @result: revision as t, or a new row's id as s. */
typedef void (*PbRegistryDone) (GVariant *result, const GError *error, gpointer user_data);

/** pb_registry_apply: @changes a{sa{sv}}: interface -> name -> value; all or nothing; concurrent calls are taken one after the other. */
void pb_registry_apply (PbRegistry *self, GVariant *changes, const PbApplyOptions *options, PbRegistryDone func, gpointer user_data);

/* Lists: one implementation for every kind; writes act at once. */
GVariant *pb_registry_list_page (PbRegistry *self, PbListKind kind, GVariant *filter, guint offset, guint limit, GError **error); /* (tuaa{sv}) */
GVariant *pb_registry_list_get (PbRegistry *self, PbListKind kind, const char *id, GError **error);                              /* a{sv} */
void pb_registry_list_add (PbRegistry *self, PbListKind kind, GVariant *row, const char *who, PbRegistryDone func, gpointer user_data);
void pb_registry_list_update (PbRegistry *self, PbListKind kind, const char *id, GVariant *row, const char *who, PbRegistryDone func, gpointer user_data);
void pb_registry_list_remove (PbRegistry *self, PbListKind kind, const char *const *ids, const char *who, PbRegistryDone func, gpointer user_data);
void pb_registry_list_move (PbRegistry *self, PbListKind kind, const char *id, guint position, const char *who, PbRegistryDone func, gpointer user_data);
void pb_registry_list_replace (PbRegistry *self, PbListKind kind, GVariant *rows, const char *who, PbRegistryDone func, gpointer user_data);

/* For tests of floors above, without a store or a bus: a snapshot from values and rows. */
typedef struct _PbSnapshotBuilder PbSnapshotBuilder;
PbSnapshotBuilder *pb_snapshot_builder_new (void);
/** pb_snapshot_builder_values: (transfer none) defaults, to be changed in place (strings: g_free and replace). */
PbSettingValues *pb_snapshot_builder_values (PbSnapshotBuilder *self);
/** pb_snapshot_builder_add_row: @row GVariant text of a{sv}: "{'Network': <'127.0.0.0/8'>, 'Name': <'x'>}"; completed and checked; aborts on error. @id (nullable). */
void pb_snapshot_builder_add_row (PbSnapshotBuilder *self, PbListKind kind, const char *id, const char *row);
/** pb_snapshot_builder_build: (transfer full), frees @self. */
PbSnapshot *pb_snapshot_builder_build (PbSnapshotBuilder *self);
