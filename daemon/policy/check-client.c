/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks of the client itself, when it connects and before it gives a sender: is it blocked, does it
 * come too often, must it log in. Called by the policy's machine as the table says; they change and
 * keep nothing.
 */
#include "policy/checks.h"

#include <arpa/inet.h>

/* The time is told: who mistyped a password knows when to come again. */
PbFinding
pb_check_blocks (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  g_autoptr (GDateTime) until = NULL;

  if (judged->blocked_until == 0)
    return PB_FINDING_PASS;
  until = g_date_time_new_from_unix_utc (judged->blocked_until);
  decision->detail = until != NULL ? g_date_time_format_iso8601 (until) : NULL;
  return PB_FINDING_REFUSE;
}

PbFinding
pb_check_connections (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  guint limit = judged->snapshot->values.connection_policy_max_connections;
  char text[INET6_ADDRSTRLEN];

  if (limit == 0)
    return PB_FINDING_NONE;
  decision->evidence = g_strdup_printf ("%u at once, limit %u", judged->connections, limit);
  if (judged->connections <= limit)
    return PB_FINDING_PASS;
  decision->detail = g_strdup (pb_ip_format (&judged->ip, text, sizeof text));
  return PB_FINDING_REFUSE;
}

/* A fixed window of a minute from the first. */
static PbFinding
judge_rate (const PbJudged *judged, guint rate, guint limit, PbDecision *decision)
{
  char text[INET6_ADDRSTRLEN];

  if (limit == 0)
    return PB_FINDING_NONE;
  decision->evidence = g_strdup_printf ("%u in a minute, limit %u", rate, limit);
  if (rate <= limit)
    return PB_FINDING_PASS;
  decision->detail = g_strdup (pb_ip_format (&judged->ip, text, sizeof text));
  return PB_FINDING_REFUSE;
}

PbFinding
pb_check_connection_rate (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  return judge_rate (judged, judged->connection_rate,
                     judged->snapshot->values.connection_policy_max_connections_per_minute,
                     decision);
}

PbFinding
pb_check_message_rate (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  return judge_rate (judged, judged->message_rate,
                     judged->snapshot->values.connection_policy_max_messages_per_minute, decision);
}

PbFinding
pb_check_login (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  return judged->demand_login ? PB_FINDING_REFUSE : PB_FINDING_NONE;
}
