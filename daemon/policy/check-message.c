/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks of the message as such: its size, its hops, its line ends. Called by the policy's machine as
 * the table says; they change and keep nothing.
 */
#include "policy/checks.h"

static gboolean
over_size (const PbJudged *judged, guint64 size)
{
  return size > (guint64) judged->snapshot->values.general_max_message_size << 20;
}

PbFinding
pb_check_declared_size (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  if (judged->declared_size == 0)
    return PB_FINDING_NONE;
  return over_size (judged, judged->declared_size) ? PB_FINDING_REFUSE : PB_FINDING_PASS;
}

PbFinding
pb_check_size (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  return over_size (judged, judged->size) ? PB_FINDING_REFUSE : PB_FINDING_PASS;
}

PbFinding
pb_check_hops (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  guint own = 1;

  if (judged->header == NULL
      || judged->header->received + own < judged->snapshot->values.general_max_hops)
    return PB_FINDING_PASS;
  return PB_FINDING_REFUSE;
}

PbFinding
pb_check_bare_newline (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  if (!judged->bare_newline
      || g_str_equal (judged->snapshot->values.advanced_bare_newline, "normalize"))
    return PB_FINDING_PASS;
  return PB_FINDING_REFUSE;
}
