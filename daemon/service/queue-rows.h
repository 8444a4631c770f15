/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/snapshot.h"
#include "store/store.h"
#include <glib.h>

/**
 * pb_queue_rows:
 * @queued: (element-type PbQueued)
 * @snapshot: the ways are found by its settings
 * Returns: (floating): aa{sv}, the rows of Queue.List. Of a message with many recipients the first are shown, of one that comes alone more.
 */
GVariant *pb_queue_rows (GPtrArray *queued, const PbSnapshot *snapshot);
