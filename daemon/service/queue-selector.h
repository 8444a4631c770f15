/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/store.h"
#include <glib.h>

/* What the bus says of messages in the queue, as the store's filter. */

/**
 * pb_queue_filter_read:
 * @place: what an error begins with: "Queue.List"
 * @given: a{sv}: any of Ids, Sender, Recipient, Destination, State, Search
 * Returns: (transfer full) (nullable): NULL with a bus error.
 */
PbQueueFilter *pb_queue_filter_read (const char *place, GVariant *given, GError **error);

/** pb_queue_selector_read: likewise, for an action: what says nothing is refused, unless it says All (b) true, and that alone. */
PbQueueFilter *pb_queue_selector_read (const char *place, GVariant *given, GError **error);
