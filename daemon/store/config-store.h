/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/mailbox.h"
#include <glib.h>

/*
 * settings.db: settings, list rows and the revisions they went through. Knows keys and values, not what they mean. One writing thread of its own; committed
 * and synced before the callback. Errors: PB_STORE_ERROR.
 */
typedef struct _PbConfigStore PbConfigStore;

typedef struct
{
  char *id;       /* (owned) UUID */
  char *kind;     /* (owned) "TrustedList" */
  guint position;
  GVariant *row;  /* (owned) a{sv} without Id and Position */
} PbConfigRow;
void pb_config_row_free (PbConfigRow *self);

typedef struct
{
  GHashTable *settings; /* (owned) "General.MaxHops" -> GVariant* */
  GPtrArray *rows;      /* (owned) (element-type PbConfigRow) by kind, position */
  GHashTable *secrets;  /* (owned) relay ("general" or a row's id) -> GBytes*, sealed */
  GHashTable *verifiers; /* (owned) account's row id -> GBytes* */
  GHashTable *signing_keys; /* (owned) id -> GBytes*, their private parts sealed */
  GHashTable *blocks;   /* (owned) id -> GVariant* */
  GHashTable *hits;     /* (owned) rule's row id -> GVariant* */
  guint64 revision;
  char *instance_id;    /* (owned) UUID made at first start */
} PbConfigContent;
void pb_config_content_free (PbConfigContent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbConfigContent, pb_config_content_free)

/** pb_config_store_open: blocks (start-up). Refuses a newer schema and a corrupt file, overwriting nothing. */
PbConfigStore *pb_config_store_open (const char *directory, GError **error);
void pb_config_store_close (PbConfigStore *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbConfigStore, pb_config_store_close)

/** pb_config_store_load: blocks (start-up). */
PbConfigContent *pb_config_store_load (PbConfigStore *self, GError **error);

/*
 * One changed cell: a setting (kind NULL, key its name) or a list row (kind and key = row id). Or what no revision records: a relay's sealed secret (kind
 * PB_CONFIG_SECRET, key the relay, new_value ay), what is kept of an account's password (PB_CONFIG_VERIFIER, its row's id, ay), a signing key
 * (PB_CONFIG_SIGNING_KEY, its id, ay), a block (PB_CONFIG_BLOCK, its id, any value), how often a rule matched (PB_CONFIG_HIT, its row's id, any value). No list
 * can be called as these kinds are.
 */
#define PB_CONFIG_SECRET "#secret"
#define PB_CONFIG_VERIFIER "#verifier"
#define PB_CONFIG_SIGNING_KEY "#signing-key"
#define PB_CONFIG_BLOCK "#block"
#define PB_CONFIG_HIT "#hit"
typedef struct
{
  char *kind;          /* (owned) (nullable) */
  char *key;           /* (owned) */
  GVariant *old_value; /* (owned) (nullable) what Revert brings back: NULL = default / no row */
  GVariant *new_value; /* (owned) (nullable) NULL = back to the default / row removed */
  guint old_position, new_position; /* rows only */
} PbConfigChange;
void pb_config_change_free (PbConfigChange *self);

typedef void (*PbConfigCommitted) (guint64 revision, const GError *error, gpointer user_data);

/**
 * pb_config_store_commit:
 * @changes: (transfer full) (element-type PbConfigChange): all in one transaction, which makes the next revision
 * @who: "uid 1000 (anna)"; @what: one line for Revisions and Audit
 * @keep_revision: bump and record a revision (FALSE for hit counters and the like)
 * The last 100 revisions are kept.
 */
void pb_config_store_commit (PbConfigStore *self, GPtrArray *changes, const char *who, const char *what, gboolean keep_revision, PbMailbox *reply_to,
                             PbConfigCommitted func, gpointer user_data);

/** pb_config_store_busy_since: as pb_store_busy_since(). */
gint64 pb_config_store_busy_since (PbConfigStore *self);

typedef struct
{
  guint64 revision;
  gint64 time; /* Unix seconds */
  char *who, *what;   /* (owned) */
  GPtrArray *changes; /* (owned) (element-type PbConfigChange) */
} PbConfigRevision;
void pb_config_revision_free (PbConfigRevision *self);

typedef void (*PbConfigRevisions) (GPtrArray *revisions, guint total, const GError *error, gpointer user_data);

/** pb_config_store_revisions: newest first, (element-type PbConfigRevision) (transfer full). */
void pb_config_store_revisions (PbConfigStore *self, guint offset, guint limit, PbMailbox *reply_to, PbConfigRevisions func, gpointer user_data);
