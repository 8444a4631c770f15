/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Envelopes, queue ids, and the compact form in which the store keeps an envelope. Session and bounce maker build one, the
 * store writes and reads it, everyone else only looks. What is read back is foreign: a row can be damaged. So every length
 * is held against what is there before anything is allocated, and a checksum tells a flipped octet, which could otherwise
 * turn one recipient into another. Damage gives NULL, never half an envelope.
 *
 * Form: 'P' 1 | varint flags, ret, arrival, size | text sender, envid, client, helo, login, message-id | varint count |
 * count times: text address, text orcpt, varint notify | 4 octets FNV-1a of all before. A text is varint length + 1 and its
 * octets, 0 for NULL. A message with a head has 'P' 2 | varint length | its octets in front of the flags.
 */
#include "protocol/envelope.h"

#include "protocol/text.h"
#include <string.h>

#define FORM_MARK       'P'
#define FORM_PLAIN      1
#define FORM_WITH_HEAD  2
#define MAX_TEXT        4096
#define MAX_RECIPIENTS  100000
#define LEAST_RECIPIENT 4 /* octets: length, one of address, no orcpt, notify */
#define SUM_LENGTH      4

#define ALL_FLAGS                                                                                  \
  (PB_ENVELOPE_SMTPUTF8 | PB_ENVELOPE_8BIT | PB_ENVELOPE_BOUNCE | PB_ENVELOPE_COPIED               \
   | PB_ENVELOPE_TELL_POSTMASTER | PB_ENVELOPE_JUNK | PB_ENVELOPE_INFECTED)
#define ALL_NOTIFY (PB_NOTIFY_NEVER | PB_NOTIFY_SUCCESS | PB_NOTIFY_FAILURE | PB_NOTIFY_DELAY)

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

typedef struct
{
  const guint8 *at;
  const guint8 *end;
  gboolean bad; /* once set, everything read is empty */
} Reader;

char *
pb_recipient_original (const PbRecipient *self)
{
  const char *semicolon = self->orcpt != NULL ? strchr (self->orcpt, ';') : NULL;
  char *plain;

  if (semicolon == NULL)
    return NULL;
  plain = g_ascii_strncasecmp (self->orcpt, "utf-8;", 6) == 0
            ? pb_utf8_addr_decode (semicolon + 1, strlen (semicolon + 1))
            : pb_xtext_decode (semicolon + 1, strlen (semicolon + 1));
  if (plain == NULL)
    plain = g_strdup (semicolon + 1);
  if (g_str_equal (plain, self->address))
    g_clear_pointer (&plain, g_free);
  return plain;
}

char *
pb_queue_id_format (guint64 id, char *buffer)
{
  for (int i = PB_QUEUE_ID_TEXT - 2; i >= 0; i--, id >>= 5)
    buffer[i] = digits[id & 31];
  buffer[PB_QUEUE_ID_TEXT - 1] = '\0';
  return buffer;
}

gboolean
pb_queue_id_parse (const char *text, guint64 *id)
{
  guint64 value = 0;

  for (guint i = 0; i < PB_QUEUE_ID_TEXT - 1; i++)
    {
      const char *digit = text[i] != '\0' ? strchr (digits, text[i]) : NULL;

      /* 13 digits hold 65 bits: the first may only say 4 */
      if (digit == NULL || (i == 0 && digit - digits > 15))
        return FALSE;
      value = value << 5 | (guint64) (digit - digits);
    }
  if (text[PB_QUEUE_ID_TEXT - 1] != '\0')
    return FALSE;
  *id = value;
  return TRUE;
}

PbEnvelope *
pb_envelope_new (guint64 id)
{
  PbEnvelope *self = g_atomic_rc_box_new0 (PbEnvelope);

  self->id = id;
  pb_queue_id_format (id, self->id_text);
  return self;
}

PbEnvelope *
pb_envelope_ref (PbEnvelope *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
envelope_clear (gpointer data)
{
  PbEnvelope *self = data;

  for (guint i = 0; i < self->n_recipients; i++)
    {
      g_free (self->recipients[i].address);
      g_free (self->recipients[i].orcpt);
    }
  g_free (self->recipients);
  g_free (self->sender);
  g_free (self->envid);
  g_free (self->client);
  g_free (self->helo);
  g_free (self->login);
  g_free (self->message_id);
  g_free (self->hold);
  g_clear_pointer (&self->head, g_bytes_unref);
}

void
pb_envelope_unref (PbEnvelope *self)
{
  if (self != NULL)
    g_atomic_rc_box_release_full (self, envelope_clear);
}

static guint32
checksum (const guint8 *data, gsize length)
{
  guint32 sum = 2166136261u;

  for (gsize i = 0; i < length; i++)
    sum = (sum ^ data[i]) * 16777619u;
  return sum;
}

static void
write_number (GByteArray *out, guint64 value)
{
  guint8 octets[10];
  guint n = 0;

  for (; value >= 0x80; value >>= 7)
    octets[n++] = (guint8) (value | 0x80);
  octets[n++] = (guint8) value;
  g_byte_array_append (out, octets, n);
}

/* Text that could not be read back (too long, not UTF-8) is mended here: a row must never be refused for what it says. */
static void
write_text (GByteArray *out, const char *text)
{
  gsize length = text != NULL ? strlen (text) : 0;
  g_autoptr (GString) mended = NULL;

  if (text == NULL)
    {
      write_number (out, 0);
      return;
    }
  if (length > MAX_TEXT || !pb_text_is_utf8 (text, length))
    {
      mended = g_string_new (NULL);
      pb_text_append_safe (mended, text, (gssize) length, MAX_TEXT, TRUE);
      text = mended->str;
      length = mended->len;
    }
  write_number (out, length + 1);
  g_byte_array_append (out, (const guint8 *) text, (guint) length);
}

static void
write_form (GByteArray *out, GBytes *head)
{
  gsize length;
  const guint8 *octets;

  g_byte_array_append (out, (const guint8[]){ FORM_MARK, head != NULL ? FORM_WITH_HEAD : FORM_PLAIN },
                       2);
  if (head == NULL)
    return;
  octets = g_bytes_get_data (head, &length);
  write_number (out, length);
  g_byte_array_append (out, octets, (guint) length);
}

GBytes *
pb_envelope_serialize (const PbEnvelope *self)
{
  GByteArray *out = g_byte_array_sized_new (256);
  guint32 sum;

  write_form (out, self->head);
  write_number (out, self->flags);
  write_number (out, self->ret);
  write_number (out, (guint64) self->arrival);
  write_number (out, self->size);
  write_text (out, self->sender != NULL ? self->sender : "");
  write_text (out, self->envid);
  write_text (out, self->client != NULL ? self->client : "local");
  write_text (out, self->helo);
  write_text (out, self->login);
  write_text (out, self->message_id);
  write_number (out, self->n_recipients);
  for (guint i = 0; i < self->n_recipients; i++)
    {
      write_text (out, self->recipients[i].address);
      write_text (out, self->recipients[i].orcpt);
      write_number (out, self->recipients[i].notify);
    }
  sum = GUINT32_TO_LE (checksum (out->data, out->len));
  g_byte_array_append (out, (const guint8 *) &sum, SUM_LENGTH);
  return g_byte_array_free_to_bytes (out);
}

/* Reads a number of at most @max. */
static guint64
read_number (Reader *self, guint64 max)
{
  guint64 value = 0;

  for (guint shift = 0; shift < 64 && self->at < self->end && !self->bad; shift += 7)
    {
      guint64 part = *self->at & 0x7f;

      if (shift == 63 && part > 1)
        break;
      value |= part << shift;
      if ((*self->at++ & 0x80) != 0)
        continue;
      if (value > max)
        break;
      return value;
    }
  self->bad = TRUE;
  return 0;
}

static char *
read_text (Reader *self)
{
  gsize length = read_number (self, MAX_TEXT + 1);
  char *text;

  if (length-- == 0)
    return NULL;
  if (length > (gsize) (self->end - self->at) || !pb_text_is_utf8 ((const char *) self->at, length))
    {
      self->bad = TRUE;
      return NULL;
    }
  text = g_strndup ((const char *) self->at, length);
  self->at += length;
  return text;
}

/* Begins to read @data. Returns: (transfer full) (nullable): the head that stands first. */
static GBytes *
read_form (Reader *self, const guint8 *data, gsize length)
{
  gsize head;
  GBytes *bytes;

  *self = (Reader){ .bad = TRUE };
  if (length < 2 + SUM_LENGTH || data[0] != FORM_MARK
      || (data[1] != FORM_PLAIN && data[1] != FORM_WITH_HEAD))
    return NULL;
  *self = (Reader){ data + 2, data + length - SUM_LENGTH, FALSE };
  if (data[1] == FORM_PLAIN)
    return NULL;
  head = read_number (self, PB_ENVELOPE_HEAD_MAX);
  if (head == 0 || head > (gsize) (self->end - self->at))
    {
      self->bad = TRUE;
      return NULL;
    }
  bytes = g_bytes_new (self->at, head);
  self->at += head;
  return bytes;
}

static void
read_recipients (Reader *reader, PbEnvelope *self)
{
  guint count = (guint) read_number (reader, MAX_RECIPIENTS);

  if (reader->bad || count > (gsize) (reader->end - reader->at) / LEAST_RECIPIENT)
    {
      reader->bad = TRUE;
      return;
    }
  self->recipients = count > 0 ? g_try_new0 (PbRecipient, count) : NULL;
  reader->bad = count > 0 && self->recipients == NULL;
  while (self->n_recipients < count && !reader->bad)
    {
      PbRecipient *recipient = &self->recipients[self->n_recipients++];

      recipient->address = read_text (reader);
      recipient->orcpt = read_text (reader);
      recipient->notify = (PbNotify) read_number (reader, ALL_NOTIFY);
      if (recipient->address == NULL || *recipient->address == '\0')
        reader->bad = TRUE;
    }
}

GBytes *
pb_envelope_read_head (const void *data, gsize length)
{
  Reader reader;

  return read_form (&reader, data, length);
}

PbEnvelope *
pb_envelope_deserialize (guint64 id, const void *data, gsize length)
{
  g_autoptr (PbEnvelope) self = NULL;
  g_autoptr (GBytes) head = NULL;
  const guint8 *octets = data;
  guint32 sum;
  Reader reader;

  head = read_form (&reader, data, length);
  if (reader.bad)
    return NULL;
  memcpy (&sum, octets + length - SUM_LENGTH, SUM_LENGTH);
  if (GUINT32_FROM_LE (sum) != checksum (octets, length - SUM_LENGTH))
    return NULL;
  self = pb_envelope_new (id);
  self->head = g_steal_pointer (&head);
  self->flags = (PbEnvelopeFlags) read_number (&reader, ALL_FLAGS);
  self->ret = (PbRet) read_number (&reader, PB_RET_HDRS);
  self->arrival = (gint64) read_number (&reader, G_MAXUINT64);
  self->size = read_number (&reader, G_MAXUINT64);
  self->sender = read_text (&reader);
  self->envid = read_text (&reader);
  self->client = read_text (&reader);
  self->helo = read_text (&reader);
  self->login = read_text (&reader);
  self->message_id = read_text (&reader);
  read_recipients (&reader, self);
  if (reader.bad || reader.at != reader.end || self->sender == NULL || self->client == NULL)
    return NULL;
  return g_steal_pointer (&self);
}
