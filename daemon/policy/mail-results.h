/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "policy/policy.h"

/*
 * What the checks found out about a message, as it is written on top of it. Only what we looked at ourselves and know by now is told.
 */

/** pb_mail_results_format: the value of an Authentication-Results field (RFC 8601), beginning with our name. @judged: as at END_OF_DATA. Returns: (transfer full) (nullable): NULL when nothing was checked. */
char *pb_mail_results_format (const PbJudged *judged);

/** pb_mail_results_received_spf: the value of a Received-SPF field (RFC 7208 9.1). Returns: (transfer full) (nullable): NULL when SPF was not checked. */
char *pb_mail_results_received_spf (const PbJudged *judged);
