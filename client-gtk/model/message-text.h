/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * pba_message_text_take:
 * @rest: what the last piece left over: part of a character or of a line's end. Empty at first.
 * @octets: the next piece of a message
 * @last: there is none behind it
 * Octets of a message as text to look at: line ends are "\n", what is no UTF-8 or no printable character shows as "�". Nothing in it is obeyed.
 * Returns: (transfer full).
 */
char *pba_message_text_take (GByteArray *rest, GBytes *octets, gboolean last);

G_END_DECLS
