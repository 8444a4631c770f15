/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Canonical forms of header fields and bodies (RFC 6376 3.4). Called while a message streams by, so the body
 * is never held: a run of line ends and one blank are all that is kept back, however long the run. Octets
 * pass in spans; only line ends and, in the relaxed form, blanks are looked at one by one.
 */
#include "mailauth/canonical.h"

#include <openssl/evp.h>
#include <string.h>

#define BATCH 4096

struct _PbBodyHash
{
  EVP_MD_CTX *context; /* (owned) */
  gboolean relaxed;
  gint64 limit;      /* -1 none */
  guint64 length;    /* canonical octets so far */
  guint64 line_ends; /* held back: they count only when something follows */
  gboolean blank;    /* held back, relaxed: likewise within its line */
  gboolean cr;       /* the last octet was a CR */
  guint n_batch;
  guint8 batch[BATCH];
  guint8 hash[PB_BODY_HASH_LENGTH];
};

PbBodyHash *
pb_body_hash_new (gboolean relaxed, gint64 limit)
{
  PbBodyHash *self = g_new0 (PbBodyHash, 1);

  self->context = EVP_MD_CTX_new ();
  g_assert (self->context != NULL && EVP_DigestInit_ex (self->context, EVP_sha256 (), NULL) == 1);
  self->relaxed = relaxed;
  self->limit = limit;
  return self;
}

void
pb_body_hash_free (PbBodyHash *self)
{
  EVP_MD_CTX_free (self->context);
  g_free (self);
}

static void
flush_batch (PbBodyHash *self)
{
  EVP_DigestUpdate (self->context, self->batch, self->n_batch);
  self->n_batch = 0;
}

/* Hashes canonical octets, up to the limit. */
static void
put (PbBodyHash *self, const char *data, gsize length)
{
  guint64 from = self->length;

  self->length += length;
  if (self->limit >= 0)
    length = from >= (guint64) self->limit ? 0 : MIN (length, (guint64) self->limit - from);
  if (length > BATCH - self->n_batch)
    flush_batch (self);
  if (length > BATCH)
    {
      EVP_DigestUpdate (self->context, data, length);
      return;
    }
  memcpy (self->batch + self->n_batch, data, length);
  self->n_batch += (guint) length;
}

/* Something follows: what was held back counts. */
static void
put_held (PbBodyHash *self)
{
  for (; self->line_ends > 0; self->line_ends--)
    put (self, "\r\n", 2);
  if (self->blank)
    put (self, " ", 1);
  self->blank = FALSE;
}

/* Whether @c is looked at by itself. */
static gboolean
is_special (const PbBodyHash *self, char c)
{
  return c == '\r' || (self->relaxed && (c == ' ' || c == '\t'));
}

/* The octet behind a CR. Returns: TRUE when it was the line's end. */
static gboolean
end_cr (PbBodyHash *self, char c)
{
  self->cr = FALSE;
  if (c == '\n')
    {
      self->blank = FALSE;
      self->line_ends++;
      return TRUE;
    }
  put_held (self);
  put (self, "\r", 1);
  return FALSE;
}

void
pb_body_hash_feed (PbBodyHash *self, const char *data, gsize length)
{
  gsize at = 0;

  while (at < length)
    {
      gsize start = at;

      if (self->cr && end_cr (self, data[at]))
        {
          at++;
          continue;
        }
      while (at < length && !is_special (self, data[at]))
        at++;
      if (at > start)
        {
          put_held (self);
          put (self, data + start, at - start);
        }
      if (at == length)
        return;
      if (data[at] == '\r')
        self->cr = TRUE;
      else
        self->blank = TRUE;
      at++;
    }
}

void
pb_body_hash_end (PbBodyHash *self)
{
  guint n = PB_BODY_HASH_LENGTH;

  if (self->cr)
    end_cr (self, '\0');
  /* 3.4.3, 3.4.4: one line end closes the body; an empty one has it in the simple form only. */
  self->blank = FALSE;
  self->line_ends = self->length > 0 || !self->relaxed ? 1 : 0;
  put_held (self);
  flush_batch (self);
  EVP_DigestFinal_ex (self->context, self->hash, &n);
}

const guint8 *
pb_body_hash_get (PbBodyHash *self)
{
  return self->hash;
}

guint64
pb_body_hash_length (PbBodyHash *self)
{
  return self->length;
}

gboolean
pb_body_hash_is (PbBodyHash *self, gboolean relaxed, gint64 limit)
{
  return self->relaxed == relaxed && self->limit == limit;
}

/* 3.4.2: unfolded, runs of white space made one blank, none at the ends. */
static void
append_relaxed_value (GString *out, const char *text, gsize length)
{
  gboolean blank = FALSE, any = FALSE;

  for (gsize i = 0; i < length; i++)
    switch (text[i])
      {
      case ' ':
      case '\t':
      case '\r':
      case '\n':
        blank = TRUE;
        break;
      default:
        if (blank && any)
          g_string_append_c (out, ' ');
        blank = FALSE;
        any = TRUE;
        g_string_append_c (out, text[i]);
      }
}

void
pb_canonical_field (GString *out, const char *field, gsize length, guint name_length,
                    gboolean relaxed)
{
  const char *colon = memchr (field + name_length, ':', length - name_length);

  if (!relaxed || colon == NULL)
    {
      g_string_append_len (out, field, (gssize) length);
      return;
    }
  for (guint i = 0; i < name_length; i++)
    g_string_append_c (out, g_ascii_tolower (field[i]));
  g_string_append_c (out, ':');
  append_relaxed_value (out, colon + 1, length - (gsize) (colon + 1 - field));
  g_string_append (out, "\r\n");
}
