/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/findings.h"

/* Shared by findings.c (all of them) and finding.c (one). */

/** pba_finding_new: one row of Manager.Validate: "TrustedList[<id>].Network", "General.Hostname" or "LocalDomains"; "problem"; its words. */
PbaFinding *pba_finding_new (PbaSettingsModel *settings, const char *place, const char *severity, const char *words);
/** pba_finding_is_of_row: it is about a row of a list, whose cells pba_finding_take_row() wants to see. */
gboolean pba_finding_is_of_row (PbaFinding *self);
/** pba_finding_take_row: @cells a{sv}: names the row in the evidence. */
void pba_finding_take_row (PbaFinding *self, GVariant *cells);
/** pba_finding_list_passed: (transfer full) (element-type PbaFinding): what has been looked at, by the settings and lists that this service has,
 *  without a finding in @found (element-type PbaFinding). */
GPtrArray *pba_finding_list_passed (PbaConnection *connection, PbaSettingsModel *settings, GPtrArray *found);
