/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/maildir.h"
#include <glib.h>
#include <sys/types.h>

/* One recipient's file on its way through tmp/ into new/. On a maildir thread. */
typedef struct
{
  PbDelivery *delivery; /* borrowed */
  guint position;       /* in the delivery's recipients */
  char *name;           /* (owned) */
  int fd;               /* -1 when not open */
  gboolean done;        /* stands in new/ */
  GError *error;        /* (owned) (nullable) */
  int system_errno;     /* behind @error; 0 when it has none */
} PbMaildirFile;

PbMaildirFile *pb_maildir_file_new (PbDelivery *delivery, guint position);
void pb_maildir_file_free (gpointer file);

/** pb_maildir_file_write: everything but the sync; an error is kept in the file. */
void pb_maildir_file_write (PbMaildirFile *self, int tmp_fd);

/** pb_maildir_file_commit: fsync and rename; an error is kept and the tmp file removed. Returns: whether it stands in new/. */
gboolean pb_maildir_file_commit (PbMaildirFile *self, int tmp_fd, int new_fd);

/** pb_maildir_file_report: sets the recipient's result. @box_error: (nullable) what befell the whole mailbox, with its errno. */
void pb_maildir_file_report (PbMaildirFile *self, const GError *box_error, int box_errno);

/** pb_maildir_check_loop: whether the message was delivered to this recipient before (Delivered-To); the result is set to 5.4.6 then. */
gboolean pb_maildir_check_loop (PbDelivery *delivery, guint position);

/* Mailboxes are shared with an IMAP server through the group postbus-mail. */
#define PB_MAILDIR_DIR_MODE 0770

/** pb_mail_group_share: gives what was just made to the group postbus-mail, if there is one, with @mode in spite of the umask. */
void pb_mail_group_share (int fd, mode_t mode);

/** pb_maildir_fd: of mail/; the maildir's own. */
int pb_maildir_fd (PbMaildir *self);

/** pb_maildir_prepare: makes an account's mailbox before any mail comes, so that an IMAP server finds it. Blocks; any thread but main. Returns: FALSE when it cannot be made. */
gboolean pb_maildir_prepare (PbMaildir *self, const char *id, GError **error);

/** pb_maildir_id_is_safe: whether @id may name a directory: letters, digits, "-", "_", "."; no leading dot; at most 64. */
gboolean pb_maildir_id_is_safe (const char *id);

/** pb_maildir_address_is_safe: whether @address may name a file of its own: no "/", no control character, no leading dot, at most 255 octets. */
gboolean pb_maildir_address_is_safe (const char *address);
