/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A message as mail authentication reads it while it streams by. Fed by the session, once for all
 * evaluators. Memory is bounded: the header up to PB_AUTH_HEADER_MAX, some octets a field, and one hash a
 * demand. Work is linear in the message, however many fields it has: they are found by name through a table
 * of chains, hashed by a number that no sender knows.
 */
#include "mailauth/message.h"

#include <string.h>

#define MAX_HASHES 16 /* demands that differ: of 5 signatures, of ARC sets, and our own */
#define FIELD_COST 56 /* octets that a field costs beside its text */

struct _PbAuthMessage
{
  PbAuthHeaderFunc func;
  gpointer user_data;
  GByteArray *header;  /* (owned) with the CRLF of its last field, without the empty line */
  GArray *fields;      /* (owned) (element-type PbField) once the header is whole */
  guint32 *heads, *next; /* (owned) (nullable) chains of fields: the first by hash, the next of a field; G_MAXUINT32 ends one */
  guint n_heads;       /* a power of two */
  GHashTable *by_name; /* (owned) lower case -> GArray of guint: those that were asked for */
  GPtrArray *hashes;   /* (owned) (element-type PbBodyHash) */
  gboolean in_body, cut, ended;
};

PbAuthMessage *
pb_auth_message_new (PbAuthHeaderFunc func, gpointer user_data)
{
  PbAuthMessage *self = g_new0 (PbAuthMessage, 1);

  self->func = func;
  self->user_data = user_data;
  self->header = g_byte_array_new ();
  self->fields = g_array_new (FALSE, FALSE, sizeof (PbField));
  self->by_name =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_array_unref);
  self->hashes = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_body_hash_free);
  return self;
}

void
pb_auth_message_free (PbAuthMessage *self)
{
  g_byte_array_unref (self->header);
  g_array_unref (self->fields);
  g_hash_table_unref (self->by_name);
  g_free (self->heads);
  g_free (self->next);
  g_ptr_array_unref (self->hashes);
  g_free (self);
}

/* Octets of the line at @text, with its line end. */
static gsize
line_length (const char *text, gsize length)
{
  const char *end = memmem (text, length, "\r\n", 2);

  return end != NULL ? (gsize) (end - text) + 2 : length;
}

/* field-name (RFC 5322 3.6.8), blanks before the colon allowed as they once were. Returns: its length, 0 for none. */
static guint
read_name (const char *text, gsize length)
{
  const char *colon = memchr (text, ':', length);
  gsize n = colon != NULL ? (gsize) (colon - text) : 0;

  while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
    n--;
  for (gsize i = 0; i < n; i++)
    if (!g_ascii_isgraph (text[i]))
      return 0;
  return (guint) n;
}

/* Which chain a field of that name is in, case aside. */
static guint
chain_of (const PbAuthMessage *self, const char *name, gsize length)
{
  static gsize seed;
  guint64 hash;

  if (g_once_init_enter (&seed))
    g_once_init_leave (&seed, ((gsize) g_random_int () << 32) | g_random_int () | 1);
  hash = seed;
  for (gsize i = 0; i < length; i++)
    {
      hash = (hash ^ (guint8) g_ascii_tolower (name[i])) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
      hash ^= hash >> 29;
    }
  return (guint) hash & (self->n_heads - 1);
}

/* Puts the fields in their chains, each in the order of the header. */
static void
chain_fields (PbAuthMessage *self)
{
  for (self->n_heads = 16; self->n_heads < self->fields->len; self->n_heads *= 2)
    ;
  self->heads = g_new (guint32, self->n_heads);
  self->next = g_new (guint32, self->fields->len);
  memset (self->heads, 0xff, self->n_heads * sizeof (guint32));
  for (guint i = self->fields->len; i > 0; i--)
    {
      const PbField *field = &g_array_index (self->fields, PbField, i - 1);
      guint32 *head = &self->heads[chain_of (self, field->text, field->name_length)];

      self->next[i - 1] = *head;
      *head = i - 1;
    }
}

static void
split_fields (PbAuthMessage *self)
{
  const char *text = (const char *) self->header->data;
  gsize length = self->header->len, at = 0;

  while (text != NULL && at < length)
    {
      gsize start = at;
      guint name_length = read_name (text + at, line_length (text + at, length - at));

      do
        at += line_length (text + at, length - at);
      while (at < length && (text[at] == ' ' || text[at] == '\t'));
      if (name_length > 0)
        {
          PbField field = { text + start, at - start, name_length };

          g_array_append_val (self->fields, field);
        }
    }
  chain_fields (self);
}

static void
end_header (PbAuthMessage *self)
{
  self->in_body = TRUE;
  if (!self->cut)
    split_fields (self);
  self->func (self, self->user_data);
}

static void
feed_body (PbAuthMessage *self, const char *data, gsize length)
{
  for (guint i = 0; i < self->hashes->len; i++)
    pb_body_hash_feed (self->hashes->pdata[i], data, length);
}

/* Where the header ends in what is kept of it, looked for from @from on. Returns: the length of the header, G_MAXSIZE when it goes on. */
static gsize
find_end (const PbAuthMessage *self, gsize from)
{
  const GByteArray *header = self->header;
  const guint8 *end;

  /* Of one that was cut the beginning is the end of some line. */
  if (!self->cut && header->len >= 2 && memcmp (header->data, "\r\n", 2) == 0)
    return 0;
  end = memmem (header->data + from, header->len - from, "\r\n\r\n", 4);
  return end != NULL ? (gsize) (end - header->data) + 2 : G_MAXSIZE;
}

/* Keeps octets of the header. Returns: how many of them belong to it, the empty line with them. */
static gsize
feed_header (PbAuthMessage *self, const char *data, gsize length)
{
  gsize had = self->header->len, end;

  g_byte_array_append (self->header, (const guint8 *) data, (guint) length);
  end = find_end (self, had > 3 ? had - 3 : 0);
  if (end == G_MAXSIZE)
    {
      /* Too much of it: only its last octets are kept on, to see its end. */
      if (self->header->len > PB_AUTH_HEADER_MAX)
        {
          self->cut = TRUE;
          g_byte_array_remove_range (self->header, 0, self->header->len - 3);
        }
      return length;
    }
  length = end + 2 - had;
  self->cut = self->cut || end > PB_AUTH_HEADER_MAX;
  g_byte_array_set_size (self->header, (guint) end);
  end_header (self);
  return length;
}

void
pb_auth_message_feed (PbAuthMessage *self, const char *data, gsize length)
{
  gsize used = self->in_body || length == 0 ? 0 : feed_header (self, data, length);

  if (used < length)
    feed_body (self, data + used, length - used);
}

void
pb_auth_message_end (PbAuthMessage *self)
{
  if (self->ended)
    return;
  if (!self->in_body)
    end_header (self);
  self->ended = TRUE;
  for (guint i = 0; i < self->hashes->len; i++)
    pb_body_hash_end (self->hashes->pdata[i]);
}

gboolean
pb_auth_message_in_body (const PbAuthMessage *self)
{
  return self->in_body;
}

gboolean
pb_auth_message_is_cut (PbAuthMessage *self)
{
  return self->cut;
}

gsize
pb_auth_message_held (const PbAuthMessage *self)
{
  return self->header->len + self->fields->len * (gsize) FIELD_COST;
}

const PbField *
pb_auth_message_fields (PbAuthMessage *self, guint *n_fields)
{
  *n_fields = self->fields->len;
  return (const PbField *) (gpointer) self->fields->data;
}

const GArray *
pb_auth_message_find (PbAuthMessage *self, const char *name)
{
  g_autofree char *lower = g_ascii_strdown (name, -1);
  gsize length = strlen (name);
  GArray *indices = g_hash_table_lookup (self->by_name, lower);

  if (indices != NULL || self->heads == NULL)
    return indices;
  for (guint32 i = self->heads[chain_of (self, name, length)]; i != G_MAXUINT32; i = self->next[i])
    {
      const PbField *field = &g_array_index (self->fields, PbField, i);

      if (field->name_length != length || g_ascii_strncasecmp (field->text, name, length) != 0)
        continue;
      if (indices == NULL)
        {
          indices = g_array_new (FALSE, FALSE, sizeof (guint));
          g_hash_table_insert (self->by_name, g_steal_pointer (&lower), indices);
        }
      g_array_append_val (indices, i);
    }
  return indices;
}

PbBodyHash *
pb_auth_message_body_hash (PbAuthMessage *self, gboolean relaxed, gint64 limit)
{
  for (guint i = 0; i < self->hashes->len; i++)
    if (pb_body_hash_is (self->hashes->pdata[i], relaxed, limit))
      return self->hashes->pdata[i];
  g_return_val_if_fail (self->hashes->len < MAX_HASHES && !self->ended, NULL);
  g_ptr_array_add (self->hashes, pb_body_hash_new (relaxed, limit));
  return self->hashes->pdata[self->hashes->len - 1];
}

const char *
pb_field_value (const PbField *field, gsize *length)
{
  const char *colon =
    memchr (field->text + field->name_length, ':', field->length - field->name_length);
  const char *end = field->text + field->length;

  if (end - colon > 2 && memcmp (end - 2, "\r\n", 2) == 0)
    end -= 2;
  *length = (gsize) (end - (colon + 1));
  return colon + 1;
}
