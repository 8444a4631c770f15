/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Comma-separated values as RFC 4180 has them, for export and import of lists. Called by list-csv.c.
 * The reader takes whatever a file holds and either gives all records or one sentence with the line;
 * it never guesses where a broken quotation was meant to end. Pure functions.
 */
#include "model/csv.h"

#include <glib/gi18n.h>
#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* A reader at work. */
typedef struct
{
  const char *p, *end;
  char delimiter;
  guint line;
  GString *field;     /* (owned) */
  GPtrArray *fields;  /* (owned) (element-type utf8): of the record */
  GPtrArray *records; /* (owned) */
} Reader;

static void
record_free (gpointer data)
{
  PbaCsvRecord *record = data;

  g_strfreev (record->fields);
  g_free (record);
}

static gboolean
refuse (GError **error, guint line, const char *sentence)
{
  /* Translators: a line of a file, and what is wrong there */
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("Line %u: %s"), line, sentence);
  return FALSE;
}

/* Spreadsheets of countries whose decimal sign is the comma write semicolons; what is copied from one has tabs. */
static char
find_delimiter (const char *text, const char *end)
{
  const char *line_end = memchr (text, '\n', end - text);
  gsize length = (line_end != NULL ? line_end : end) - text;

  for (const char *p = ",;\t"; *p != '\0'; p++)
    if (memchr (text, *p, length) != NULL)
      return *p;
  return ',';
}

static gboolean
is_blank (const Reader *self, char c)
{
  return (c == ' ' || c == '\t') && c != self->delimiter;
}

static void
skip_blanks (Reader *self)
{
  while (self->p < self->end && is_blank (self, *self->p))
    self->p++;
}

/* From behind the opening quotation mark to behind the closing one. */
static gboolean
read_quoted (Reader *self, GError **error)
{
  guint begin = self->line;

  while (self->p < self->end)
    {
      char c = *self->p++;

      if (c == '"' && (self->p == self->end || *self->p != '"'))
        return TRUE;
      if (c == '"')
        self->p++;
      if (c == '\n')
        {
          self->line++;
          /* A line's end inside a field is one, however the file writes it. */
          while (g_str_has_suffix (self->field->str, "\r"))
            g_string_truncate (self->field, self->field->len - 1);
        }
      g_string_append_c (self->field, c);
    }
  return refuse (error, begin, _ ("A quotation mark is not closed"));
}

static gboolean
is_field_end (const Reader *self)
{
  return self->p == self->end || *self->p == self->delimiter || *self->p == '\n'
         || (*self->p == '\r' && (self->p + 1 == self->end || self->p[1] == '\n'));
}

static void
read_plain (Reader *self)
{
  while (!is_field_end (self))
    g_string_append_c (self->field, *self->p++);
  while (self->field->len > 0 && is_blank (self, self->field->str[self->field->len - 1]))
    g_string_truncate (self->field, self->field->len - 1);
}

static gboolean
read_field (Reader *self, GError **error)
{
  g_string_truncate (self->field, 0);
  skip_blanks (self);
  if (self->p < self->end && *self->p == '"')
    {
      self->p++;
      if (!read_quoted (self, error))
        return FALSE;
      skip_blanks (self);
      if (!is_field_end (self))
        return refuse (error, self->line, _ ("Text follows a closing quotation mark"));
    }
  else
    read_plain (self);
  g_ptr_array_add (self->fields, g_strdup (self->field->str));
  return TRUE;
}

static void
end_record (Reader *self, guint line)
{
  const char *first = self->fields->pdata[0];
  PbaCsvRecord *record;

  if (self->fields->len == 1 && first[0] == '\0')
    {
      g_ptr_array_set_size (self->fields, 0);
      return;
    }
  record = g_new0 (PbaCsvRecord, 1);
  record->line = line;
  g_ptr_array_set_free_func (self->fields, NULL);
  g_ptr_array_add (self->fields, NULL);
  record->fields = (char **) g_ptr_array_free (self->fields, FALSE);
  self->fields = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (self->records, record);
}

static gboolean
read_record (Reader *self, GError **error)
{
  guint line = self->line;

  while (TRUE)
    {
      if (!read_field (self, error))
        return FALSE;
      if (self->p == self->end || *self->p != self->delimiter)
        break;
      self->p++;
    }
  if (self->p < self->end && *self->p == '\r')
    self->p++;
  if (self->p < self->end && *self->p == '\n')
    {
      self->p++;
      self->line++;
    }
  end_record (self, line);
  return TRUE;
}

static guint
line_of (const char *text, const char *place)
{
  guint line = 1;

  for (const char *p = text; p < place; p++)
    line += *p == '\n';
  return line;
}

GPtrArray *
pba_csv_parse (const char *text, gsize length, GError **error)
{
  Reader reader = { .p = text, .end = text + length, .line = 1 };
  const char *wrong;
  gboolean passes = TRUE;

  if (!g_utf8_validate_len (text, length, &wrong))
    {
      gboolean nul = wrong < text + length && *wrong == '\0';

      refuse (error, line_of (text, wrong),
              nul ? _ ("This is no text file")
                  : _ ("The file must be UTF-8 text. Spreadsheets call that “CSV UTF-8”"));
      return NULL;
    }
  if (length >= 3 && memcmp (text, BYTE_ORDER_MARK, 3) == 0)
    reader.p += 3;
  reader.delimiter = find_delimiter (reader.p, reader.end);
  reader.field = g_string_new (NULL);
  reader.fields = g_ptr_array_new_with_free_func (g_free);
  reader.records = g_ptr_array_new_with_free_func (record_free);
  while (passes && reader.p < reader.end)
    passes = read_record (&reader, error);
  g_string_free (reader.field, TRUE);
  g_ptr_array_unref (reader.fields);
  if (!passes)
    g_clear_pointer (&reader.records, g_ptr_array_unref);
  return reader.records;
}

static void
append_field (GString *text, const char *field)
{
  /* Blanks at the ends are quoted too: they would be cut. */
  gboolean plain =
    strpbrk (field, ",;\"\r\n\t") == NULL && field[0] != ' ' && !g_str_has_suffix (field, " ");

  if (plain)
    {
      g_string_append (text, field);
      return;
    }
  g_string_append_c (text, '"');
  for (const char *p = field; *p != '\0'; p++)
    {
      if (*p == '"')
        g_string_append_c (text, '"');
      g_string_append_c (text, *p);
    }
  g_string_append_c (text, '"');
}

void
pba_csv_append (GString *text, const char *const *fields)
{
  for (guint i = 0; fields[i] != NULL; i++)
    {
      if (i > 0)
        g_string_append_c (text, ',');
      append_field (text, fields[i]);
    }
  g_string_append (text, "\r\n");
}
