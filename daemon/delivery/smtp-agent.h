/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/agent.h"
#include "delivery/relay-secret.h"
#include "delivery/sts-policies.h"
#include "net/reactor.h"
#include "net/resolver.h"
#include <glib.h>

/*
 * SMTP and LMTP out: finds the hosts of a route (MX with A/AAAA fallback, null MX 5.1.10, fixed hosts, a Unix socket), secures and logs in as the route says, keeps
 * and reuses connections by destination, pipelines where offered. A delivery comes back with its transcript. Deliveries may be handed in from the main thread; each connection lives on one reactor.
 */
typedef struct _PbSmtpAgent PbSmtpAgent;

/** pb_smtp_agent_new: borrows all. @secrets: (nullable): NULL where no relay's password is known. @mx_port: 25, or a test's. */
PbSmtpAgent *pb_smtp_agent_new (PbReactor **reactors, guint n_reactors, PbResolver *resolver, const PbRelaySecretSource *secrets, guint16 mx_port);

/** pb_smtp_agent_obey_policies: before the first delivery: what goes by MX obeys MTA-STS from then on, where Outbound.MtaSts says so. @policies is borrowed. */
void pb_smtp_agent_obey_policies (PbSmtpAgent *self, PbStsPolicies *policies);

/** pb_smtp_agent_free: quits idle connections; deliveries under way come back DEFERRED first (bounded by 5 s). */
void pb_smtp_agent_free (PbSmtpAgent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSmtpAgent, pb_smtp_agent_free)

/** pb_smtp_agent_deliver: @delivery (transfer full), route kind HOSTS, MX or LMTP. Many results come back in one wake-up of @reply_to. */
void pb_smtp_agent_deliver (PbSmtpAgent *self, PbDelivery *delivery, PbMailbox *reply_to, PbDelivered func, gpointer user_data);
