/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/address.h"
#include "protocol/reply.h"
#include <glib.h>

typedef enum
{
  PB_VERB_UNKNOWN,
  PB_VERB_EHLO,
  PB_VERB_HELO,
  PB_VERB_MAIL,
  PB_VERB_RCPT,
  PB_VERB_DATA,
  PB_VERB_BDAT,
  PB_VERB_RSET,
  PB_VERB_NOOP,
  PB_VERB_VRFY,
  PB_VERB_EXPN,
  PB_VERB_ETRN,
  PB_VERB_HELP,
  PB_VERB_QUIT,
  PB_VERB_STARTTLS,
  PB_VERB_AUTH,
  PB_N_VERBS,
} PbVerb;

/* One command line cut into verb and argument; points into the line, owns nothing. */
typedef struct
{
  PbVerb verb;
  const char *argument; /* first byte behind the verb's space; leading and trailing blanks cut */
  gsize argument_length;
} PbCommand;

/** pb_command_parse: @line without its CRLF. NUL, bare CR or control characters in it give PB_VERB_UNKNOWN. Case of the verb does not matter. */
PbCommand pb_command_parse (const char *line, gsize length);

typedef enum
{
  PB_BODY_UNSAID,
  PB_BODY_7BIT,
  PB_BODY_8BITMIME,
  PB_BODY_BINARYMIME,
} PbBodyType;

/* DSN NOTIFY of RFC 3461 4.1 */
typedef enum
{
  PB_NOTIFY_UNSAID = 0,
  PB_NOTIFY_NEVER = 1 << 0,
  PB_NOTIFY_SUCCESS = 1 << 1,
  PB_NOTIFY_FAILURE = 1 << 2,
  PB_NOTIFY_DELAY = 1 << 3,
} PbNotify;

typedef enum
{
  PB_RET_UNSAID,
  PB_RET_FULL,
  PB_RET_HDRS,
} PbRet;

/* Which parameters the session's EHLO offered; an unoffered one is 555 5.5.4. */
typedef enum
{
  PB_PARAM_SIZE = 1 << 0,
  PB_PARAM_BODY = 1 << 1,
  PB_PARAM_SMTPUTF8 = 1 << 2,
  PB_PARAM_DSN = 1 << 3,
  PB_PARAM_AUTH = 1 << 4,
  PB_PARAM_BINARYMIME = 1 << 5, /* BODY=BINARYMIME too (RFC 3030) */
} PbParams;

typedef struct
{
  PbAddress *sender; /* (owned) (nullable) NULL is the null sender */
  guint64 size;      /* SIZE= octets, 0 unsaid */
  PbBodyType body;
  gboolean smtputf8;
  PbRet ret;
  char *envid; /* (owned) (nullable) decoded xtext */
} PbMailArgs;

typedef struct
{
  PbAddress *recipient; /* (owned) */
  gboolean source_route;
  PbNotify notify;
  char *orcpt; /* (owned) (nullable) ASCII, as given: "rfc822;a@b", "utf-8;\x{E4}@b" */
} PbRcptArgs;

/**
 * pb_mail_args_parse:
 * @offered: parameters this session takes
 * Parses what stands behind "MAIL". Returns: PB_REPLY_NONE when @args is filled, else the reply that says what is wrong
 * (501 5.5.4 no "FROM:", 501 5.1.7 bad sender, 501 5.5.4 bad or doubled parameter, 555 5.5.4 unknown parameter, 553 5.6.7 needs SMTPUTF8).
 */
PbReplyId pb_mail_args_parse (const char *text, gsize length, PbParams offered, PbMailArgs *args);
void pb_mail_args_clear (PbMailArgs *args);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbMailArgs, pb_mail_args_clear)

/** pb_rcpt_args_parse: likewise behind "RCPT" (501 5.1.3 bad recipient). @smtputf8: the transaction's MAIL had SMTPUTF8. */
PbReplyId pb_rcpt_args_parse (const char *text, gsize length, PbParams offered, gboolean smtputf8, PbRcptArgs *args);
void pb_rcpt_args_clear (PbRcptArgs *args);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbRcptArgs, pb_rcpt_args_clear)

/**
 * pb_bdat_args_parse:
 * @octets: (out): size of the chunk; what no 64 bits hold is G_MAXUINT64
 * @last: (out): the message's last
 * Parses what stands behind "BDAT" (RFC 3030 2). Returns: FALSE when it is no such thing: nobody can say then where the chunk ends.
 */
gboolean pb_bdat_args_parse (const char *text, gsize length, guint64 *octets, gboolean *last);

/** pb_helo_valid: argument of EHLO/HELO: a domain or address literal, laxly: printable, no blanks, 1-255 octets. */
gboolean pb_helo_valid (const char *text, gsize length);
