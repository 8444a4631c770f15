/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The author's domain, as DMARC needs it: told, absent, or not to be told. */
#include "mailauth/author.h"

#include <string.h>

typedef struct
{
  PbAuthor author;
  char *domain; /* (owned) (nullable) */
} Found;

static void
on_header (PbAuthMessage *message, gpointer user_data)
{
  Found *found = user_data;

  found->author = pb_author_find (message, &found->domain);
}

static void
check_length (const char *header, gsize length, PbAuthor author, const char *domain)
{
  Found found = { PB_AUTHOR_NONE, NULL };
  g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header, &found);

  pb_auth_message_feed (message, header, length);
  pb_auth_message_end (message);
  g_test_message ("%s", header);
  g_assert_cmpint (found.author, ==, author);
  g_assert_cmpstr (found.domain, ==, domain);
  g_free (found.domain);
}

static void
check (const char *header, PbAuthor author, const char *domain)
{
  check_length (header, strlen (header), author, domain);
}

static void
test_authors (void)
{
  static const struct
  {
    const char *header;
    PbAuthor author;
    const char *domain;
  } rows[] = {
    { "From: a@b.example\r\n\r\n", PB_AUTHOR_ONE, "b.example" },
    { "FROM : A <a@B.Example>\r\n\r\n", PB_AUTHOR_ONE, "b.example" },
    { "From: A\r\n <a@b.example>\r\n\r\n", PB_AUTHOR_ONE, "b.example" },
    { "From: a@b\xc3\xa4.example\r\n\r\n", PB_AUTHOR_ONE, "xn--b-0fa.example" },
    { "From: a@b.example, \"c, d\" <c@b.example>\r\n\r\n", PB_AUTHOR_ONE, "b.example" },
    { "From: a@b.example, c@d.example\r\n\r\n", PB_AUTHOR_SEVERAL, NULL },
    { "From: a@b.example, c@[192.0.2.1]\r\n\r\n", PB_AUTHOR_SEVERAL, NULL },
    { "From: c@[192.0.2.1]\r\n\r\n", PB_AUTHOR_NONE, NULL },
    { "From: nobody:;\r\n\r\n", PB_AUTHOR_NONE, NULL },
    { "From:\r\n\r\n", PB_AUTHOR_NONE, NULL },
    { "To: a@b.example\r\n\r\nFrom: a@b.example\r\n", PB_AUTHOR_NONE, NULL },
    { "X-From: a@b.example\r\n\r\n", PB_AUTHOR_NONE, NULL },
    { "", PB_AUTHOR_NONE, NULL },
    { "From: a@b.example\r\nFrom: a@b.example\r\n\r\n", PB_AUTHOR_REPEATED, NULL },
    { "From: a@b.example\r\nfrom\t: \r\n\r\n", PB_AUTHOR_REPEATED, NULL },
    /* broken, but not two ways of reading it */
    { "From: Doe, John <a@b.example>\r\n\r\n", PB_AUTHOR_ONE, "b.example" },
    { "From: Doe, John <a@b.example\r\n\r\n", PB_AUTHOR_ONE, "b.example" },
    /* and those that are */
    { "From: c@d.example <a@b.example>\r\n\r\n", PB_AUTHOR_UNREADABLE, NULL },
    { "From: Doe, c@d.example <a@b.example>\r\n\r\n", PB_AUTHOR_UNREADABLE, NULL },
    { "From: nobody\r\n\r\n", PB_AUTHOR_UNREADABLE, NULL },
    { "From: a@, b <c@d.example>\r\n\r\n", PB_AUTHOR_UNREADABLE, NULL },
    { "From: a@b..example\r\n\r\n", PB_AUTHOR_UNREADABLE, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    check (rows[i].header, rows[i].author, rows[i].domain);
  check_length ("From: a@b.example\0, c, d\r\n\r\n", 28, PB_AUTHOR_UNREADABLE, NULL);
}

static void
test_too_much (void)
{
  g_autofree char *name = g_strnfill (20000, 'x');
  g_autofree char *long_field = g_strdup_printf ("From: %s <a@b.example>\r\n\r\n", name);
  GString *large = g_string_new ("From: a@b.example\r\n");

  check (long_field, PB_AUTHOR_UNREADABLE, NULL);
  while (large->len <= PB_AUTH_HEADER_MAX)
    g_string_append_printf (large, "X-Long: %s\r\n", name);
  g_string_append (large, "\r\nbody");
  check (large->str, PB_AUTHOR_UNREADABLE, NULL);
  g_string_free (large, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/author/authors", test_authors);
  g_test_add_func ("/author/too-much", test_too_much);
  return g_test_run ();
}
