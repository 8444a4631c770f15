/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

#define PB_HEADER_EDIT_HELD 32 /* octets of a line that are held back until its field is known */

/*
 * What a message lacks or has too much of when it comes from where it was written (RFC 6409 8, RFC 5321 6.4): Date and Message-ID are added
 * behind the header section's last field, Bcc and Resent-Bcc are left out. The rest passes octet by octet.
 */
typedef struct
{
  char *date;       /* (owned) (nullable) value for a Date field */
  char *message_id; /* (owned) (nullable) value for a Message-ID field, with its angle brackets */
  gboolean has_date, has_message_id;
  gboolean done;    /* the empty line has passed; nothing is looked at any more */
  gboolean added_message_id;
  /* private below */
  guint8 line;      /* what is being done with the line under way */
  gboolean dropping; /* the field under way is left out, with its continuation lines */
  guint8 n_held;
  char held[PB_HEADER_EDIT_HELD];
} PbHeaderEdit;

/** pb_header_edit_new: @date, @message_id (nullable): values of the fields to add where there are none, without CR or LF. */
PbHeaderEdit *pb_header_edit_new (const char *date, const char *message_id);
void pb_header_edit_free (PbHeaderEdit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbHeaderEdit, pb_header_edit_free)

/** pb_header_edit_feed: the next octets of the message, unstuffed, CRLF lines; any split. What is left of them is appended to @out. */
void pb_header_edit_feed (PbHeaderEdit *self, const char *data, gsize length, GByteArray *out);

/** pb_header_edit_finish: the message has ended; one without an empty line gets its fields now, and what was held back. */
void pb_header_edit_finish (PbHeaderEdit *self, GByteArray *out);
