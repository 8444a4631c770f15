/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The AccessList compiled for look-up. Addresses, senders, recipients and domains are one hash look-up
 * each; networks are one a mask that occurs in the list, narrow masks first, so that ten thousand rules
 * with the same dozen masks cost a dozen look-ups. Rules for the same value hang together in order of
 * precedence. Compiled on the main thread by the directory, shared by the snapshots, read from any
 * thread. A rule that cannot be compiled is logged and left out.
 */
#include "settings/access.h"

#include "settings/snapshot-private.h"
#include "util/log.h"
#include <string.h>

/* All networks with one mask. */
typedef struct
{
  PbNetmask mask;
  GHashTable *rules; /* (owned) (element-type PbIp PbAccessRule) masked address -> rules */
} MaskTable;

struct _PbAccess
{
  GPtrArray *rows;      /* (owned) (element-type PbRow) whose strings the rules borrow */
  PbAccessRule *rules;  /* (owned) */
  PbNetmask *netmasks;  /* (owned) of each rule, where it has one */
  guint n_rules;
  GHashTable *ips;      /* (owned) PbIp -> rules */
  GArray *masks;        /* (owned) (element-type MaskTable) narrow ones first */
  GHashTable *names[PB_N_ACCESS_KINDS]; /* (owned) (nullable) sender, recipient, domain: folded -> rules */
};

const char *
pb_access_kind_name (PbAccessKind kind)
{
  static const char *const names[PB_N_ACCESS_KINDS] = { "ip", "network", "sender", "recipient",
                                                        "domain" };

  return names[kind];
}

static guint
ip_hash (gconstpointer key)
{
  guint64 halves[2];

  memcpy (halves, key, sizeof halves);
  /* Fibonacci hashing: neighbouring addresses must not crowd into neighbouring buckets. */
  return (guint) (((halves[0] ^ halves[1]) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)) >> 32);
}

static gboolean
ip_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (PbIp)) == 0;
}

/* ---- compiling ---- */

static PbSkips
read_skips (GVariant *value)
{
  static const char *const names[] = { "dnsbl", "spf", "antivirus", "dkim", "dmarc" };
  g_autofree const char **skip = g_variant_get_strv (value, NULL);
  PbSkips skips = PB_SKIP_NOTHING;

  for (guint i = 0; skip[i] != NULL; i++)
    for (guint j = 0; j < G_N_ELEMENTS (names); j++)
      if (g_str_equal (skip[i], names[j]))
        skips |= 1u << j;
  return skips;
}

static PbAccessKind
read_kind (const char *name)
{
  PbAccessKind kind = 0;

  while (kind < PB_N_ACCESS_KINDS && !g_str_equal (name, pb_access_kind_name (kind)))
    kind++;
  return kind;
}

/* The strings are the row's own, in one block of memory with it. */
static void
read_cell (PbAccessRule *rule, const char *column, GVariant *value, gboolean *enabled)
{
  if (g_str_equal (column, "Kind"))
    rule->kind = read_kind (g_variant_get_string (value, NULL));
  else if (g_str_equal (column, "Name"))
    rule->name = g_variant_get_string (value, NULL);
  else if (g_str_equal (column, "Value"))
    rule->value = g_variant_get_string (value, NULL);
  else if (g_str_equal (column, "List"))
    rule->whitelist = g_str_equal (g_variant_get_string (value, NULL), "whitelist");
  else if (g_str_equal (column, "Action"))
    rule->discard = g_str_equal (g_variant_get_string (value, NULL), "discard");
  else if (g_str_equal (column, "Skip"))
    rule->skips = read_skips (value);
  else if (g_str_equal (column, "Expires"))
    rule->expires = g_variant_get_uint64 (value);
  else if (g_str_equal (column, "Enabled"))
    *enabled = g_variant_get_boolean (value);
}

/* One walk instead of a look-up a column: lists come ten thousand rows at a time. Returns: FALSE when it is disabled. */
static gboolean
rule_read (PbAccessRule *rule, const PbRow *row, guint position)
{
  gboolean enabled = TRUE;
  GVariantIter iter;
  const char *column;
  GVariant *value;

  *rule = (PbAccessRule){ .id = row->id, .position = position, .kind = PB_N_ACCESS_KINDS };
  g_variant_iter_init (&iter, row->row);
  while (g_variant_iter_next (&iter, "{&sv}", &column, &value))
    {
      read_cell (rule, column, value, &enabled);
      g_variant_unref (value);
    }
  rule->discard = rule->discard && !rule->whitelist;
  if (!rule->whitelist)
    rule->skips = PB_SKIP_NOTHING;
  return enabled;
}

/* Whether @a comes before @b: whitelist before blacklist, reject before discard, then by position. */
static gboolean
precedes (const PbAccessRule *a, const PbAccessRule *b)
{
  if (a->whitelist != b->whitelist)
    return a->whitelist;
  if (a->discard != b->discard)
    return b->discard;
  return a->position < b->position;
}

/* Hangs @rule among those that @table has for @key. */
static void
chain (GHashTable *table, gpointer key, PbAccessRule *rule)
{
  PbAccessRule *first = g_hash_table_lookup (table, key), *before = first;

  if (first == NULL || precedes (rule, first))
    {
      rule->next = first;
      g_hash_table_replace (table, key, rule);
      return;
    }
  while (before->next != NULL && precedes (before->next, rule))
    before = (PbAccessRule *) before->next;
  rule->next = before->next;
  before->next = rule;
  /* The table frees the key that it has no use for. */
  g_hash_table_insert (table, key, first);
}

static int
compare_masks (gconstpointer a, gconstpointer b)
{
  const MaskTable *one = a, *other = b;

  return (int) other->mask.ones - (int) one->mask.ones;
}

static void
add_network (PbAccess *self, GHashTable *by_mask, PbAccessRule *rule, PbNetmask *netmask)
{
  MaskTable fresh = { .mask = *netmask };
  GHashTable *rules = g_hash_table_lookup (by_mask, &netmask->mask);

  if (rules == NULL)
    {
      fresh.rules = rules = g_hash_table_new (ip_hash, ip_equal);
      g_array_append_val (self->masks, fresh);
      g_hash_table_insert (by_mask, &netmask->mask, rules);
    }
  chain (rules, &netmask->value, rule);
}

static void
add_name (PbAccess *self, PbAccessRule *rule)
{
  const char *value = rule->value;
  gboolean dot = value[0] == '.';
  char *key;

  if (rule->kind != PB_ACCESS_DOMAIN)
    key = pb_fold_address (value, TRUE);
  else
    {
      g_autofree char *domain = pb_domain_fold (value + dot);

      key = g_strconcat (dot ? "." : "", domain != NULL ? domain : value + dot, NULL);
    }
  chain (self->names[rule->kind], key, rule);
}

static void
add_rule (PbAccess *self, GHashTable *by_mask, PbAccessRule *rule, PbNetmask *netmask)
{
  switch (rule->kind)
    {
    case PB_ACCESS_IP:
      chain (self->ips, &netmask->value, rule);
      return;
    case PB_ACCESS_NETWORK:
      add_network (self, by_mask, rule, netmask);
      return;
    case PB_ACCESS_SENDER:
    case PB_ACCESS_RECIPIENT:
    case PB_ACCESS_DOMAIN:
      add_name (self, rule);
      return;
    case PB_N_ACCESS_KINDS:
      break;
    }
  g_assert_not_reached ();
}

static void
clear_mask_table (gpointer data)
{
  g_hash_table_unref (((MaskTable *) data)->rules);
}

PbAccess *
pb_access_new (GPtrArray *rows)
{
  PbAccess *self = g_atomic_rc_box_new0 (PbAccess);
  g_autoptr (GHashTable) by_mask = g_hash_table_new (ip_hash, ip_equal);

  self->rows = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_row_unref);
  self->rules = g_new0 (PbAccessRule, rows->len);
  self->netmasks = g_new0 (PbNetmask, rows->len);
  self->ips = g_hash_table_new (ip_hash, ip_equal);
  self->masks = g_array_new (FALSE, FALSE, sizeof (MaskTable));
  g_array_set_clear_func (self->masks, clear_mask_table);
  for (guint kind = PB_ACCESS_SENDER; kind < PB_N_ACCESS_KINDS; kind++)
    self->names[kind] = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < rows->len; i++)
    {
      PbRow *row = rows->pdata[i];
      PbAccessRule *rule = &self->rules[self->n_rules];

      if (!rule_read (rule, row, i))
        continue;
      if (rule->kind == PB_N_ACCESS_KINDS
          || (rule->kind <= PB_ACCESS_NETWORK
              && !pb_netmask_parse (rule->value, &self->netmasks[self->n_rules])))
        {
          pb_log (PB_LOG_WARNING, "rule ignored", "list", "AccessList", "row", row->id, NULL);
          continue;
        }
      g_ptr_array_add (self->rows, pb_row_ref (row));
      add_rule (self, by_mask, rule, &self->netmasks[self->n_rules]);
      self->n_rules++;
    }
  g_array_sort (self->masks, compare_masks);
  return self;
}

PbAccess *
pb_access_ref (PbAccess *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
access_clear (gpointer data)
{
  PbAccess *self = data;

  g_hash_table_unref (self->ips);
  g_array_unref (self->masks);
  for (guint kind = PB_ACCESS_SENDER; kind < PB_N_ACCESS_KINDS; kind++)
    g_hash_table_unref (self->names[kind]);
  g_free (self->rules);
  g_free (self->netmasks);
  g_ptr_array_unref (self->rows);
}

void
pb_access_unref (PbAccess *self)
{
  g_atomic_rc_box_release_full (self, access_clear);
}

guint
pb_access_count_gaps (GPtrArray *rows)
{
  g_autoptr (GHashTable) masks = g_hash_table_new_full (ip_hash, ip_equal, g_free, NULL);

  for (guint i = 0; i < rows->len; i++)
    {
      PbNetmask netmask;

      if (g_str_equal (pb_row_text (rows->pdata[i], "Kind"), "network")
          && pb_netmask_parse (pb_row_text (rows->pdata[i], "Value"), &netmask)
          && pb_netmask_has_gaps (&netmask))
        g_hash_table_add (masks, g_memdup2 (&netmask.mask, sizeof netmask.mask));
    }
  return g_hash_table_size (masks);
}

/* ---- looking up ---- */

static gboolean
is_past (const PbAccessRule *rule, guint64 now)
{
  return rule->expires != 0 && rule->expires <= now;
}

/* Takes in rules that match, in order of precedence: the first is the winner. */
static void
match_rule (PbAccessMatch *match, const PbAccessRule *rule, guint64 now)
{
  if (is_past (rule, now))
    return;
  match->skips |= rule->skips;
  if (match->rule == NULL)
    match->rule = rule;
  else if (match->beaten == NULL && match->rule->whitelist != rule->whitelist)
    match->beaten = rule;
}

/* Networks that are equally narrow, but not the same: whitelist rules first here too. */
static void
match_networks (PbAccessMatch *match, const PbAccess *self, guint begin, guint end, const PbIp *ip,
                guint64 now)
{
  for (guint i = begin; i < 2 * end - begin; i++)
    {
      gboolean whitelist = i < end;
      const MaskTable *table =
        &g_array_index (self->masks, MaskTable, whitelist ? i : i - (end - begin));
      PbIp masked = pb_ip_mask (ip, &table->mask.mask);

      for (const PbAccessRule *rule = g_hash_table_lookup (table->rules, &masked); rule != NULL;
           rule = rule->next)
        if (rule->whitelist == whitelist)
          match_rule (match, rule, now);
    }
}

static void
match_chain (PbAccessMatch *match, const PbAccessRule *rule, guint64 now)
{
  for (; rule != NULL; rule = rule->next)
    match_rule (match, rule, now);
}

/* Two chains of equal standing, walked as if they were one. */
static void
match_both (PbAccessMatch *match, const PbAccessRule *a, const PbAccessRule *b, guint64 now)
{
  while (a != NULL || b != NULL)
    {
      const PbAccessRule **first = b == NULL || (a != NULL && precedes (a, b)) ? &a : &b;

      match_rule (match, *first, now);
      *first = (*first)->next;
    }
}

void
pb_access_match_client (const PbAccess *self, const PbIp *ip, guint64 now, PbAccessMatch *match)
{
  *match = (PbAccessMatch){ 0 };
  match_chain (match, g_hash_table_lookup (self->ips, ip), now);
  for (guint begin = 0, end; begin < self->masks->len; begin = end)
    {
      guint ones = g_array_index (self->masks, MaskTable, begin).mask.ones;

      for (end = begin + 1; end < self->masks->len
                            && g_array_index (self->masks, MaskTable, end).mask.ones == ones;)
        end++;
      match_networks (match, self, begin, end, ip, now);
    }
}

static const PbAccessRule *
find_name (const PbAccess *self, PbAccessKind kind, const char *name)
{
  return name != NULL ? g_hash_table_lookup (self->names[kind], name) : NULL;
}

gboolean
pb_access_has_recipient (const PbAccess *self, const char *recipient, guint64 now)
{
  const PbAccessRule *rule = find_name (self, PB_ACCESS_RECIPIENT, recipient);

  while (rule != NULL && is_past (rule, now))
    rule = rule->next;
  return rule != NULL;
}

void
pb_access_match_envelope (const PbAccess *self, const char *sender, const char *sender_domain,
                          const char *recipient, guint64 now, PbAccessMatch *match)
{
  *match = (PbAccessMatch){ 0 };
  match_both (match, find_name (self, PB_ACCESS_SENDER, sender),
              find_name (self, PB_ACCESS_RECIPIENT, recipient), now);
  if (sender_domain == NULL || g_hash_table_size (self->names[PB_ACCESS_DOMAIN]) == 0)
    return;
  match_chain (match, find_name (self, PB_ACCESS_DOMAIN, sender_domain), now);
  /* ".example.org" is for what is below it. */
  for (const char *dot = strchr (sender_domain, '.'); dot != NULL; dot = strchr (dot + 1, '.'))
    match_chain (match, find_name (self, PB_ACCESS_DOMAIN, dot), now);
}
