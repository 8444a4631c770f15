/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The check for malware. Its answer comes from the scanner's threads, so the run waits; what it is then is up
 * to the settings OnInfected and OnFailure. Called by the policy's machine as the table says; a session that
 * is closed, as one is whose client resets it, ends the scan. Keeps nothing.
 */
#include "policy/checks.h"

static PbFinding
on_infected (const PbSettingValues *values, const char *malware, PbDecision *decision)
{
  const char *action = values->antivirus_on_infected;

  decision->detail = g_strdup (malware);
  if (g_str_equal (values->antivirus_policy, "watch"))
    {
      decision->evidence = g_strdup_printf ("%s; enforced: %s", malware, action);
      return PB_FINDING_REFUSE;
    }
  decision->evidence = g_strdup (malware);
  if (g_str_equal (action, "discard"))
    return PB_FINDING_DISCARD;
  if (!g_str_equal (action, "quarantine"))
    return PB_FINDING_REFUSE;
  decision->aside = PB_ASIDE_HELD;
  return PB_FINDING_QUARANTINE;
}

static PbFinding
on_failure (const PbSettingValues *values, const char *why, PbDecision *decision)
{
  decision->evidence = g_strdup_printf ("not scanned: %s", why);
  decision->lets_pass = g_str_equal (values->antivirus_on_failure, "accept");
  return pb_trouble (decision, PB_REPLY_SCANNER_TROUBLE);
}

static PbFinding
judge (const PbSettingValues *values, const PbScanOutcome *outcome, PbDecision *decision)
{
  switch (outcome->result)
    {
    case PB_SCAN_INFECTED:
      return on_infected (values, outcome->words, decision);
    case PB_SCAN_FAILED:
      return on_failure (values, outcome->words, decision);
    case PB_SCAN_LOST: /* the store refuses it, and says why */
      return PB_FINDING_NONE;
    case PB_SCAN_CLEAN:
      break;
    }
  return PB_FINDING_PASS;
}

static void
on_scanned (PbScanOutcome *outcome, gpointer user_data)
{
  PbPolicyRun *run = user_data;
  const PbJudged *judged = pb_policy_run_judged (run);
  PbDecision decision = { 0 };
  PbFinding finding = PB_FINDING_NONE;

  if (judged != NULL)
    finding = judge (&judged->snapshot->values, outcome, &decision);
  pb_policy_continue (run, finding, &decision);
}

static void
on_cancelled (gpointer scan)
{
  pb_scan_cancel (scan);
}

PbFinding
pb_check_antivirus (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)
{
  PbPolicyRun *waiting;
  PbScan *scan;

  if (judged->spool == NULL || judged->scanner == NULL)
    return PB_FINDING_NONE;
  waiting = pb_policy_run_suspend (run);
  scan = pb_scanner_scan (judged->scanner, judged->snapshot->values.antivirus_address,
                          judged->spool, judged->mailbox, on_scanned, waiting);
  pb_policy_run_on_cancel (waiting, on_cancelled, scan);
  return PB_FINDING_PENDING;
}
