/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file that somebody imports into a list of the client: any bytes. What the reader takes, it must take
 * again from what the writer makes of it; a list that was read must come back the same, and no cell of it
 * may begin as a formula does. A refusal is one line.
 */
#include "model/csv.h"
#include "model/list-csv.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
assert_sentence (const GError *error)
{
  g_assert (error != NULL && g_utf8_validate (error->message, -1, NULL));
  g_assert (strlen (error->message) < 1000 && strchr (error->message, '\n') == NULL);
}

static void
try_records (const char *text, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) records = pba_csv_parse (text, size, &error);
  g_autoptr (GPtrArray) again = NULL;
  g_autoptr (GString) written = NULL;

  if (records == NULL)
    {
      assert_sentence (error);
      return;
    }
  /* The writer has commas. */
  written = g_string_new ("comma,comma\r\n");
  for (guint i = 0; i < records->len; i++)
    pba_csv_append (written, (const char *const *) ((PbaCsvRecord *) records->pdata[i])->fields);
  again = pba_csv_parse (written->str, written->len, NULL);
  g_assert (again != NULL && again->len == records->len + 1);
  for (guint i = 0; i < records->len; i++)
    g_assert (g_strv_equal ((const char *const *) ((PbaCsvRecord *) records->pdata[i])->fields,
                            (const char *const *) ((PbaCsvRecord *) again->pdata[i + 1])->fields));
}

static void
assert_no_formulas (const char *text)
{
  g_autoptr (GPtrArray) records = pba_csv_parse (text, strlen (text), NULL);

  for (guint i = 0; i < records->len; i++)
    for (char **field = ((PbaCsvRecord *) records->pdata[i])->fields; *field != NULL; field++)
      /* A number may have its sign. */
      if (!g_ascii_isdigit ((*field)[0]) && !((*field)[0] == '-' && g_ascii_isdigit ((*field)[1])))
        g_assert (strchr ("=+-@", (*field)[0]) == NULL || (*field)[0] == '\0');
}

static void
try_list (PbListKind kind, const char *text, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) rows = pba_list_csv_read (kind, text, size, NULL, &error);
  g_autofree char *written = NULL;
  g_autoptr (GVariant) again = NULL;
  g_autofree char *once_more = NULL;
  g_autoptr (GVariant) same = NULL;

  if (rows == NULL)
    {
      assert_sentence (error);
      return;
    }
  written = pba_list_csv_write (kind, rows);
  assert_no_formulas (written);
  again = pba_list_csv_read (kind, written, strlen (written), NULL, NULL);
  g_assert (again != NULL && g_variant_n_children (again) == g_variant_n_children (rows));
  /* The first time, what was not said became what is usual. */
  once_more = pba_list_csv_write (kind, again);
  same = pba_list_csv_read (kind, once_more, strlen (once_more), NULL, NULL);
  g_assert (same != NULL && g_variant_equal (again, same));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  try_records ((const char *) data, size);
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    try_list (kind, (const char *) data, size);
  return 0;
}
