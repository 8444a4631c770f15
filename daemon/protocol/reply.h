/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* Replies are rows of reply.def: PB_REPLY (ID, code, "enhanced", "text with %s"); no literal reply stands elsewhere. */
typedef enum
{
  PB_REPLY_NONE,
#define PB_REPLY(id, code, enhanced, text) PB_REPLY_##id,
#include "protocol/reply.def"
#undef PB_REPLY
  PB_N_REPLIES,
} PbReplyId;

typedef struct
{
  guint code;           /* 220-554 */
  const char *enhanced; /* "5.1.1", or "" where RFC 2034 wants none (greeting, EHLO, HELO, DATA's 354) */
  const char *text;     /* may hold one %s */
} PbReplyRow;

const PbReplyRow *pb_reply_row (PbReplyId id);

/**
 * pb_reply_append:
 * Appends "code SP [enhanced SP] text CRLF" to @out, the row's %s replaced by @detail (control characters and non-ASCII become '?';
 * cut so that the line keeps to 512 octets, RFC 5321 4.5.3.1.5).
 */
void pb_reply_append (GString *out, PbReplyId id, const char *detail);

#define PB_REMOTE_REPLY_MAX_LINES 512

/* The client side: reads a server's reply, line by line (RFC 5321 4.2). */
typedef struct
{
  guint code;     /* 0 until the first line was read */
  char *enhanced; /* (owned) (nullable) "5.1.1" when the text began with one */
  GString *text;  /* (owned) all lines joined by '\n', three-digit codes cut off, enhanced ones kept; capped at 8 KiB; always
                     UTF-8 without control characters but those '\n' */
  guint n_lines;
  gboolean done;  /* private: the next line begins a new reply */
} PbRemoteReply;

typedef enum
{
  PB_REPLY_PARSE_MORE,
  PB_REPLY_PARSE_DONE,
  PB_REPLY_PARSE_BAD, /* no reply at all: close with 4.5.0 */
} PbReplyParse;

void pb_remote_reply_init (PbRemoteReply *self);
void pb_remote_reply_clear (PbRemoteReply *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbRemoteReply, pb_remote_reply_clear)

/** pb_remote_reply_feed: one line without CRLF. A new reply starts by itself after PB_REPLY_PARSE_DONE. At most PB_REMOTE_REPLY_MAX_LINES. */
PbReplyParse pb_remote_reply_feed (PbRemoteReply *self, const char *line, gsize length);
