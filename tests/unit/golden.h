/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Golden files of parsers: tests/golden/<folder>/<name>.in holds one input a line, .ref the description a test gives of
 * what came of it. \xHH in an input is that octet, an empty line and one that begins with '#' are passed over. With
 * POSTBUS_GOLDEN_WRITE set the .ref is written instead of compared: read it before you commit it.
 */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

static inline char *
golden_path (const char *folder, const char *name, const char *suffix)
{
  g_autofree char *file = g_strconcat (name, suffix, NULL);

  return g_test_build_filename (G_TEST_DIST, "golden", folder, file, NULL);
}

static inline char *
golden_read (const char *folder, const char *name, const char *suffix)
{
  g_autofree char *path = golden_path (folder, name, suffix);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* Holds @got against the .ref, line by line, so that a failure names the line. */
static inline void
golden_compare (const char *folder, const char *name, const char *got)
{
  g_autofree char *path = golden_path (folder, name, ".ref");
  g_autofree char *wanted = NULL;
  g_auto (GStrv) wanted_lines = NULL;
  g_auto (GStrv) got_lines = g_strsplit (got, "\n", -1);

  if (g_getenv ("POSTBUS_GOLDEN_WRITE") != NULL)
    {
      g_assert_true (g_file_set_contents (path, got, -1, NULL));
      return;
    }
  wanted = golden_read (folder, name, ".ref");
  wanted_lines = g_strsplit (wanted, "\n", -1);
  for (guint i = 0; wanted_lines[i] != NULL && got_lines[i] != NULL; i++)
    g_assert_cmpstr (got_lines[i], ==, wanted_lines[i]);
  g_assert_cmpuint (g_strv_length (got_lines), ==, g_strv_length (wanted_lines));
}

static inline GString *
golden_unescape (const char *line)
{
  GString *octets = g_string_new (NULL);

  for (; *line != '\0'; line++)
    if (line[0] == '\\' && line[1] == 'x' && g_ascii_isxdigit (line[2])
        && g_ascii_isxdigit (line[3]))
      {
        g_string_append_c (octets, (char) (g_ascii_xdigit_value (line[2]) * 16
                                           + g_ascii_xdigit_value (line[3])));
        line += 3;
      }
    else
      g_string_append_c (octets, *line);
  return octets;
}

typedef void (*GoldenDescribe) (GString *out, const char *octets, gsize length);

static inline void
golden_run (const char *folder, const char *name, GoldenDescribe describe)
{
  g_autofree char *text = golden_read (folder, name, ".in");
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GString) got = g_string_new (NULL);
  guint cases = 0;

  for (char **line = lines; *line != NULL; line++)
    {
      g_autoptr (GString) octets = NULL;
      g_autofree char *exact = NULL;

      if (**line == '\0' || **line == '#')
        continue;
      octets = golden_unescape (*line);
      /* to size, so that one octet read past it is seen */
      exact = g_memdup2 (octets->str, octets->len);
      g_string_append_printf (got, "%s\n    ", *line);
      describe (got, exact != NULL ? exact : "", octets->len);
      g_string_append_c (got, '\n');
      cases++;
    }
  g_assert_cmpuint (cases, >, 0);
  golden_compare (folder, name, got->str);
}
