/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/smtp-hosts.h"
#include "delivery/sts-policies.h"

/*
 * What a policy means for the hosts of its domain and the connections to them. Counted as mta-sts.enforced: connections whose host has proven its name for a policy;
 * mta-sts.failed: hosts that could not, or are none of a policy's; mta-sts.testing: connections under a policy that is being tested that would have failed.
 */

/**
 * pb_sts_demand_apply: puts what @verdict, of @domain, demands in the place of what each host must prove, where that is less. Pure. What a host's TLSA records or the
 * administrator demand stays (RFC 8461 2), but for TLS without proof.
 */
void pb_sts_demand_apply (PbSmtpHosts *hosts, const char *domain, const PbStsVerdict *verdict);

/** pb_sts_demand_passed: a connection under @security stands. @trouble: (nullable): what it would have failed for, had it not been on trial. @domain, @remote: for the log. */
void pb_sts_demand_passed (const PbSmtpSecurity *security, const char *domain, const char *remote, const char *trouble);

/** pb_sts_demand_failed: a host under @security was not used, for @status: 4.7.4 and 4.7.5 are the policy's. */
void pb_sts_demand_failed (const PbSmtpSecurity *security, const char *status);
