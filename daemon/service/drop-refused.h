/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

#define PB_DROP_NEW     "new-"     /* waits to be taken in */
#define PB_DROP_REFUSED "refused-" /* was refused for good, and is kept to be looked at */

/* What is kept of what was refused. */
typedef struct
{
  guint n;
  guint64 octets;
} PbDropRefused;

/**
 * pb_drop_refused_bound: removes the oldest refused files of a drop directory, as long as they are too many or too large together; the latest stays in any case.
 * Each that goes is in the log. Blocks.
 * @folder: its descriptor
 * @kept: (out): what is left
 */
void pb_drop_refused_bound (int folder, PbDropRefused *kept);

/** pb_drop_refused_add: counts one more of @octets. Returns: TRUE when that is too much: pb_drop_refused_bound(). */
gboolean pb_drop_refused_add (PbDropRefused *kept, guint64 octets);

/** pb_drop_refused_say: (transfer floating) (nullable): what an alert says of them; NULL: there are none. */
GVariant *pb_drop_refused_say (const PbDropRefused *kept);
