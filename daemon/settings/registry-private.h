/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/registry.h"
#include "settings/snapshot-private.h"

#define PB_REGISTRY_MAX_ROWS 50000 /* of one list */
/* In the store, beside the settings: what to bring back unless Confirm comes, a(smv) of key and value. No setting can be called so. */
#define PB_PENDING_KEY "#pending"
#define PB_PENDING_TYPE "a(smv)"

#define PB_ROW_STEP 1024           /* between the sort keys of neighbours, so that a move touches one row */

/* What one operation would make of the settings; becomes theirs once it is committed. */
typedef struct
{
  GHashTable *settings;         /* (owned) key -> GVariant, NULL value: back to the default */
  GPtrArray *rows[PB_N_LISTS];  /* (owned) (nullable) (element-type PbRow): all rows of a list that changes */
  GHashTable *secrets;          /* (owned) relay -> GBytes, sealed; NULL value: forgotten */
  GHashTable *verifiers;        /* (owned) account id -> GBytes; NULL value: forgotten */
  GHashTable *signing_keys;     /* (owned) id -> GBytes; NULL value: removed */
  GPtrArray *changes;           /* (owned) (element-type PbConfigChange) */
  char *what;                   /* (owned) one line for Revisions */
  GVariant *result;             /* (owned) (nullable) not floating: the answer; NULL: the revision */
} PbDraft;

typedef struct _PbOperation PbOperation;

/* Fills @draft from the present state, which no other operation changes meanwhile; FALSE refuses. No change at all: nothing is committed. */
typedef gboolean (*PbPrepareFunc) (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error);

struct _PbOperation
{
  PbPrepareFunc prepare;
  char *who;          /* (owned) */
  guint64 if_revision; /* 0: whatever */
  gboolean dry_run;
  gboolean unchecked; /* nothing outside may refuse it */
  guint confirm_timeout; /* seconds; 0: none */
  PbListKind kind;
  char *id;           /* (owned) (nullable) */
  char **ids;         /* (owned) (nullable) */
  guint position;
  GVariant *argument; /* (owned) (nullable) */
  PbSecret *secret;   /* (owned) (nullable) */
  GBytes *packed;     /* (owned) (nullable) a verifier */
  gpointer data;      /* (nullable) borrowed from whoever asks */
  guint64 revision;   /* to go back to, or to confirm */
  GPtrArray *history; /* (owned) (nullable) (element-type PbConfigRevision) newest first */
  void (*applied) (PbRegistry *self, PbOperation *operation); /* (nullable) after the commit, before the signals */
  PbRegistryDone func;
  gpointer user_data;

  PbRegistry *registry; /* (owned) while it is under way */
  PbDraft draft;
};

struct _PbRegistry
{
  GObject parent;

  PbConfigStore *store; /* (unowned) */
  PbMailbox *reply_to;  /* (owned) */
  char *hostname;       /* (owned) */
  char *instance_id;    /* (owned) */
  guint64 revision;

  GHashTable *stored;             /* (owned) key -> GVariant: settings that are not at their defaults, and those of newer programs */
  GPtrArray *rows[PB_N_LISTS];    /* (owned) (element-type PbRow) in order */
  GHashTable *by_id[PB_N_LISTS];  /* (owned) id -> PbRow, borrowed from rows */

  PbSecrets *secrets;                /* (owned) */
  PbLogins *logins;                  /* (owned) */
  PbSigningKeys *signing_keys;       /* (owned) */
  guint keys_waiting;                /* for a worker */
  PbLocalNetworks *interfaces;       /* (owned) (nullable) */
  const char *dnssec;                /* (static) Dns.Validation */
  guint passwords_waiting;           /* for a worker */
  GHashTable *blocks;                /* (owned) (nullable) as they were stored, until pb_registry_take_blocks() */
  PbHits *hits;                      /* (owned) */
  PbPeople *people;                  /* (owned) (nullable) */
  PbRemoteRecipients *remote_recipients; /* (owned) (nullable) */
  GVariant *computed[PB_N_COMPUTED]; /* (owned) as last told */

  GMutex lock;          /* of snapshot alone */
  PbSnapshot *snapshot; /* (owned) */

  const char *check_interface; /* (nullable) static: whose settings @check is asked about */
  PbRegistryCheck check;
  gpointer check_data;

  GQueue operations; /* (element-type PbOperation); the first one is under way */
  gboolean running;

  guint confirm_timer;      /* source id, 0: none */
  guint64 confirm_revision; /* that waits for Confirm; 0: none */
};

/** pb_registry_default: (transfer full): a setting's default here, General.Hostname's too. */
GVariant *pb_registry_default (PbRegistry *self, const PbSettingSpec *spec);

/** pb_operation_new: @func is called once, when it is done or refused. */
PbOperation *pb_operation_new (PbPrepareFunc prepare, const char *who, PbRegistryDone func, gpointer user_data);
void pb_operation_free (PbOperation *self);
/** pb_registry_run: (transfer full) @operation: after those that wait. */
void pb_registry_run (PbRegistry *self, PbOperation *operation);
/** pb_registry_continue: begins what waits, unless something is under way. */
void pb_registry_continue (PbRegistry *self);
/** pb_registry_emit: tells of what @draft changed. */
void pb_registry_emit (PbRegistry *self, const PbDraft *draft);
/** pb_registry_make_snapshot: (transfer full): of @values and @directory (transfer full), with all that lives beside the revisions. */
PbSnapshot *pb_registry_make_snapshot (PbRegistry *self, const PbSettingValues *values, PbDirectory *directory);
/** pb_registry_swap: makes @values and @directory (transfer full) the snapshot of self->revision. */
void pb_registry_swap (PbRegistry *self, const PbSettingValues *values, PbDirectory *directory);
/** pb_registry_take_rows: (transfer full) @rows become those of @kind. */
void pb_registry_take_rows (PbRegistry *self, PbListKind kind, GPtrArray *rows);

void pb_draft_init (PbDraft *self);
/** pb_draft_set: one setting; NULL @value: back to its default. Not checked. */
void pb_draft_set (PbDraft *self, PbRegistry *registry, const char *key, GVariant *value);
/** pb_draft_set_secret: NULL @sealed: it is forgotten. */
void pb_draft_set_secret (PbDraft *self, const char *relay, GBytes *sealed);
/** pb_draft_set_verifier: NULL @packed: the account has no password any more. */
void pb_draft_set_verifier (PbDraft *self, const char *account_id, GBytes *packed);
/** pb_draft_set_signing_key: NULL @packed: it is removed. */
void pb_draft_set_signing_key (PbDraft *self, const char *id, GBytes *packed);
/** pb_draft_settings: @changes a{sa{sv}} checked and drafted; values that are what holds already are left out. */
gboolean pb_draft_settings (PbDraft *self, PbRegistry *registry, GVariant *changes, GError **error);
/** pb_draft_rows: all rows of a list from aa{sv}; ids that are known are kept. */
gboolean pb_draft_rows (PbDraft *self, PbRegistry *registry, PbListKind kind, GVariant *rows, GError **error);
/** pb_draft_take_rows: @rows (transfer full): the changes are found by comparing, names checked for doubles. */
gboolean pb_draft_take_rows (PbDraft *self, PbRegistry *registry, PbListKind kind, GPtrArray *rows, GError **error);
/** pb_draft_values: the settings as they would be. To be cleared by the caller. */
void pb_draft_values (const PbDraft *self, PbRegistry *registry, PbSettingValues *values);
void pb_draft_clear (PbDraft *self);

/** pb_registry_check_pending: FALSE while something waits for Confirm: PB_ERROR_BUSY. */
gboolean pb_registry_check_pending (PbRegistry *self, GError **error);
/** pb_draft_pending: what the draft's settings were before goes into it under PB_PENDING_KEY. */
void pb_draft_pending (PbDraft *self, PbRegistry *registry);
/** pb_registry_on_applied: starts the wait for Confirm; PbOperation.applied of an operation with a confirm_timeout. */
void pb_registry_on_applied (PbRegistry *self, PbOperation *operation);
/** pb_registry_roll_back: takes back what was never confirmed, if there is something. */
void pb_registry_roll_back (PbRegistry *self);

/** pb_draft_end_trial: with @roll_back, the general relay's password as it was before the Apply that waited for Confirm. */
void pb_draft_end_trial (PbDraft *self, PbRegistry *registry, gboolean roll_back);

/** pb_registry_exception_state: SecretState of a row of RelayExceptions. */
const char *pb_registry_exception_state (PbRegistry *self, const PbRow *row);

/** pb_registry_load: puts what was stored in place; what is damaged is logged and left at its default. */
void pb_registry_load (PbRegistry *self, const PbConfigContent *content);
