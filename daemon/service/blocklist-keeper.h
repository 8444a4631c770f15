/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/resolver.h"
#include "policy/blocklists.h"
#include "service/alerts.h"
#include "settings/registry.h"
#include "util/mailbox.h"

/* Has the DNS blocklists of the settings probed: at the start, when they change, and every hour; an ill one is an alert. Main thread. */
typedef struct _PbBlocklistKeeper PbBlocklistKeeper;

/** pb_blocklist_keeper_new: all of them outlive it. */
PbBlocklistKeeper *pb_blocklist_keeper_new (PbRegistry *registry, PbResolver *resolver, PbAlerts *alerts, PbMailbox *main_mailbox);

/** pb_blocklist_keeper_close: nothing more is asked, and no alert raised; sessions may look at what is known until pb_blocklist_keeper_free(). */
void pb_blocklist_keeper_close (PbBlocklistKeeper *self);
void pb_blocklist_keeper_free (PbBlocklistKeeper *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbBlocklistKeeper, pb_blocklist_keeper_free)

/** pb_blocklist_keeper_blocklists: (transfer none). */
PbBlocklists *pb_blocklist_keeper_blocklists (PbBlocklistKeeper *self);
