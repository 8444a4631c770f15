/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "protocol/mta-sts.h"

#include <string.h>

static void
test_record (void)
{
  static const struct
  {
    const char *texts[4];
    PbStsRecord verdict;
    const char *id;
  } cases[] = {
    { { NULL }, PB_STS_RECORD_ABSENT, "" },
    { { "v=STSv1; id=20160831085700Z;" }, PB_STS_RECORD_OK, "20160831085700Z" },
    { { "v=STSv1;id=1" }, PB_STS_RECORD_OK, "1" },
    { { "v=STSv1 ;\t id=aB9 ; " }, PB_STS_RECORD_OK, "aB9" },
    { { "v=STSv1; id=12345678901234567890123456789012" }, PB_STS_RECORD_OK,
      "12345678901234567890123456789012" },
    { { "v=STSv1; new_thing.x-y=z!; id=7; other=1" }, PB_STS_RECORD_OK, "7" },
    { { "v=STSv1; id=1; id=2" }, PB_STS_RECORD_OK, "1" },
    { { "v=spf1 -all", "v=STSv1; id=5;", "something" }, PB_STS_RECORD_OK, "5" },
    { { "v=STSv1; id=1;", "v=STSv1; id=1;" }, PB_STS_RECORD_SEVERAL, "" },
    { { "v=STSv1; id=1;", "v=STSv1; nonsense" }, PB_STS_RECORD_SEVERAL, "" },
    { { "v=STSv1", "v=STSv2; id=1", "V=STSv1; id=1", " v=STSv1; id=1" }, PB_STS_RECORD_ABSENT, "" },
    { { "v=STSv11; id=1", "v=stsv1; id=1" }, PB_STS_RECORD_ABSENT, "" },
    { { "v=STSv1;" }, PB_STS_RECORD_BAD, "" },
    { { "v=STSv1; id=" }, PB_STS_RECORD_BAD, "" },
    { { "v=STSv1; ID=1" }, PB_STS_RECORD_BAD, "" },
    { { "v=STSv1; id=a-b" }, PB_STS_RECORD_BAD, "" },
    { { "v=STSv1; id=123456789012345678901234567890123" }, PB_STS_RECORD_BAD, "" },
    { { "v=STSv1; id=1;;" }, PB_STS_RECORD_BAD, "" },
    { { "v=STSv1; id=1 2" }, PB_STS_RECORD_BAD, "" },
    { { "v=STSv1; id=1; x" }, PB_STS_RECORD_BAD, "" },
    { { "v=STSv1; id=1; x=" }, PB_STS_RECORD_BAD, "" },
    { { "v=STSv1; id=1; _x=1" }, PB_STS_RECORD_BAD, "" },
    { { "v=STSv1; id=1; x=a=b" }, PB_STS_RECORD_BAD, "" },
    { { "v=STSv1; id=1; x=\x7f" }, PB_STS_RECORD_BAD, "" },
  };
  char id[PB_STS_MAX_ID + 1];

  g_assert_cmpint (pb_sts_record_find (NULL, id), ==, PB_STS_RECORD_ABSENT);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *texts[5] = { NULL };

      memcpy (texts, cases[i].texts, sizeof cases[i].texts);
      g_test_message ("%u %s", i, texts[0]);
      g_assert_cmpint (pb_sts_record_find (texts, id), ==, cases[i].verdict);
      g_assert_cmpstr (id, ==, cases[i].id);
    }
}

static void
test_policy (void)
{
  static const struct
  {
    const char *text;
    PbStsMode mode;
    guint max_age;
    const char *mx; /* joined by blanks */
  } cases[] = {
    { "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.NET\r\nmax_age: 604800\r\n",
      PB_STS_ENFORCE, 604800, "mail.example.com *.example.net" },
    { "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 86400", PB_STS_TESTING, 86400, "a.example" },
    { "version: STSv1\nmode: none\nmax_age: 0\n", PB_STS_NONE, 0, "" },
    { "max_age:5\nmx:a.example \t\nmode:\t enforce\nversion:STSv1 \n", PB_STS_ENFORCE, 5, "a.example" },
    { "version: STSv1\r\nmode: enforce\nmx: a.example\r\nmax_age: 5\n\r\n\n", PB_STS_ENFORCE, 5, "a.example" },
    /* The first of a key that is there twice counts. */
    { "version: STSv1\nmode: none\nmode: enforce\nmax_age: 1\nmax_age: x\nversion: STSv2\n", PB_STS_NONE, 1, "" },
    { "version: STSv1\nmode: enforce\nmx: a\nmax_age: 9999999999\n", PB_STS_ENFORCE, PB_STS_MAX_AGE_TOP, "a" },
    { "version: STSv1\nmode: enforce\nmx: a\nmax_age: 31557600\n", PB_STS_ENFORCE, PB_STS_MAX_AGE_TOP, "a" },
    { "version: STSv1\nfuture: whatever: \xc3\xa9\nx-1.y_z:\nmode: enforce\nmx: _a.example\nmax_age: 9\n",
      PB_STS_ENFORCE, 9, "_a.example" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *why = "unset";
      g_autoptr (PbStsPolicy) policy =
        pb_sts_policy_parse (cases[i].text, strlen (cases[i].text), &why);
      g_autofree char *mx = NULL;

      g_test_message ("%s", cases[i].text);
      g_assert_cmpstr (why, ==, NULL);
      g_assert_nonnull (policy);
      mx = g_strjoinv (" ", policy->mx);
      g_assert_cmpstr (mx, ==, cases[i].mx);
      g_assert_cmpint (policy->mode, ==, cases[i].mode);
      g_assert_cmpuint (policy->max_age, ==, cases[i].max_age);
    }
}

static void
test_no_policy (void)
{
  static const struct
  {
    const char *text, *why;
  } cases[] = {
    { "", "it has no version" },
    { "version: STSv2\nmode: none\nmax_age: 1\n", "it is of another version than STSv1" },
    { "version: STSv1\nmax_age: 1\nmx: a.example\n", "it has no mode" },
    { "version: STSv1\nmode: none\n", "it has no max_age" },
    { "version: STSv1\nmode: enforce\nmax_age: 1\n", "it has no mx" },
    { "version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 1\n", "its mode is none of enforce, testing, none" },
    { "version: STSv1\nmode: none\nmax_age: -1\n", "its max_age is no number of seconds" },
    { "version: STSv1\nmode: none\nmax_age: 12345678901\n", "its max_age is no number of seconds" },
    { "version: STSv1\nmode: none\nmax_age: 1d\n", "its max_age is no number of seconds" },
    { "version: STSv1\nmode: none\nmax_age:\n", "its max_age is no number of seconds" },
    { "version: STSv1\nmode: enforce\nmax_age: 1\nmx: *\n", "one of its mx is no host name" },
    { "version: STSv1\nmode: enforce\nmax_age: 1\nmx: a.*.example\n", "one of its mx is no host name" },
    { "version: STSv1\nmode: enforce\nmax_age: 1\nmx: *a.example\n", "one of its mx is no host name" },
    { "version: STSv1\nmode: enforce\nmax_age: 1\nmx: *.*.example\n", "one of its mx is no host name" },
    { "version: STSv1\nmode: enforce\nmax_age: 1\nmx: a..example\n", "one of its mx is no host name" },
    { "version: STSv1\nmode: enforce\nmax_age: 1\nmx: .example\n", "one of its mx is no host name" },
    { "version: STSv1\nmode: enforce\nmax_age: 1\nmx: -a.example\n", "one of its mx is no host name" },
    { "version: STSv1\nmode: enforce\nmax_age: 1\nmx: a-.example\n", "one of its mx is no host name" },
    { "version: STSv1\nmode: enforce\nmax_age: 1\nmx: a.example b.example\n", "one of its mx is no host name" },
    { "version: STSv1\nmode: enforce\nmax_age: 1\nmx:\n", "one of its mx is no host name" },
    { "version: STSv1\nmode: none\nmax_age: 1\nno colon\n", "a line of it is no key and value" },
    { "version: STSv1\nmode: none\nmax_age: 1\n: x\n", "a line of it is no key and value" },
    { " version: STSv1\nmode: none\nmax_age: 1\n", "a line of it is no key and value" },
    { "version: STSv1\rmode: none\rmax_age: 1\r", "it is no text" },
    { "version: STSv1\nmode: none\nmax_age: 1\nx: \xff\n", "it is no text" },
    { "version: STSv1\nmode: none\nmax_age: 1\nx: \x01\n", "it is no text" },
  };
  g_autoptr (GString) large = g_string_new ("version: STSv1\nmode: none\nmax_age: 1\n");
  const char *why;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].text);
      g_assert_null (pb_sts_policy_parse (cases[i].text, strlen (cases[i].text), &why));
      g_assert_cmpstr (why, ==, cases[i].why);
    }
  g_assert_null (pb_sts_policy_parse ("version: STSv1\nmode: none\0\nmax_age: 1", 37, &why));
  g_assert_cmpstr (why, ==, "it is no text");
  while (large->len < PB_STS_MAX_POLICY)
    g_string_append (large, "x:y\n");
  g_string_truncate (large, PB_STS_MAX_POLICY);
  pb_sts_policy_unref (pb_sts_policy_parse (large->str, large->len, NULL));
  g_string_append_c (large, 'y');
  g_assert_null (pb_sts_policy_parse (large->str, large->len, &why));
  g_assert_cmpstr (why, ==, "it is longer than 64 KiB");
}

static void
test_match (void)
{
  static const struct
  {
    const char *host;
    gboolean matches;
  } cases[] = {
    { "mail.example.com", TRUE },   { "MAIL.Example.com", TRUE },
    { "example.com", FALSE },       { "a.mail.example.com", FALSE },
    { "mx.example.net", TRUE },     { "MX1.EXAMPLE.NET", TRUE },
    { "example.net", FALSE },       { "a.mx.example.net", FALSE },
    { ".example.net", FALSE },      { "xexample.net", FALSE },
    { "mx.example.net.evil", FALSE }, { "mail.example.co", FALSE },
    { "", FALSE },                  { "localhost", FALSE },
  };
  const char *const mx[] = { "mail.example.com", "*.example.net", NULL }, *const bad[] = { "*", NULL };
  const char *const none[] = { NULL };
  g_autoptr (PbStsPolicy) policy = pb_sts_policy_new (PB_STS_ENFORCE, 5, mx);
  g_autoptr (PbStsPolicy) other = pb_sts_policy_new (PB_STS_ENFORCE, 6, mx);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].host);
      g_assert_cmpint (pb_sts_policy_matches (policy, cases[i].host), ==, cases[i].matches);
    }
  g_assert_true (pb_sts_policy_equal (policy, policy));
  g_assert_false (pb_sts_policy_equal (policy, other));
  g_assert_null (pb_sts_policy_new (PB_STS_ENFORCE, 5, bad));
  g_assert_null (pb_sts_policy_new (PB_STS_TESTING, 5, none));
}

static void
test_modes (void)
{
  PbStsMode mode;

  for (guint i = PB_STS_NONE; i <= PB_STS_ENFORCE; i++)
    {
      g_assert_true (pb_sts_mode_from_name (pb_sts_mode_name ((PbStsMode) i), &mode));
      g_assert_cmpuint (mode, ==, i);
    }
  g_assert_false (pb_sts_mode_from_name ("", &mode));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mta-sts/record", test_record);
  g_test_add_func ("/mta-sts/policy", test_policy);
  g_test_add_func ("/mta-sts/no-policy", test_no_policy);
  g_test_add_func ("/mta-sts/match", test_match);
  g_test_add_func ("/mta-sts/modes", test_modes);
  return g_test_run ();
}
