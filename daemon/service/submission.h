/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "session/server.h"
#include "settings/registry.h"
#include <gio/gio.h>

/*
 * Mail from programs of this machine, who are known by their uid: each is given an SMTP session of the server over a socket pair, so that it is
 * judged, edited, signed and recorded as all mail is. Main thread; what blocks is on threads of its own.
 */
typedef struct _PbSubmitter PbSubmitter;

typedef struct
{
  PbServer *server;     /* all borrowed */
  PbRegistry *registry;
  PbReactor **reactors;
  guint n_reactors;
  PbMailbox *mailbox;   /* the main thread's */
} PbSubmitterParts;

PbSubmitter *pb_submitter_new (const PbSubmitterParts *parts);
/** pb_submitter_close: from here on all is refused. While the server is there. */
void pb_submitter_close (PbSubmitter *self);
/** pb_submitter_free: behind the server, whose end cuts off what is under way; the answers wait in the mailbox then. */
void pb_submitter_free (PbSubmitter *self);

/* One message. */
typedef struct
{
  guint32 uid;       /* whose it is */
  int fd;            /* (owned) the message, a file */
  guint64 offset;    /* where in it the message begins */
  gboolean foreign;  /* the file is wherever its sender wants it to be */
  char *sender;      /* (owned) as Submission.Send has it */
  char **recipients; /* (owned) likewise */
  char *ret;         /* (owned) (nullable) "FULL", "HDRS" */
  char *envid;       /* (owned) (nullable) printable ASCII */
  char *notify;      /* (owned) (nullable) "NEVER", "SUCCESS,FAILURE" */
} PbSubmissionMail;
PbSubmissionMail *pb_submission_mail_new (guint32 uid, int fd);
void pb_submission_mail_free (PbSubmissionMail *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSubmissionMail, pb_submission_mail_free)

/** pb_submitter_name: the user's name, else one made of the uid, which is an address as well. Blocks. Returns: (transfer full). */
char *pb_submitter_name (guint32 uid);

/** PbSubmissionSent: @id (nullable): NULL with @error, of PB_ERROR. */
typedef void (*PbSubmissionSent) (const char *id, const GError *error, gpointer user_data);

/** pb_submitter_send: @mail (transfer full). @func once, later, on the main thread: then the message is on disk. */
void pb_submitter_send (PbSubmitter *self, PbSubmissionMail *mail, PbSubmissionSent func, gpointer user_data);

/** PbSubmissionOpened: @fd (transfer full): blocking; -1 with @error, of PB_ERROR. */
typedef void (*PbSubmissionOpened) (int fd, const GError *error, gpointer user_data);

/** pb_submitter_open: a session for @uid. @func once, later, on the main thread. */
void pb_submitter_open (PbSubmitter *self, guint32 uid, PbSubmissionOpened func, gpointer user_data);
