/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

#define PB_SENDMAIL_HEADER_MAX (1024 * 1024) /* octets of a header section that are looked at */

/* The header section of a message on its way to the service. */
typedef struct
{
  GString *text;         /* (owned) as it goes out, with its fields' ends as they came, without the empty line */
  gboolean has_from;
  GPtrArray *recipients; /* (owned) (element-type utf8) of To, Cc and Bcc, or of their Resent- kin where there are any */
} PbSendmailHeader;

/**
 * pb_sendmail_header_read: @text without the empty line; lines end with LF or CRLF. A first line "From " of a mailbox file is left out.
 * @extract: look for recipients
 * Errors: G_IO_ERROR_INVALID_DATA: a field of recipients cannot be read; its name and what is wrong.
 */
PbSendmailHeader *pb_sendmail_header_read (const char *text, gsize length, gboolean extract, GError **error);
void pb_sendmail_header_free (PbSendmailHeader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSendmailHeader, pb_sendmail_header_free)

/** pb_sendmail_header_add_from: a From field on top. @full_name: (nullable) any text; encoded where it must be (RFC 2047). */
void pb_sendmail_header_add_from (PbSendmailHeader *self, const char *full_name, const char *address);

/** pb_sendmail_header_split: the names and addresses in @value, a field of recipients; names without a domain stay as they are. Returns: (transfer full) (nullable) NULL: it cannot be read. */
GPtrArray *pb_sendmail_header_split (const char *value);
