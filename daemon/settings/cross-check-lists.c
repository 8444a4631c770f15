/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What rows of the lists are to each other and to the settings, for the report of Manager.Validate:
 * open relays by mistake, rules that can be forged, aliases that lead nowhere. One function a kind
 * of list, in a table. Reports only; nothing here refuses. Main thread.
 */
#include "settings/cross-check.h"

#include "util/netblock.h"
#include <string.h>

#define WIDEST_PUBLIC_V4 24
#define WIDEST_PUBLIC_V6 48

static void G_GNUC_PRINTF (5, 6) add (GVariantBuilder *report, PbSeverity severity,
                                      const PbRow *row, const char *column, const char *format, ...)
{
  g_autofree char *place =
    g_strdup_printf ("%s[%s].%s", pb_list_spec (row->kind)->name, row->id, column);
  g_autofree char *words = NULL;
  va_list args;

  va_start (args, format);
  words = g_strdup_vprintf (format, args);
  va_end (args);
  pb_cross_check_add (report, severity, place, words);
}

/* Networks that cannot be reached from the Internet (RFC 1918, 3927, 6598, 4193, 4291). */
static gboolean
is_private (const PbIp *ip)
{
  static const char *const networks[] = { "10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16",
                                          "169.254.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
                                          "fc00::/7",       "fe80::/10",     "::1/128" };

  for (guint i = 0; i < G_N_ELEMENTS (networks); i++)
    {
      PbNetblock block;

      if (pb_netblock_parse (networks[i], &block, NULL) && pb_netblock_contains (&block, ip))
        return TRUE;
    }
  return FALSE;
}

static void
report_trusted (const PbSnapshot *snapshot, const PbRow *row, GVariantBuilder *report)
{
  PbNetblock block;
  gboolean v4;
  guint prefix;
  guint widest;

  if (!pb_netblock_parse (pb_row_text (row, "Network"), &block, NULL))
    return;
  v4 = pb_ip_is_v4 (&block.network) && block.prefix >= 96;
  prefix = v4 ? block.prefix - 96 : block.prefix;
  widest = v4 ? WIDEST_PUBLIC_V4 : WIDEST_PUBLIC_V6;
  if (prefix == 0)
    add (report, PB_SEVERITY_PROBLEM, row, "Network", "trusts everybody: this is an open relay");
  else if (prefix < widest && !is_private (&block.network))
    add (report, PB_SEVERITY_WARNING, row, "Network",
         "trusts a public network wider than /%u; all of it may relay", widest);
}

static void
report_domain (const PbSnapshot *snapshot, const PbRow *row, GVariantBuilder *report)
{
  if (pb_snapshot_is_local_domain (snapshot, row->keys[0]))
    add (report, PB_SEVERITY_WARNING, row, "Domain",
         "is also a local domain, whose mail is delivered here");
}

/* One target: mail that never comes that far, or that an earlier rule takes. */
static void
report_exception_target (const PbSnapshot *snapshot, const PbRow *row, const PbRelayRule *rule,
                         const char *target, GVariantBuilder *report)
{
  const char *at = strrchr (target, '@');
  g_autofree char *local = g_ascii_strdown (target, at != NULL ? at - target : 0);
  g_autofree char *domain = pb_domain_fold (at != NULL         ? at + 1
                                            : target[0] == '.' ? target + 1
                                                               : target);
  g_autofree char *below = g_strconcat ("any.", domain, NULL);
  const PbRelayRule *taker;

  if (domain == NULL)
    return;
  if (rule->kind == PB_RELAY_RULE_RECIPIENT && target[0] != '.'
      && pb_snapshot_is_local_domain (snapshot, domain))
    add (report, PB_SEVERITY_WARNING, row, "Targets",
         "%s is local, and its mail is delivered here", target);
  taker = pb_snapshot_find_relay_rule (snapshot, rule->kind, local,
                                       target[0] == '.' ? below : domain);
  if (taker != NULL && taker->order < rule->order)
    add (report, PB_SEVERITY_WARNING, row, "Targets", "%s is taken by the rule “%s” before this one",
         target, taker->name);
}

static void
report_exception (const PbSnapshot *snapshot, const PbRow *row, GVariantBuilder *report)
{
  PbRelayRule *rule = pb_relay_rule_new (row);
  g_autofree const char **targets = NULL;

  if (g_ascii_strcasecmp (rule->server, snapshot->values.general_hostname) == 0)
    add (report, PB_SEVERITY_PROBLEM, row, "Server", "is this server itself; mail waits");
  if (rule->auth && g_str_equal (rule->verify, "none"))
    add (report, PB_SEVERITY_WARNING, row, "Verify",
         "none sends the password to whoever answers as the relay host");
  g_variant_lookup (row->row, "Targets", "^a&s", &targets);
  for (guint i = 0; targets != NULL && targets[i] != NULL; i++)
    report_exception_target (snapshot, row, rule, targets[i], report);
  pb_relay_rule_free (rule);
}

static gboolean
mask_has_gaps (const char *text)
{
  PbNetmask netmask;

  return pb_netmask_parse (text, &netmask) && pb_netmask_has_gaps (&netmask);
}

/* Whether the rule meets what this computer itself sends, or its users. */
static gboolean
hits_our_own (const PbSnapshot *snapshot, const char *kind, const char *value)
{
  static const char *const loopback[] = { "127.0.0.1", "::1" };
  const char *at = strrchr (value, '@');
  PbNetmask netmask;

  if (g_str_equal (kind, "sender"))
    {
      g_autofree char *domain = at != NULL ? pb_domain_fold (at + 1) : NULL;

      return domain != NULL && pb_snapshot_is_local_domain (snapshot, domain);
    }
  if ((!g_str_equal (kind, "ip") && !g_str_equal (kind, "network"))
      || !pb_netmask_parse (value, &netmask))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (loopback); i++)
    {
      PbIp ip, masked;

      g_assert (pb_ip_parse (loopback[i], &ip));
      masked = pb_ip_mask (&ip, &netmask.mask);
      if (memcmp (&masked, &netmask.value, sizeof masked) == 0)
        return TRUE;
    }
  return FALSE;
}

static void
report_access (const PbSnapshot *snapshot, const PbRow *row, GVariantBuilder *report)
{
  const char *kind = pb_row_text (row, "Kind");
  gboolean whitelist = g_str_equal (pb_row_text (row, "List"), "whitelist");

  if (!whitelist && hits_our_own (snapshot, kind, pb_row_text (row, "Value")))
    add (report, PB_SEVERITY_WARNING, row, "Value", "also stops this server's own mail");
  if (whitelist && (g_str_equal (kind, "sender") || g_str_equal (kind, "domain")))
    add (report, PB_SEVERITY_WARNING, row, "Kind",
         "a sender can be forged; a rule by IP address cannot");
  if (g_str_equal (kind, "network") && mask_has_gaps (pb_row_text (row, "Value")))
    add (report, PB_SEVERITY_WARNING, row, "Value", "has a mask with gaps; is this meant?");
}

/* What becomes of mail to @address, in the words of a report; NULL when it is fine. */
static const char *
judge_target (const PbSnapshot *snapshot, const char *address)
{
  const char *at = strrchr (address, '@');
  g_autofree char *local = g_strndup (address, at - address);

  switch (pb_snapshot_resolve_local (snapshot, local, at + 1).kind)
    {
    case PB_LOCAL_UNKNOWN:
      return "does not exist here";
    case PB_LOCAL_NOT_LOCAL:
    case PB_LOCAL_ACCOUNT:
    case PB_LOCAL_ALIAS:
    case PB_LOCAL_SYSTEM_USER:
    case PB_LOCAL_PENDING:
      break;
    }
  return NULL;
}

static void
report_targets (const PbSnapshot *snapshot, const PbRow *row, const char *column,
                GVariantBuilder *report)
{
  for (char **target = row->targets; target != NULL && *target != NULL; target++)
    {
      const char *words = judge_target (snapshot, *target);

      if (words != NULL)
        add (report, PB_SEVERITY_PROBLEM, row, column, "%s %s", *target, words);
    }
}

static void
report_local_domain (const PbSnapshot *snapshot, const PbRow *row, GVariantBuilder *report)
{
  report_targets (snapshot, row, "CatchAll", report);
}

static void
report_account (const PbSnapshot *snapshot, const PbRow *row, GVariantBuilder *report)
{
  for (char **key = row->keys; *key != NULL; key++)
    {
      const char *at = strrchr (*key, '@');

      if (at != NULL && !pb_snapshot_is_local_domain (snapshot, at + 1))
        add (report, PB_SEVERITY_WARNING, row, "Addresses",
             "%s is in no local domain, so no mail comes for it", *key);
    }
}

/* An alias whose expansion has nobody in it but other aliases. */
static gboolean
leads_nowhere (const PbSnapshot *snapshot, const char *address)
{
  g_autoptr (GPtrArray) targets = pb_snapshot_expand (snapshot, address);

  for (guint i = 0; i < targets->len; i++)
    {
      const char *at = strrchr (targets->pdata[i], '@');
      g_autofree char *local =
        g_strndup (targets->pdata[i], at ? at - (char *) targets->pdata[i] : 0);
      const char *domain = at ? at + 1 : "";

      if (pb_snapshot_resolve_local (snapshot, local, domain).kind != PB_LOCAL_ALIAS
          || pb_local_is_mailbox (pb_snapshot_resolve_mailbox (snapshot, local, domain).kind))
        return FALSE;
    }
  return TRUE;
}

static void
report_alias (const PbSnapshot *snapshot, const PbRow *row, GVariantBuilder *report)
{
  const char *at = strrchr (row->keys[0], '@');
  g_autofree char *address =
    at ? g_strdup (row->keys[0])
       : g_strconcat (row->keys[0], "@", snapshot->values.general_hostname, NULL);

  if (at != NULL && !pb_snapshot_is_local_domain (snapshot, at + 1))
    add (report, PB_SEVERITY_WARNING, row, "Address",
         "is in no local domain, so no mail comes for it");
  else if (leads_nowhere (snapshot, address))
    add (report, PB_SEVERITY_PROBLEM, row, "Targets",
         "only lead back to this alias, or to more than 1000 addresses");
  report_targets (snapshot, row, "Targets", report);
}

static void (*const row_reports[PB_N_LISTS]) (const PbSnapshot *snapshot, const PbRow *row,
                                              GVariantBuilder *report) = {
  [PB_LIST_TRUSTED_LIST] = report_trusted, [PB_LIST_DOMAIN_LIST] = report_domain,
  [PB_LIST_RELAY_EXCEPTIONS] = report_exception,
  [PB_LIST_ACCESS_LIST] = report_access,   [PB_LIST_LOCAL_DOMAINS] = report_local_domain,
  [PB_LIST_ACCOUNTS] = report_account,     [PB_LIST_ALIASES] = report_alias,
};

static gboolean
has_enabled_row (GPtrArray *rows)
{
  for (guint i = 0; i < rows->len; i++)
    if (pb_row_is_enabled (rows->pdata[i]))
      return TRUE;
  return FALSE;
}

void
pb_cross_check_lists (const PbSnapshot *snapshot, GPtrArray *const *rows, GVariantBuilder *report)
{
  if (rows[PB_LIST_LOCAL_DOMAINS]->len == 0)
    pb_cross_check_add (report, PB_SEVERITY_WARNING, "LocalDomains",
                        "is empty; only mail for General.Hostname is delivered here");
  if (!g_str_equal (snapshot->values.dnsbl_policy, "off")
      && !has_enabled_row (rows[PB_LIST_DNSBL_ZONES]))
    pb_cross_check_add (report, PB_SEVERITY_PROBLEM, "DnsblZones",
                        "has no enabled zone while Dnsbl.Policy is on");
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    {
      const PbListSpec *spec = pb_list_spec (kind);

      if (spec->ineffective && has_enabled_row (rows[kind]))
        pb_cross_check_add (report, PB_SEVERITY_WARNING, spec->name,
                            "is kept, but nothing obeys it yet");
      for (guint i = 0; row_reports[kind] != NULL && i < rows[kind]->len; i++)
        if (pb_row_is_enabled (rows[kind]->pdata[i]))
          row_reports[kind](snapshot, rows[kind]->pdata[i], report);
    }
}
