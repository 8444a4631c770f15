/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/manager.h"
#include "model/settings-model.h"

G_BEGIN_DECLS

typedef enum
{
  PBA_SEVERITY_ERROR,   /* cannot stay like this */
  PBA_SEVERITY_PROBLEM, /* mail waits or is at risk */
  PBA_SEVERITY_WARNING,
  PBA_SEVERITY_PASSED, /* looked at, and nothing found */
} PbaSeverity;

/*
 * One thing that was looked at across settings and lists: mostly one that is wrong or doubtful. Property, read-only: evidence (s, nullable),
 * which comes later for rows of lists. The rest is constant.
 */
#define PBA_TYPE_FINDING (pba_finding_get_type ())
G_DECLARE_FINAL_TYPE (PbaFinding, pba_finding, PBA, FINDING, GObject)

PbaSeverity pba_finding_get_severity (PbaFinding *self);
/** pba_finding_get_title: what it is about: a setting's or a list's title in the user's language. */
const char *pba_finding_get_title (PbaFinding *self);
/** pba_finding_get_sentence: what is the matter. */
const char *pba_finding_get_sentence (PbaFinding *self);
/** pba_finding_get_evidence: (nullable): how it stands now: a setting's value, a row's name: "vm.localdomain", "Not set", "Office, 10.0.0.0/8". */
const char *pba_finding_get_evidence (PbaFinding *self);
/** pba_finding_get_remedy: words of the button that goes there: "Enter Server". */
const char *pba_finding_get_remedy (PbaFinding *self);
/** pba_finding_get_interface: "General", "TrustedList". */
const char *pba_finding_get_interface (PbaFinding *self);
/** pba_finding_get_key: "General.Hostname", or the id of a list's row, or "" for a list as a whole. */
const char *pba_finding_get_key (PbaFinding *self);

/*
 * What Manager.Validate finds: a GListModel of PbaFinding, the worst first; asked at every connection and again whenever settings or
 * lists have changed. Properties, read-only: count (u), time (x: Unix seconds of the last answer, 0 before the first), checking (b),
 * error (s, nullable: why the last check failed).
 */
#define PBA_TYPE_FINDINGS (pba_findings_get_type ())
G_DECLARE_FINAL_TYPE (PbaFindings, pba_findings, PBA, FINDINGS, GObject)

PbaFindings *pba_findings_new (PbaConnection *connection, PbaManager *manager, PbaSettingsModel *settings);
/** pba_findings_check: now, and the user is asked for a password if it takes one. */
void pba_findings_check (PbaFindings *self);
/** pba_findings_get_passed: (transfer none) (element-type PbaFinding): until the next notify of "time": checks without a finding. */
GPtrArray *pba_findings_get_passed (PbaFindings *self);
gint64 pba_findings_get_time (PbaFindings *self);
const char *pba_findings_get_error (PbaFindings *self);

G_END_DECLS
