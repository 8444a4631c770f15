/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/list-kinds.h"
#include "settings/access.h"
#include "settings/logins.h"
#include "settings/relay-rules-private.h"
#include "settings/secrets.h"
#include "settings/signing-keys.h"
#include "settings/snapshot.h"
#include "util/local-networks.h"

/* One row of a list, checked and complete; immutable, reference-counted, any thread. */
typedef struct _PbRow
{
  PbListKind kind;
  char *id;       /* (owned) */
  guint order;    /* sort key among the kind's rows; has gaps */
  GVariant *row;  /* (owned) a{sv}: every column, without Id and Position */
  char **keys;    /* (owned) folded names under which it is looked up, unique within the kind */
  char *search;   /* (owned) (nullable) its text folded for search; the registry's, main thread only */
  char **targets; /* (owned) (nullable) where an alias or a catch-all leads, domains folded */
} PbRow;

/** pb_row_new: @row (transfer none) is complete and checked. */
PbRow *pb_row_new (PbListKind kind, const char *id, guint order, GVariant *row);
/** pb_row_moved: (transfer full): the same row at another place. */
PbRow *pb_row_moved (const PbRow *self, guint order);
PbRow *pb_row_ref (PbRow *self);
void pb_row_unref (PbRow *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbRow, pb_row_unref)

/** pb_row_text: (transfer none): a text cell. */
const char *pb_row_text (const PbRow *self, const char *column);
/** pb_row_is_enabled: TRUE also for kinds without that column. */
gboolean pb_row_is_enabled (const PbRow *self);

/** pb_fold_address: (transfer full): local@domain with the domain folded; @fold_local: the local part in lower case too, as keys are. A text without @ is a local part. */
char *pb_fold_address (const char *address, gboolean fold_local);

/* The lists compiled for look-up; immutable once in a snapshot. */
typedef struct _PbDirectory PbDirectory;
struct _PbDirectory
{
  PbAccess *access; /* (owned) (nullable) */
  struct _PbTrusted *trusted; /* (owned) (nullable) networks of the Trusted List */
  PbRelayRules *relay_rules;  /* (owned) (nullable) */
  struct _PbBlocklistTable *blocklists; /* (owned) (nullable) */
  GHashTable *names[PB_N_LISTS]; /* (owned) (nullable) key -> PbRow, enabled rows only */
  GHashTable *disabled;       /* (owned) (nullable) of the keys of disabled accounts */
};

/** pb_directory_new: (transfer full): empty. */
PbDirectory *pb_directory_new (void);
/** pb_directory_copy: (transfer full): shares what was compiled. */
PbDirectory *pb_directory_copy (const PbDirectory *self);
/** pb_directory_compile: takes the @rows (element-type PbRow) of one kind in place of what it had; only before @self goes into a snapshot. */
void pb_directory_compile (PbDirectory *self, PbListKind kind, GPtrArray *rows);
void pb_directory_free (PbDirectory *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbDirectory, pb_directory_free)

gboolean pb_directory_is_trusted (const PbDirectory *self, const PbIp *ip);
/** pb_directory_lookup: (transfer none) (nullable). */
const PbRow *pb_directory_lookup (const PbDirectory *self, PbListKind kind, const char *key);

/** pb_snapshot_new: @values is copied, @directory (transfer full), @secrets (nullable), @interfaces (nullable): what the local network is without LocalNetworks. */
PbSnapshot *pb_snapshot_new (const PbSettingValues *values, guint64 revision, PbDirectory *directory, PbSecrets *secrets, PbLogins *logins,
                             PbLocalNetworks *interfaces);
