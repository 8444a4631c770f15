/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/address.h"
#include <glib.h>

#define PB_MAILBOX_LIST_MAX 100 /* addresses in one field */

/**
 * pb_mailbox_list_parse:
 * @text: the value of From:, Sender: or the like, unfolded (RFC 5322 3.4), of RFC 6532 too
 * Comments, display names and groups are read over; of the obsolete forms only empty elements are. Never reads an address where another reader might
 * see a different one: then it is an error.
 * Returns: (transfer full) (nullable) (element-type PbAddress): maybe empty; NULL when it cannot be read or has more than PB_MAILBOX_LIST_MAX.
 */
GPtrArray *pb_mailbox_list_parse (const char *text, gsize length);

/** pb_mailbox_list_read: likewise. @doubtful: (out): a name was itself an address, without quotes: both are in the list, and a reader may see either. */
GPtrArray *pb_mailbox_list_read (const char *text, gsize length, gboolean *doubtful);
