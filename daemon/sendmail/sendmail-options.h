/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

typedef enum
{
  PB_SENDMAIL_SEND,
  PB_SENDMAIL_SMTP,    /* -bs */
  PB_SENDMAIL_QUEUE,   /* -bp, mailq */
  PB_SENDMAIL_ALIASES, /* -bi, newaliases */
  PB_SENDMAIL_RETRY,   /* -q */
} PbSendmailMode;

/* sendmail's command line. */
typedef struct
{
  PbSendmailMode mode;
  char *sender;          /* (owned) (nullable) -f, -r */
  char *full_name;       /* (owned) (nullable) -F */
  GPtrArray *recipients; /* (owned) (element-type utf8) */
  gboolean extract;      /* -t: recipients from the header section too */
  gboolean ignore_dots;  /* -i, -oi */
  gboolean verbose;      /* -v */
  char *notify;          /* (owned) (nullable) -N, as SMTP has it */
  char *ret;             /* (owned) (nullable) -R, likewise */
  char *envid;           /* (owned) (nullable) -V */
} PbSendmailOptions;

/**
 * pb_sendmail_options_parse: as sendmail(8) has always had them: words of one letter, joined or not with their value; what only steered other servers' ways of working is
 * read over. By the name mailq or newaliases it does what that says.
 * Errors: G_OPTION_ERROR, naming the option.
 */
PbSendmailOptions *pb_sendmail_options_parse (int argc, char **argv, GError **error);
void pb_sendmail_options_free (PbSendmailOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSendmailOptions, pb_sendmail_options_free)
