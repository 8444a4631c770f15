/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Authentication-Results field: written, and recognized when someone forges ours (RFC 8601). Called for
 * mail that is judged; pure. What goes into it comes from strangers: every value is cleaned, quoted where it
 * is no plain word, and never breaks a line.
 */
#include "protocol/auth-results.h"
#include "protocol/text.h"

#include <string.h>

#define MAX_VALUE   256
#define MAX_RESULTS 32

struct _PbAuthResults
{
  GString *text; /* (owned) */
  guint n;
};

PbAuthResults *
pb_auth_results_new (const char *id)
{
  PbAuthResults *self = g_new0 (PbAuthResults, 1);

  self->text = g_string_new (" ");
  g_string_append (self->text, id);
  return self;
}

void
pb_auth_results_free (PbAuthResults *self)
{
  g_string_free (self->text, TRUE);
  g_free (self);
}

/* Whether @text may stand without quotes: a domain, or a plain address. */
static gboolean
is_plain (const char *text)
{
  guint n_at = 0;

  for (const char *at = text; *at != '\0'; at++)
    if (*at == '@')
      n_at++;
    else if (!g_ascii_isalnum (*at) && strchr ("-._", *at) == NULL)
      return FALSE;
  return text[0] != '\0' && n_at <= 1;
}

static void
append_value (GString *out, const char *value)
{
  g_autoptr (GString) clean = g_string_new (NULL);

  pb_text_append_safe (clean, value, -1, MAX_VALUE, FALSE);
  if (is_plain (clean->str))
    g_string_append (out, clean->str);
  else
    pb_text_append_quoted (out, clean->str);
}

void
pb_auth_results_add (PbAuthResults *self, const char *method, const char *result,
                     const char *reason)
{
  if (++self->n > MAX_RESULTS)
    return;
  g_string_append_printf (self->text, ";\r\n\t%s=%s", method, result);
  if (reason == NULL)
    return;
  g_string_append (self->text, " reason=");
  append_value (self->text, reason);
}

void
pb_auth_results_add_property (PbAuthResults *self, const char *name, const char *value)
{
  if (self->n > MAX_RESULTS || value == NULL || value[0] == '\0')
    return;
  g_string_append_printf (self->text, "\r\n\t %s=", name);
  append_value (self->text, value);
}

gboolean
pb_auth_results_is_empty (const PbAuthResults *self)
{
  return self->n == 0;
}

char *
pb_auth_results_format (PbAuthResults *self)
{
  return self->n > 0 ? g_strdup (self->text->str) : g_strconcat (self->text->str, "; none", NULL);
}

/* Passes white space, what some take for it, and comments, nested ones too (RFC 5322 3.2.2). Returns: where they end; @length when a comment does not. */
static gsize
skip_comments (const char *text, gsize length, gsize at)
{
  guint depth = 0;

  for (; at < length; at++)
    if (text[at] == '\\' && depth > 0)
      at++;
    else if (text[at] == '(')
      depth++;
    else if (text[at] == ')' && depth > 0)
      depth--;
    else if (depth == 0 && text[at] != ' ' && !g_ascii_iscntrl (text[at]))
      break;
  return MIN (at, length);
}

/* Reads a word or a quoted-string, quotes resolved. @cut: more follows @text. Returns: FALSE when neither ends well. */
static gboolean
read_word (const char *text, gsize length, gsize at, gboolean cut, GString *word)
{
  gboolean quoted = at < length && text[at] == '"';

  for (at += quoted; at < length; at++)
    {
      /* Behind a slash some wrote the version. */
      if (quoted ? text[at] == '"' : strchr (" \t\r\n;(/", text[at]) != NULL)
        return TRUE;
      if (quoted && text[at] == '\\' && at + 1 < length)
        at++;
      if (text[at] != '\r' && text[at] != '\n')
        g_string_append_c (word, text[at]);
    }
  return !quoted && !cut;
}

/* Drops what some readers pass over without a word: controls, blanks and invisible characters beyond ASCII. */
static void
keep_visible (GString *word)
{
  gsize n = 0;

  for (gsize i = 0; i < word->len; i++)
    if (g_ascii_isprint (word->str[i]))
      word->str[n++] = word->str[i];
  g_string_truncate (word, n);
}

gboolean
pb_auth_results_is_from (const char *text, gsize length, gboolean cut, const char *id)
{
  g_autoptr (GString) word = g_string_new (NULL);
  gsize at = skip_comments (text, length, 0);

  if (memchr (text, '\0', length) != NULL || !read_word (text, length, at, cut, word))
    return TRUE;
  if (word->len == 0)
    return TRUE;
  keep_visible (word);
  if (word->len > 0 && word->str[word->len - 1] == '.')
    g_string_truncate (word, word->len - 1);
  return g_ascii_strcasecmp (word->str, id) == 0;
}
