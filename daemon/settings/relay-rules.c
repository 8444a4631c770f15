/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RelayExceptions compiled for the router, which asks at every attempt: two hashes, one for rules by
 * recipient and one for rules by sender, from a folded target ("u@example.org", "example.org",
 * ".example.org") to the first rule in the list that names it. Made on the main thread for each change
 * of the list; then only read, from any thread, as part of a snapshot.
 */
#include "settings/relay-rules-private.h"

#include "settings/snapshot-private.h"

#include <string.h>

struct _PbRelayRules
{
  GPtrArray *rules;                      /* (owned) (element-type PbRelayRule) */
  GHashTable *by_target[PB_N_RELAY_RULES]; /* (owned) (owned) key -> PbRelayRule of @rules */
};

void
pb_relay_rule_free (PbRelayRule *self)
{
  pb_row_unref (self->row);
  g_free (self->owned_fallback);
  g_free (self);
}

PbRelayRule *
pb_relay_rule_new (const PbRow *row)
{
  PbRelayRule *self = g_new0 (PbRelayRule, 1);
  guint32 port = 25;

  self->row = pb_row_ref ((PbRow *) row);
  self->id = row->id;
  self->name = pb_row_text (row, "Name");
  self->kind = g_str_equal (pb_row_text (row, "Kind"), "sender") ? PB_RELAY_RULE_SENDER
                                                                 : PB_RELAY_RULE_RECIPIENT;
  self->order = row->order;
  self->server = pb_row_text (row, "Server");
  g_variant_lookup (row->row, "Port", "u", &port);
  self->port = (guint16) port;
  g_variant_lookup (row->row, "Fallback", "^a&s", &self->owned_fallback);
  self->fallback = self->owned_fallback;
  self->tls = pb_row_text (row, "Tls");
  self->verify = pb_row_text (row, "Verify");
  self->fingerprint = pb_row_text (row, "Fingerprint");
  g_variant_lookup (row->row, "Auth", "b", &self->auth);
  self->user = pb_row_text (row, "User");
  self->secret_storage = pb_row_text (row, "SecretStorage");
  return self;
}

/* "U@Example.ORG", "Example.ORG", ".Example.ORG" as they are looked up; NULL when it is none of them. */
static char *
fold_target (const char *target)
{
  g_autofree char *domain = NULL;

  if (strchr (target, '@') != NULL)
    return pb_fold_address (target, TRUE);
  domain = pb_domain_fold (target[0] == '.' ? target + 1 : target);
  if (domain == NULL || target[0] != '.')
    return g_steal_pointer (&domain);
  return g_strconcat (".", domain, NULL);
}

static void
add_targets (PbRelayRules *self, PbRelayRule *rule)
{
  g_autofree const char **targets = NULL;
  GHashTable *table = self->by_target[rule->kind];

  g_variant_lookup (rule->row->row, "Targets", "^a&s", &targets);
  for (guint i = 0; targets != NULL && targets[i] != NULL; i++)
    {
      g_autofree char *key = fold_target (targets[i]);
      const PbRelayRule *other = key != NULL ? g_hash_table_lookup (table, key) : NULL;

      if (key != NULL && (other == NULL || rule->order < other->order))
        g_hash_table_replace (table, g_steal_pointer (&key), rule);
    }
}

PbRelayRules *
pb_relay_rules_new (GPtrArray *rows)
{
  PbRelayRules *self = g_atomic_rc_box_new0 (PbRelayRules);

  self->rules = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_relay_rule_free);
  for (guint kind = 0; kind < PB_N_RELAY_RULES; kind++)
    self->by_target[kind] = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < rows->len; i++)
    {
      PbRelayRule *rule;

      if (!pb_row_is_enabled (rows->pdata[i]))
        continue;
      rule = pb_relay_rule_new (rows->pdata[i]);
      g_ptr_array_add (self->rules, rule);
      add_targets (self, rule);
    }
  return self;
}

PbRelayRules *
pb_relay_rules_ref (PbRelayRules *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
rules_clear (gpointer data)
{
  PbRelayRules *self = data;

  for (guint kind = 0; kind < PB_N_RELAY_RULES; kind++)
    g_hash_table_unref (self->by_target[kind]);
  g_ptr_array_unref (self->rules);
}

void
pb_relay_rules_unref (PbRelayRules *self)
{
  g_atomic_rc_box_release_full (self, rules_clear);
}

gboolean
pb_snapshot_has_relay_rules (const PbSnapshot *self, PbRelayRuleKind kind)
{
  const PbRelayRules *rules = self->directory->relay_rules;

  return rules != NULL && g_hash_table_size (rules->by_target[kind]) > 0;
}

const PbRelayRule *
pb_snapshot_find_relay_rule (const PbSnapshot *self, PbRelayRuleKind kind, const char *local,
                             const char *domain)
{
  GHashTable *table;
  g_autofree char *folded = NULL;
  g_autofree char *address = NULL;
  const PbRelayRule *rule, *best = NULL;

  if (!pb_snapshot_has_relay_rules (self, kind))
    return NULL;
  table = self->directory->relay_rules->by_target[kind];
  folded = g_ascii_strdown (local, -1);
  address = g_strconcat (folded, "@", domain, NULL);
  if ((rule = g_hash_table_lookup (table, address)) != NULL
      || (rule = g_hash_table_lookup (table, domain)) != NULL)
    return rule;
  for (const char *dot = strchr (domain, '.'); dot != NULL; dot = strchr (dot + 1, '.'))
    {
      rule = g_hash_table_lookup (table, dot);
      if (rule != NULL && (best == NULL || rule->order < best->order))
        best = rule;
    }
  return best;
}

/* Asked once for a new connection that logs in, never for each mail. */
const PbRelayRule *
pb_snapshot_relay_rule (const PbSnapshot *self, const char *id)
{
  GPtrArray *rules =
    self->directory->relay_rules != NULL ? self->directory->relay_rules->rules : NULL;

  for (guint i = 0; rules != NULL && i < rules->len; i++)
    {
      const PbRelayRule *rule = rules->pdata[i];

      if (g_str_equal (rule->id, id))
        return rule;
    }
  return NULL;
}
