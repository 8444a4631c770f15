/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Received field: its form, and that no client writes a line of it. */
#include "protocol/trace.h"

#include <string.h>

static char *
received (const PbTrace *trace)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  pb_trace_append_received (out, trace);
  return g_strndup ((const char *) out->data, out->len);
}

static void
test_plain (void)
{
  const PbTrace trace = { .helo = "client.example",
                          .client_ip = "192.0.2.1",
                          .hostname = "nas.example",
                          .protocol = "ESMTP",
                          .id_text = "0123456789ABC",
                          .recipient = "kim@example.net",
                          .date = "Mon, 01 Jan 2024 00:00:00 +0000" };
  g_autofree char *field = received (&trace);

  g_assert_cmpstr (field, ==,
                   "Received: from client.example ([192.0.2.1])\r\n"
                   "\tby nas.example (Postbus) with ESMTP id 0123456789ABC\r\n"
                   "\tfor <kim@example.net>;\r\n"
                   "\tMon, 01 Jan 2024 00:00:00 +0000\r\n");
}

static void
test_tls_v6 (void)
{
  const PbTrace trace = { .helo = "[IPv6:2001:db8::1]",
                          .client_ip = "2001:db8::1",
                          .client_v6 = TRUE,
                          .hostname = "nas.example",
                          .protocol = "ESMTPSA",
                          .tls = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256 bits)",
                          .id_text = "0123456789ABC",
                          .date = "Mon, 01 Jan 2024 00:00:00 +0000" };
  g_autofree char *field = received (&trace);

  g_assert_cmpstr (field, ==,
                   "Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n"
                   "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 [256 bits])\r\n"
                   "\tby nas.example (Postbus) with ESMTPSA id 0123456789ABC;\r\n"
                   "\tMon, 01 Jan 2024 00:00:00 +0000\r\n");
}

static void
test_local (void)
{
  const PbTrace trace = {
    .hostname = "nas.example", .protocol = "SMTP", .id_text = "0123456789ABC", .date = "now"
  };
  g_autofree char *field = received (&trace);

  g_assert_cmpstr (field, ==,
                   "Received: by nas.example (Postbus) with SMTP id 0123456789ABC;\r\n\tnow\r\n");
}

static void
test_hostile (void)
{
  static const char *const helos[] = {
    "",          "a\r\nX-Injected: yes", "a (trusted [10.0.0.1]) by b; x",
    "a\"b\\c)(", "\xff\xc3\xa4",         "<a@b>"
  };
  g_autofree char *huge = g_strnfill (5000, 'h');

  for (guint i = 0; i <= G_N_ELEMENTS (helos); i++)
    {
      const PbTrace trace = { .helo = i < G_N_ELEMENTS (helos) ? helos[i] : huge,
                              .client_ip = "192.0.2.1",
                              .hostname = "nas.example",
                              .protocol = "ESMTP",
                              .tls = huge,
                              .id_text = "0123456789ABC",
                              .recipient = huge,
                              .date = "now" };
      g_autofree char *field = received (&trace);
      g_auto (GStrv) lines = g_strsplit (field, "\r\n", -1);

      g_assert_cmpuint (g_strv_length (lines), ==, 6);
      g_assert_true (g_str_has_prefix (lines[0], "Received: from "));
      g_assert_true (g_str_has_suffix (lines[0], " ([192.0.2.1])"));
      g_assert_null (strpbrk (lines[0] + strlen ("Received: from "), ";\"\\<>"));
      for (guint n = 0; n < 6; n++)
        {
          g_assert_cmpuint (strlen (lines[n]), <=, 998);
          g_assert_null (strpbrk (lines[n], "\r\n"));
          g_assert_true (n == 0 || n == 5 || *lines[n] == '\t');
        }
    }
}

static void
test_copy_mark (void)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autofree char *field = NULL;

  pb_trace_append_copy_mark (out, "nas.exam\r\nple");
  field = g_strndup ((const char *) out->data, out->len);
  g_assert_cmpstr (field, ==, "X-Postmaster-Copy: nas.exam??ple\r\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trace/plain", test_plain);
  g_test_add_func ("/trace/tls-v6", test_tls_v6);
  g_test_add_func ("/trace/local", test_local);
  g_test_add_func ("/trace/hostile", test_hostile);
  g_test_add_func ("/trace/copy-mark", test_copy_mark);
  return g_test_run ();
}
