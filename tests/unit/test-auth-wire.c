/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The frames between postbusd and its password helper. */
#include "auth-helper/wire.h"

#include <glib.h>
#include <string.h>

static PbAuthRequest
new_request (void)
{
  PbAuthRequest request = { .kind = PB_AUTH_AUTHENTICATE };

  strcpy (request.user, "anna");
  strcpy (request.password, "p\xc3\xa4ss word");
  strcpy (request.remote, "2001:db8::1");
  strcpy (request.service, "smtp");
  return request;
}

static void
test_request (void)
{
  static const guint8 expected[] = "\0\0\0\x27\1\1\0\4anna\0\012p\xc3\xa4ss word\0\0132001:db8::1\0\4smtp";
  PbAuthRequest request = new_request (), parsed;
  guint8 frame[PB_AUTH_MAX_FRAME], longer[PB_AUTH_MAX_FRAME + 1] = { 0 };
  gsize length = pb_auth_request_write (&request, frame);

  g_assert_cmpmem (frame, length, expected, sizeof expected - 1);
  for (gsize cut = 0; cut < length; cut++)
    g_assert_cmpint (pb_auth_request_parse (frame, cut, &parsed), ==, PB_AUTH_PARSE_MORE);
  g_assert_cmpint (pb_auth_request_parse (frame, length, &parsed), ==, PB_AUTH_PARSE_OK);
  g_assert_cmpint (parsed.kind, ==, PB_AUTH_AUTHENTICATE);
  g_assert_cmpstr (parsed.user, ==, request.user);
  g_assert_cmpstr (parsed.password, ==, request.password);
  g_assert_cmpstr (parsed.remote, ==, request.remote);
  g_assert_cmpstr (parsed.service, ==, request.service);
  memcpy (longer, frame, length);
  g_assert_cmpint (pb_auth_request_parse (longer, length + 1, &parsed), ==, PB_AUTH_PARSE_BAD);

  request.kind = PB_AUTH_LOOKUP;
  length = pb_auth_request_write (&request, frame);
  g_assert_cmpmem (frame, length, "\0\0\0\x08\1\2\0\4anna", 12);
  g_assert_cmpint (pb_auth_request_parse (frame, length, &parsed), ==, PB_AUTH_PARSE_OK);
  g_assert_cmpstr (parsed.password, ==, "");
}

static void
test_longest (void)
{
  PbAuthRequest request = { .kind = PB_AUTH_AUTHENTICATE }, parsed;
  guint8 frame[PB_AUTH_MAX_FRAME];

  memset (request.user, 'u', PB_AUTH_MAX_NAME);
  memset (request.password, 'p', PB_AUTH_MAX_PASSWORD);
  memset (request.remote, 'r', PB_AUTH_MAX_REMOTE);
  memset (request.service, 's', PB_AUTH_MAX_SERVICE);
  g_assert_cmpint (
    pb_auth_request_parse (frame, pb_auth_request_write (&request, frame), &parsed), ==,
    PB_AUTH_PARSE_OK);
  g_assert_cmpuint (strlen (parsed.password), ==, PB_AUTH_MAX_PASSWORD);
}

static void
test_bad_requests (void)
{
  static const struct
  {
    const char *octets;
    gsize length;
  } rows[] = {
    { "\0\0\0\0", 4 },                      /* no body */
    { "\0\0\0\1\1", 5 },                    /* half a head */
    { "\0\0\x10\0", 4 },                    /* too long */
    { "\xff\xff\xff\xff", 4 },              /* likewise */
    { "GET / HTTP", 10 },                   /* another protocol */
    { "\0\0\0\x08\2\2\0\4anna", 12 },       /* another version */
    { "\0\0\0\x08\2", 5 },                  /* known before the rest is there */
    { "\0\0\0\x08\1\3\0\4anna", 12 },       /* no such kind */
    { "\0\0\0\x08\1\2\0\5anna", 12 },       /* text longer than the frame */
    { "\0\0\0\x08\1\2\0\3anna", 12 },       /* something behind the text */
    { "\0\0\0\x04\1\2\0\0", 8 },            /* no name */
    { "\0\0\0\x08\1\2\0\4an\0a", 12 },      /* NUL */
    { "\0\0\0\x08\1\2\0\4an/a", 12 },       /* a path */
    { "\0\0\0\x08\1\2\0\4an\na", 12 },      /* control character */
    { "\0\0\0\x08\1\1\0\4anna", 12 },       /* no password */
    { "\0\0\0\x0e\1\1\0\4anna\0\0\0\0\0\0", 18 }, /* all there, but one more */
  };
  PbAuthRequest parsed;

  for (guint i = 0; i < G_N_ELEMENTS (rows) - 1; i++)
    {
      g_test_message ("row %u", i);
      g_assert_cmpint (
        pb_auth_request_parse ((const guint8 *) rows[i].octets, rows[i].length, &parsed), ==,
        PB_AUTH_PARSE_BAD);
    }
  /* The last is right: empty texts are texts. */
  g_assert_cmpint (
    pb_auth_request_parse ((const guint8 *) rows[G_N_ELEMENTS (rows) - 1].octets, 18, &parsed), ==,
    PB_AUTH_PARSE_OK);
}

static void
test_names (void)
{
  static const char *const good[] = { "anna", "a.b-c_d", "DOM\\anna", "anna@example.org", "j\xc3\xbcrgen",
                                      "\xf0\x9f\x98\x80", "a b", "a%b", "1000" };
  static const char *const bad[] = { "", "-x", "a/b", "a:b", "a\nb", "a\x7f", "\x80", "\xc0\xaf", "\xed\xa0\x80",
                                     "\xe0\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xc2\x85", "\xc3", "\xe2\x82" };
  char longest[PB_AUTH_MAX_NAME + 2] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (pb_auth_name_is_valid (good[i]));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      PbAuthRequest request = { .kind = PB_AUTH_LOOKUP };
      guint8 frame[PB_AUTH_MAX_FRAME];

      g_assert_false (pb_auth_name_is_valid (bad[i]));
      strcpy (request.user, bad[i]);
      g_assert_cmpuint (pb_auth_request_write (&request, frame), ==, 0);
    }
  memset (longest, 'x', PB_AUTH_MAX_NAME);
  g_assert_true (pb_auth_name_is_valid (longest));
  longest[PB_AUTH_MAX_NAME] = 'x';
  g_assert_false (pb_auth_name_is_valid (longest));
}

static void
test_answers (void)
{
  PbAuthAnswer answer = { PB_AUTH_YES, 4000000000u, true, "anna" }, parsed;
  guint8 frame[PB_AUTH_MAX_FRAME];
  gsize length = pb_auth_answer_write (&answer, frame);

  g_assert_cmpmem (frame, length, "\0\0\0\x0d\1\1\xee\x6b\x28\0\1\0\4anna", 17);
  g_assert_cmpint (pb_auth_answer_parse (frame, length, &parsed), ==, PB_AUTH_PARSE_OK);
  g_assert_cmpuint (parsed.uid, ==, answer.uid);
  g_assert_true (parsed.login_shell);
  g_assert_cmpstr (parsed.name, ==, "anna");
  for (gsize cut = 0; cut < length; cut++)
    g_assert_cmpint (pb_auth_answer_parse (frame, cut, &parsed), ==, PB_AUTH_PARSE_MORE);
  frame[10] = 2; /* a flag of another version */
  g_assert_cmpint (pb_auth_answer_parse (frame, length, &parsed), ==, PB_AUTH_PARSE_BAD);

  answer.verdict = PB_AUTH_NO;
  length = pb_auth_answer_write (&answer, frame);
  g_assert_cmpmem (frame, length, "\0\0\0\2\1\2", 6);
  g_assert_cmpint (pb_auth_answer_parse (frame, length, &parsed), ==, PB_AUTH_PARSE_OK);
  g_assert_cmpint (parsed.verdict, ==, PB_AUTH_NO);
  g_assert_cmpstr (parsed.name, ==, "");
  frame[5] = 0;
  g_assert_cmpint (pb_auth_answer_parse (frame, length, &parsed), ==, PB_AUTH_PARSE_BAD);
  frame[5] = 4;
  g_assert_cmpint (pb_auth_answer_parse (frame, length, &parsed), ==, PB_AUTH_PARSE_BAD);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/auth-wire/request", test_request);
  g_test_add_func ("/auth-wire/longest", test_longest);
  g_test_add_func ("/auth-wire/bad-requests", test_bad_requests);
  g_test_add_func ("/auth-wire/names", test_names);
  g_test_add_func ("/auth-wire/answers", test_answers);
  return g_test_run ();
}
