/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replies both ways: the table of ours (reply.def) written out for the session, and the reader of a remote server's replies
 * for the delivery. A row is the only source of a reply's words; what is put in its place is made harmless first, so that
 * nothing a client said can end a line. The reader bounds lines and octets, whatever the server sends, and what it keeps is
 * fit for logs, reports and the bus.
 */
#include "protocol/reply.h"

#include "protocol/text.h"
#include <string.h>

#define MAX_LINE          510 /* RFC 5321 4.5.3.1.5, without CRLF */
#define MAX_REMOTE_OCTETS 8192

static const PbReplyRow rows[] = {
  [PB_REPLY_NONE] = { 0, "", "" },
#define PB_REPLY(id, code, enhanced, text) [PB_REPLY_##id] = { code, enhanced, text },
#include "protocol/reply.def"
#undef PB_REPLY
};

const PbReplyRow *
pb_reply_row (PbReplyId id)
{
  g_return_val_if_fail (id > PB_REPLY_NONE && id < PB_N_REPLIES, &rows[PB_REPLY_LOCAL_ERROR]);
  return &rows[id];
}

void
pb_reply_append (GString *out, PbReplyId id, const char *detail)
{
  const PbReplyRow *row = pb_reply_row (id);
  const char *place = strstr (row->text, "%s");
  const char code[] = { (char) ('0' + row->code / 100), (char) ('0' + row->code / 10 % 10),
                        (char) ('0' + row->code % 10), ' ' };
  gsize start = out->len;

  g_string_append_len (out, code, sizeof code);
  if (*row->enhanced != '\0')
    {
      g_string_append (out, row->enhanced);
      g_string_append_c (out, ' ');
    }
  if (place == NULL)
    g_string_append (out, row->text);
  else
    {
      gsize tail = strlen (place + 2);

      g_string_append_len (out, row->text, place - row->text);
      pb_text_append_safe (out, detail != NULL ? detail : "", -1,
                           MAX_LINE - tail - (out->len - start), FALSE);
      g_string_append (out, place + 2);
    }
  g_string_append (out, "\r\n");
}

void
pb_remote_reply_init (PbRemoteReply *self)
{
  memset (self, 0, sizeof *self);
  self->text = g_string_new (NULL);
}

void
pb_remote_reply_clear (PbRemoteReply *self)
{
  g_clear_pointer (&self->enhanced, g_free);
  if (self->text != NULL)
    g_string_free (g_steal_pointer (&self->text), TRUE);
}

static void
start_reply (PbRemoteReply *self)
{
  g_clear_pointer (&self->enhanced, g_free);
  g_string_truncate (self->text, 0);
  self->code = 0;
  self->n_lines = 0;
  self->done = FALSE;
}

static gsize
count_digits (const char *text, gsize length)
{
  gsize digits = 0;

  while (digits < length && digits < 3 && g_ascii_isdigit (text[digits]))
    digits++;
  return digits;
}

/* "5.1.1" at the start of @text (RFC 2034 4). One whose class is not the reply code's says nothing. */
static char *
find_enhanced (guint code, const char *text, gsize length)
{
  gsize subject, detail, size;

  if (length < 5 || (text[0] != '2' && text[0] != '4' && text[0] != '5') || text[1] != '.'
      || (guint) (text[0] - '0') != code / 100)
    return NULL;
  subject = count_digits (text + 2, length - 2);
  if (subject == 0 || 2 + subject >= length || text[2 + subject] != '.')
    return NULL;
  detail = count_digits (text + 3 + subject, length - 3 - subject);
  size = 3 + subject + detail;
  if (detail == 0 || (size < length && text[size] != ' '))
    return NULL;
  return g_strndup (text, size);
}

PbReplyParse
pb_remote_reply_feed (PbRemoteReply *self, const char *line, gsize length)
{
  gboolean last;

  if (self->done)
    start_reply (self);
  if (length < 3 || count_digits (line, length) != 3 || line[0] < '2' || line[0] > '5'
      || (length > 3 && line[3] != ' ' && line[3] != '-') || self->n_lines >= PB_REMOTE_REPLY_MAX_LINES)
    {
      self->done = TRUE;
      return PB_REPLY_PARSE_BAD;
    }
  /* All lines should bear one code; where they do not, the last one counts (RFC 5321 4.2.1). */
  self->code = (guint) ((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  last = length == 3 || line[3] == ' ';
  line += MIN (length, 4);
  length -= MIN (length, 4);
  if (self->enhanced == NULL)
    self->enhanced = find_enhanced (self->code, line, length);
  if (self->n_lines++ > 0 && self->text->len < MAX_REMOTE_OCTETS)
    g_string_append_c (self->text, '\n');
  if (self->text->len < MAX_REMOTE_OCTETS)
    pb_text_append_safe (self->text, line, (gssize) length, MAX_REMOTE_OCTETS - self->text->len,
                         TRUE);
  self->done = last;
  return last ? PB_REPLY_PARSE_DONE : PB_REPLY_PARSE_MORE;
}
