/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rewrites the header section of a message as it streams by; the transaction feeds it what the decoder
 * gives out until the empty line has passed. Only the first octets of a line are held back, until it is
 * clear which field it begins, and of an Authentication-Results field as much as tells whose it is, so that
 * memory is bounded whatever comes. A line that is no field ends nothing, as in the header scan; only the
 * empty line does (RFC 5322 2.1).
 */
#include "protocol/header-edit.h"

#include "protocol/auth-results.h"
#include <string.h>

/* A field whose author is not known behind so much is a trick, or its comments have no end: it is judged by what there is. */
#define MAX_RESULTS 8192

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
  FIELD_RESULTS,
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
  { "Authentication-Results", FIELD_RESULTS },
};

PbHeaderEdit *
pb_header_edit_new (const char *date, const char *message_id)
{
  PbHeaderEdit *self = g_new0 (PbHeaderEdit, 1);

  self->submission = TRUE;
  self->date = g_strdup (date);
  self->message_id = g_strdup (message_id);
  return self;
}

PbHeaderEdit *
pb_header_edit_new_passing (void)
{
  return g_new0 (PbHeaderEdit, 1);
}

void
pb_header_edit_strip_results (PbHeaderEdit *self, const char *id)
{
  g_free (self->results_id);
  self->results_id = g_strdup (id);
}

void
pb_header_edit_free (PbHeaderEdit *self)
{
  g_clear_pointer (&self->results, g_byte_array_unref);
  g_free (self->results_id);
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

/* Lets the Authentication-Results field that was held back go on, or not, and what comes of it with it. */
static void
judge_results (PbHeaderEdit *self, GByteArray *out)
{
  g_autoptr (GByteArray) field = g_steal_pointer (&self->results);
  const char *text = (const char *) field->data;
  const char *value = (const char *) memchr (text, ':', field->len) + 1;

  self->dropping =
    pb_auth_results_is_from (value, field->len - (gsize) (value - text),
                             field->len == MAX_RESULTS, self->results_id);
  if (self->dropping)
    self->forged++;
  else
    append (out, text, field->len);
}

/* It is clear what the line is: what was held back goes on, or not, and so does the rest of it. */
static void
decide (PbHeaderEdit *self, Field field, GByteArray *out)
{
  self->dropping = field == FIELD_HIDDEN && self->submission;
  self->has_date = self->has_date || field == FIELD_DATE;
  self->has_message_id = self->has_message_id || field == FIELD_MESSAGE_ID;
  if (field == FIELD_RESULTS && self->results_id != NULL)
    {
      self->results = g_byte_array_new ();
      append (self->results, self->held, self->n_held);
    }
  else if (!self->dropping)
    append (out, self->held, self->n_held);
  self->n_held = 0;
  self->line = LINE_PASSES;
}

static gboolean
is_blank (char octet)
{
  return octet == ' ' || octet == '\t';
}

/* One octet of a line's beginning. Returns: FALSE when it is not used up: the line is decided without it. */
static gboolean
begin_line (PbHeaderEdit *self, char octet, GByteArray *out)
{
  if (self->n_held == 0 && is_blank (octet))
    {
      /* A continuation shares the fate of its field. */
      self->line = LINE_PASSES;
      return FALSE;
    }
  if (self->results != NULL)
    judge_results (self, out);
  if (octet == '\n' && self->n_held == 1 && self->held[0] == '\r')
    {
      add_missing (self, out);
      append (out, "\r\n", 2);
      self->n_held = 0;
      return TRUE;
    }
  /* A name is not hidden by many blanks behind it. */
  if (self->n_held == sizeof self->held && is_blank (octet) && classify (self) != FIELD_OTHER)
    return TRUE;
  if (octet == ':' || octet == '\n' || self->n_held == sizeof self->held)
    {
      decide (self, octet == ':' ? classify (self) : FIELD_OTHER, out);
      return FALSE;
    }
  self->held[self->n_held++] = octet;
  return TRUE;
}

/* Keeps back what comes of an Authentication-Results field, up to so much as decides, wherever it is cut. Returns: how much of it was used up. */
static gsize
keep_back (PbHeaderEdit *self, const char *data, gsize length, GByteArray *out)
{
  length = MIN (length, MAX_RESULTS - self->results->len);
  append (self->results, data, length);
  if (self->results->len == MAX_RESULTS)
    judge_results (self, out);
  return length;
}

/* Returns: how much of the line under way there is, its end included. */
static gsize
pass_line (PbHeaderEdit *self, const char *data, gsize length, GByteArray *out)
{
  const char *end = memchr (data, '\n', length);
  gsize kept = 0;

  if (end != NULL)
    {
      length = (gsize) (end - data) + 1;
      self->line = LINE_BEGINS;
    }
  if (self->results != NULL)
    kept = keep_back (self, data, length, out);
  if (self->results == NULL && !self->dropping)
    append (out, data + kept, length - kept);
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
  if (at < length)
    append (out, data + at, length - at);
}

void
pb_header_edit_finish (PbHeaderEdit *self, GByteArray *out)
{
  if (self->done)
    return;
  if (self->n_held > 0)
    decide (self, FIELD_OTHER, out);
  if (self->results != NULL)
    judge_results (self, out);
  add_missing (self, out);
}
