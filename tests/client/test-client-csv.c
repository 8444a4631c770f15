/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CSV files of the client: the reader and the writer, and lists through both.
 */
#include "model/csv.h"
#include "model/list-csv.h"

#include <locale.h>
#include <string.h>

#define ID_A "11111111-2222-4333-8444-555555555555"
#define ID_B "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

static void
assert_parses (const char *text, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) records = pba_csv_parse (text, strlen (text), &error);
  g_autoptr (GString) shown = g_string_new (NULL);

  g_assert_no_error (error);
  for (guint i = 0; i < records->len; i++)
    {
      const PbaCsvRecord *record = records->pdata[i];
      g_autofree char *fields = g_strjoinv ("|", record->fields);

      g_string_append_printf (shown, "%u:%s/", record->line, fields);
    }
  g_assert_cmpstr (shown->str, ==, expected);
}

static void
test_parse (void)
{
  assert_parses ("", "");
  assert_parses ("\n\r\n\n", "");
  assert_parses ("a,b\r\nc,d\r\n", "1:a|b/2:c|d/");
  assert_parses ("a,b\nc,d", "1:a|b/2:c|d/");
  assert_parses ("\xef\xbb\xbf"
                 "a,b\n",
                 "1:a|b/");
  assert_parses ("a;b\n\"c,d\";e", "1:a|b/2:c,d|e/");
  assert_parses ("a\tb\nc d\t\te\n", "1:a|b/2:c d||e/");
  assert_parses ("\"a \"\"b\"\"\",\"c\r\nd\"\ne,f", "1:a \"b\"|c\nd/3:e|f/");
  assert_parses (" a , \" b \" ,c d\n", "1:a| b |c d/");
  assert_parses ("a\"b,c\r", "1:a\"b|c/");
  assert_parses ("a,,\n,", "1:a||/2:|/");
  assert_parses ("\"a\r\r\nb\",\"c\rd\"", "1:a\nb|c\rd/");
}

static void
assert_refused (const char *text, gsize length, const char *sentence)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pba_csv_parse (text, length, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  g_assert_cmpstr (error->message, ==, sentence);
}

static void
test_refuse (void)
{
  assert_refused ("a,b\n\"c,d\ne", 10, "Line 2: A quotation mark is not closed");
  assert_refused ("a\n\"b\"c\n", 7, "Line 2: Text follows a closing quotation mark");
  assert_refused ("a\0b", 3, "Line 1: This is no text file");
  assert_refused ("a\nb\xfc", 4,
                  "Line 2: The file must be UTF-8 text. Spreadsheets call that “CSV UTF-8”");
  assert_refused ("\xff\xfe"
                  "a\0",
                  4, "Line 1: The file must be UTF-8 text. Spreadsheets call that “CSV UTF-8”");
}

/* Whatever a field holds comes back, but that a line's end within it is a line feed. */
static void
test_fields (void)
{
  static const char *const nasty[] = { "",     " ",    "  a  ", "\ta\t", "a,b",          "a;b",
                                       "a\"b", "\"",   "\"\"",  "'",     "a\nb",         "\n",
                                       "\r",   "a\rb", "=1+1",  "…",     "\xef\xbb\xbf", "#",
                                       NULL };
  g_autofree char *huge = g_strnfill (64 * 1024, '"');
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GPtrArray) records = NULL;
  const char *const large[] = { huge, "x", NULL };

  pba_csv_append (text, (const char *const[]){ "first", "line", NULL });
  pba_csv_append (text, nasty);
  pba_csv_append (text, large);
  records = pba_csv_parse (text->str, text->len, NULL);
  g_assert_cmpuint (records->len, ==, 3);
  g_assert_cmpstrv (((PbaCsvRecord *) records->pdata[1])->fields, nasty);
  g_assert_cmpstrv (((PbaCsvRecord *) records->pdata[2])->fields, large);
}

/* ---- lists ---- */

static GVariant *
complete (PbListKind kind, const char *id, const char *cells)
{
  g_autoptr (GVariant) given = g_variant_ref_sink (g_variant_new_parsed (cells));
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) row = pb_list_row_complete (kind, NULL, NULL, given, &error);
  GVariantDict dict;

  g_assert_no_error (error);
  g_variant_dict_init (&dict, row);
  g_variant_dict_insert (&dict, "Id", "s", id);
  return g_variant_dict_end (&dict);
}

static GVariant *
read_list (PbListKind kind, const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *rows = pba_list_csv_read (kind, text, strlen (text), NULL, &error);

  g_assert_no_error (error);
  return rows;
}

/* What was read must say of every column that can be written what the row said. */
static void
assert_same_row (PbListKind kind, GVariant *row, GVariant *read)
{
  const PbListSpec *spec = pb_list_spec (kind);

  for (guint i = 0; i < spec->n_columns; i++)
    {
      const char *name = spec->columns[i].name;
      g_autoptr (GVariant) was = g_variant_lookup_value (row, name, NULL);
      g_autoptr (GVariant) is = g_variant_lookup_value (read, name, NULL);

      if ((spec->columns[i].flags & PB_COLUMN_READ_ONLY) == 0)
        g_assert_cmpvariant (was, is);
    }
}

static void
assert_round_trip (PbListKind kind, const char *cells)
{
  GVariant *row = complete (kind, ID_A, cells);
  g_autoptr (GVariant) rows = g_variant_ref_sink (g_variant_new_array (NULL, &row, 1));
  g_autofree char *text = pba_list_csv_write (kind, rows);
  g_autoptr (GVariant) read = read_list (kind, text);
  g_autoptr (GVariant) same = NULL;
  const char *id = NULL;

  g_assert_cmpuint (g_variant_n_children (read), ==, 1);
  same = g_variant_get_child_value (read, 0);
  assert_same_row (kind, row, same);
  g_assert_true (g_variant_lookup (same, "Id", "&s", &id));
  g_assert_cmpstr (id, ==, ID_A);
}

static void
test_round_trip (void)
{
  assert_round_trip (PB_LIST_TRUSTED_LIST,
                     "{'Name': <'a \"b\", c; d'>, 'Network': <'10.0.0.0/8'>, 'Enabled': <false>}");
  assert_round_trip (PB_LIST_TRUSTED_LIST, "{'Name': <'  blanks  '>, 'Network': <'::1'>}");
  assert_round_trip (PB_LIST_TRUSTED_LIST, "{'Name': <' '>, 'Network': <'::1'>}");
  assert_round_trip (PB_LIST_TRUSTED_LIST, "{'Name': <'none'>, 'Network': <'::1'>}");
  assert_round_trip (PB_LIST_DOMAIN_LIST,
                     "{'Name': <'d'>, 'Domain': <'example.org'>, 'Target': <''>}");
  assert_round_trip (
    PB_LIST_RELAY_EXCEPTIONS,
    "{'Name': <'x'>, 'Kind': <'sender'>, 'Targets': <['a@example.org', '.example.net']>,"
    " 'Server': <'relay.example.org'>, 'Port': <uint32 587>, 'Tls': <'starttls'>,"
    " 'Auth': <true>, 'User': <' =user '>, 'Fallback': <['b.example.org:25']>}");
  assert_round_trip (
    PB_LIST_ACCESS_LIST,
    "{'Name': <'w'>, 'List': <'whitelist'>, 'Kind': <'ip'>, 'Value': <'192.0.2.1'>,"
    " 'Skip': <['spf', 'dmarc']>, 'Expires': <uint64 1799999999>}");
  /* A rule that skips nothing is not one that skips the usual. */
  assert_round_trip (
    PB_LIST_ACCESS_LIST,
    "{'Name': <'w'>, 'List': <'whitelist'>, 'Kind': <'ip'>, 'Value': <'192.0.2.1'>,"
    " 'Skip': <@as []>, 'Expires': <uint64 1893542400>}");
  assert_round_trip (
    PB_LIST_ACCOUNTS,
    "{'Name': <'ann'>, 'Addresses': <['a@example.org', 'b@example.org']>, 'DailyMessages': <uint32 7>}");
  assert_round_trip (PB_LIST_ALIASES,
                     "{'Address': <'+office@example.org'>, 'Targets': <['-x@example.org']>}");
  assert_round_trip (
    PB_LIST_DNSBL_ZONES,
    "{'Zone': <'bl.example.org'>, 'Score': <-20>, 'Codes': <['127.0.0.2', '127.0.0.3']>}");
  assert_round_trip (PB_LIST_LOCAL_DOMAINS, "{'Name': <'example.org'>, 'CatchAll': <''>}");
}

/* No cell begins as a formula does, and all come back. */
static void
test_formulas (void)
{
  static const char *const names[] = { "=HYPERLINK(\"http://x\")",
                                       "+1",
                                       "-1",
                                       "@SUM(A1)",
                                       "'=1",
                                       "''=1",
                                       "' =1",
                                       " =1",
                                       "'",
                                       "'a",
                                       "＝1",
                                       "＠x",
                                       "a=1" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GVariant) given =
        g_variant_ref_sink (g_variant_new_parsed ("{'Name': <%s>, 'Network': <'::1'>}", names[i]));
      GVariant *row = pb_list_row_complete (PB_LIST_TRUSTED_LIST, NULL, NULL, given, NULL);
      g_autoptr (GVariant) rows = g_variant_ref_sink (g_variant_new_array (NULL, &row, 1));
      g_autofree char *text = pba_list_csv_write (PB_LIST_TRUSTED_LIST, rows);
      g_autoptr (GPtrArray) records = pba_csv_parse (text, strlen (text), NULL);
      const char *cell = ((PbaCsvRecord *) records->pdata[1])->fields[1];
      g_autoptr (GVariant) read = read_list (PB_LIST_TRUSTED_LIST, text);
      g_autoptr (GVariant) same = g_variant_get_child_value (read, 0);

      cell += strspn (cell, " ");
      g_assert_null (strchr ("=+-@", cell[0]));
      assert_same_row (PB_LIST_TRUSTED_LIST, row, same);
      g_variant_unref (row);
    }
}

static void
assert_file_refused (PbListKind kind, const char *text, const char *sentence)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pba_list_csv_read (kind, text, strlen (text), NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  if (!g_str_has_prefix (error->message, sentence))
    g_assert_cmpstr (error->message, ==, sentence);
  g_assert_cmpuint (strlen (error->message), <, 400);
}

static void
test_wrong_files (void)
{
  const PbListKind kind = PB_LIST_TRUSTED_LIST;
  g_autofree char *huge = g_strnfill (64 * 1024, 'x');
  g_autofree char *huge_header = g_strconcat (huge, ",Name\na,b\n", NULL);
  g_autofree char *huge_name = g_strconcat ("Name,Network\n", huge, ",::1\n", NULL);

  assert_file_refused (kind, "", "The file has no rows below a line with the columns’ names");
  assert_file_refused (kind, "Name,Network\n", "The file has no rows");
  assert_file_refused (kind, "Printer,10.0.0.1\nScanner,10.0.0.2\n",
                       "Line 1: There is no column “Printer” here. The first line must name the "
                       "columns, which are: Name, Enabled, Network");
  assert_file_refused (kind, "Zone,Codes\na,b\n", "Line 1: There is no column “Zone” here.");
  assert_file_refused (
    kind, "Name,Enabled\na,true\n",
    "Line 1: The column “Network” is missing. The columns are: Name, Enabled, Network");
  assert_file_refused (kind, "Name,Network,name\na,::1,b\n",
                       "Line 1: The column “name” is there twice");
  assert_file_refused (kind, "Id,Name,Id,Network\n", "The file has no rows");
  assert_file_refused (kind, "Id,Name,Id,Network\n1,a,2,::1\n",
                       "Line 1: The column “Id” is there twice");
  assert_file_refused (kind, "Name,Network\na,::1,b\n",
                       "Line 2: It has more fields than the first line has columns");
  assert_file_refused (kind, "Name,Network\na,::1\n\n,::2\n", "Line 4: Name: ");
  assert_file_refused (kind, "Name,Network\na,300.1.1.1\n",
                       "Line 2: IP address or subnet: Must be an IP address");
  assert_file_refused (kind, "Name,Network,Enabled\na,::1,perhaps\n",
                       "Line 2: Enabled: Must be true or false");
  assert_file_refused (kind, "Id,Name,Network\n" ID_A ",a,::1\n" ID_A ",b,::2\n",
                       "Line 3: Its Id is there twice");
  assert_file_refused (kind, huge_header, "Line 1: There is no column “…” here.");
  assert_file_refused (kind, huge_name, "Line 2: Name: Must be a name of 1 to 200 characters");
  assert_file_refused (PB_LIST_ACCESS_LIST,
                       "Name,List,Kind,Value,Expires\na,whitelist,ip,::1,tomorrow\n",
                       "Line 2: Expires: Must be a time such as 2026-12-31T23:00:00Z");
  assert_file_refused (
    PB_LIST_RELAY_EXCEPTIONS,
    "Name,Kind,Targets,Server,Port\na,sender,example.org,relay.example.org,many\n",
    "Line 2: Port: Must be a whole number");
}

static void
test_most_rows (void)
{
  g_autoptr (GString) text = g_string_new ("Name,Network\n");
  g_autoptr (GVariant) rows = NULL;

  for (guint i = 0; i < PBA_LIST_CSV_MAX_ROWS; i++)
    g_string_append_printf (text, "Rule %u,10.0.%u.%u\n", i, i / 250, i % 250);
  rows = read_list (PB_LIST_TRUSTED_LIST, text->str);
  g_assert_cmpuint (g_variant_n_children (rows), ==, PBA_LIST_CSV_MAX_ROWS);
  g_string_append (text, "One more,::1\n");
  assert_file_refused (PB_LIST_TRUSTED_LIST, text->str, "The file has more than 10000 rows");
}

/* People write files by hand: any order of columns, titles for names, their words for yes and no, no Id. */
static void
test_by_hand (void)
{
  g_autoptr (GVariant) rows =
    read_list (PB_LIST_ACCESS_LIST, "Criterion;value;name;List;Skip;Expires;Enabled;Hits\n"
                                    "ip; 192.0.2.1 ;Scanner;whitelist;spf dkim;2030-01-02;no;17\n"
                                    "sender;ann@example.org;Ann;whitelist;;;;\n");
  g_autoptr (GVariant) first = g_variant_get_child_value (rows, 0);
  g_autoptr (GVariant) second = g_variant_get_child_value (rows, 1);
  g_autoptr (GVariant) expected = g_variant_ref_sink (
    g_variant_new_parsed ("{'Kind': <'ip'>, 'Value': <'192.0.2.1'>, 'Name': <'Scanner'>,"
                          " 'List': <'whitelist'>, 'Skip': <['spf', 'dkim']>,"
                          " 'Expires': <uint64 1893542400>, 'Enabled': <false>}"));
  g_autoptr (GVariant) skip = NULL;
  gboolean on = FALSE;

  for (gsize i = 0; i < g_variant_n_children (expected); i++)
    {
      g_autoptr (GVariant) value = NULL;
      g_autoptr (GVariant) read = NULL;
      const char *name;

      g_variant_get_child (expected, i, "{&sv}", &name, &value);
      read = g_variant_lookup_value (first, name, NULL);
      g_assert_cmpvariant (read, value);
    }
  g_assert_null (g_variant_lookup_value (first, "Hits", NULL));
  g_assert_null (g_variant_lookup_value (first, "Id", NULL));
  /* Nothing said of Skip is what is usual; of the rest, the default. */
  skip = g_variant_lookup_value (second, "Skip", NULL);
  g_assert_null (skip);
  g_assert_true (g_variant_lookup (second, "Enabled", "b", &on));
  g_assert_true (on);
}

/* A file without the column of the view that it is read into. */
static void
test_defaults (void)
{
  const char *text = "Name,Kind,Value\na,ip,::1\n";
  g_autoptr (GVariant) defaults =
    g_variant_ref_sink (g_variant_new_parsed ("{'List': <'whitelist'>}"));
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) rows =
    pba_list_csv_read (PB_LIST_ACCESS_LIST, text, strlen (text), defaults, &error);
  g_autoptr (GVariant) row = NULL;
  const char *list = NULL;

  g_assert_no_error (error);
  row = g_variant_get_child_value (rows, 0);
  g_assert_true (g_variant_lookup (row, "List", "&s", &list));
  g_assert_cmpstr (list, ==, "whitelist");
}

static void
test_merge (void)
{
  g_autoptr (GVariant) present = g_variant_ref_sink (g_variant_new_parsed (
    "[{'Id': <'1'>, 'Name': <'one'>}, {'Id': <'2'>, 'Name': <'two'>}, {'Id': <'3'>, 'Name': <'three'>}]"));
  g_autoptr (GVariant) read = g_variant_ref_sink (g_variant_new_parsed (
    "[{'Id': <'9'>, 'Name': <'nine'>}, {'Id': <'2'>, 'Name': <'zwei'>}, {'Name': <'new'>},"
    " {'Id': <'3'>, 'Name': <'three'>}]"));
  g_autoptr (GVariant) expected = g_variant_ref_sink (g_variant_new_parsed (
    "[{'Id': <'1'>, 'Name': <'one'>}, {'Id': <'2'>, 'Name': <'zwei'>}, {'Id': <'3'>, 'Name': <'three'>},"
    " {'Id': <'9'>, 'Name': <'nine'>}, {'Name': <'new'>}]"));
  guint changed, added;
  g_autoptr (GVariant) merged = pba_list_csv_merge (present, read, &changed, &added);

  g_assert_cmpvariant (merged, expected);
  g_assert_cmpuint (changed, ==, 1);
  g_assert_cmpuint (added, ==, 2);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/csv/parse", test_parse);
  g_test_add_func ("/csv/refuse", test_refuse);
  g_test_add_func ("/csv/fields", test_fields);
  g_test_add_func ("/list-csv/round-trip", test_round_trip);
  g_test_add_func ("/list-csv/formulas", test_formulas);
  g_test_add_func ("/list-csv/wrong-files", test_wrong_files);
  g_test_add_func ("/list-csv/most-rows", test_most_rows);
  g_test_add_func ("/list-csv/by-hand", test_by_hand);
  g_test_add_func ("/list-csv/defaults", test_defaults);
  g_test_add_func ("/list-csv/merge", test_merge);
  return g_test_run ();
}
