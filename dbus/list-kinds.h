/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/validate.h"
#include <gio/gio.h>

/* The table of list kinds: RelayExceptions, TrustedList, ... One implementation serves them all; a new list is a new table. */
typedef enum
{
  PB_LIST_TRUSTED_LIST,
  PB_LIST_DOMAIN_LIST,
  PB_LIST_RELAY_EXCEPTIONS,
  PB_LIST_ACCESS_LIST,
  PB_LIST_LOCAL_DOMAINS,
  PB_LIST_ACCOUNTS,
  PB_LIST_ALIASES,
  PB_LIST_DNSBL_ZONES,
  PB_N_LISTS,
} PbListKind;

typedef enum
{
  PB_COLUMN_NORMAL = 0,
  PB_COLUMN_REQUIRED = 1 << 0,  /* no default: Add must give it */
  PB_COLUMN_READ_ONLY = 1 << 1, /* ours to set: Hits, SecretState */
  PB_COLUMN_UNIQUE = 1 << 2,    /* case-insensitively unique in the list */
  PB_COLUMN_MAY_BE_EMPTY = 1 << 3,
  PB_COLUMN_INEFFECTIVE = 1 << 4, /* nothing obeys it yet, though the list is obeyed */
} PbColumnFlags;

typedef struct
{
  const char *name;    /* "Network" */
  const char *type;    /* "b" "u" "i" "t" "s" "as" */
  const char *def;     /* GVariant text of the default */
  const char *choices; /* (nullable) "a|b" */
  PbCheck check;
  PbColumnFlags flags;
  guint32 minimum, maximum; /* for u; both 0 = any */
  const char *title, *help;
} PbColumnSpec;

typedef struct
{
  const char *name; /* "TrustedList" */
  const PbColumnSpec *columns;
  guint n_columns;
  const char *action;   /* polkit action of its writes */
  gboolean in_revert;   /* FALSE for Accounts */
  gboolean ineffective; /* nothing obeys the list yet */
  const char *title, *help; /* untranslated */
} PbListSpec;

const PbListSpec *pb_list_spec (PbListKind kind);
/** pb_list_lookup: Returns: FALSE when @name is no list. */
gboolean pb_list_lookup (const char *name, PbListKind *kind);
/** pb_list_row_complete: (transfer full): @row a{sv} checked and filled with defaults; unknown keys, wrong types, read-only keys refused. Errors: PB_ERROR_INVALID_VALUE
 *  "TrustedList[<id or new>].Network: must be ...". @base (nullable): the present row for Update. */
GVariant *pb_list_row_complete (PbListKind kind, const char *id, GVariant *base, GVariant *row, GError **error);
/** pb_access_usual_skips: (transfer none): what a whitelist rule of this Kind ("ip") spares when it does not say; NULL-terminated, empty for no kind. */
const char *const *pb_access_usual_skips (const char *kind);
/** pb_list_interface_info: introspection of one list interface: methods, signal, column annotations. (transfer none). */
GDBusInterfaceInfo *pb_list_interface_info (PbListKind kind);
