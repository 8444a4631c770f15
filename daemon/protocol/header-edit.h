/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

#define PB_HEADER_EDIT_HELD 32 /* octets of a line that are held back until its field is known */

/*
 * What is changed in a message's header section while it comes. A message from where it was written is made whole (RFC 6409 8, RFC 5321 6.4): Date and
 * Message-ID are added behind the last field, Bcc and Resent-Bcc are left out. Of any message those Authentication-Results can be left out that claim to be
 * ours (RFC 8601 5). The rest passes octet by octet.
 */
typedef struct
{
  char *date;       /* (owned) (nullable) value for a Date field */
  char *message_id; /* (owned) (nullable) value for a Message-ID field, with its angle brackets */
  char *results_id; /* (owned) (nullable) whose Authentication-Results are left out */
  gboolean submission; /* Bcc and Resent-Bcc are left out */
  gboolean has_date, has_message_id;
  gboolean done;    /* the empty line has passed; nothing is looked at any more */
  gboolean added_message_id;
  guint forged;     /* Authentication-Results left out */
  /* private below */
  guint8 line;      /* what is being done with the line under way */
  gboolean dropping; /* the field under way is left out, with its continuation lines */
  guint8 n_held;
  char held[PB_HEADER_EDIT_HELD];
  GByteArray *results; /* (owned) (nullable) an Authentication-Results field of which is not known yet whose it is */
} PbHeaderEdit;

/** pb_header_edit_new: for a submission. @date, @message_id (nullable): values of the fields to add where there are none, without CR or LF. */
PbHeaderEdit *pb_header_edit_new (const char *date, const char *message_id);
/** pb_header_edit_new_passing: for other mail: nothing is added, nothing left out. */
PbHeaderEdit *pb_header_edit_new_passing (void);
/** pb_header_edit_strip_results: leaves out what pb_auth_results_is_from() @id. Before any data. */
void pb_header_edit_strip_results (PbHeaderEdit *self, const char *id);
void pb_header_edit_free (PbHeaderEdit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbHeaderEdit, pb_header_edit_free)

/** pb_header_edit_feed: the next octets of the message, unstuffed, CRLF lines; any split. What is left of them is appended to @out. */
void pb_header_edit_feed (PbHeaderEdit *self, const char *data, gsize length, GByteArray *out);

/** pb_header_edit_finish: the message has ended; one without an empty line gets its fields now, and what was held back. */
void pb_header_edit_finish (PbHeaderEdit *self, GByteArray *out);
