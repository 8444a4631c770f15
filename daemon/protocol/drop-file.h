/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/*
 * A message that a program of this machine left for the service while that was away: its envelope in lines, an empty line, the message. Written by sendmail, read by
 * postbusd; whose it is, the file's owner tells, not the file.
 */
#define PB_DROP_HEAD_MAX (12 * 1024 * 1024) /* octets of the envelope: 10,000 recipients of 1,024 octets and their words */

typedef struct
{
  char *sender;          /* (owned) as Submission.Send has it */
  GPtrArray *recipients; /* (owned) (element-type utf8) likewise, one at least */
  char *ret;             /* (owned) (nullable) "FULL", "HDRS" */
  char *envid;           /* (owned) (nullable) xtext */
  char *notify;          /* (owned) (nullable) "NEVER", "SUCCESS,FAILURE" */
} PbDropFile;

PbDropFile *pb_drop_file_new (const char *sender);
void pb_drop_file_free (PbDropFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbDropFile, pb_drop_file_free)

/** pb_drop_file_write: the envelope, with the empty line. Strings must have no line ends. Returns: (transfer full). */
GString *pb_drop_file_write (const PbDropFile *self);

/**
 * pb_drop_file_parse:
 * @data: the beginning of a file: the whole envelope, or PB_DROP_HEAD_MAX octets
 * @body: (out): where the message begins
 * Errors: G_IO_ERROR_INVALID_DATA, in words.
 * Returns: (transfer full) (nullable).
 */
PbDropFile *pb_drop_file_parse (const char *data, gsize length, gsize *body, GError **error);
