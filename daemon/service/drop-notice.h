/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/submission.h"

/* Tells local users that messages which they left in the drop directory were refused for good. Main thread, but where said. */
typedef struct _PbDropNotices PbDropNotices;

/** pb_drop_notices_new: @submitter, @registry, @mailbox, the main thread's: (unowned). */
PbDropNotices *pb_drop_notices_new (PbSubmitter *submitter, PbRegistry *registry, PbMailbox *mailbox);
/** pb_drop_notices_close: what has not reached the submitter is given back to be tried again. Before that is closed. */
void pb_drop_notices_close (PbDropNotices *self);
void pb_drop_notices_free (PbDropNotices *self);

/* One notice. */
typedef struct
{
  PbDropNotices *notices; /* (unowned) */
  PbSnapshot *snapshot;   /* (owned) */
  guint32 owner;          /* uid */
  char *reason;           /* (owned) why, as the submitter's error has it */
  char *to;               /* (owned) (nullable) the owner's name */
  int text;               /* (owned) the notice, a file; -1: nobody is to be told */
  PbSubmissionSent func;
  gpointer user_data;
} PbDropNotice;

/** pb_drop_notice_new: @reason: why the message was refused. */
PbDropNotice *pb_drop_notice_new (PbDropNotices *notices, const char *reason);
void pb_drop_notice_free (PbDropNotice *self);

/**
 * pb_drop_notice_write: on a thread that may block. Reads the refused message, and writes the notice unless nobody wants one: a message from the null sender is told of
 * to nobody, nor is one that asks not to.
 * @fd: the dropped file
 */
void pb_drop_notice_write (PbDropNotice *self, int fd);

/**
 * pb_drop_notice_send:
 * @self: (transfer full)
 * @func: once, later or at once: with an @error only when it is to be tried again. With neither @id nor @error nobody was told.
 */
void pb_drop_notice_send (PbDropNotice *self, PbSubmissionSent func, gpointer user_data);
