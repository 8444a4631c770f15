/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What addresses a field with mailboxes has, and which fields are not understood. */
#include "protocol/mailbox-list.h"

#include <string.h>

static const struct
{
  const char *name, *text;
  const char *addresses; /* blank between; NULL: cannot be read */
} rows[] = {
  { "bare", "ann@a.example", "ann@a.example" },
  { "space", "  ann@a.example\t", "ann@a.example" },
  { "angle", "<ann@a.example>", "ann@a.example" },
  { "named", "Ann Lee <ann@A.example>", "ann@a.example" },
  { "quoted-name", "\"Lee, Ann <x@y.example>\" <ann@a.example>", "ann@a.example" },
  { "escaped-name", "\"a \\\" , <b@b.example>\" <ann@a.example>", "ann@a.example" },
  { "encoded-name", "=?utf-8?q?J=C3=B6rg?= <ann@a.example>", "ann@a.example" },
  { "utf8-name", "J\xc3\xb6rg <ann@a.example>", "ann@a.example" },
  { "comment", "ann@a.example (Ann, <x@y.example>)", "ann@a.example" },
  { "nested-comment", "(a (b) \\) c) ann@a.example", "ann@a.example" },
  { "comment-in-angle", "Ann <(x@y.example) ann@a.example>", "ann@a.example" },
  { "list", "Ann <ann@a.example>, bob@b.example", "ann@a.example bob@b.example" },
  { "empty-elements", ",, ann@a.example,", "ann@a.example" },
  { "group", "Team: ann@a.example, Bob <bob@b.example>;", "ann@a.example bob@b.example" },
  { "empty-group", "Undisclosed: ;", "" },
  { "group-and-more", "Team: ann@a.example;, bob@b.example", "ann@a.example bob@b.example" },
  { "quoted-local", "\"a b\"@a.example", "\"a b\"@a.example" },
  { "literal", "ann@[192.0.2.1]", "ann@[192.0.2.1]" },
  { "empty", "", "" },
  { "name-like-address", "x@y.example <ann@a.example>", "x@y.example ann@a.example" },
  { "name-like-address-quoted", "\"x@y.example\" <ann@a.example>", "ann@a.example" },
  { "name-with-address", "Boss x@y.example <ann@a.example>", NULL },
  { "name-with-at", "Ann @ work <ann@a.example>", NULL },
  { "group-like-address", "x@y.example: ann@a.example;", NULL },
  { "blank", " \t ", "" },
  { "no-domain", "ann", NULL },
  { "words", "Ann Lee", NULL },
  { "words-and-address", "Ann ann@a.example", NULL },
  { "behind-angle", "<ann@a.example> bob@b.example", NULL },
  { "two-angles", "<ann@a.example> <bob@b.example>", NULL },
  { "angle-in-angle", "<ann@a.example<bob@b.example>>", NULL },
  { "open-angle", "Ann <ann@a.example", NULL },
  { "close-angle", "ann@a.example>", NULL },
  { "empty-angle", "Ann <>", NULL },
  { "open-quote", "\"Ann <ann@a.example>", NULL },
  { "open-comment", "ann@a.example (x", NULL },
  { "close-comment", "ann@a.example )", NULL },
  { "route", "<@b.example:ann@a.example>", NULL },
  { "open-group", "Team: ann@a.example", NULL },
  { "close-group", "ann@a.example;", NULL },
  { "group-in-group", "A: B: ann@a.example;;", NULL },
  { "space-in-address", "ann @a.example", NULL },
  { "quote-behind-angle", "<ann@a.example> \"x\"", NULL },
  { "open-literal", "ann@[192.0.2.1", NULL },
};

static void
test_row (gconstpointer data)
{
  guint row = GPOINTER_TO_UINT (data);
  g_autofree char *exact = g_memdup2 (rows[row].text, MAX (strlen (rows[row].text), 1));
  g_autoptr (GPtrArray) addresses = pb_mailbox_list_parse (exact, strlen (rows[row].text));
  g_autoptr (GString) got = g_string_new (NULL);

  if (rows[row].addresses == NULL)
    {
      g_assert_null (addresses);
      return;
    }
  g_assert_nonnull (addresses);
  for (guint i = 0; i < addresses->len; i++)
    g_string_append_printf (got, "%s%s", i > 0 ? " " : "",
                            ((PbAddress *) addresses->pdata[i])->text);
  g_assert_cmpstr (got->str, ==, rows[row].addresses);
}

static void
test_limits (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *open = g_strnfill (100000, '(');
  g_autoptr (GPtrArray) addresses = NULL;

  for (guint i = 0; i < PB_MAILBOX_LIST_MAX; i++)
    g_string_append_printf (text, "a%u@a.example,", i);
  addresses = pb_mailbox_list_parse (text->str, text->len);
  g_assert_nonnull (addresses);
  g_assert_cmpuint (addresses->len, ==, PB_MAILBOX_LIST_MAX);
  g_string_append (text, "one@more.example");
  g_assert_null (pb_mailbox_list_parse (text->str, text->len));
  g_assert_null (pb_mailbox_list_parse (open, 100000));
  g_assert_null (pb_mailbox_list_parse ("ann@a.example\0x", 15));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strconcat ("/mailbox-list/", rows[i].name, NULL);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_row);
    }
  g_test_add_func ("/mailbox-list/limits", test_limits);
  return g_test_run ();
}
