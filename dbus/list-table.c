/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of list kinds: what each list's rows hold. To add a column, add a row here; to add a
 * list, add its columns, its spec and its number in list-kinds.h. What one cell may be is said by
 * its row; what cells must be to each other is said in list-kinds.c. Static and constant.
 */
#include "dbus/list-kinds.h"

#include "dbus/names.h"

#define N_(text) text

#define NAME_COLUMN                                                                                \
  {                                                                                                \
    .name = "Name", .type = "s", .def = "''", .check = PB_CHECK_NAME, .flags = PB_COLUMN_REQUIRED, \
    .title = N_ ("Name"), .help = N_ ("What the rule is called.")                                  \
  }
#define ENABLED_COLUMN(what)                                                                       \
  {                                                                                                \
    .name = "Enabled", .type = "b", .def = "true", .title = N_ ("Enabled"), .help = what           \
  }

static const PbColumnSpec trusted_list[] = {
  NAME_COLUMN,
  ENABLED_COLUMN (N_ ("Whether the rule counts.")),
  { .name = "Network",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_NETWORK,
    .flags = PB_COLUMN_REQUIRED,
    .title = N_ ("IP address or subnet"),
    .help = N_ ("Mail servers in this network may relay anywhere.") },
};

static const PbColumnSpec domain_list[] = {
  NAME_COLUMN,
  ENABLED_COLUMN (N_ ("Whether the rule counts.")),
  { .name = "Domain",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_DOMAIN,
    .flags = PB_COLUMN_REQUIRED | PB_COLUMN_UNIQUE,
    .title = N_ ("Domain"),
    .help = N_ ("Mail for this domain is taken from anyone and passed on.") },
  { .name = "Target",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_HOST_PORT,
    .flags = PB_COLUMN_MAY_BE_EMPTY,
    .title = N_ ("Mail server"),
    .help = N_ ("Where the mail goes; empty goes by the domain's MX records.") },
  { .name = "VerifyRecipients",
    .type = "b",
    .def = "true",
    .title = N_ ("Verify recipients"),
    .help = N_ ("Recipients that the domain's own server does not know are refused here.") },
};

static const PbColumnSpec relay_exceptions[] = {
  NAME_COLUMN,
  ENABLED_COLUMN (N_ ("Whether the rule counts.")),
  { .name = "Kind",
    .type = "s",
    .def = "'recipient'",
    .choices = "recipient|sender",
    .flags = PB_COLUMN_REQUIRED,
    .title = N_ ("Rule type"),
    .help = N_ ("Whether the targets are recipients or senders.") },
  { .name = "Targets",
    .type = "as",
    .def = "[]",
    .check = PB_CHECK_TARGET,
    .flags = PB_COLUMN_REQUIRED,
    .title = N_ ("Targets"),
    .help = N_ ("Addresses, domains, and .domain for subdomains, whose mail takes this way.") },
  { .name = "Server",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_HOST,
    .flags = PB_COLUMN_REQUIRED,
    .title = N_ ("Server"),
    .help = N_ ("The hostname or IP address of the relay host.") },
  { .name = "Fallback",
    .type = "as",
    .def = "[]",
    .check = PB_CHECK_HOST_PORT,
    .title = N_ ("Fallback servers"),
    .help = N_ ("Tried in order when the relay host does not answer, with the same login.") },
  { .name = "Port",
    .type = "u",
    .def = "25",
    .minimum = 1,
    .maximum = 65535,
    .title = N_ ("Port"),
    .help = N_ ("The port on which the relay host takes mail from this server.") },
  { .name = "Tls",
    .type = "s",
    .def = "'opportunistic'",
    .choices = "off|opportunistic|starttls|implicit",
    .title = N_ ("Secure connection"),
    .help = N_ ("Starttls and implicit never send mail unprotected.") },
  { .name = "Verify",
    .type = "s",
    .def = "'auto'",
    .choices = "auto|verify|none|fingerprint",
    .title = N_ ("Certificate check"),
    .help = N_ ("How the relay host proves who it is; auto verifies when a login is sent.") },
  { .name = "Fingerprint",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_FINGERPRINT,
    .flags = PB_COLUMN_MAY_BE_EMPTY,
    .title = N_ ("Fingerprint"),
    .help = N_ ("The SHA-256 of the relay host's public key, in 64 hexadecimal digits.") },
  { .name = "Auth",
    .type = "b",
    .def = "false",
    .title = N_ ("Authentication required"),
    .help = N_ ("This server logs in at the relay host, always over an encrypted connection.") },
  { .name = "User",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_TEXT,
    .flags = PB_COLUMN_MAY_BE_EMPTY,
    .title = N_ ("Username"),
    .help = N_ ("The user name with which this server logs in at the relay host.") },
  { .name = "SecretStorage",
    .type = "s",
    .def = "'system'",
    .choices = "system|agent|ask",
    .title = N_ ("Password storage"),
    .help = N_ ("Where the password is kept.") },
  { .name = "SecretState",
    .type = "s",
    .def = "'none'",
    .choices = "none|present|stale",
    .flags = PB_COLUMN_READ_ONLY,
    .title = N_ ("Password state"),
    .help = N_ ("Whether a password for this relay host is there.") },
};

static const PbColumnSpec access_list[] = {
  NAME_COLUMN,
  ENABLED_COLUMN (N_ ("Whether the rule counts.")),
  { .name = "List",
    .type = "s",
    .def = "'blacklist'",
    .choices = "blacklist|whitelist",
    .flags = PB_COLUMN_REQUIRED,
    .title = N_ ("Rule type"),
    .help = N_ ("Blacklist rules refuse or discard mail, whitelist rules spare it checks.") },
  { .name = "Kind",
    .type = "s",
    .def = "'sender'",
    .choices = "sender|recipient|ip|network|domain",
    .flags = PB_COLUMN_REQUIRED,
    .title = N_ ("Criterion"),
    .help = N_ ("What the value is compared with.") },
  { .name = "Value",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_TEXT,
    .flags = PB_COLUMN_REQUIRED,
    .title = N_ ("Value"),
    .help = N_ ("The address, IP address, network or domain. A recipient's rule is for user+tag too.") },
  { .name = "Action",
    .type = "s",
    .def = "'reject'",
    .choices = "reject|discard",
    .title = N_ ("Do this"),
    .help = N_ ("Refuse a matching message, or abandon it without informing the sender.") },
  { .name = "Skip",
    .type = "as",
    .def = "[]",
    .choices = "dnsbl|spf|antivirus|dkim|dmarc",
    .title = N_ ("Skipped checks"),
    .help = N_ ("The checks that a whitelist rule spares; when left out, what suits its kind.") },
  { .name = "Expires",
    .type = "t",
    .def = "0",
    .title = N_ ("Expires"),
    .help = N_ ("When the rule stops to count, in Unix seconds; 0 is never.") },
  { .name = "Hits",
    .type = "t",
    .def = "0",
    .flags = PB_COLUMN_READ_ONLY,
    .title = N_ ("Hits"),
    .help = N_ ("How often the rule matched.") },
  { .name = "LastHit",
    .type = "t",
    .def = "0",
    .flags = PB_COLUMN_READ_ONLY,
    .title = N_ ("Last hit"),
    .help = N_ ("When the rule last matched, in Unix seconds.") },
};

static const PbColumnSpec local_domains[] = {
  { .name = "Name",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_DOMAIN,
    .flags = PB_COLUMN_REQUIRED | PB_COLUMN_UNIQUE,
    .title = N_ ("Domain"),
    .help = N_ ("Mail for this domain is delivered here.") },
  { .name = "CatchAll",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_ADDRESS,
    .flags = PB_COLUMN_MAY_BE_EMPTY,
    .title = N_ ("Catch-all address"),
    .help = N_ ("Gets the mail for recipients that do not exist; empty refuses it.") },
};

static const PbColumnSpec accounts[] = {
  { .name = "Name",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_LOGIN,
    .flags = PB_COLUMN_REQUIRED | PB_COLUMN_UNIQUE,
    .title = N_ ("Username"),
    .help = N_ ("The login name; also the mailbox's address at every local domain.") },
  { .name = "Addresses",
    .type = "as",
    .def = "[]",
    .check = PB_CHECK_ADDRESS,
    .title = N_ ("Email addresses"),
    .help = N_ ("Further addresses whose mail goes to this mailbox.") },
  ENABLED_COLUMN (N_ ("A disabled account gets no mail and cannot log in.")),
  { .name = "PasswordSet",
    .type = "b",
    .def = "false",
    .flags = PB_COLUMN_READ_ONLY,
    .title = N_ ("Password set"),
    .help = N_ ("An account without a password gets mail and cannot log in.") },
  { .name = "DailyMessages",
    .type = "u",
    .def = "0",
    .title = N_ ("Messages a day"),
    .help = N_ ("How many messages the account may send a day; 0 sets no limit.") },
  { .name = "DailyRecipients",
    .type = "u",
    .def = "0",
    .title = N_ ("Recipients a day"),
    .help = N_ ("To how many recipients the account may send a day; 0 sets no limit.") },
};

static const PbColumnSpec aliases[] = {
  { .name = "Address",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_ADDRESS_OR_LOCAL,
    .flags = PB_COLUMN_REQUIRED | PB_COLUMN_UNIQUE,
    .title = N_ ("Alias"),
    .help = N_ ("An address, or the part before the @ for all local domains.") },
  { .name = "Targets",
    .type = "as",
    .def = "[]",
    .check = PB_CHECK_ADDRESS,
    .flags = PB_COLUMN_REQUIRED,
    .title = N_ ("Targets"),
    .help = N_ ("The addresses that get the alias's mail.") },
};

static const PbColumnSpec dnsbl_zones[] = {
  { .name = "Zone",
    .type = "s",
    .def = "''",
    .check = PB_CHECK_DOMAIN,
    .flags = PB_COLUMN_REQUIRED | PB_COLUMN_UNIQUE,
    .title = N_ ("Zone"),
    .help = N_ ("The domain of the blocklist.") },
  { .name = "Codes",
    .type = "as",
    .def = "[]",
    .check = PB_CHECK_DNS_CODE,
    .title = N_ ("Answers"),
    .help = N_ ("The answers that count; none given is any.") },
  { .name = "Score",
    .type = "i",
    .def = "1",
    .title = N_ ("Score"),
    .help =
      N_ ("What being on this list adds to a host's sum; negative for lists of good hosts.") },
  ENABLED_COLUMN (N_ ("Whether the list is asked.")),
};

#define COLUMNS(array) .columns = array, .n_columns = G_N_ELEMENTS (array)

static const PbListSpec lists[PB_N_LISTS] = {
  [PB_LIST_TRUSTED_LIST] = { .name = "TrustedList",
                             COLUMNS (trusted_list),
                             .action = PB_ACTION_MODIFY_SETTINGS,
                             .in_revert = TRUE,
                             .title = N_ ("Trusted list"),
                             .help = N_ ("Mail servers that may relay mail anywhere.") },
  [PB_LIST_DOMAIN_LIST] = { .name = "DomainList",
                            COLUMNS (domain_list),
                            .action = PB_ACTION_MODIFY_SETTINGS,
                            .in_revert = TRUE,
                            .title = N_ ("Domain list"),
                            .help =
                              N_ ("Domains of other mail servers, for which mail is taken.") },
  [PB_LIST_RELAY_EXCEPTIONS] = { .name = "RelayExceptions",
                                 COLUMNS (relay_exceptions),
                                 .action = PB_ACTION_MODIFY_SETTINGS,
                                 .in_revert = TRUE,
                                 .title = N_ ("Relay exceptions"),
                                 .help = N_ (
                                   "Senders and recipients whose mail goes through a relay host of its own.") },
  [PB_LIST_ACCESS_LIST] = { .name = "AccessList",
                            COLUMNS (access_list),
                            .action = PB_ACTION_MODIFY_SETTINGS,
                            .in_revert = TRUE,
                            .title = N_ ("Blacklist and whitelist"),
                            .help = N_ ("Rules that refuse, discard or allow certain messages.") },
  [PB_LIST_LOCAL_DOMAINS] = { .name = "LocalDomains",
                              COLUMNS (local_domains),
                              .action = PB_ACTION_MODIFY_SETTINGS,
                              .in_revert = TRUE,
                              .title = N_ ("Local domains"),
                              .help = N_ ("Domains whose mail is delivered here.") },
  [PB_LIST_ACCOUNTS] = { .name = "Accounts",
                         COLUMNS (accounts),
                         .action = PB_ACTION_MANAGE_ACCOUNTS,
                         .title = N_ ("Accounts"),
                         .help = N_ ("The users of this server and their mailboxes.") },
  [PB_LIST_ALIASES] = { .name = "Aliases",
                        COLUMNS (aliases),
                        .action = PB_ACTION_MODIFY_SETTINGS,
                        .in_revert = TRUE,
                        .title = N_ ("Aliases"),
                        .help = N_ ("Addresses that stand for other addresses.") },
  [PB_LIST_DNSBL_ZONES] = { .name = "DnsblZones",
                            COLUMNS (dnsbl_zones),
                            .action = PB_ACTION_MODIFY_SETTINGS,
                            .in_revert = TRUE,
                            .title = N_ ("DNS blocklists"),
                            .help = N_ ("Lists in the DNS that name hosts which send spam.") },
};

const PbListSpec *
pb_list_spec (PbListKind kind)
{
  g_return_val_if_fail (kind < PB_N_LISTS, NULL);
  return &lists[kind];
}

gboolean
pb_list_lookup (const char *name, PbListKind *kind)
{
  for (guint i = 0; i < PB_N_LISTS; i++)
    if (g_str_equal (lists[i].name, name))
      {
        *kind = i;
        return TRUE;
      }
  return FALSE;
}
