/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EHLO: our reply as it goes out, read back by the client's half; servers of the field and hostile ones. */
#include "protocol/extension.h"

#include <string.h>

static void
test_append (void)
{
  const PbExtensionSet set = { PB_EXT_PIPELINING | PB_EXT_SIZE | PB_EXT_8BITMIME | PB_EXT_SMTPUTF8
                                 | PB_EXT_ENHANCEDSTATUSCODES | PB_EXT_LIMITS,
                               52428800, 1000, 0, NULL };
  g_autoptr (GString) out = g_string_new (NULL);

  pb_extension_append_ehlo (out, &set, "nas.example", "client.example");
  g_assert_cmpstr (out->str, ==,
                   "250-nas.example greets client.example\r\n"
                   "250-PIPELINING\r\n"
                   "250-SIZE 52428800\r\n"
                   "250-ENHANCEDSTATUSCODES\r\n"
                   "250-8BITMIME\r\n"
                   "250-SMTPUTF8\r\n"
                   "250 LIMITS RCPTMAX=1000\r\n");
}

static void
test_append_nothing (void)
{
  const PbExtensionSet set = { 0 };
  g_autoptr (GString) out = g_string_new ("220 x\r\n");

  pb_extension_append_ehlo (out, &set, "nas.example", NULL);
  g_assert_cmpstr (out->str, ==, "220 x\r\n250 nas.example\r\n");
}

static void
test_append_hostile_peer (void)
{
  const PbExtensionSet set = { PB_EXT_PIPELINING, 0, 0, 0, NULL };
  g_autofree char *long_peer = g_strnfill (4000, 'p');
  g_autoptr (GString) out = g_string_new (NULL);

  pb_extension_append_ehlo (out, &set, "nas.example", "a\r\n250-AUTH PLAIN");
  g_assert_cmpstr (out->str, ==, "250-nas.example greets a??250-AUTH PLAIN\r\n250 PIPELINING\r\n");
  g_string_truncate (out, 0);
  pb_extension_append_ehlo (out, &set, "nas.example", long_peer);
  g_assert_cmpuint (strcspn (out->str, "\n") + 1, ==, 512);
}

/* Takes an EHLO reply apart as the reader of replies does: lines joined by '\n', codes off. */
static void
read_back (const char *wire, PbExtensionSet *set)
{
  g_auto (GStrv) lines = g_strsplit (wire, "\r\n", -1);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL && *lines[i] != '\0'; i++)
    {
      if (i > 0)
        g_string_append_c (text, '\n');
      g_string_append (text, lines[i] + 4);
    }
  pb_extension_parse_reply (text->str, set);
}

static void
test_round_trip (void)
{
  for (guint bit = 0; bit < 11; bit++)
    {
      g_auto (PbExtensionSet) set = { (PbExtensions) (1u << bit), 0, 0, 0, NULL };
      g_auto (PbExtensionSet) back = { 0 };
      g_autoptr (GString) out = g_string_new (NULL);

      if (set.offered == PB_EXT_SIZE)
        set.size = G_GUINT64_CONSTANT (99999999999);
      if (set.offered == PB_EXT_LIMITS)
        {
          set.limits_rcptmax = 100;
          set.limits_mailmax = 7;
        }
      if (set.offered == PB_EXT_AUTH)
        set.auth = g_strdup ("PLAIN SCRAM-SHA-256");
      pb_extension_append_ehlo (out, &set, "nas.example", "peer");
      read_back (out->str, &back);
      g_assert_cmpuint (back.offered, ==, set.offered);
      g_assert_cmpuint (back.size, ==, set.size);
      g_assert_cmpuint (back.limits_rcptmax, ==, set.limits_rcptmax);
      g_assert_cmpuint (back.limits_mailmax, ==, set.limits_mailmax);
      g_assert_cmpstr (back.auth, ==, set.auth);
    }
}

static void
test_parse_field (void)
{
  g_auto (PbExtensionSet) set = { 0 };

  pb_extension_parse_reply (
    "mx.example at your service, SIZE 1 PIPELINING\nsize 35882577\n8bitmime\nAUTH=LOGIN PLAIN\n"
    "AUTH XOAUTH2\nEnhancedStatusCodes\nX-ANONYMOUSTLS\nSTARTTLS \nLIMITS FOO=1 RCPTMAX=0 MAILMAX=20",
    &set);
  g_assert_cmpuint (set.offered, ==,
                    PB_EXT_SIZE | PB_EXT_8BITMIME | PB_EXT_AUTH | PB_EXT_ENHANCEDSTATUSCODES
                      | PB_EXT_STARTTLS | PB_EXT_LIMITS);
  g_assert_cmpuint (set.size, ==, 35882577);
  g_assert_cmpstr (set.auth, ==, "LOGIN PLAIN XOAUTH2");
  g_assert_cmpuint (set.limits_rcptmax, ==, 0);
  g_assert_cmpuint (set.limits_mailmax, ==, 20);

  /* a set is filled anew each time: after STARTTLS nothing of before may stay */
  pb_extension_parse_reply ("mx.example", &set);
  g_assert_cmpuint (set.offered, ==, 0);
  g_assert_null (set.auth);
}

static void
test_parse_nonsense (void)
{
  static const char *const texts[] = {
    "",
    "x\n",
    "x\nSIZE",
    "x\nSIZE 1e9",
    "x\nSIZE 99999999999999999999999",
    "x\nSIZE=5",
    "x\nPIPELININGS",
    "x\n\n\n",
    "x\nLIMITS",
    "x\nLIMITS RCPTMAX=99999999999",
  };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_auto (PbExtensionSet) set = { 0 };

      pb_extension_parse_reply (texts[i], &set);
      g_assert_cmpuint (set.offered & ~(guint) (PB_EXT_SIZE | PB_EXT_LIMITS), ==, 0);
      g_assert_cmpuint (set.size, ==, 0);
      g_assert_cmpuint (set.limits_rcptmax, ==, 0);
    }
}

static void
test_parse_endless_auth (void)
{
  g_autoptr (GString) text = g_string_new ("x");
  g_auto (PbExtensionSet) set = { 0 };

  for (guint i = 0; i < 1000; i++)
    g_string_append (text, "\nAUTH PLAIN");
  pb_extension_parse_reply (text->str, &set);
  g_assert_cmpuint (strlen (set.auth), <=, 400);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/extension/append", test_append);
  g_test_add_func ("/extension/append-nothing", test_append_nothing);
  g_test_add_func ("/extension/append-hostile-peer", test_append_hostile_peer);
  g_test_add_func ("/extension/round-trip", test_round_trip);
  g_test_add_func ("/extension/parse-field", test_parse_field);
  g_test_add_func ("/extension/parse-nonsense", test_parse_nonsense);
  g_test_add_func ("/extension/parse-endless-auth", test_parse_endless_auth);
  return g_test_run ();
}
