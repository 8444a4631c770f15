/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists as CSV files: what list pages export and import. Judges each row by the same contract code as
 * the service, so that a faulty file is refused whole, with the line and the column, before anything
 * is sent. Pure functions; errors are G_IO_ERROR_INVALID_DATA with sentences for people.
 */
#include "model/list-csv.h"

#include "model/csv.h"
#include "model/words.h"

#include <glib/gi18n.h>
#include <string.h>

#define NO_ENTRIES "none" /* of a list of words, where nothing at all would mean what is usual */

/* What a file's column is: one of the list's, its Id, or nothing of ours to set. */
typedef enum
{
  FIELD_COLUMN,
  FIELD_ID,
  FIELD_SKIPPED,
} FieldUse;

typedef struct
{
  FieldUse use;
  const PbColumnSpec *column;
} Field;

static gboolean
is_time (const PbColumnSpec *column)
{
  return g_str_equal (column->name, "Expires") || g_str_equal (column->name, "LastHit");
}

/* Spreadsheets take text that begins so for a formula and run it: sign or at, plain or wide, behind blanks and apostrophes. */
static gboolean
looks_like_formula (const char *text)
{
  static const gunichar starts[] = { '=', '+', '-', '@', 0xff1d, 0xff0b, 0xff0d, 0xff20 };
  gunichar first;

  text += strspn (text, "' \t\r\n");
  first = g_utf8_get_char (text);
  for (guint i = 0; i < G_N_ELEMENTS (starts); i++)
    if (first == starts[i])
      return TRUE;
  return FALSE;
}

/* ---- writing ---- */

/* An apostrophe in front makes it text there; reading takes it away again. Takes @text. */
static char *
guard (char *text)
{
  char *guarded;

  if (!looks_like_formula (text))
    return text;
  guarded = g_strconcat ("'", text, NULL);
  g_free (text);
  return guarded;
}

static char *
write_time (guint64 seconds)
{
  g_autoptr (GDateTime) time =
    g_date_time_new_from_unix_utc ((gint64) MIN (seconds, (guint64) G_MAXINT64));

  if (seconds == 0)
    return g_strdup ("");
  /* Years of five digits are no more than ISO 8601 by arrangement. */
  if (time == NULL || g_date_time_get_year (time) > 9999)
    return g_strdup_printf ("%" G_GUINT64_FORMAT, seconds);
  return g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ");
}

static char *
write_texts (const PbColumnSpec *column, GVariant *value)
{
  g_autofree const char **texts = g_variant_get_strv (value, NULL);

  if (texts[0] == NULL && column->choices != NULL)
    return g_strdup (NO_ENTRIES);
  return guard (g_strjoinv ("\n", (char **) texts));
}

static char *
write_cell (const PbColumnSpec *column, GVariant *value)
{
  if (value == NULL || !g_variant_is_of_type (value, G_VARIANT_TYPE (column->type)))
    return g_strdup ("");
  switch (column->type[0])
    {
    case 's':
      return guard (g_variant_dup_string (value, NULL));
    case 'b':
      return g_strdup (g_variant_get_boolean (value) ? "true" : "false");
    case 'a':
      return write_texts (column, value);
    case 't':
      return is_time (column) ? write_time (g_variant_get_uint64 (value))
                              : g_variant_print (value, FALSE);
    default:
      return g_variant_print (value, FALSE);
    }
}

char *
pba_list_csv_write (PbListKind kind, GVariant *rows)
{
  const PbListSpec *spec = pb_list_spec (kind);
  GString *text = g_string_new (NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  g_ptr_array_add (names, (gpointer) "Id");
  for (guint i = 0; i < spec->n_columns; i++)
    g_ptr_array_add (names, (gpointer) spec->columns[i].name);
  g_ptr_array_add (names, NULL);
  pba_csv_append (text, (const char *const *) names->pdata);
  for (gsize r = 0; r < g_variant_n_children (rows); r++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, r);
      g_autoptr (GPtrArray) fields = g_ptr_array_new_with_free_func (g_free);
      const char *id = "";

      g_variant_lookup (row, "Id", "&s", &id);
      g_ptr_array_add (fields, g_strdup (id));
      for (guint i = 0; i < spec->n_columns; i++)
        {
          g_autoptr (GVariant) value = g_variant_lookup_value (row, spec->columns[i].name, NULL);

          g_ptr_array_add (fields, write_cell (&spec->columns[i], value));
        }
      g_ptr_array_add (fields, NULL);
      pba_csv_append (text, (const char *const *) fields->pdata);
    }
  return g_string_free (text, FALSE);
}

/* ---- reading ---- */

static gboolean G_GNUC_PRINTF (3, 4) refuse (GError **error, guint line, const char *format, ...)
{
  g_autofree char *words = NULL;
  va_list args;

  va_start (args, format);
  words = g_strdup_vprintf (format, args);
  va_end (args);
  /* Translators: a line of a file, and what is wrong there */
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("Line %u: %s"), line, words);
  return FALSE;
}

static gboolean
find_field (const PbListSpec *spec, const char *name, Field *field)
{
  field->use = g_ascii_strcasecmp (name, "Id") == 0 ? FIELD_ID : FIELD_SKIPPED;
  if (field->use == FIELD_ID || g_ascii_strcasecmp (name, "Position") == 0)
    return TRUE;
  for (guint i = 0; i < spec->n_columns; i++)
    if (g_ascii_strcasecmp (name, spec->columns[i].name) == 0
        || g_utf8_collate (name, _ (spec->columns[i].title)) == 0)
      {
        field->column = &spec->columns[i];
        if ((field->column->flags & PB_COLUMN_READ_ONLY) == 0)
          field->use = FIELD_COLUMN;
        return TRUE;
      }
  return FALSE;
}

/* What came from a file is only repeated when it is short and fit to be seen. */
static const char *
show (const char *text)
{
  return pb_check (PB_CHECK_NAME, text) == NULL ? text : "…";
}

/* Returns: (transfer full): the names that a first line may have. */
static char *
list_names (const PbListSpec *spec)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (guint i = 0; i < spec->n_columns; i++)
    if ((spec->columns[i].flags & PB_COLUMN_READ_ONLY) == 0)
      g_ptr_array_add (names, (gpointer) spec->columns[i].name);
  g_ptr_array_add (names, NULL);
  return g_strjoinv (", ", (char **) names->pdata);
}

static gboolean
has_field (GArray *fields, FieldUse use, const PbColumnSpec *column)
{
  for (guint i = 0; i < fields->len; i++)
    {
      const Field *field = &g_array_index (fields, Field, i);

      if (field->use == use && field->column == column)
        return TRUE;
    }
  return FALSE;
}

static gboolean
check_header (const PbListSpec *spec, GArray *fields, guint line, GVariant *defaults,
              GError **error)
{
  for (guint i = 0; i < spec->n_columns; i++)
    {
      const PbColumnSpec *column = &spec->columns[i];
      g_autoptr (GVariant) given =
        defaults != NULL ? g_variant_lookup_value (defaults, column->name, NULL) : NULL;
      g_autofree char *names = list_names (spec);

      if ((column->flags & PB_COLUMN_REQUIRED) != 0 && given == NULL
          && !has_field (fields, FIELD_COLUMN, column))
        return refuse (error, line, _ ("The column “%s” is missing. The columns are: %s"),
                       column->name, names);
    }
  return TRUE;
}

static GArray *
read_header (const PbListSpec *spec, const PbaCsvRecord *record, GVariant *defaults, GError **error)
{
  g_autoptr (GArray) fields = g_array_new (FALSE, TRUE, sizeof (Field));

  for (guint i = 0; record->fields[i] != NULL; i++)
    {
      Field field = { FIELD_SKIPPED, NULL };
      const char *name = g_strstrip (record->fields[i]);

      if (!find_field (spec, name, &field))
        {
          g_autofree char *names = list_names (spec);

          refuse (error, record->line,
                  _ ("There is no column “%s” here. The first line must name the columns, which "
                     "are: %s"),
                  show (name), names);
          return NULL;
        }
      if (has_field (fields, field.use, field.column))
        {
          refuse (error, record->line, _ ("The column “%s” is there twice"), show (name));
          return NULL;
        }
      g_array_append_val (fields, field);
    }
  return check_header (spec, fields, record->line, defaults, error) ? g_steal_pointer (&fields)
                                                                    : NULL;
}

static GVariant *
read_boolean (const char *text)
{
  static const char *const yes[] = { "true", "yes", "1", "on", NULL };
  static const char *const no[] = { "false", "no", "0", "off", NULL };
  g_autofree char *word = g_ascii_strdown (text, -1);

  if (g_strv_contains (yes, word))
    return g_variant_new_boolean (TRUE);
  return g_strv_contains (no, word) ? g_variant_new_boolean (FALSE) : NULL;
}

/* Names and the like are kept as they are, blanks and all; nothing else begins or ends with one. */
static GVariant *
read_text (const PbColumnSpec *column, const char *text)
{
  gboolean exact = column->check == PB_CHECK_NAME || column->check == PB_CHECK_TEXT;

  return g_variant_new_take_string (exact ? g_strdup (text) : g_strstrip (g_strdup (text)));
}

static GVariant *
read_texts (const PbColumnSpec *column, const char *text)
{
  /* Words of ours hold no blanks and commas: people may part them as they like. */
  g_auto (GStrv) parts = g_strsplit_set (text, column->choices != NULL ? "\n\r ,;" : "\n\r", -1);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_STRING_ARRAY);
  for (guint i = 0; parts[i] != NULL; i++)
    if (g_strstrip (parts[i])[0] != '\0'
        && (column->choices == NULL || g_ascii_strcasecmp (parts[i], NO_ENTRIES) != 0))
      g_variant_builder_add (&builder, "s", parts[i]);
  return g_variant_builder_end (&builder);
}

static GVariant *
read_time (const char *text)
{
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) time = NULL;
  g_autofree char *with_hour = NULL;

  if (strlen (text) == strlen ("2026-12-31"))
    with_hour = g_strconcat (text, "T00:00:00", NULL);
  time = g_date_time_new_from_iso8601 (with_hour != NULL ? with_hour : text, utc);
  if (time == NULL || g_date_time_to_unix (time) < 0)
    return NULL;
  return g_variant_new_uint64 (g_date_time_to_unix (time));
}

/* Returns: (transfer floating) (nullable). */
static GVariant *
read_cell (const PbColumnSpec *column, const char *field, guint line, GError **error)
{
  const char *plain = field[0] == '\'' && looks_like_formula (field) ? field + 1 : field;
  g_autofree char *text = g_strstrip (g_strdup (field));
  guint64 number = 0;
  gint64 whole = 0;
  GVariant *value = NULL;

  switch (column->type[0])
    {
    case 's':
      return read_text (column, plain);
    case 'a':
      return read_texts (column, plain);
    case 'b':
      value = read_boolean (text);
      break;
    case 'i':
      if (g_ascii_string_to_signed (text, 10, G_MININT32, G_MAXINT32, &whole, NULL))
        value = g_variant_new_int32 (whole);
      break;
    case 'u':
      if (g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &number, NULL))
        value = g_variant_new_uint32 (number);
      break;
    default:
      if (g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &number, NULL))
        value = g_variant_new_uint64 (number);
      else
        value = read_time (text);
      break;
    }
  if (value == NULL)
    refuse (error, line, "%s: %s", _ (column->title),
            column->type[0] == 'b' ? _ ("Must be true or false")
            : is_time (column)     ? _ ("Must be a time such as 2026-12-31T23:00:00Z")
                                   : _ ("Must be a whole number"));
  return value;
}

/* A row of the contract's error becomes one of the file: its line, its column's title, its sentence. */
static gboolean
judge (PbListKind kind, GVariant *cells, guint line, GError **error)
{
  g_autoptr (GError) wrong = NULL;
  g_autoptr (GVariant) complete = pb_list_row_complete (kind, NULL, NULL, cells, &wrong);
  g_autofree char *name = complete == NULL ? pba_error_dup_column (wrong) : NULL;
  g_autofree char *sentence = wrong != NULL ? pba_words_error (wrong) : NULL;
  const PbListSpec *spec = pb_list_spec (kind);

  if (complete != NULL)
    return TRUE;
  for (guint i = 0; name != NULL && i < spec->n_columns; i++)
    if (g_str_equal (spec->columns[i].name, name))
      return refuse (error, line, "%s: %s", _ (spec->columns[i].title), sentence);
  return refuse (error, line, "%s", sentence);
}

/* An empty cell is the default, also where a row that is there says something else. But what must be given is missed, and words that
 * have something usual are the service's to find. */
static gboolean
may_be_left_out (const PbColumnSpec *column)
{
  return (column->flags & PB_COLUMN_REQUIRED) != 0
         || (column->type[0] == 'a' && column->choices != NULL);
}

static GVariant *
read_row (PbListKind kind, GArray *fields, const PbaCsvRecord *record, GVariant *defaults,
          GHashTable *ids, GError **error)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (defaults);
  g_autoptr (GVariant) cells = NULL;
  g_autofree char *id = NULL;

  for (guint i = 0; record->fields[i] != NULL; i++)
    {
      const Field *field = i < fields->len ? &g_array_index (fields, Field, i) : NULL;
      GVariant *value;

      if (field == NULL && record->fields[i][0] != '\0')
        {
          refuse (error, record->line, _ ("It has more fields than the first line has columns"));
          return NULL;
        }
      if (field != NULL && field->use == FIELD_ID)
        id = g_strdup (record->fields[i]);
      if (field == NULL || field->use != FIELD_COLUMN)
        continue;
      if (record->fields[i][0] != '\0')
        value = read_cell (field->column, record->fields[i], record->line, error);
      else if (may_be_left_out (field->column))
        continue;
      else
        value = g_variant_parse (G_VARIANT_TYPE (field->column->type), field->column->def, NULL,
                                 NULL, NULL);
      if (value == NULL)
        return NULL;
      g_variant_dict_insert_value (&dict, field->column->name, value);
    }
  cells = g_variant_ref_sink (g_variant_dict_end (&dict));
  if (!judge (kind, cells, record->line, error))
    return NULL;
  if (id == NULL || !g_uuid_string_is_valid (id))
    return g_steal_pointer (&cells);
  if (!g_hash_table_add (ids, g_strdup (id)))
    {
      refuse (error, record->line, _ ("Its Id is there twice"));
      return NULL;
    }
  g_variant_dict_init (&dict, cells);
  g_variant_dict_insert (&dict, "Id", "s", id);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

GVariant *
pba_list_csv_read (PbListKind kind, const char *text, gsize length, GVariant *defaults,
                   GError **error)
{
  g_autoptr (GPtrArray) records = pba_csv_parse (text, length, error);
  g_autoptr (GHashTable) ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GArray) fields = NULL;
  g_autoptr (GVariantBuilder) rows = g_variant_builder_new (G_VARIANT_TYPE ("aa{sv}"));

  if (records == NULL)
    return NULL;
  if (records->len < 2)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           _ ("The file has no rows below a line with the columns’ names"));
      return NULL;
    }
  if (records->len - 1 > PBA_LIST_CSV_MAX_ROWS)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   _ ("The file has more than %u rows, the most that a list can have"),
                   PBA_LIST_CSV_MAX_ROWS);
      return NULL;
    }
  fields = read_header (pb_list_spec (kind), records->pdata[0], defaults, error);
  for (guint i = 1; fields != NULL && i < records->len; i++)
    {
      g_autoptr (GVariant) row = read_row (kind, fields, records->pdata[i], defaults, ids, error);

      if (row == NULL)
        return NULL;
      g_variant_builder_add_value (rows, row);
    }
  return fields != NULL ? g_variant_ref_sink (g_variant_builder_end (rows)) : NULL;
}

static gboolean
changes (GVariant *row, GVariant *present)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;
  gboolean same = TRUE;

  g_variant_iter_init (&iter, row);
  while (same && g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      g_autoptr (GVariant) was = g_variant_lookup_value (present, name, NULL);

      same = was != NULL && g_variant_equal (was, value);
      g_variant_unref (value);
    }
  return !same;
}

GVariant *
pba_list_csv_merge (GVariant *present, GVariant *read, guint *n_changed, guint *n_added)
{
  g_autoptr (GHashTable) by_id =
    g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_variant_unref);
  g_autoptr (GVariantBuilder) rows = g_variant_builder_new (G_VARIANT_TYPE ("aa{sv}"));
  const char *id;

  *n_changed = *n_added = 0;
  for (gsize i = 0; i < g_variant_n_children (read); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (read, i);

      if (g_variant_lookup (row, "Id", "&s", &id))
        g_hash_table_insert (by_id, (char *) id, g_variant_ref (row));
    }
  for (gsize i = 0; i < g_variant_n_children (present); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (present, i);
      GVariant *changed =
        g_variant_lookup (row, "Id", "&s", &id) ? g_hash_table_lookup (by_id, id) : NULL;

      g_variant_builder_add_value (rows, changed != NULL ? changed : row);
      *n_changed += changed != NULL && changes (changed, row);
      if (changed != NULL)
        g_hash_table_remove (by_id, id);
    }
  for (gsize i = 0; i < g_variant_n_children (read); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (read, i);

      if (g_variant_lookup (row, "Id", "&s", &id) && !g_hash_table_contains (by_id, id))
        continue;
      g_variant_builder_add_value (rows, row);
      ++*n_added;
    }
  return g_variant_ref_sink (g_variant_builder_end (rows));
}
