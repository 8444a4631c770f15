/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The form of a dropped message. The envelope comes from any user of the machine, so whatever is not
 * exactly as it is written here is an error, and nothing is guessed: an unknown word, a word twice, octets
 * that no address has. What an address means is not judged here.
 */
#include "protocol/drop-file.h"

#include <gio/gio.h>
#include <string.h>

#define FIRST_LINE     "postbus-drop 1\n"
#define MAX_VALUE      1024
#define MAX_RECIPIENTS 10000

static gboolean
fail (GError **error, const char *text)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, text);
  return FALSE;
}

PbDropFile *
pb_drop_file_new (const char *sender)
{
  PbDropFile *self = g_new0 (PbDropFile, 1);

  self->sender = g_strdup (sender);
  self->recipients = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
pb_drop_file_free (PbDropFile *self)
{
  if (self == NULL)
    return;
  g_free (self->sender);
  g_ptr_array_unref (self->recipients);
  g_free (self->ret);
  g_free (self->envid);
  g_free (self->notify);
  g_free (self);
}

static void
write_line (GString *out, const char *word, const char *value)
{
  if (value == NULL)
    return;
  g_string_append (out, word);
  g_string_append_c (out, ' ');
  g_string_append (out, value);
  g_string_append_c (out, '\n');
}

GString *
pb_drop_file_write (const PbDropFile *self)
{
  GString *out = g_string_new (FIRST_LINE);

  write_line (out, "sender", self->sender);
  for (guint i = 0; i < self->recipients->len; i++)
    write_line (out, "recipient", self->recipients->pdata[i]);
  write_line (out, "return", self->ret);
  write_line (out, "envelope-id", self->envid);
  write_line (out, "notify", self->notify);
  g_string_append_c (out, '\n');
  return out;
}

static gboolean
is_plain (const char *value, gsize length)
{
  if (length > MAX_VALUE || !g_utf8_validate (value, (gssize) length, NULL))
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (g_ascii_iscntrl (value[i]))
      return FALSE;
  return TRUE;
}

static gboolean
is_notify (const char *value)
{
  static const char *const words[] = { "SUCCESS", "FAILURE", "DELAY", NULL };
  g_auto (GStrv) parts = NULL;

  if (g_str_equal (value, "NEVER"))
    return TRUE;
  parts = g_strsplit (value, ",", 4);
  for (guint i = 0; parts[i] != NULL; i++)
    if (i > 2 || !g_strv_contains (words, parts[i]))
      return FALSE;
  return parts[0] != NULL;
}

/* RFC 3461 4: printable but for '+' and '=', which are written as codes. */
static gboolean
is_xtext (const char *value)
{
  for (const char *c = value; *c != '\0'; c++)
    if (*c == '+' && !(g_ascii_isxdigit (c[1]) && g_ascii_isxdigit (c[2])))
      return FALSE;
    else if (*c < 33 || *c > 126 || *c == '=')
      return FALSE;
  return value[0] != '\0' && strlen (value) <= 100;
}

static gboolean
set_once (char **field, const char *value, gboolean good)
{
  if (*field != NULL || !good)
    return FALSE;
  *field = g_strdup (value);
  return TRUE;
}

static gboolean
take_word (PbDropFile *self, const char *word, const char *value)
{
  if (g_str_equal (word, "sender"))
    return set_once (&self->sender, value, TRUE);
  if (g_str_equal (word, "return"))
    return set_once (&self->ret, value, g_str_equal (value, "FULL") || g_str_equal (value, "HDRS"));
  if (g_str_equal (word, "envelope-id"))
    return set_once (&self->envid, value, is_xtext (value));
  if (g_str_equal (word, "notify"))
    return set_once (&self->notify, value, is_notify (value));
  if (!g_str_equal (word, "recipient") || self->recipients->len == MAX_RECIPIENTS)
    return FALSE;
  g_ptr_array_add (self->recipients, g_strdup (value));
  return TRUE;
}

/* @line without its end. */
static gboolean
take_line (PbDropFile *self, const char *line, gsize length)
{
  const char *space = memchr (line, ' ', length);
  g_autofree char *word = NULL;
  g_autofree char *value = NULL;
  gsize rest;

  if (space == NULL)
    return FALSE;
  rest = length - (gsize) (space + 1 - line);
  if (!is_plain (space + 1, rest))
    return FALSE;
  word = g_strndup (line, (gsize) (space - line));
  value = g_strndup (space + 1, rest);
  return take_word (self, word, value);
}

/* Returns: FALSE with @error. */
static gboolean
take_lines (PbDropFile *self, const char *data, gsize length, gsize *body, GError **error)
{
  gsize at = strlen (FIRST_LINE);

  if (length < at || memcmp (data, FIRST_LINE, at) != 0)
    return fail (error, "is no dropped message");
  for (;;)
    {
      const char *end = memchr (data + at, '\n', length - at);

      if (end == NULL)
        return fail (error, "has an envelope without an end");
      if (end == data + at)
        break;
      if (!take_line (self, data + at, (gsize) (end - data) - at))
        return fail (error, "has an envelope with a line that no such file has");
      at = (gsize) (end + 1 - data);
    }
  *body = at + 1;
  if (self->sender == NULL || self->recipients->len == 0)
    return fail (error, "has no sender, or no recipient");
  return TRUE;
}

PbDropFile *
pb_drop_file_parse (const char *data, gsize length, gsize *body, GError **error)
{
  g_autoptr (PbDropFile) self = pb_drop_file_new (NULL);

  return take_lines (self, data, length, body, error) ? g_steal_pointer (&self) : NULL;
}
