/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/computed.h"
#include "dbus/list-kinds.h"
#include "settings/remote-recipients.h"
#include "settings/snapshot.h"
#include "store/config-store.h"
#include "util/local-networks.h"
#include "util/pool.h"
#include "util/secret.h"
#include <glib-object.h>

/*
 * The live settings: checks, commits, swaps the snapshot, tells. Main thread, but pb_registry_snapshot().
 * Every change, whichever method asked for it, goes through one place: a list of PbConfigChange, committed, then applied.
 *
 * Signals, after the commit and before the reply: "committed" (there is a new revision), then "settings-changed" (const char *interface, GStrv names:
 * settings and computed properties) and "list-changed" (int PbListKind, guint64 revision) for what is another in it.
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
  guint confirm_timeout;  /* seconds; not 0: rolled back by itself unless pb_registry_confirm() comes in time. A restart rolls back too. */
} PbApplyOptions;

/** PbRegistryDone: @error as on the bus (PB_ERROR_*). @result: revision as t, or a new row's id as s. */
typedef void (*PbRegistryDone) (GVariant *result, const GError *error, gpointer user_data);

/** pb_registry_apply: @changes a{sa{sv}}: interface -> name -> value; all or nothing; concurrent calls are taken one after the other. */
void pb_registry_apply (PbRegistry *self, GVariant *changes, const PbApplyOptions *options, PbRegistryDone func, gpointer user_data);

/** pb_registry_confirm: keeps what was applied with a confirm_timeout. @revision: what that Apply answered. Errors: NOT_FOUND when it waits for none. */
void pb_registry_confirm (PbRegistry *self, guint64 revision, const char *who, PbRegistryDone func, gpointer user_data);

/** pb_registry_draft_snapshot: (transfer full) (nullable): what would hold with @changes, as of pb_registry_apply(); nothing is changed. Errors as there. */
PbSnapshot *pb_registry_draft_snapshot (PbRegistry *self, GVariant *changes, GError **error);

/** pb_registry_validate: (transfer full) a(sss): place, severity ("error", "problem", "warning"), words; across settings and lists. */
GVariant *pb_registry_validate (PbRegistry *self);

/** pb_registry_revisions: @func gets (taa{sv}): how many there are; Revision t, Time t, Who s, What s, Changes as; newest first. */
void pb_registry_revisions (PbRegistry *self, guint offset, guint limit, PbRegistryDone func, gpointer user_data);
/** pb_registry_revert: everything but Accounts as it was at @revision, as a new revision. Needs modify-settings alone. Errors: NOT_FOUND when it is not kept. */
void pb_registry_revert (PbRegistry *self, guint64 revision, const char *who, PbRegistryDone func, gpointer user_data);

/** pb_registry_export: (transfer full) JSON of all settings and lists; no secrets. */
char *pb_registry_export (PbRegistry *self);
/** pb_registry_import: what pb_registry_export() gave, all or nothing, one revision; settings and lists that are not in it stay. Unknown keys are refused. */
void pb_registry_import (PbRegistry *self, const char *json, const PbApplyOptions *options, PbRegistryDone func, gpointer user_data);
/** pb_registry_import_actions: (transfer full) the polkit actions of all that importing @json would change. */
char **pb_registry_import_actions (PbRegistry *self, const char *json, GError **error);

/**
 * PbRegistryCheck: looks at what only the outside can tell of the settings as they would be (files). Main thread; answers by pb_registry_checked()
 * with @ticket, exactly once, later or at once.
 */
typedef void (*PbRegistryCheck) (const PbSettingValues *values, gpointer ticket, gpointer user_data);

/** pb_registry_set_check: @func is asked before a change of a setting of @interface (static) is committed; a roll-back is not to be refused. */
void pb_registry_set_check (PbRegistry *self, const char *interface, PbRegistryCheck func, gpointer user_data);
/** pb_registry_checked: @error: (nullable) why not; PB_ERROR_INVALID_VALUE, say. */
void pb_registry_checked (gpointer ticket, const GError *error);

/** pb_registry_stale_relays: (transfer full) (element-type utf8): relays, "general" or the Id of an exception, for which a password is kept that is not theirs any more. None without a key. */
GPtrArray *pb_registry_stale_relays (PbRegistry *self);

/** pb_registry_use_key: once, at start: the key that secrets are sealed under. Without one there are none to open, and none can be set. */
void pb_registry_use_key (PbRegistry *self, PbSecret *key);

/** pb_registry_use_people: once, at start: who the system's users are. */
void pb_registry_use_people (PbRegistry *self, PbPeople *people);

/** pb_registry_use_remote_recipients: likewise: whom the servers of Domain List domains know. */
void pb_registry_use_remote_recipients (PbRegistry *self, PbRemoteRecipients *recipients);
/**
 * pb_registry_set_secret: @secret: the password for @relay (a row of RelayExceptions or PB_RELAY_GENERAL), sealed for where that leads now; empty: it is
 * forgotten. Revisions record that, never what. One that takes another's place while an Apply of the relay's settings waits for Confirm goes with them if
 * they are rolled back. Errors: INVALID_VALUE, TOO_LARGE, NOT_FOUND, UNAVAILABLE without a key.
 */
void pb_registry_set_secret (PbRegistry *self, const char *relay, PbSecret *secret, const char *who, PbRegistryDone func, gpointer user_data);

#define PB_ACCOUNT_PASSWORD_MAX 1024 /* octets */
/**
 * pb_registry_set_password: @password: of the account @id, UTF-8; empty: it has none any more and cannot log in. Only a verifier is kept, which @workers make.
 * Revisions record that, never what. Errors: NOT_FOUND, INVALID_VALUE, TOO_LARGE, BUSY.
 */
void pb_registry_set_password (PbRegistry *self, const char *id, PbSecret *password, PbPool *workers, const char *who, PbRegistryDone func,
                               gpointer user_data);

/**
 * pb_registry_create_signing_key: for mail of @domain, which is a local one. @selector: a label; "": one is chosen. @algorithm: "rsa" (2048 bits) or "ed25519"; @workers
 * make the key. It signs nothing yet. @func gets its id. Errors: INVALID_VALUE, TOO_LARGE, BUSY, UNAVAILABLE without a master key.
 */
void pb_registry_create_signing_key (PbRegistry *self, const char *domain, const char *selector, const char *algorithm, PbPool *workers, const char *who,
                                     PbRegistryDone func, gpointer user_data);
/** pb_registry_activate_signing_key: whether the key signs. Errors: NOT_FOUND, UNAVAILABLE when it cannot be opened. */
void pb_registry_activate_signing_key (PbRegistry *self, const char *id, gboolean active, const char *who, PbRegistryDone func, gpointer user_data);
/** pb_registry_remove_signing_key: for good. Errors: NOT_FOUND. */
void pb_registry_remove_signing_key (PbRegistry *self, const char *id, const char *who, PbRegistryDone func, gpointer user_data);
/** pb_registry_list_signing_keys: (transfer full) aa{sv}: Id, Domain, Selector, Algorithm, Active, Usable, Made, RecordName, Record. Nothing secret. */
GVariant *pb_registry_list_signing_keys (PbRegistry *self);

/** pb_registry_take_blocks: (transfer full) (nullable): id -> GVariant: the blocks that were stored at the start; once. */
GHashTable *pb_registry_take_blocks (PbRegistry *self);

/** pb_registry_hits: (transfer none): how often the rules of the AccessList matched; what is written of it is written by others. */
PbHits *pb_registry_hits (PbRegistry *self);

/** pb_registry_set_dnssec: @state: (static): what Dns.Validation is from now on; told like a change of settings, without a revision. */
void pb_registry_set_dnssec (PbRegistry *self, const char *state);

/** pb_registry_set_interfaces: what the local network is, as long as LocalNetworks names no other; told like a change of settings, without a revision. */
void pb_registry_set_interfaces (PbRegistry *self, PbLocalNetworks *interfaces);

/** pb_registry_computed: (transfer full), not floating: a read-only property of the settings interfaces. */
GVariant *pb_registry_computed (PbRegistry *self, PbComputedId id);

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
/** pb_snapshot_builder_set_password: takes milliseconds. */
void pb_snapshot_builder_set_password (PbSnapshotBuilder *self, const char *account_id, const char *password);
/** pb_snapshot_builder_build: (transfer full), frees @self. */
PbSnapshot *pb_snapshot_builder_build (PbSnapshotBuilder *self);
