/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/hits.h"
#include "store/config-store.h"
#include "util/mailbox.h"

/* Writes Hits and LastHit of the AccessList from time to time, so that they outlive a restart. Main thread. */
typedef struct _PbHitsKeeper PbHitsKeeper;

/** pb_hits_keeper_new: all outlive it. */
PbHitsKeeper *pb_hits_keeper_new (PbHits *hits, PbConfigStore *store, PbMailbox *mailbox);
/** pb_hits_keeper_free: what was counted since the last time is written. */
void pb_hits_keeper_free (PbHitsKeeper *self);
