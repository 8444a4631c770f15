/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rewrites the header section of a submitted message as it streams by; the transaction feeds it what the
 * decoder gives out until the empty line has passed. Only the first octets of a line are held back, until
 * it is clear which field it begins, so that memory is bounded whatever comes. A line that is no field ends
 * nothing, as in the header scan; only the empty line does (RFC 5322 2.1).
 */
#include "protocol/header-edit.h"

#include <string.h>

typedef enum
{
  LINE_BEGINS, /* its first octets are being held back */
  LINE_PASSES, /* it goes on, or is left out, to its end */
} Line;

typedef enum
{
  FIELD_OTHER,
  FIELD_HIDDEN,
  FIELD_DATE,
  FIELD_MESSAGE_ID,
} Field;

static const struct
{
  const char *name;
  Field field;
} fields[] = {
  { "Bcc", FIELD_HIDDEN },
  { "Resent-Bcc", FIELD_HIDDEN },
  { "Date", FIELD_DATE },
  { "Message-ID", FIELD_MESSAGE_ID },
};

PbHeaderEdit *
pb_header_edit_new (const char *date, const char *message_id)
{
  PbHeaderEdit *self = g_new0 (PbHeaderEdit, 1);

  self->date = g_strdup (date);
  self->message_id = g_strdup (message_id);
  return self;
}

void
pb_header_edit_free (PbHeaderEdit *self)
{
  g_free (self->date);
  g_free (self->message_id);
  g_free (self);
}

static void
append (GByteArray *out, const char *data, gsize length)
{
  g_byte_array_append (out, (const guint8 *) data, (guint) length);
}

static void
append_field (GByteArray *out, const char *name, const char *value)
{
  append (out, name, strlen (name));
  append (out, ": ", 2);
  append (out, value, strlen (value));
  append (out, "\r\n", 2);
}

static void
add_missing (PbHeaderEdit *self, GByteArray *out)
{
  if (!self->has_date && self->date != NULL)
    append_field (out, "Date", self->date);
  if (!self->has_message_id && self->message_id != NULL)
    {
      append_field (out, "Message-ID", self->message_id);
      self->added_message_id = TRUE;
    }
  self->done = TRUE;
}

/* What was held back begins a field of this name; before the colon may be white space (RFC 5322 4.5). */
static Field
classify (const PbHeaderEdit *self)
{
  gsize length = self->n_held;

  while (length > 0 && (self->held[length - 1] == ' ' || self->held[length - 1] == '\t'))
    length--;
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    if (strlen (fields[i].name) == length
        && g_ascii_strncasecmp (fields[i].name, self->held, length) == 0)
      return fields[i].field;
  return FIELD_OTHER;
}

/* It is clear what the line is: what was held back goes on, or not, and so does the rest of it. */
static void
decide (PbHeaderEdit *self, Field field, GByteArray *out)
{
  self->dropping = field == FIELD_HIDDEN;
  self->has_date = self->has_date || field == FIELD_DATE;
  self->has_message_id = self->has_message_id || field == FIELD_MESSAGE_ID;
  if (!self->dropping)
    append (out, self->held, self->n_held);
  self->n_held = 0;
  self->line = LINE_PASSES;
}

/* One octet of a line's beginning. Returns: FALSE when it is not used up: the line is decided without it. */
static gboolean
begin_line (PbHeaderEdit *self, char octet, GByteArray *out)
{
  if (self->n_held == 0 && (octet == ' ' || octet == '\t'))
    {
      /* A continuation shares the fate of its field. */
      self->line = LINE_PASSES;
      return FALSE;
    }
  if (octet == '\n' && self->n_held == 1 && self->held[0] == '\r')
    {
      add_missing (self, out);
      append (out, "\r\n", 2);
      self->n_held = 0;
      return TRUE;
    }
  if (octet == ':' || octet == '\n' || self->n_held == sizeof self->held)
    {
      decide (self, octet == ':' ? classify (self) : FIELD_OTHER, out);
      return FALSE;
    }
  self->held[self->n_held++] = octet;
  return TRUE;
}

/* Returns: how much of the line under way there is, its end included. */
static gsize
pass_line (PbHeaderEdit *self, const char *data, gsize length, GByteArray *out)
{
  const char *end = memchr (data, '\n', length);

  if (end != NULL)
    {
      length = (gsize) (end - data) + 1;
      self->line = LINE_BEGINS;
    }
  if (!self->dropping)
    append (out, data, length);
  return length;
}

void
pb_header_edit_feed (PbHeaderEdit *self, const char *data, gsize length, GByteArray *out)
{
  gsize at = 0;

  while (at < length && !self->done)
    if (self->line == LINE_PASSES)
      at += pass_line (self, data + at, length - at, out);
    else if (begin_line (self, data[at], out))
      at++;
  append (out, data + at, length - at);
}

void
pb_header_edit_finish (PbHeaderEdit *self, GByteArray *out)
{
  if (self->done)
    return;
  if (self->n_held > 0)
    decide (self, FIELD_OTHER, out);
  add_missing (self, out);
}
