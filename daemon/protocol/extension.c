/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The EHLO reply, written for the session and read for the delivery. Keywords are rows of one table; an argument is written
 * and read by the row's own functions. Reading never fails: what is unknown or ill-formed is passed over, as RFC 5321
 * 4.1.1.1 wants it. The caller owns the set.
 */
#include "protocol/extension.h"

#include "protocol/text.h"
#include <string.h>

#define MAX_LINE 510 /* RFC 5321 4.5.3.1.5, without CRLF */
#define MAX_AUTH 400
#define MAX_NAME 255

typedef struct
{
  PbExtensions extension;
  const char *keyword;
  void (*write) (GString *out, const PbExtensionSet *set);
  void (*read) (PbExtensionSet *set, const char *argument);
} ExtensionRow;

static void
write_size (GString *out, const PbExtensionSet *set)
{
  if (set->size > 0)
    g_string_append_printf (out, " %" G_GUINT64_FORMAT, set->size);
}

static void
read_size (PbExtensionSet *set, const char *argument)
{
  if (!g_ascii_string_to_unsigned (argument, 10, 0, G_MAXUINT64, &set->size, NULL))
    set->size = 0;
}

static void
write_limits (GString *out, const PbExtensionSet *set)
{
  if (set->limits_mailmax > 0)
    g_string_append_printf (out, " MAILMAX=%u", set->limits_mailmax);
  if (set->limits_rcptmax > 0)
    g_string_append_printf (out, " RCPTMAX=%u", set->limits_rcptmax);
}

static guint
read_limit (const char *value)
{
  guint64 limit;

  /* RFC 9422 4: 1*6DIGIT, not zero */
  return g_ascii_string_to_unsigned (value, 10, 1, 999999, &limit, NULL) ? (guint) limit : 0;
}

static void
read_limits (PbExtensionSet *set, const char *argument)
{
  g_auto (GStrv) words = g_strsplit (argument, " ", 64);

  for (char **word = words; *word != NULL; word++)
    if (g_ascii_strncasecmp (*word, "RCPTMAX=", 8) == 0)
      set->limits_rcptmax = read_limit (*word + 8);
    else if (g_ascii_strncasecmp (*word, "MAILMAX=", 8) == 0)
      set->limits_mailmax = read_limit (*word + 8);
}

static void
write_auth (GString *out, const PbExtensionSet *set)
{
  g_string_append_c (out, ' ');
  if (set->auth != NULL)
    pb_text_append_safe (out, set->auth, -1, MAX_AUTH, FALSE);
}

static void
read_auth (PbExtensionSet *set, const char *argument)
{
  g_autoptr (GString) all = g_string_new (set->auth);

  if (all->len > 0 && all->len < MAX_AUTH)
    g_string_append_c (all, ' ');
  if (all->len < MAX_AUTH)
    pb_text_append_safe (all, argument, -1, MAX_AUTH - all->len, FALSE);
  g_free (set->auth);
  set->auth = g_string_free (g_steal_pointer (&all), FALSE);
}

static const ExtensionRow rows[] = {
  { PB_EXT_PIPELINING, "PIPELINING", NULL, NULL },
  { PB_EXT_SIZE, "SIZE", write_size, read_size },
  { PB_EXT_STARTTLS, "STARTTLS", NULL, NULL },
  { PB_EXT_AUTH, "AUTH", write_auth, read_auth },
  { PB_EXT_ENHANCEDSTATUSCODES, "ENHANCEDSTATUSCODES", NULL, NULL },
  { PB_EXT_8BITMIME, "8BITMIME", NULL, NULL },
  { PB_EXT_DSN, "DSN", NULL, NULL },
  { PB_EXT_SMTPUTF8, "SMTPUTF8", NULL, NULL },
  { PB_EXT_CHUNKING, "CHUNKING", NULL, NULL },
  { PB_EXT_REQUIRETLS, "REQUIRETLS", NULL, NULL },
  { PB_EXT_LIMITS, "LIMITS", write_limits, read_limits },
};

void
pb_extension_set_clear (PbExtensionSet *self)
{
  g_free (self->auth);
  memset (self, 0, sizeof *self);
}

void
pb_extension_append_ehlo (GString *out, const PbExtensionSet *self, const char *hostname,
                          const char *peer)
{
  gsize last = out->len;

  g_string_append (out, "250-");
  pb_text_append_safe (out, hostname, -1, MAX_NAME, FALSE);
  if (peer != NULL)
    {
      g_string_append (out, " greets ");
      pb_text_append_safe (out, peer, -1, MAX_LINE - MIN (out->len - last, MAX_LINE), FALSE);
    }
  g_string_append (out, "\r\n");
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      if ((self->offered & rows[i].extension) == 0)
        continue;
      last = out->len;
      g_string_append (out, "250-");
      g_string_append (out, rows[i].keyword);
      if (rows[i].write != NULL)
        rows[i].write (out, self);
      g_string_append (out, "\r\n");
    }
  /* the last line is the one whose code is followed by a space (RFC 5321 4.2.1) */
  out->str[last + 3] = ' ';
}

static void
read_line (PbExtensionSet *set, const char *line)
{
  gsize keyword = strcspn (line, " =");

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      if (strlen (rows[i].keyword) != keyword
          || g_ascii_strncasecmp (line, rows[i].keyword, keyword) != 0)
        continue;
      /* "AUTH=LOGIN", from before RFC 2554 */
      if (line[keyword] == '=' && rows[i].extension != PB_EXT_AUTH)
        return;
      set->offered |= rows[i].extension;
      line += keyword;
      if (*line != '\0' && rows[i].read != NULL)
        rows[i].read (set, line + 1);
      return;
    }
}

void
pb_extension_parse_reply (const char *text, PbExtensionSet *set)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  pb_extension_set_clear (set);
  for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++)
    read_line (set, g_strstrip (lines[i]));
}
