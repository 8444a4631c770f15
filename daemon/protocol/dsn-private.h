/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/dsn.h"
#include <glib.h>

/* dsn-text.c: the part a person reads, CRLF lines, UTF-8. */
void pb_dsn_append_text (GString *out, const PbDsn *dsn);

/* The Subject of our own message for this kind of report. */
const char *pb_dsn_subject (const PbDsn *dsn);

/* The recipient @row speaks of, NULL when its index is out of range. */
const PbRecipient *pb_dsn_recipient (const PbDsn *dsn, const PbDsnRecipient *row);

/* Octets of the header section of @dsn->original, without the empty line; all of it when there is none. */
gsize pb_dsn_header_length (const PbDsn *dsn);
