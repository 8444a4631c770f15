/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "sendmail/sendmail-header.h"

/* A message read from a program: its header section, and its body behind that in a file without a name. */
typedef struct
{
  PbSendmailHeader *header; /* (owned) */
  int body;                 /* (owned) a file; the body without the empty line, from its beginning */
} PbSendmailMessage;

/**
 * pb_sendmail_message_read: reads @fd to its end, or to a line with nothing but a dot unless @ignore_dots. Blocks.
 * @extract: as pb_sendmail_header_read()
 * A line that belongs to no header section ends it, as if an empty line stood before it.
 * Errors: G_IO_ERROR_INVALID_DATA: the message; G_FILE_ERROR: it cannot be read or kept.
 */
PbSendmailMessage *pb_sendmail_message_read (int fd, gboolean ignore_dots, gboolean extract, GError **error);
void pb_sendmail_message_free (PbSendmailMessage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSendmailMessage, pb_sendmail_message_free)

/** pb_sendmail_message_write: @head, the header section, an empty line and the body onto @fd. @head: (nullable) what goes before. Errors: G_FILE_ERROR. */
gboolean pb_sendmail_message_write (const PbSendmailMessage *self, const GString *head, int fd, GError **error);

/** pb_sendmail_file_new: a file without a name, in the folder for such. Errors: G_FILE_ERROR. Returns: -1 with @error. */
int pb_sendmail_file_new (GError **error);
