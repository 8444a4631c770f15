/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads the header section as a message streams by: the session feeds it what the decoder gives out and asks about hops,
 * loops and what is missing. Lines are worked off one at a time, so that no field waits for an end that may never come, and
 * memory is bounded: one line's first octets, one Message-ID, a hundred Delivered-To. A line that is no field ends nothing;
 * only the empty line does (RFC 5322 2.1). Behind it the octets are only looked at for 8-bit ones, eight at a time.
 */
#include "protocol/header-scan.h"

#include "protocol/text.h"
#include "protocol/trace.h"
#include <string.h>

#define MAX_LINE         1200 /* of a line's octets looked at; a name and any value kept fit in */
#define MAX_MESSAGE_ID   998
#define MAX_FROM         16384
#define MAX_ADDRESS      320
#define MAX_DELIVERED_TO 100

typedef enum
{
  FIELD_OTHER,
  FIELD_RECEIVED,
  FIELD_MESSAGE_ID,
  FIELD_DATE,
  FIELD_FROM,
  FIELD_DELIVERED_TO,
  FIELD_COPY_MARK,
} Field;

static const struct
{
  const char *name;
  Field field;
} fields[] = {
  { "Received", FIELD_RECEIVED },
  { "Message-ID", FIELD_MESSAGE_ID },
  { "Date", FIELD_DATE },
  { "From", FIELD_FROM },
  { "Delivered-To", FIELD_DELIVERED_TO },
  { PB_TRACE_COPY_MARK, FIELD_COPY_MARK },
};

void
pb_header_scan_init (PbHeaderScan *self)
{
  memset (self, 0, sizeof *self);
  self->line = g_string_sized_new (128);
}

void
pb_header_scan_clear (PbHeaderScan *self)
{
  g_clear_pointer (&self->delivered_to, g_ptr_array_unref);
  g_clear_pointer (&self->message_id, g_free);
  g_clear_pointer (&self->from, g_free);
  if (self->line != NULL)
    g_string_free (g_steal_pointer (&self->line), TRUE);
}

/* Returns @old with @text behind it, trimmed and made harmless, at most @max octets. Takes @old. */
static char *
join_value (char *old, const char *text, gsize length, gsize max)
{
  GString *value = g_string_new (old);

  g_free (old);
  while (length > 0 && (*text == ' ' || *text == '\t'))
    text++, length--;
  while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
    length--;
  if (length > 0 && value->len > 0 && value->len < max)
    g_string_append_c (value, ' ');
  if (value->len < max)
    pb_text_append_safe (value, text, (gssize) length, max - value->len, TRUE);
  return g_string_free (value, FALSE);
}

/* Keeps what belongs to the value of the field under way. */
static void
keep_value (PbHeaderScan *self, const char *text, gsize length)
{
  if (self->field == FIELD_MESSAGE_ID)
    self->message_id = join_value (self->message_id, text, length, MAX_MESSAGE_ID);
  else if (self->field == FIELD_FROM)
    {
      self->from = join_value (self->from, text, length, MAX_FROM);
      self->from_cut = self->from_cut || self->line_cut || strlen (self->from) >= MAX_FROM - 4;
    }
  else if (self->field == FIELD_DELIVERED_TO)
    {
      gpointer *last = &self->delivered_to->pdata[self->delivered_to->len - 1];

      *last = join_value (*last, text, length, MAX_ADDRESS);
    }
}

/* Notes the field of this name. Only the first Message-ID counts. */
static void
begin_field (PbHeaderScan *self, Field field)
{
  self->fields++;
  self->field = FIELD_OTHER;
  switch (field)
    {
    case FIELD_RECEIVED:
      self->received++;
      break;
    case FIELD_DATE:
      self->has_date = TRUE;
      break;
    case FIELD_FROM:
      if (self->keep_from && !self->has_from)
        self->field = (guint8) field;
      self->has_from = TRUE;
      self->from_fields++;
      break;
    case FIELD_MESSAGE_ID:
      if (!self->has_message_id)
        self->field = (guint8) field;
      self->has_message_id = TRUE;
      break;
    case FIELD_DELIVERED_TO:
      if (self->delivered_to == NULL)
        self->delivered_to = g_ptr_array_new_with_free_func (g_free);
      if (self->delivered_to->len == MAX_DELIVERED_TO)
        break;
      g_ptr_array_add (self->delivered_to, g_strdup (""));
      self->field = (guint8) field;
      break;
    case FIELD_COPY_MARK:
      self->has_copy_mark = TRUE;
      break;
    case FIELD_OTHER:
      break;
    }
}

/* Works off the line that is complete but for its end. */
static void
take_line (PbHeaderScan *self)
{
  const char *text = self->line->str;
  gsize length = self->line->len, name = 0;
  const char *colon;
  Field field = FIELD_OTHER;

  if (length > 0 && (*text == ' ' || *text == '\t'))
    {
      keep_value (self, text, length);
      return;
    }
  self->field = FIELD_OTHER;
  while (name < length && text[name] > ' ' && text[name] <= '~' && text[name] != ':')
    name++;
  colon = text + name;
  while (colon < text + length && (*colon == ' ' || *colon == '\t'))
    colon++;
  if (name == 0 || colon == text + length || *colon != ':')
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    if (name == strlen (fields[i].name) && g_ascii_strncasecmp (text, fields[i].name, name) == 0)
      field = fields[i].field;
  begin_field (self, field);
  keep_value (self, colon + 1, (gsize) (text + length - colon - 1));
}

static void
collect (PbHeaderScan *self, const char *data, gsize length)
{
  if (length > MAX_LINE - self->line->len)
    self->line_cut = TRUE;
  if (self->line->len < MAX_LINE)
    g_string_append_len (self->line, data, (gssize) MIN (length, MAX_LINE - self->line->len));
}

/* Reads up to the end of the line or of @data. Returns the octets used. */
static gsize
feed_line (PbHeaderScan *self, const char *data, gsize length)
{
  const char *end = memchr (data, '\n', length);
  gsize used = end != NULL ? (gsize) (end - data) + 1 : length;

  self->header_length += used;
  collect (self, data, end != NULL ? used - 1 : used);
  if (end == NULL)
    return used;
  if (self->line->len > 0 && self->line->str[self->line->len - 1] == '\r')
    g_string_truncate (self->line, self->line->len - 1);
  if (self->line->len == 0)
    self->done = TRUE;
  else
    take_line (self);
  g_string_truncate (self->line, 0);
  self->line_cut = FALSE;
  return used;
}

void
pb_header_scan_feed (PbHeaderScan *self, const char *data, gsize length)
{
  if (!self->has_8bit && !pb_text_is_ascii (data, length))
    self->has_8bit = TRUE;
  while (!self->done && length > 0)
    {
      gsize used = feed_line (self, data, length);

      data += used;
      length -= used;
    }
}
