/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transcripts of delivery attempts. The SMTP agent writes one for each delivery and hands it over with
 * the results; the history keeps it. Whatever a server says, it takes no more room than the header
 * promises: the beginning and the end are kept, since the one tells whom we met and the other what
 * came of it. Nothing here fails; a transcript's octets are UTF-8 without control characters but LF.
 */
#include "delivery/transcript.h"

#include "protocol/text.h"
#include <stdarg.h>
#include <string.h>

#define FRONT_MAX 5120
/* The front may exceed its share by a line; the note in the middle needs some room too. */
#define BACK_MAX (PB_TRANSCRIPT_MAX - FRONT_MAX - PB_TRANSCRIPT_LINE - 64)
#define START    512

PbTranscript *
pb_transcript_new (void)
{
  PbTranscript *self = g_new0 (PbTranscript, 1);

  self->front = g_string_sized_new (START);
  return self;
}

void
pb_transcript_free (PbTranscript *self)
{
  g_string_free (self->front, TRUE);
  if (self->back != NULL)
    g_string_free (self->back, TRUE);
  g_free (self);
}

/* Where the next line goes. */
static GString *
begin_line (PbTranscript *self)
{
  if (self->front->len < FRONT_MAX && self->back == NULL)
    return self->front;
  if (self->back == NULL)
    self->back = g_string_new (NULL);
  return self->back;
}

/* Twice as much is gathered before it is cut, so that a line costs no move of all the others. */
static void
cut_back (PbTranscript *self, gsize room)
{
  gsize at = 0;

  while (self->back->len - at > room)
    {
      const char *end = strchr (self->back->str + at, '\n');

      at = (gsize) (end + 1 - self->back->str);
      self->n_left_out++;
    }
  g_string_erase (self->back, 0, (gssize) at);
}

static void
end_line (PbTranscript *self, GString *to)
{
  g_string_append_c (to, '\n');
  if (to == self->back && to->len > 2 * BACK_MAX)
    cut_back (self, BACK_MAX);
}

static void
add_line (PbTranscript *self, const char *prefix, const char *line, gssize length)
{
  GString *to = begin_line (self);

  g_string_append (to, prefix);
  pb_text_append_safe (to, line, length, PB_TRANSCRIPT_LINE - 4, TRUE);
  end_line (self, to);
}

void
pb_transcript_server (PbTranscript *self, const char *line, gssize length)
{
  add_line (self, "S: ", line, length);
}

void
pb_transcript_client (PbTranscript *self, const char *line, gssize length)
{
  add_line (self, "C: ", line, length);
}

void
pb_transcript_client_lines (PbTranscript *self, const char *text, gsize length)
{
  const char *end = text + length;

  while (text < end)
    {
      const char *cr = memchr (text, '\r', (gsize) (end - text));

      add_line (self, "C: ", text, (cr != NULL ? cr : end) - text);
      text = cr != NULL && end - cr > 2 ? cr + 2 : end;
    }
}

void
pb_transcript_note (PbTranscript *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  add_line (self, "-- ", text, -1);
}

static void
copy_lines (PbTranscript *self, const GString *from)
{
  const char *at = from->str, *end;

  for (; (end = strchr (at, '\n')) != NULL; at = end + 1)
    {
      GString *to = begin_line (self);

      g_string_append_len (to, at, end - at);
      end_line (self, to);
    }
}

void
pb_transcript_copy (PbTranscript *self, const PbTranscript *other)
{
  if (self->back == NULL && other->back == NULL && self->front->len + other->front->len <= FRONT_MAX)
    {
      g_string_append_len (self->front, other->front->str, (gssize) other->front->len);
      return;
    }
  copy_lines (self, other->front);
  if (other->n_left_out > 0)
    pb_transcript_note (self, "[%u lines left out]", other->n_left_out);
  if (other->back != NULL)
    copy_lines (self, other->back);
}

char *
pb_transcript_text (const PbTranscript *self)
{
  PbTranscript tail = { NULL, NULL, self->n_left_out };
  g_autoptr (GString) back = NULL;
  g_autoptr (GString) all = NULL;

  if (self->back == NULL)
    return g_strndup (self->front->str, self->front->len);
  all = g_string_new_len (self->front->str, (gssize) self->front->len);
  back = g_string_new_len (self->back->str, (gssize) self->back->len);
  tail.back = back;
  cut_back (&tail, BACK_MAX);
  if (tail.n_left_out > 0)
    g_string_append_printf (all, "-- [%u lines left out]\n", tail.n_left_out);
  g_string_append_len (all, back->str, (gssize) back->len);
  return g_string_free (g_steal_pointer (&all), FALSE);
}
