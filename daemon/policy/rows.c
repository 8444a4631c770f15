/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of judgement: one row a check, in the order in which they are asked. To add a judgement,
 * add a check and its row; the counters, the log line and the trail follow from the name, off and
 * watch from the setting, Explain from the row.
 */
#include "policy/checks.h"

#define EXEMPT PB_POLICY_SPARES_EXEMPT
#define ALL    PB_POLICY_BINDS_ALL

static const PbPolicyRow rows[] = {
  { PB_STAGE_CONNECT, "blocks", PB_REPLY_BLOCKED, EXEMPT, pb_check_blocks },
  { PB_STAGE_CONNECT, "connections", PB_REPLY_TOO_MANY_CONNECTIONS, EXEMPT, pb_check_connections },
  { PB_STAGE_MAIL, "login", PB_REPLY_AUTH_REQUIRED, EXEMPT, pb_check_login },
  { PB_STAGE_MAIL, "size", PB_REPLY_TOO_LARGE, ALL, pb_check_declared_size },
  { PB_STAGE_RCPT, "sender-login", PB_REPLY_SENDER_NOT_OWN, ALL, pb_check_sender },
  { PB_STAGE_RCPT, "relay", PB_REPLY_RELAY_DENIED, EXEMPT, pb_check_relay },
  { PB_STAGE_RCPT, "recipient", PB_REPLY_UNKNOWN_USER, ALL, pb_check_recipient },
  { PB_STAGE_RCPT, "recipient-probe", PB_REPLY_UNKNOWN_USER, ALL, pb_check_remote_recipient },
  { PB_STAGE_RCPT, "recipient-limit", PB_REPLY_TOO_MANY_RECIPIENTS, ALL, pb_check_recipient_limit },
  { PB_STAGE_END_OF_DATA, "size", PB_REPLY_TOO_LARGE, ALL, pb_check_size },
  { PB_STAGE_END_OF_DATA, "hops", PB_REPLY_TOO_MANY_HOPS, ALL, pb_check_hops },
  { PB_STAGE_END_OF_DATA, "from-login", PB_REPLY_FROM_NOT_OWN, ALL, pb_check_from },
  { PB_STAGE_END_OF_DATA, "bare-newline", PB_REPLY_BARE_NEWLINE, EXEMPT, pb_check_bare_newline },
};

const PbPolicyRow *
pb_policy_rows (guint *n_rows)
{
  *n_rows = G_N_ELEMENTS (rows);
  return rows;
}
