/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/*
 * A message with 8-bit octets made fit for a server that does not offer 8BITMIME (RFC 6152 3): parts that are not encoded become quoted-printable, their fields
 * say so, and what is around them says 7bit. A streaming machine: any split of the input gives the same output. Octets in header sections stay as they are (RFC
 * 6152 has no words for them); DKIM signatures over the body do not survive.
 */
typedef struct _PbSevenBit PbSevenBit;

PbSevenBit *pb_seven_bit_new (void);
void pb_seven_bit_free (PbSevenBit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSevenBit, pb_seven_bit_free)

/** pb_seven_bit_feed: some of the message, from its first header field on; what is ready is appended to @out. */
void pb_seven_bit_feed (PbSevenBit *self, const char *input, gsize length, GByteArray *out);

/** pb_seven_bit_finish: the message has ended. */
void pb_seven_bit_finish (PbSevenBit *self, GByteArray *out);
