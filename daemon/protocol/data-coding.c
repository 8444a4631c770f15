/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The transparency procedure of RFC 5321 4.5.2 and with it the end of a message: where servers disagree on that end, mail
 * is smuggled. So a line begins here only behind CRLF (or at the very start), and only "." CRLF at such a place ends DATA;
 * a bare CR, a bare LF or a NUL never makes or unmakes a line's start. The session feeds the decoder, the delivery the
 * encoder; the encoder normalizes too, so that we emit no bare CR, bare LF or NUL whatever was stored.
 *
 * Ordinary text is never walked octet by octet: memchr finds the next of CR, LF and NUL, each remembered until it is passed,
 * so that any input costs one search of each kind over its length; what lies between is copied in long runs.
 */
#include "protocol/data-coding.h"

#include <string.h>

typedef enum
{
  STATE_LINE_START, /* at the beginning or behind CRLF */
  STATE_TEXT,       /* anywhere else */
  STATE_CR,         /* behind a CR in text, not yet given out */
  STATE_DOT,        /* behind the '.' that opened a line, not given out */
  STATE_DOT_CR,     /* behind that '.' and a CR */
  STATE_END,
} State;

/* The rest of the input, with the next places of the octets that matter: behind or at @at, or else @end. */
typedef struct
{
  const char *at;
  const char *end;
  const char *run; /* what lies from here to @at is given out as it stands, but not yet appended */
  const char *next[3];
  GByteArray *out; /* (not owned) (nullable) NULL throws it away */
} Scanner;

static void
scanner_init (Scanner *self, const char *input, gsize length, GByteArray *out)
{
  self->at = self->run = input;
  self->end = input + length;
  self->out = out;
  for (guint i = 0; i < G_N_ELEMENTS (self->next); i++)
    self->next[i] = NULL;
}

/* Moves to the next CR, LF or NUL, or to the end. */
static void
scanner_skip_text (Scanner *self)
{
  static const char wanted[] = { '\r', '\n', '\0' };
  const char *nearest = self->end;

  for (guint i = 0; i < G_N_ELEMENTS (self->next); i++)
    {
      if (self->next[i] == NULL || self->next[i] < self->at)
        {
          self->next[i] = memchr (self->at, wanted[i], (gsize) (self->end - self->at));
          if (self->next[i] == NULL)
            self->next[i] = self->end;
        }
      nearest = MIN (nearest, self->next[i]);
    }
  self->at = nearest;
}

static void
scanner_append (Scanner *self, const char *text, gsize length)
{
  if (self->out != NULL && length > 0)
    g_byte_array_append (self->out, (const guint8 *) text, (guint) length);
}

static void
scanner_flush (Scanner *self)
{
  scanner_append (self, self->run, (gsize) (self->at - self->run));
  self->run = self->at;
}

/* Takes one octet without giving it out. */
static void
scanner_drop (Scanner *self)
{
  scanner_flush (self);
  self->run = ++self->at;
}

/*
 * Takes a line's text up to its end: "\r\n" is kept in the run, a CR at the end of the input is kept back, a bare LF or NUL
 * is dropped and left to the caller. Returns the state that follows; @bare is the octet dropped, ' ' if there was none.
 */
static State
scanner_take_text (Scanner *self, char *bare)
{
  *bare = ' ';
  scanner_skip_text (self);
  if (self->at == self->end)
    return STATE_TEXT;
  if (*self->at == '\r')
    {
      if (self->end - self->at >= 2 && self->at[1] == '\n')
        {
          self->at += 2;
          return STATE_LINE_START;
        }
      scanner_drop (self);
      return STATE_CR;
    }
  *bare = *self->at;
  scanner_drop (self);
  return STATE_TEXT;
}

void
pb_data_decoder_init (PbDataDecoder *self, PbBareMode mode)
{
  self->state = STATE_LINE_START;
  self->mode = (guint8) mode;
  self->bare_seen = FALSE;
}

/* A bare @octet was taken: from here on nothing more is given out, or its line break is. */
static void
decoder_note_bare (PbDataDecoder *self, Scanner *scanner, char octet)
{
  self->bare_seen = TRUE;
  if (self->mode == PB_DATA_REJECT_BARE)
    scanner->out = NULL;
  else if (octet != '\0')
    scanner_append (scanner, "\r\n", 2);
}

/* What follows a line break that was made of a bare octet: for DATA no line's start. */
static State
behind_bare (const PbDataDecoder *self)
{
  return self->mode == PB_DATA_CHUNKED ? STATE_LINE_START : STATE_TEXT;
}

/* Takes one step from any state but STATE_END. */
static State
decoder_step (PbDataDecoder *self, Scanner *scanner)
{
  char octet = *scanner->at, bare;
  State next;

  switch ((State) self->state)
    {
    case STATE_LINE_START:
      if (octet == '\0' && self->mode == PB_DATA_CHUNKED)
        {
          scanner_drop (scanner);
          decoder_note_bare (self, scanner, octet);
          return STATE_LINE_START;
        }
      if (octet != '.' || self->mode == PB_DATA_CHUNKED)
        return STATE_TEXT;
      scanner_drop (scanner);
      return STATE_DOT;
    case STATE_TEXT:
      next = scanner_take_text (scanner, &bare);
      if (bare != ' ')
        decoder_note_bare (self, scanner, bare);
      return bare == '\n' ? behind_bare (self) : next;
    case STATE_DOT:
      if (octet != '\r')
        return STATE_TEXT;
      scanner_drop (scanner);
      return STATE_DOT_CR;
    case STATE_CR:
    case STATE_DOT_CR:
      if (octet != '\n')
        {
          decoder_note_bare (self, scanner, '\r');
          return behind_bare (self);
        }
      scanner_drop (scanner);
      if (self->state == STATE_DOT_CR)
        return STATE_END;
      scanner_append (scanner, "\r\n", 2);
      return STATE_LINE_START;
    case STATE_END:
      break;
    }
  return STATE_END;
}

gboolean
pb_data_decoder_feed (PbDataDecoder *self, const char *input, gsize length, gsize *consumed,
                      GByteArray *out)
{
  gboolean muted = self->bare_seen && self->mode == PB_DATA_REJECT_BARE;
  Scanner scanner;

  scanner_init (&scanner, input, length, muted ? NULL : out);
  while (scanner.at < scanner.end && self->state != STATE_END)
    self->state = decoder_step (self, &scanner);
  scanner_flush (&scanner);
  *consumed = (gsize) (scanner.at - input);
  return self->state == STATE_END;
}

void
pb_data_decoder_finish (PbDataDecoder *self, GByteArray *out)
{
  if (self->state == STATE_CR)
    self->bare_seen = TRUE;
  if (self->state != STATE_LINE_START && self->state != STATE_END)
    g_byte_array_append (out, (const guint8 *) "\r\n", 2);
  self->state = STATE_END;
}

void
pb_data_encoder_init (PbDataEncoder *self)
{
  self->state = STATE_LINE_START;
  self->plain = FALSE;
}

void
pb_data_encoder_init_plain (PbDataEncoder *self)
{
  self->state = STATE_LINE_START;
  self->plain = TRUE;
}

static State
encoder_step (PbDataEncoder *self, Scanner *scanner)
{
  char bare;
  State next;

  switch ((State) self->state)
    {
    case STATE_LINE_START:
      if (*scanner->at == '\0')
        {
          /* no text yet: a dot behind it opens the line all the same */
          scanner_drop (scanner);
          return STATE_LINE_START;
        }
      if (*scanner->at == '.' && !self->plain)
        {
          scanner_flush (scanner);
          scanner_append (scanner, ".", 1);
        }
      return STATE_TEXT;
    case STATE_CR:
      if (*scanner->at == '\n')
        scanner_drop (scanner);
      scanner_append (scanner, "\r\n", 2);
      return STATE_LINE_START;
    case STATE_TEXT:
    case STATE_DOT:
    case STATE_DOT_CR:
    case STATE_END:
      break;
    }
  next = scanner_take_text (scanner, &bare);
  if (bare != '\n')
    return next;
  scanner_append (scanner, "\r\n", 2);
  return STATE_LINE_START;
}

void
pb_data_encoder_feed (PbDataEncoder *self, const char *input, gsize length, GByteArray *out)
{
  Scanner scanner;

  scanner_init (&scanner, input, length, out);
  while (scanner.at < scanner.end)
    self->state = encoder_step (self, &scanner);
  scanner_flush (&scanner);
}

void
pb_data_encoder_finish (PbDataEncoder *self, GByteArray *out)
{
  if (self->state != STATE_LINE_START)
    g_byte_array_append (out, (const guint8 *) "\r\n", 2);
  if (!self->plain)
    g_byte_array_append (out, (const guint8 *) ".\r\n", 3);
  self->state = STATE_LINE_START;
}
