/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of judgement: one row a check, in the order in which they are asked. To add a judgement,
 * add a check and its row; the counters, the log line and the trail follow from the name, off and
 * watch from the setting, Explain from the row.
 */
#include "policy/checks.h"

#define ALL    .flags = PB_POLICY_BINDS_ALL
#define EXEMPT .flags = PB_POLICY_SPARES_EXEMPT
#define NAMES  .flags = PB_POLICY_SPARES_EXEMPT | PB_POLICY_SPARES_ALLOWED

/* (stage, name, reply, check): the rest of a row follows, by name */
#define ROW(in, called, with, function)                                                            \
  .stage = PB_STAGE_##in, .name = called, .reply = PB_REPLY_##with, .check = pb_check_##function

#define SETTING(field)                                                                             \
  static const char *setting_##field (const PbSettingValues *values)                               \
  {                                                                                                \
    return values->field;                                                                          \
  }
SETTING (connection_policy_reject_unknown_client_hostname)
SETTING (advanced_reject_non_fqdn_helo)
SETTING (advanced_reject_unknown_helo)
SETTING (sender_policy_reject_non_fqdn_sender)
SETTING (sender_policy_reject_unknown_sender_domain)
SETTING (dnsbl_policy)
SETTING (mail_auth_spf_policy)
SETTING (mail_auth_dkim_policy)
SETTING (mail_auth_dmarc_policy)
SETTING (antivirus_policy)

static const PbPolicyRow rows[] = {
  { ROW (CONNECT, "blocks", BLOCKED, blocks), EXEMPT },
  { ROW (CONNECT, "connections", TOO_MANY_CONNECTIONS, connections), EXEMPT },
  { ROW (CONNECT, "connection-rate", CONNECTION_RATE, connection_rate), EXEMPT },

  { ROW (MAIL, "login", AUTH_REQUIRED, login), EXEMPT },
  { ROW (MAIL, "size", TOO_LARGE, declared_size), ALL },
  { ROW (MAIL, "message-rate", MESSAGE_RATE, message_rate), EXEMPT },

  { ROW (RCPT, "access-client", ACCESS_DENIED, access_client), ALL },
  { ROW (RCPT, "client-name", CLIENT_NAME_UNKNOWN, client_name), NAMES,
    .setting = setting_connection_policy_reject_unknown_client_hostname,
    .fact = PB_FACT_CLIENT_NAME },
  { ROW (RCPT, "helo-fqdn", HELO_NOT_FQDN, helo_fqdn), NAMES,
    .setting = setting_advanced_reject_non_fqdn_helo },
  { ROW (RCPT, "helo-domain", HELO_UNKNOWN, helo_domain), NAMES,
    .setting = setting_advanced_reject_unknown_helo, .fact = PB_FACT_HELO },
  { ROW (RCPT, "sender-fqdn", SENDER_NOT_FQDN, sender_fqdn), NAMES,
    .setting = setting_sender_policy_reject_non_fqdn_sender },
  { ROW (RCPT, "sender-domain", SENDER_UNKNOWN, sender_domain), NAMES,
    .setting = setting_sender_policy_reject_unknown_sender_domain, .fact = PB_FACT_SENDER },
  { ROW (RCPT, "sender-login", SENDER_NOT_OWN, sender), ALL },
  { ROW (RCPT, "relay", RELAY_DENIED, relay), EXEMPT },
  { ROW (RCPT, "recipient", UNKNOWN_USER, recipient), ALL },
  { ROW (RCPT, "recipient-probe", UNKNOWN_USER, remote_recipient), ALL },
  { ROW (RCPT, "access-envelope", ACCESS_DENIED, access_envelope), ALL },
  { ROW (RCPT, "dnsbl", BLOCKLISTED, blocklists), EXEMPT, .setting = setting_dnsbl_policy,
    .fact = PB_FACT_BLOCKLISTS, .skip = PB_SKIP_DNSBL },
  { ROW (RCPT, "spf", SPF_FAIL, spf), EXEMPT, .setting = setting_mail_auth_spf_policy,
    .fact = PB_FACT_SPF, .skip = PB_SKIP_SPF },
  { ROW (RCPT, "recipient-limit", TOO_MANY_RECIPIENTS, recipient_limit), ALL },

  { ROW (END_OF_DATA, "size", TOO_LARGE, size), ALL },
  { ROW (END_OF_DATA, "hops", TOO_MANY_HOPS, hops), ALL },
  { ROW (END_OF_DATA, "from-login", FROM_NOT_OWN, from), ALL },
  { ROW (END_OF_DATA, "bare-newline", BARE_NEWLINE, bare_newline), EXEMPT },
  { ROW (END_OF_DATA, "dkim", DKIM_NONE, dkim), EXEMPT, .setting = setting_mail_auth_dkim_policy,
    .fact = PB_FACT_DKIM, .skip = PB_SKIP_DKIM },
  { ROW (END_OF_DATA, "dmarc", DMARC_FAIL, dmarc), EXEMPT, .setting = setting_mail_auth_dmarc_policy,
    .fact = PB_FACT_DMARC, .skip = PB_SKIP_DMARC },
  /* Last, since it takes longest. Nobody is exempt: who is trusted may have caught something. */
  { ROW (END_OF_DATA, "antivirus", INFECTED, antivirus), ALL, .setting = setting_antivirus_policy,
    .skip = PB_SKIP_ANTIVIRUS },
};

const PbPolicyRow *
pb_policy_rows (guint *n_rows)
{
  *n_rows = G_N_ELEMENTS (rows);
  return rows;
}
