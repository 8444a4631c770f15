/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/alerts.h"
#include "service/submission.h"

/*
 * Takes in what programs of this machine left in the drop directory while the service was away: each file is a message whose owner is its sender. A
 * file goes once its message is in the queue; one that is refused for good is told to its author and stays for a while, named refused-; an alert says so.
 */
typedef struct _PbDropKeeper PbDropKeeper;

/**
 * pb_drop_keeper_new: makes @state_directory/drop, where it is missing, for the group postbus-drop; what waits there and what comes is taken in from then on.
 * @submitter, @registry, @alerts: (unowned): outlive it, or @submitter is closed first; @mailbox: the main thread's
 */
PbDropKeeper *pb_drop_keeper_new (const char *state_directory, PbSubmitter *submitter, PbRegistry *registry, PbAlerts *alerts,
                                  PbMailbox *mailbox);
/** pb_drop_keeper_close: begins nothing new. Before the submitter is closed. */
void pb_drop_keeper_close (PbDropKeeper *self);
/** pb_drop_keeper_free: behind the submitter's last answer. */
void pb_drop_keeper_free (PbDropKeeper *self);
