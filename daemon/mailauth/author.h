/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/message.h"

/* Whose message it is, as its From: has it. */
typedef enum
{
  PB_AUTHOR_NONE,       /* no From:, or no domain in it */
  PB_AUTHOR_ONE,        /* one domain, be it of several addresses */
  PB_AUTHOR_SEVERAL,    /* domains: DMARC must not be applied (RFC 9989 5.3.1) */
  PB_AUTHOR_REPEATED,   /* From: is there more than once: no valid message (RFC 5322 3.6) */
  PB_AUTHOR_UNREADABLE, /* nobody can tell which address a reader will see */
} PbAuthor;

/**
 * pb_author_find: who wrote @message, whose header is whole.
 * @domain: (out) (transfer full) (nullable): lower case A-labels; with PB_AUTHOR_ONE alone
 * A field that is broken has an author all the same if one domain is all that stands behind its at signs.
 */
PbAuthor pb_author_find (PbAuthMessage *message, char **domain);
