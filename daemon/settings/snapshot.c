/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the rest of the daemon asks about settings and lists: is this domain ours, may this client
 * relay, whose mailbox is this, where does an alias lead. A snapshot is made by the registry for
 * each revision and never changes, so it is read from any thread without a lock; whoever holds a
 * reference keeps the strings that the look-ups hand out.
 */
#include "settings/snapshot-private.h"

#include "settings/remote-recipients.h"
#include "util/log.h"
#include <string.h>

#define MAX_DEPTH   100  /* of an alias that leads to an alias */
#define ROOT        "root"
#define MAX_TARGETS 1000 /* of one address */
#define POSTMASTER  PB_LOCAL_POSTMASTER
#define MAILER_DAEMON "mailer-daemon" /* what our DSNs are from: answers to them are for the postmaster */
#define MAX_USER_DELIMITERS 2 /* in the name of a system's user that is looked for */

PbSnapshot *
pb_snapshot_new (const PbSettingValues *values, guint64 revision, PbDirectory *directory,
                 PbSecrets *secrets, PbLogins *logins, PbLocalNetworks *interfaces)
{
  PbSnapshot *self = g_atomic_rc_box_new0 (PbSnapshot);

  pb_setting_values_copy (&self->values, values);
  self->revision = revision;
  self->directory = directory;
  self->secrets = secrets != NULL ? pb_secrets_ref (secrets) : NULL;
  self->logins = pb_logins_ref (logins);
  if (interfaces != NULL)
    self->local_networks =
      pb_local_networks_replace (interfaces,
                                 (const char *const *) self->values.general_local_networks);
  return self;
}

PbSnapshot *
pb_snapshot_ref (PbSnapshot *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
snapshot_clear (gpointer data)
{
  PbSnapshot *self = data;

  pb_setting_values_clear (&self->values);
  pb_directory_free (self->directory);
  g_clear_pointer (&self->secrets, pb_secrets_unref);
  pb_logins_unref (self->logins);
  g_clear_pointer (&self->hits, pb_hits_unref);
  g_clear_pointer (&self->signing_keys, pb_signing_keys_unref);
  g_clear_pointer (&self->people, pb_people_unref);
  g_clear_pointer (&self->remote_recipients, pb_remote_recipients_unref);
  g_clear_pointer (&self->local_networks, pb_local_networks_unref);
}

void
pb_snapshot_unref (PbSnapshot *self)
{
  g_atomic_rc_box_release_full (self, snapshot_clear);
}

gboolean
pb_snapshot_is_local_domain (const PbSnapshot *self, const char *domain)
{
  return pb_directory_lookup (self->directory, PB_LIST_LOCAL_DOMAINS, domain) != NULL
         || g_ascii_strcasecmp (domain, self->values.general_hostname) == 0;
}

gboolean
pb_snapshot_is_trusted (const PbSnapshot *self, const PbIp *ip)
{
  return pb_directory_is_trusted (self->directory, ip);
}

gboolean
pb_snapshot_is_local_network (const PbSnapshot *self, const PbIp *ip, int scope)
{
  return self->local_networks != NULL
         && pb_local_networks_contains (self->local_networks, ip, scope);
}

gboolean
pb_snapshot_is_exempt_unasked (const PbSnapshot *self, const PbIp *ip, int scope)
{
  return pb_snapshot_is_trusted (self, ip)
         || (self->values.general_auth_skip_local_network
             && pb_snapshot_is_local_network (self, ip, scope));
}

gboolean
pb_snapshot_is_relay_domain (const PbSnapshot *self, const char *domain, const char **target)
{
  const PbRow *row = pb_directory_lookup (self->directory, PB_LIST_DOMAIN_LIST, domain);
  const char *text = row != NULL ? pb_row_text (row, "Target") : "";

  if (target != NULL)
    *target = text[0] != '\0' ? text : NULL;
  return row != NULL;
}

/* A name of a list by its whole address, then by its local part alone. A local part with an @ in it
 * (it was quoted) must not be taken for somebody's address. */
static const PbRow *
find_name (const PbSnapshot *self, PbListKind kind, const char *local, const char *domain)
{
  const PbRow *row = NULL;

  if (domain != NULL)
    {
      g_autofree char *address = g_strconcat (local, "@", domain, NULL);

      row = pb_directory_lookup (self->directory, kind, address);
    }
  if (row == NULL && strchr (local, '@') == NULL)
    row = pb_directory_lookup (self->directory, kind, local);
  return row;
}

void
pb_snapshot_find_account (const PbSnapshot *self, const char *login, PbAccount *account)
{
  g_autofree char *key = pb_fold_address (login, TRUE);
  char *at = strrchr (key, '@');
  const PbRow *row = pb_directory_lookup (self->directory, PB_LIST_ACCOUNTS, key);

  if (row == NULL && at != NULL && pb_snapshot_is_local_domain (self, at + 1))
    {
      *at = '\0';
      row = find_name (self, PB_LIST_ACCOUNTS, key, NULL);
      *at = '@';
    }
  *account = (PbAccount){ 0 };
  if (row != NULL)
    {
      account->id = row->id;
      account->name = pb_row_text (row, "Name");
      g_variant_lookup (row->row, "DailyMessages", "u", &account->daily_messages);
      g_variant_lookup (row->row, "DailyRecipients", "u", &account->daily_recipients);
    }
  account->has_password = pb_logins_find (self->logins, account->id, key, &account->verifier);
}

static gboolean
has_own_accounts (const PbSnapshot *self)
{
  return !g_str_equal (self->values.mailboxes_account_source, "pam");
}

gboolean
pb_snapshot_is_disabled (const PbSnapshot *self, const char *login)
{
  g_autofree char *key = pb_fold_address (login, TRUE);
  PbAccount account;
  char *at;

  if (self->directory->disabled == NULL || !has_own_accounts (self))
    return FALSE;
  pb_snapshot_find_account (self, login, &account);
  if (account.id != NULL)
    return FALSE;
  if (g_hash_table_contains (self->directory->disabled, key))
    return TRUE;
  at = strrchr (key, '@');
  if (at == NULL || !pb_snapshot_is_local_domain (self, at + 1))
    return FALSE;
  *at = '\0';
  return g_hash_table_contains (self->directory->disabled, key);
}

static gboolean
find_local (const PbSnapshot *self, gboolean aliases, const char *local, const char *domain,
            PbLocal *found)
{
  const PbRow *row = aliases ? find_name (self, PB_LIST_ALIASES, local, domain) : NULL;

  if (row != NULL)
    {
      *found = (PbLocal){ .kind = PB_LOCAL_ALIAS, .targets = (const char *const *) row->targets };
      return TRUE;
    }
  if (has_own_accounts (self))
    row = find_name (self, PB_LIST_ACCOUNTS, local, domain);
  if (row != NULL)
    *found = (PbLocal){ .kind = PB_LOCAL_ACCOUNT,
                        .account_id = row->id,
                        .name = pb_row_text (row, "Name"),
                        .length = strlen (local) };
  return row != NULL;
}

/* The shortest sub-address is cut first, so that a name that holds the delimiter itself is found. */
static gboolean
find_sub_address (const PbSnapshot *self, gboolean aliases, char *local, const char *domain,
                  PbLocal *found)
{
  char delimiter = self->values.mailboxes_delimiter[0];
  char *cut;

  if (delimiter == '\0')
    return FALSE;
  while ((cut = strrchr (local, delimiter)) != NULL && cut > local)
    {
      *cut = '\0';
      if (find_local (self, aliases, local, domain, found))
        return TRUE;
    }
  return FALSE;
}

/* Returns: TRUE when @name decides: it is a user's, or must be asked about first. */
static gboolean
find_system_user (const PbSnapshot *self, const char *name, PbLocal *found)
{
  PbPerson person = { PB_PERSON_UNASKED, 0 };

  /* uid 0 has no mailbox, so nobody is to be asked: whose mail root's is stays certain (submission.c). */
  if (!pb_people_name_is_possible (name) || g_str_equal (name, ROOT)
      || pb_snapshot_is_disabled (self, name))
    return FALSE;
  if (self->people != NULL)
    person = pb_people_peek (self->people, name);
  switch (person.state)
    {
    case PB_PERSON_UNKNOWN:
      return FALSE;
    case PB_PERSON_KNOWN:
      *found = (PbLocal){ .kind = PB_LOCAL_SYSTEM_USER, .uid = person.uid, .length = strlen (name) };
      return TRUE;
    case PB_PERSON_UNASKED:
    case PB_PERSON_TROUBLE:
      *found = (PbLocal){ .kind = PB_LOCAL_PENDING, .ask = strlen (name) };
      return TRUE;
    }
  g_assert_not_reached ();
}

static guint
count_delimiters (const char *name, char delimiter)
{
  guint n = 0;

  for (; delimiter != '\0' && *name != '\0'; name++)
    n += *name == delimiter;
  return n;
}

/* As find_sub_address(), behind all that is ours. Each name may be a question to a directory far away, so of a local part full of delimiters only the front is tried. */
static gboolean
find_system_users (const PbSnapshot *self, char *local, PbLocal *found)
{
  char delimiter = self->values.mailboxes_delimiter[0];
  char *cut = local;

  if (g_str_equal (self->values.mailboxes_account_source, "internal"))
    return FALSE;
  for (guint n = count_delimiters (local, delimiter); cut != NULL; n--)
    {
      if (n <= MAX_USER_DELIMITERS && find_system_user (self, local, found))
        return TRUE;
      cut = n > 0 ? strrchr (local, delimiter) : NULL;
      if (cut != NULL)
        *cut = '\0';
    }
  return FALSE;
}

static PbLocal
resolve (const PbSnapshot *self, gboolean aliases, const char *local, const char *domain)
{
  g_autofree char *name = g_ascii_strdown (local != NULL ? local : POSTMASTER, -1);
  g_autofree char *user = g_strdup (name);
  gboolean postmaster = g_str_equal (name, POSTMASTER);
  PbLocal found = { .kind = PB_LOCAL_UNKNOWN };
  const PbRow *row;

  if (domain != NULL && !pb_snapshot_is_local_domain (self, domain))
    return (PbLocal){ .kind = PB_LOCAL_NOT_LOCAL };
  if (find_local (self, aliases, name, domain, &found)
      || find_sub_address (self, aliases, name, domain, &found))
    return found;
  if (postmaster)
    return (PbLocal){ .kind = PB_LOCAL_ACCOUNT,
                      .account_id = PB_LOCAL_POSTMASTER,
                      .length = strlen (user) };
  if (g_str_equal (user, MAILER_DAEMON))
    {
      found = resolve (self, aliases, POSTMASTER, domain);
      found.length = strlen (user);
      return found;
    }
  if (find_system_users (self, user, &found))
    return found;
  row = domain != NULL && aliases
          ? pb_directory_lookup (self->directory, PB_LIST_LOCAL_DOMAINS, domain)
          : NULL;
  if (row != NULL && row->targets != NULL)
    return (PbLocal){ .kind = PB_LOCAL_ALIAS, .targets = (const char *const *) row->targets };
  return found;
}

PbLocal
pb_snapshot_resolve_local (const PbSnapshot *self, const char *local, const char *domain)
{
  return resolve (self, TRUE, local, domain);
}

PbLocal
pb_snapshot_resolve_mailbox (const PbSnapshot *self, const char *local, const char *domain)
{
  return resolve (self, FALSE, local, domain);
}

const char *
pb_snapshot_find_owner (const PbSnapshot *self, const char *local, const char *domain)
{
  g_autofree char *name = g_ascii_strdown (local, -1);
  g_autofree char *address = g_strconcat (name, "@", domain, NULL);
  const PbRow *row = has_own_accounts (self)
                       ? pb_directory_lookup (self->directory, PB_LIST_ACCOUNTS, address)
                       : NULL;
  PbLocal found = { .kind = PB_LOCAL_UNKNOWN };

  if (row != NULL)
    return row->id;
  if (pb_snapshot_is_local_domain (self, domain)
      && (find_local (self, FALSE, name, domain, &found)
          || find_sub_address (self, FALSE, name, domain, &found)))
    return found.account_id;
  return NULL;
}

/* @local is @name, or a sub-address of it. */
static gboolean
is_name_or_sub_address (const PbSnapshot *self, const char *local, const char *name)
{
  char delimiter = self->values.mailboxes_delimiter[0];
  gsize length = strlen (name);

  return g_ascii_strncasecmp (local, name, length) == 0
         && (local[length] == '\0' || (delimiter != '\0' && local[length] == delimiter));
}

gboolean
pb_snapshot_may_send_as (const PbSnapshot *self, const char *account_id, const char *login,
                         const char *local, const char *domain)
{
  const char *owner = pb_snapshot_find_owner (self, local, domain);

  if (owner != NULL)
    return g_strcmp0 (owner, account_id) == 0;
  return login != NULL && login[0] != '\0' && pb_snapshot_is_local_domain (self, domain)
         && is_name_or_sub_address (self, local, login);
}

gboolean
pb_snapshot_is_copied (const PbSnapshot *self, const char *address)
{
  char **external = self->values.general_external_postmasters;
  const char *at = strrchr (address, '@');
  g_autofree char *local = NULL;

  if (external == NULL || external[0] == NULL || at == NULL
      || !pb_snapshot_is_local_domain (self, at + 1))
    return FALSE;
  local = g_strndup (address, (gsize) (at - address));
  return is_name_or_sub_address (self, local, POSTMASTER)
         || is_name_or_sub_address (self, local, MAILER_DAEMON);
}

char *
pb_local_format_mailbox (guint32 uid, char buffer[PB_LOCAL_MAILBOX_TEXT])
{
  g_snprintf (buffer, PB_LOCAL_MAILBOX_TEXT, "uid-%" G_GUINT32_FORMAT, uid);
  return buffer;
}

gboolean
pb_local_is_mailbox (PbLocalKind kind)
{
  switch (kind)
    {
    case PB_LOCAL_ACCOUNT:
    case PB_LOCAL_SYSTEM_USER:
    case PB_LOCAL_PENDING:
      return TRUE;
    case PB_LOCAL_NOT_LOCAL:
    case PB_LOCAL_UNKNOWN:
    case PB_LOCAL_ALIAS:
      break;
    }
  return FALSE;
}

/* One expansion under way. */
typedef struct
{
  const PbSnapshot *snapshot;
  GHashTable *visited; /* (owned) folded addresses already looked at */
  GHashTable *final;   /* (owned) folded addresses in the result */
  GPtrArray *result;   /* (owned) */
  const char *refused; /* (nullable) (static) why there can be no result */
} Expansion;

static void
add_final (Expansion *self, const char *address)
{
  char *key = pb_fold_address (address, TRUE);

  if (g_hash_table_contains (self->final, key))
    {
      g_free (key);
      return;
    }
  if (self->result->len >= MAX_TARGETS)
    self->refused = "more than 1000 targets";
  g_hash_table_add (self->final, key);
  g_ptr_array_add (self->result, g_strdup (address));
}

/* The local part of @address (quotes resolved, RFC 5321 4.1.2 Quoted-string) and its domain. */
static char *
split_address (const char *address, const char **domain)
{
  const char *at = strrchr (address, '@');
  gsize length = at ? (gsize) (at - address) : strlen (address);
  g_autoptr (GString) local = NULL;

  *domain = at ? at + 1 : NULL;
  if (length < 2 || address[0] != '"')
    return g_strndup (address, length);
  local = g_string_new (NULL);
  for (const char *p = address + 1; p < address + length - 1; p++)
    {
      if (*p == '\\' && p + 1 < address + length - 1)
        p++;
      g_string_append_c (local, *p);
    }
  return g_string_free (g_steal_pointer (&local), FALSE);
}

static void
expand (Expansion *self, const char *address, guint depth)
{
  const char *domain;
  g_autofree char *local = split_address (address, &domain);
  g_autofree char *key = pb_fold_address (address, TRUE);
  PbLocal found;

  if (g_hash_table_contains (self->visited, key))
    {
      /* An alias that names its own address means the mailbox of that name. */
      if (pb_local_is_mailbox (pb_snapshot_resolve_mailbox (self->snapshot, local, domain).kind))
        add_final (self, address);
      return;
    }
  found = pb_snapshot_resolve_local (self->snapshot, local, domain);
  if (found.kind != PB_LOCAL_ALIAS)
    {
      add_final (self, address);
      return;
    }
  if (depth >= MAX_DEPTH)
    {
      self->refused = "aliases that lead to aliases more than 100 deep";
      return;
    }
  g_hash_table_add (self->visited, g_steal_pointer (&key));
  for (guint i = 0; found.targets[i] != NULL && self->refused == NULL; i++)
    expand (self, found.targets[i], depth + 1);
}

GPtrArray *
pb_snapshot_expand (const PbSnapshot *self, const char *address)
{
  Expansion expansion = { .snapshot = self };

  expansion.visited = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  expansion.final = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  expansion.result = g_ptr_array_new_with_free_func (g_free);
  expand (&expansion, address, 0);
  if (expansion.refused != NULL)
    {
      /* Nobody rather than some: whoever was left out would never know. */
      pb_log (PB_LOG_WARNING, "alias not followed", "address", address, "reason", expansion.refused,
              NULL);
      g_ptr_array_set_size (expansion.result, 0);
      g_hash_table_remove_all (expansion.final);
    }
  /* Aliases that only lead to each other: nobody gets it, and the sender has to be told. */
  if (expansion.result->len == 0)
    add_final (&expansion, address);
  g_hash_table_unref (expansion.visited);
  g_hash_table_unref (expansion.final);
  return expansion.result;
}
