/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of the lists: checked against the table of list kinds and filled with defaults. Called by
 * the registry for every write and at start for what was stored, and by the client before it asks.
 * Pure functions, any thread. Errors are PB_ERROR_INVALID_VALUE and begin with the place:
 * "TrustedList[new].Network: must be ...".
 */
#include "dbus/list-kinds.h"

#include "dbus/errors.h"

#define MAX_COLUMNS  16
#define MAX_ELEMENTS 1000 /* of a string list */
#define N_(text)     text /* the client shows it translated */

/* One row under check: a cell for each column of its kind. */
typedef struct
{
  PbListKind kind;
  const PbListSpec *spec;
  const char *id;               /* (nullable): not yet given */
  GVariant *given[MAX_COLUMNS]; /* (owned) (nullable) */
  GVariant *cells[MAX_COLUMNS]; /* (owned) */
} Row;

static void
row_clear (Row *row)
{
  for (guint i = 0; i < MAX_COLUMNS; i++)
    {
      g_clear_pointer (&row->given[i], g_variant_unref);
      g_clear_pointer (&row->cells[i], g_variant_unref);
    }
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Row, row_clear)

static gboolean G_GNUC_PRINTF (4, 5)
  refuse (const Row *row, GError **error, const char *column, const char *format, ...)
{
  g_autofree char *words = NULL;
  va_list args;

  va_start (args, format);
  words = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s[%s].%s: %s", row->spec->name,
               row->id ? row->id : "new", column, words);
  return FALSE;
}

static int
find_column (const PbListSpec *spec, const char *name)
{
  for (guint i = 0; i < spec->n_columns; i++)
    if (g_str_equal (spec->columns[i].name, name))
      return i;
  return -1;
}

static GVariant *
cell (const Row *row, const char *column)
{
  return row->cells[find_column (row->spec, column)];
}

static const char *
cell_text (const Row *row, const char *column)
{
  return g_variant_get_string (cell (row, column), NULL);
}

static gboolean
cell_is (const Row *row, const char *column, const char *text)
{
  return g_str_equal (cell_text (row, column), text);
}

/* Parsed once: ten thousand rows are filled from the same defaults. */
static GVariant *
column_default (PbListKind kind, guint column)
{
  static gsize parsed;
  GVariant **all;

  if (g_once_init_enter (&parsed))
    {
      all = g_new0 (GVariant *, PB_N_LISTS * MAX_COLUMNS);
      for (guint k = 0; k < PB_N_LISTS; k++)
        for (guint c = 0; c < pb_list_spec (k)->n_columns; c++)
          {
            const PbColumnSpec *spec = &pb_list_spec (k)->columns[c];

            all[k * MAX_COLUMNS + c] =
              g_variant_parse (G_VARIANT_TYPE (spec->type), spec->def, NULL, NULL, NULL);
            g_assert (all[k * MAX_COLUMNS + c] != NULL);
          }
      g_once_init_leave (&parsed, (gsize) all);
    }
  all = (GVariant **) parsed;
  return g_variant_ref (all[kind * MAX_COLUMNS + column]);
}

static gboolean
is_choice (const char *choices, const char *text)
{
  gsize length = strlen (text);

  for (const char *p = choices; p != NULL; p = strchr (p, '|') ? strchr (p, '|') + 1 : NULL)
    if (length > 0 && strncmp (p, text, length) == 0 && (p[length] == '|' || p[length] == '\0'))
      return TRUE;
  return FALSE;
}

/* Returns: (nullable) (transfer full): what is wrong with one text of a cell. */
static char *
judge_text (const PbColumnSpec *column, const char *text)
{
  if (text[0] == '\0')
    return g_strdup ("must not be empty");
  if (column->choices != NULL && !is_choice (column->choices, text))
    {
      g_auto (GStrv) choices = g_strsplit (column->choices, "|", -1);
      g_autofree char *words = g_strjoinv (", ", choices);

      return g_strdup_printf ("must be one of %s", words);
    }
  return column->choices == NULL ? g_strdup (pb_check (column->check, text)) : NULL;
}

static gboolean
check_texts (const Row *row, const PbColumnSpec *column, GVariant *value, GError **error)
{
  gsize n = g_variant_n_children (value);

  if (n > MAX_ELEMENTS)
    return refuse (row, error, column->name, "must have at most %u entries", MAX_ELEMENTS);
  if (n == 0 && (column->flags & PB_COLUMN_REQUIRED) != 0)
    return refuse (row, error, column->name, "must not be empty");
  for (gsize i = 0; i < n; i++)
    {
      const char *text;
      g_autofree char *words = NULL;

      g_variant_get_child (value, i, "&s", &text);
      words = judge_text (column, text);
      if (words != NULL)
        return refuse (row, error, column->name, "entry %" G_GSIZE_FORMAT " %s", i + 1, words);
    }
  return TRUE;
}

static gboolean
check_cell (const Row *row, const PbColumnSpec *column, GVariant *value, GError **error)
{
  g_autofree char *words = NULL;
  const char *text;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE (column->type)))
    return refuse (row, error, column->name, "must be of type %s, not %s", column->type,
                   g_variant_get_type_string (value));
  if (column->type[0] == 'u' && column->maximum != 0)
    {
      guint32 number = g_variant_get_uint32 (value);

      if (number < column->minimum || number > column->maximum)
        return refuse (row, error, column->name, "must be between %u and %u", column->minimum,
                       column->maximum);
    }
  if (column->type[0] == 'a')
    return check_texts (row, column, value, error);
  if (column->type[0] != 's')
    return TRUE;
  text = g_variant_get_string (value, NULL);
  if (text[0] == '\0' && (column->flags & PB_COLUMN_MAY_BE_EMPTY) != 0)
    return TRUE;
  words = judge_text (column, text);
  return words == NULL || refuse (row, error, column->name, "%s", words);
}

/* What a whitelist rule spares unless it says otherwise: the table of the functional description. */
static const struct
{
  const char *kind;
  const char *skip[6];
  PbCheck value;
} access_kinds[] = {
  { "ip", { "dnsbl", "spf", "antivirus", "dkim", "dmarc" }, PB_CHECK_IP },
  { "network", { "dnsbl", "spf", "antivirus", "dkim" }, PB_CHECK_NETMASK },
  { "domain", { "dnsbl", "spf", "antivirus", "dkim" }, PB_CHECK_TARGET },
  { "sender", { "dnsbl", "spf" }, PB_CHECK_ADDRESS },
  { "recipient", { "dnsbl", "spf" }, PB_CHECK_ADDRESS },
};

const char *const *
pb_access_usual_skips (const char *kind)
{
  static const char *const nothing[] = { NULL };

  for (guint i = 0; i < G_N_ELEMENTS (access_kinds); i++)
    if (g_str_equal (access_kinds[i].kind, kind))
      return (const char *const *) access_kinds[i].skip;
  return nothing;
}

static guint
access_kind (const Row *row)
{
  guint i = 0;

  while (!cell_is (row, "Kind", access_kinds[i].kind))
    i++;
  return i;
}

static gboolean
same_text (const Row *row, GVariant *base, const char *column)
{
  const char *text;

  return g_variant_lookup (base, column, "&s", &text) && cell_is (row, column, text);
}

static void
fill_access_rule (Row *row, GVariant *base)
{
  int column = find_column (row->spec, "Skip");
  const char *const *spared = (const char *const[]){ NULL };

  if (row->given[column] != NULL
      || (base != NULL && same_text (row, base, "List") && same_text (row, base, "Kind")))
    return;
  if (cell_is (row, "List", "whitelist"))
    spared = access_kinds[access_kind (row)].skip;
  g_variant_unref (row->cells[column]);
  row->cells[column] = g_variant_ref_sink (g_variant_new_strv (spared, -1));
}

static gboolean
check_access_rule (const Row *row, GError **error)
{
  const char *value = cell_text (row, "Value");
  gboolean whitelist = cell_is (row, "List", "whitelist");
  gboolean domain = cell_is (row, "Kind", "domain");
  const char *words = pb_check (access_kinds[access_kind (row)].value, value);

  if (domain && !whitelist)
    return refuse (row, error, "Kind", N_ ("domain is for whitelist rules only"));
  if (!whitelist && g_variant_n_children (cell (row, "Skip")) > 0)
    return refuse (row, error, "Skip", N_ ("is for whitelist rules only"));
  if (domain && strchr (value, '@') != NULL)
    return refuse (row, error, "Value", N_ ("must be a domain, or .domain for its subdomains"));
  return words == NULL || refuse (row, error, "Value", "%s", words);
}

static gboolean
check_relay_exception (const Row *row, GError **error)
{
  gboolean auth = g_variant_get_boolean (cell (row, "Auth"));

  if (auth && cell_is (row, "Tls", "off"))
    return refuse (row, error, "Tls", N_ ("must not be off while Auth is on"));
  if (auth && cell_is (row, "User", ""))
    return refuse (row, error, "User", N_ ("must be given while Auth is on"));
  if (cell_is (row, "Verify", "fingerprint") && cell_is (row, "Fingerprint", ""))
    return refuse (row, error, "Fingerprint", N_ ("must be given while Verify is fingerprint"));
  return TRUE;
}

/* What the cells of a row must be to each other. */
static const struct
{
  void (*fill) (Row *row, GVariant *base);
  gboolean (*check) (const Row *row, GError **error);
} row_rules[PB_N_LISTS] = {
  [PB_LIST_RELAY_EXCEPTIONS] = { NULL, check_relay_exception },
  [PB_LIST_ACCESS_LIST] = { fill_access_rule, check_access_rule },
};

static gboolean
take_key (Row *row, const char *key, GVariant *value, GError **error)
{
  int column = find_column (row->spec, key);
  /* A name from outside is only repeated when it cannot break the line. */
  const char *shown = pb_check (PB_CHECK_NAME, key) == NULL ? key : "?";

  if (column < 0)
    return refuse (row, error, shown, N_ ("there is no such column"));
  if ((row->spec->columns[column].flags & PB_COLUMN_READ_ONLY) != 0)
    return refuse (row, error, shown, N_ ("cannot be set"));
  if (row->given[column] != NULL)
    return refuse (row, error, shown, N_ ("is given twice"));
  row->given[column] = g_variant_ref (value);
  return TRUE;
}

/* One walk instead of a look-up a column: lists come ten thousand rows at a time. */
static gboolean
take_keys (Row *row, GVariant *given, GError **error)
{
  GVariantIter iter;
  const char *key;
  GVariant *value;
  gboolean passes = TRUE;

  g_variant_iter_init (&iter, given);
  while (passes && g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      passes = take_key (row, key, value, error);
      g_variant_unref (value);
    }
  return passes;
}

static gboolean
fill_cells (Row *row, GVariant *base, GError **error)
{
  for (guint i = 0; i < row->spec->n_columns; i++)
    {
      const PbColumnSpec *column = &row->spec->columns[i];
      g_autoptr (GVariant) value = row->given[i] != NULL ? g_variant_ref (row->given[i]) : NULL;

      if (value == NULL && base != NULL)
        value = g_variant_lookup_value (base, column->name, NULL);
      if (value == NULL && (column->flags & PB_COLUMN_REQUIRED) != 0)
        return refuse (row, error, column->name, N_ ("must be given"));
      if (value == NULL)
        value = column_default (row->kind, i);
      else if (!check_cell (row, column, value, error))
        return FALSE;
      row->cells[i] = g_steal_pointer (&value);
    }
  return TRUE;
}

/* Cells that a newer program stored are handed through: that program finds them again. */
static GVariant *
put_together (const Row *row, GVariant *base)
{
  GVariantBuilder builder;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < row->spec->n_columns; i++)
    g_variant_builder_add_value (
      &builder, g_variant_new_dict_entry (g_variant_new_string (row->spec->columns[i].name),
                                          g_variant_new_variant (row->cells[i])));
  if (base != NULL)
    {
      g_variant_iter_init (&iter, base);
      while (g_variant_iter_next (&iter, "{&sv}", &key, &value))
        {
          if (find_column (row->spec, key) < 0)
            g_variant_builder_add (&builder, "{sv}", key, value);
          g_variant_unref (value);
        }
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

GVariant *
pb_list_row_complete (PbListKind kind, const char *id, GVariant *base, GVariant *row,
                      GError **error)
{
  g_auto (Row) checked = { .kind = kind, .spec = pb_list_spec (kind), .id = id };

  if (!g_variant_is_of_type (row, G_VARIANT_TYPE_VARDICT) || !g_variant_is_normal_form (row))
    {
      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s[%s]: must be a row of valid text",
                   checked.spec->name, id ? id : "new");
      return NULL;
    }
  if (!take_keys (&checked, row, error) || !fill_cells (&checked, base, error))
    return NULL;
  if (row_rules[kind].fill != NULL)
    row_rules[kind].fill (&checked, base);
  if (row_rules[kind].check != NULL && !row_rules[kind].check (&checked, error))
    return NULL;
  return put_together (&checked, base);
}
