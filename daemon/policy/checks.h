/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "policy/policy.h"

/*
 * The checks that rows.c puts in order. Each is pure: it reads what is known, answers with a finding and, where it objects, a reply; off, watch, exempt
 * clients and the trail are the machine's.
 */

/** pb_refuse: Returns: PB_FINDING_REFUSE, with @reply. */
static inline PbFinding
pb_refuse (PbDecision *decision, PbReplyId reply)
{
  decision->reply = reply;
  return PB_FINDING_REFUSE;
}

/** pb_trouble: Returns: PB_FINDING_TROUBLE, with @reply, a 4xx. */
static inline PbFinding
pb_trouble (PbDecision *decision, PbReplyId reply)
{
  decision->reply = reply;
  return PB_FINDING_TROUBLE;
}

/** pb_helo_is_literal: "[192.0.2.1]", "[IPv6:2001:db8::1]": no name, so the DNS has nothing to say of it. */
static inline gboolean
pb_helo_is_literal (const char *helo)
{
  return helo[0] == '[' && g_str_has_suffix (helo, "]");
}

/** pb_sender_is_ours: of a local domain. Its SPF is for DMARC alone. */
static inline gboolean
pb_sender_is_ours (const PbJudged *judged)
{
  return judged->sender != NULL && judged->sender->domain != NULL
         && pb_snapshot_is_local_domain (judged->snapshot, judged->sender->domain);
}

#define PB_CHECK(name) PbFinding pb_check_##name (const PbJudged *judged, PbDecision *decision, PbPolicyRun *run)

/* connect */
PB_CHECK (blocks);
PB_CHECK (connections);
PB_CHECK (connection_rate);
/* MAIL */
PB_CHECK (login);
PB_CHECK (declared_size);
PB_CHECK (message_rate);
/* RCPT */
PB_CHECK (access_client);
PB_CHECK (client_name);
PB_CHECK (helo_fqdn);
PB_CHECK (helo_domain);
PB_CHECK (sender_fqdn);
PB_CHECK (sender_domain);
PB_CHECK (sender);
PB_CHECK (relay);
PB_CHECK (recipient);
PB_CHECK (remote_recipient);
PB_CHECK (access_envelope);
PB_CHECK (blocklists);
PB_CHECK (spf);
PB_CHECK (recipient_limit);
/* end of data */
PB_CHECK (size);
PB_CHECK (hops);
PB_CHECK (from);
PB_CHECK (bare_newline);
PB_CHECK (dkim);
PB_CHECK (dmarc);
PB_CHECK (antivirus);
