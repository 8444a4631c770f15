/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How each list looks, as a table: what stands in its rows, what its dialog groups, what it is called.
 * The columns themselves, their titles, help and checks are the contract's. Used by the list page, its
 * rows and its dialog. A new list is a row here and one in pages.c. Constant.
 */
#include "pages/list-layout.h"

#include "model/words.h"

#include <glib/gi18n.h>

const char *const pba_list_skips[] = { "dnsbl", "spf", "antivirus", "dkim", "dmarc", NULL };

static char *
join (PbaListRow *row, const char *column, const char *otherwise)
{
  g_auto (GStrv) texts = pba_list_row_dup_texts (row, column);

  return texts[0] != NULL ? g_strjoinv (", ", texts) : g_strdup (otherwise);
}

static char *
choice (PbaListRow *row, const char *column)
{
  return pba_words_choice (column, pba_list_row_get_text (row, column));
}

/* ---- second lines ---- */

static char *
network_line (PbaListRow *row)
{
  return g_strdup (pba_list_row_get_text (row, "Network"));
}

static char *
domain_line (PbaListRow *row)
{
  return g_strdup (pba_list_row_get_text (row, "Domain"));
}

static char *
exception_line (PbaListRow *row)
{
  g_autofree char *kind = choice (row, "Kind");
  g_autofree char *targets = join (row, "Targets", "");

  /* Translators: whose mail: “Recipient example.com, example.net” */
  return g_strdup_printf (_ ("%s %s"), kind, targets);
}

static char *
rule_line (PbaListRow *row)
{
  g_autofree char *kind = choice (row, "Kind");

  return g_strdup_printf (_ ("%s %s"), kind, pba_list_row_get_text (row, "Value"));
}

static char *
catch_all_line (PbaListRow *row)
{
  const char *address = pba_list_row_get_text (row, "CatchAll");

  if (address[0] == '\0')
    return g_strdup (_ ("Unknown recipients are refused"));
  /* Translators: %s is an address */
  return g_strdup_printf (_ ("Unknown recipients go to %s"), address);
}

static char *
addresses_line (PbaListRow *row)
{
  return join (row, "Addresses", _ ("No further addresses"));
}

static char *
targets_line (PbaListRow *row)
{
  return join (row, "Targets", "");
}

static char *
codes_line (PbaListRow *row)
{
  return join (row, "Codes", _ ("Any answer counts"));
}

/* ---- further columns ---- */

static char *
target_text (PbaListRow *row)
{
  const char *target = pba_list_row_get_text (row, "Target");

  return g_strdup (target[0] != '\0' ? target : _ ("By MX records"));
}

static char *
verify_text (PbaListRow *row)
{
  return g_strdup (pba_list_row_get_boolean (row, "VerifyRecipients") ? _ ("Verified")
                                                                      : _ ("All taken"));
}

static char *
relay_text (PbaListRow *row)
{
  /* Translators: a server and its port */
  return g_strdup_printf (_ ("%s, port %d"), pba_list_row_get_text (row, "Server"),
                          (int) pba_list_row_get_number (row, "Port"));
}

static char *
action_text (PbaListRow *row)
{
  return choice (row, "Action");
}

static char *
hits_text (PbaListRow *row)
{
  return g_strdup_printf ("%'" G_GINT64_FORMAT, pba_list_row_get_number (row, "Hits"));
}

static char *
last_hit_text (PbaListRow *row)
{
  return pba_words_time (pba_list_row_get_number (row, "LastHit"));
}

static char *
limit_text (gint64 limit)
{
  return limit == 0 ? g_strdup (_ ("No limit")) : g_strdup_printf ("%'" G_GINT64_FORMAT, limit);
}

static char *
daily_messages_text (PbaListRow *row)
{
  return limit_text (pba_list_row_get_number (row, "DailyMessages"));
}

static char *
daily_recipients_text (PbaListRow *row)
{
  return limit_text (pba_list_row_get_number (row, "DailyRecipients"));
}

static char *
score_text (PbaListRow *row)
{
  return g_strdup_printf ("%+d", (int) pba_list_row_get_number (row, "Score"));
}

/* ---- warnings ---- */

/* Whoever sends can claim to be a sender or a domain. */
static const char *
forgeable_warning (PbaListRow *row)
{
  const char *kind = pba_list_row_get_text (row, "Kind");

  return g_str_equal (pba_list_row_get_text (row, "List"), "whitelist")
             && (g_str_equal (kind, "sender") || g_str_equal (kind, "domain"))
           ? _ ("Can be forged: prefer an IP")
           : NULL;
}

static const char *
password_warning (PbaListRow *row)
{
  const char *state = pba_list_row_get_text (row, "SecretState");

  if (!pba_list_row_get_boolean (row, "Auth")
      || !g_str_equal (pba_list_row_get_text (row, "SecretStorage"), "system"))
    return NULL;
  if (g_str_equal (state, "none"))
    return _ ("The server has no password for it");
  return g_str_equal (state, "stale") ? _ ("The relay host has changed: type the password again")
                                      : NULL;
}

/* A service that keeps no passwords says nothing about them. */
static const char *
account_warning (PbaListRow *row)
{
  GVariant *cells = pba_list_row_get_cells (row);
  gboolean set = TRUE;

  if (cells != NULL)
    g_variant_lookup (cells, "PasswordSet", "b", &set);
  return set ? NULL : _ ("No password yet: the account gets mail, but cannot log in");
}

/* ---- counts ---- */

static char *
count_rules (guint n)
{
  return g_strdup_printf (ngettext ("%u rule", "%u rules", n), n);
}

static char *
count_exceptions (guint n)
{
  return g_strdup_printf (ngettext ("%u exception", "%u exceptions", n), n);
}

static char *
count_domains (guint n)
{
  return g_strdup_printf (ngettext ("%u domain", "%u domains", n), n);
}

static char *
count_accounts (guint n)
{
  return g_strdup_printf (ngettext ("%u account", "%u accounts", n), n);
}

static char *
count_aliases (guint n)
{
  return g_strdup_printf (ngettext ("%u alias", "%u aliases", n), n);
}

static char *
count_zones (guint n)
{
  return g_strdup_printf (ngettext ("%u zone", "%u zones", n), n);
}

/* ---- the table ---- */

static const char *const access_views[] = { "blacklist", "whitelist", NULL };
static const char *const access_icons[] = { "action-unavailable-symbolic",
                                            "emblem-default-symbolic", NULL };

static const PbaListLayout layouts[PB_N_LISTS] = {
  [PB_LIST_TRUSTED_LIST] = { .kind = PB_LIST_TRUSTED_LIST,
                             .header = N_ ("Mail Server"),
                             .title_column = "Name",
                             .subtitle = network_line,
                             .dialog_title = N_ ("Trusted Mail Server"),
                             .empty_title = N_ ("No Trusted Mail Servers"),
                             .icon = "network-transmit-receive-symbolic",
                             .search_hint = N_ ("Search rules"),
                             .count = count_rules,
                             .fields = { "Name", "Network", "Enabled" } },
  [PB_LIST_DOMAIN_LIST] = { .kind = PB_LIST_DOMAIN_LIST,
                            .header = N_ ("Rule"),
                            .title_column = "Name",
                            .subtitle = domain_line,
                            .columns = { { N_ ("Mail Server"), "mailserver.example.org:2525", FALSE,
                                           target_text },
                                         { N_ ("Recipients"), "All taken", FALSE, verify_text } },
                            .dialog_title = N_ ("Relayed Domain"),
                            .empty_title = N_ ("No Relayed Domains"),
                            .icon = "network-transmit-receive-symbolic",
                            .search_hint = N_ ("Search rules"),
                            .count = count_rules,
                            .fields = { "Name", "Domain", "Target", "VerifyRecipients",
                                        "Enabled" } },
  [PB_LIST_RELAY_EXCEPTIONS] = { .kind = PB_LIST_RELAY_EXCEPTIONS,
                                 .header = N_ ("Exception"),
                                 .title_column = "Name",
                                 .subtitle = exception_line,
                                 .columns = { { N_ ("Relay Host"),
                                                "relay.provider.example.org, port 587", FALSE,
                                                relay_text } },
                                 .warning = password_warning,
                                 .ordered = TRUE,
                                 .dialog_title = N_ ("Relay Exception"),
                                 .empty_title = N_ ("No Relay Exceptions"),
                                 .icon = "mail-send-symbolic",
                                 .search_hint = N_ ("Search exceptions"),
                                 .footer =
                                   N_ ("Of exceptions that fit alike the upper one counts."),
                                 .count = count_exceptions,
                                 .fields = { "Name", "Kind", "Targets", "Enabled", NULL, "Server",
                                             "Port", "Fallback", "Tls", "Verify", "Fingerprint",
                                             NULL, "Auth", "User", "SecretStorage", "Password" } },
  [PB_LIST_ACCESS_LIST] = { .kind = PB_LIST_ACCESS_LIST,
                            .header = N_ ("Rule"),
                            .title_column = "Name",
                            .subtitle = rule_line,
                            .columns = { { N_ ("Action"), "Discard it", FALSE, action_text,
                                           "blacklist" },
                                         { N_ ("Hits"), "100,000", TRUE, hits_text },
                                         { N_ ("Last Hit"), "59 min ago", FALSE, last_hit_text } },
                            .warning = forgeable_warning,
                            .views = access_views,
                            .view_icons = access_icons,
                            .dialog_title = N_ ("Rule"),
                            .empty_title = N_ ("No Rules"),
                            .icon = "security-high-symbolic",
                            .search_hint = N_ ("Search rules"),
                            .footer =
                              N_ ("Senders and domains can be forged: prefer an IP. An IP on the "
                                  "blacklist beats a sender on the whitelist."),
                            .count = count_rules,
                            .fields = { "Name", "Kind", "Value", "Action", NULL, "Skip", NULL,
                                        "Expires", "Enabled" } },
  [PB_LIST_LOCAL_DOMAINS] = { .kind = PB_LIST_LOCAL_DOMAINS,
                              .header = N_ ("Domain"),
                              .title_column = "Name",
                              .subtitle = catch_all_line,
                              .dialog_title = N_ ("Local Domain"),
                              .empty_title = N_ ("No Domains"),
                              .icon = "system-users-symbolic",
                              .search_hint = N_ ("Search domains"),
                              .count = count_domains,
                              .fields = { "Name", "CatchAll" } },
  [PB_LIST_ACCOUNTS] = { .kind = PB_LIST_ACCOUNTS,
                         .header = N_ ("Account"),
                         .title_column = "Name",
                         .subtitle = addresses_line,
                         .columns = { { N_ ("Messages a Day"), "No limit", TRUE,
                                        daily_messages_text },
                                      { N_ ("Recipients a Day"), "No limit", TRUE,
                                        daily_recipients_text } },
                         .dialog_title = N_ ("Account"),
                         .empty_title = N_ ("No Accounts"),
                         .icon = "system-users-symbolic",
                         .search_hint = N_ ("Search accounts"),
                         .count = count_accounts,
                         .warning = account_warning,
                         .fields = { "Name", "Addresses", "Enabled", "Password", NULL,
                                     "DailyMessages", "DailyRecipients" } },
  [PB_LIST_ALIASES] = { .kind = PB_LIST_ALIASES,
                        .header = N_ ("Alias"),
                        .title_column = "Address",
                        .subtitle = targets_line,
                        .dialog_title = N_ ("Alias"),
                        .empty_title = N_ ("No Aliases"),
                        .icon = "system-users-symbolic",
                        .search_hint = N_ ("Search aliases"),
                        .count = count_aliases,
                        .fields = { "Address", "Targets" } },
  [PB_LIST_DNSBL_ZONES] = { .kind = PB_LIST_DNSBL_ZONES,
                            .header = N_ ("Zone"),
                            .title_column = "Zone",
                            .subtitle = codes_line,
                            .columns = { { N_ ("Score"), "+100", TRUE, score_text } },
                            .dialog_title = N_ ("Blocklist Zone"),
                            .empty_title = N_ ("No Zones"),
                            .icon = "security-high-symbolic",
                            .search_hint = N_ ("Search zones"),
                            .count = count_zones,
                            .fields = { "Zone", "Codes", "Score", "Enabled" } },
};

const PbaListLayout *
pba_list_layout (PbListKind kind)
{
  g_return_val_if_fail (kind < PB_N_LISTS, NULL);
  return &layouts[kind];
}

gboolean
pba_list_layout_has (const PbaListLayout *self, const char *column)
{
  const PbListSpec *spec = pb_list_spec (self->kind);

  for (guint i = 0; i < spec->n_columns; i++)
    if (g_str_equal (spec->columns[i].name, column))
      return TRUE;
  return FALSE;
}

gboolean
pba_list_layout_skips (const PbaListLayout *self, const char *view)
{
  return pba_list_layout_has (self, "Skip") && g_strcmp0 (view, "whitelist") == 0;
}

gboolean
pba_list_layout_shows (const PbaListLayout *self, guint column, const char *view)
{
  const char *only = self->columns[column].view;

  return self->columns[column].text != NULL && (only == NULL || g_strcmp0 (only, view) == 0);
}
