/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each check takes and what it refuses, and that no check lets a line be broken. */
#include "dbus/validate.h"

#include <string.h>

#define LABEL63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
#define LOCAL64 LABEL63 "d"

static const struct
{
  PbCheck check;
  const char *good[12];
  const char *bad[20];
} cases[] = {
  { PB_CHECK_TEXT, { "a", "größer <&>", "日本語", " " }, { "a\nb", "a\tb", "\x7f" } },
  { PB_CHECK_NAME, { "Printer", "a" }, { "", "a\rb" } },
  { PB_CHECK_ASCII, { "ESMTP Postbus", "a", "~!" }, { "größer", "a\r\nb" } },
  { PB_CHECK_FQDN,
    { "mail.example.org", "a.b", "MAIL.Example.ORG", "xn--mnchen-3ya.example", "a-b.c1" },
    { "mail", "", ".", "a.", ".a", "a..b", "-a.b", "a-.b", "a_b.c", "192.0.2.1", "a.1", "a b.c",
      "münchen.example", LABEL63 "d.org", "[192.0.2.1]" } },
  { PB_CHECK_HOST,
    { "mail", "mail.example.org", "192.0.2.1", "2001:db8::1", "::1", LABEL63 },
    { "", "a:25", "[::1]", "192.0.2.256", "192.0.2", "fe80::1%eth0", "a/b", "a@b" } },
  { PB_CHECK_HOST_PORT,
    { "mail:25", "mail", "192.0.2.1:2525", "192.0.2.1", "[::1]:25", "[::1]", "::1", "a.b:65535" },
    { "", ":25", "a:", "a:0", "a:65536", "a:025", "a:+25", "a:25x", "[::1]25", "[::1]:", "[::1",
      "[192.0.2.1]:25", "a:b:c", "[mail]:25" } },
  { PB_CHECK_IP,
    { "192.0.2.1", "::1", "2001:DB8::1", "::ffff:192.0.2.1" },
    { "", "192.0.2", "192.0.2.1/24", "::g", "0x7f.1", "192.0.2.1 ", "1.2.3.4.5" } },
  { PB_CHECK_NETWORK,
    { "192.168.1.9", "192.168.1.0/24", "192.168.1.0/255.255.255.0", "0.0.0.0/0", "::/0",
      "2001:db8::/32", "2001:db8::1", "10.0.0.0/255.0.0.0", "1.2.3.4/32", "1.2.3.4/0.0.0.0" },
    { "", "192.168.1.0/33", "192.168.1.0/", "192.168.1.0/-1", "192.168.1.0/024",
      "192.163.1.1/255.100.10.1", "10.0.0.0/0.0.0.255", "::/129", "::/255.0.0.0", "10.0.0.0/ff::",
      "fe80::/ffc0::", "a/24", "/24", "10.0.0.0/8/8", "10.0.0.0/99999999999999999999" } },
  { PB_CHECK_NETMASK,
    { "192.163.1.1/255.100.10.1", "10.0.0.0/0.0.0.255", "10.0.0.0/8", "::1/ff00::ff" },
    { "10.0.0.0/33", "10.0.0.0/a", "10.0.0.0/::1" } },
  { PB_CHECK_ADDRESS,
    { "anna@example.org", "a.b+c@x", "o'neil@example.org", "jürgen@example.org",
      "a@münchen.example", LOCAL64 "@example.org", "a%b@example.org" },
    { "", "anna", "@example.org", "anna@", "a b@example.org", ".a@x.org", "a.@x.org", "a..b@x.org",
      "a@b@c", "<a@b.org>", "\"a b\"@x.org", "a@[192.0.2.1]", LOCAL64 "e@example.org", "|cat@x.org",
      "/etc/passwd@x.org", ":include:/x@x.org", "a@x.org\n", "a,b@x.org", "a@192.0.2.1" } },
  { PB_CHECK_ADDRESS_OR_LOCAL,
    { "root", "anna@example.org", "a.b" },
    { "", "a b", "@x", "x@", "|sh", "/x", ":include:/x", "../x" } },
  { PB_CHECK_DOMAIN,
    { "example.org", "local", "münchen.example", "xn--mnchen-3ya.example" },
    { "", ".example.org", "example.org.", "a@b", "192.0.2.1", "a/b", "straße.example", "a b",
      "*.example.org", "ex\xc3.org" } },
  { PB_CHECK_TARGET,
    { "anna@example.org", "example.org", ".example.org" },
    { "", ".", "..example.org", "@example.org", "anna@", ".anna@" } },
  { PB_CHECK_LOGIN,
    { "anna", "anna.b_c-d+e", "anna@example.org", "7" },
    { "", "..", ".a", "a/b", "a b", "änna", "a@", "@b", "a:b", "a*", "a@b@c", "../../etc" } },
  { PB_CHECK_FILE, { "/etc/postbus/cert.pem", "/a" }, { "", "a", "./a", "/", "/a/", "/a\nb" } },
  { PB_CHECK_SOCKET,
    { "unix:/run/clamav/clamd.ctl", "127.0.0.1:3310", "[::1]:3310", "clamd:3310" },
    { "", "unix:", "unix:a", "127.0.0.1", "/run/x", "::1", "clamd" } },
  { PB_CHECK_TIME,
    { "07:00", "00:00", "23:59", "19:30" },
    { "", "7:00", "24:00", "23:60", "07:0", "0700", "07:00:00", "ab:cd", "-1:00" } },
  { PB_CHECK_FINGERPRINT,
    { "", "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef" },
    { "0123", "g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0" } },
  { PB_CHECK_LISTEN,
    { "", "127.0.0.1:9154", "127.1.2.3:1", "[::1]:9154", "unix:/run/postbus/metrics" },
    { "127.0.0.1", "9154", ":9154", "localhost:9154", "::1", "0.0.0.0:9154", "[::]:9154", "192.0.2.1:9154",
      "[2001:db8::1]:9154", "[::ffff:127.0.0.1]:9154", "128.0.0.1:9154", "127.0.0.1:0", "unix:", "unix:metrics",
      "unix:/run/" } },
  { PB_CHECK_IP_PORT,
    { "127.0.0.1", "127.0.0.1:5353", "::1", "[::1]:53" },
    { "", "localhost", "127.0.0.1:", "localhost:53", "127.0.0.1:99999" } },
  { PB_CHECK_DELIMITER, { "+", "-", "=" }, { "", "++", "@", "/", "a", "%", "!" } },
  { PB_CHECK_DNS_CODE,
    { "127.0.0.2", "127.1.0.1" },
    { "", "127.255.255.254", "128.0.0.1", "127.0.0.0/8", "::1" } },
};

static void
test_cases (void)
{
  gboolean seen[PB_N_CHECKS] = { FALSE };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      seen[cases[i].check] = TRUE;
      for (const char *const *text = cases[i].good; *text != NULL; text++)
        if (pb_check (cases[i].check, *text) != NULL)
          g_error ("check %u refuses \"%s\": %s", cases[i].check, *text,
                   pb_check (cases[i].check, *text));
      for (const char *const *text = cases[i].bad; *text != NULL; text++)
        if (pb_check (cases[i].check, *text) == NULL)
          g_error ("check %u takes \"%s\"", cases[i].check, *text);
    }
  for (guint check = 0; check < PB_N_CHECKS; check++)
    g_assert_true (seen[check]);
}

/* A valid text with one bad character at its start, in its middle or at its end. */
static void
test_no_control_character (void)
{
  const char *const poison[] = { "\n",           "\r",   "\r\n",     "\t",           "\x01",
                                 "\x1b",         "\x7f", "\xc2\x85", "\xc2\x9b",     "\xe2\x80\xa8",
                                 "\xe2\x80\xa9", "\xff", "\xc3",     "\xed\xa0\x80", "\xc0\x80" };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (const char *const *text = cases[i].good; *text != NULL; text++)
      for (guint p = 0; p < G_N_ELEMENTS (poison); p++)
        {
          gsize middle = g_utf8_offset_to_pointer (*text, g_utf8_strlen (*text, -1) / 2) - *text;
          g_autofree char *first = g_strconcat (poison[p], *text, NULL);
          g_autofree char *last = g_strconcat (*text, poison[p], NULL);
          g_autofree char *head = g_strndup (*text, middle);
          g_autofree char *inside = g_strconcat (head, poison[p], *text + middle, NULL);

          g_assert_nonnull (pb_check (cases[i].check, first));
          g_assert_nonnull (pb_check (cases[i].check, last));
          g_assert_nonnull (pb_check (cases[i].check, inside));
        }
}

static void
test_lengths (void)
{
  g_autofree char *at_limit = g_strnfill (4096, 'a');
  g_autofree char *over = g_strnfill (4097, 'a');
  g_autofree char *name = g_strnfill (201, 'a');
  g_autofree char *banner = g_strnfill (401, 'a');
  g_autofree char *huge = g_strnfill (31 * 1024 * 1024, 'a');
  g_autofree char *domain = g_strconcat (LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, NULL);

  g_assert_null (pb_check (PB_CHECK_TEXT, at_limit));
  g_assert_nonnull (pb_check (PB_CHECK_TEXT, over));
  g_assert_nonnull (pb_check (PB_CHECK_NAME, name));
  g_assert_null (pb_check (PB_CHECK_NAME, name + 1));
  g_assert_nonnull (pb_check (PB_CHECK_ASCII, banner));
  g_assert_null (pb_check (PB_CHECK_ASCII, banner + 1));
  g_assert_nonnull (pb_check (PB_CHECK_DOMAIN, domain)); /* 255 octets */
  g_assert_null (pb_check (PB_CHECK_DOMAIN, domain + 2));
  g_assert_nonnull (pb_check (PB_CHECK_TEXT, huge));
  for (guint check = 0; check < PB_N_CHECKS; check++)
    g_assert_nonnull (pb_check (check, over));
}

static void
test_fold (void)
{
  static const struct
  {
    const char *text, *folded;
  } folds[] = {
    { "Example.ORG", "example.org" },
    { "München.Example", "xn--mnchen-3ya.example" },
    { "xn--mnchen-3ya.example", "xn--mnchen-3ya.example" },
    { "example.org.", NULL },
    { "straße.example", NULL },
    { "", NULL },
    { "a b", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (folds); i++)
    {
      g_autofree char *folded = pb_domain_fold (folds[i].text);

      g_assert_cmpstr (folded, ==, folds[i].folded);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/validate/cases", test_cases);
  g_test_add_func ("/validate/no-control-character", test_no_control_character);
  g_test_add_func ("/validate/lengths", test_lengths);
  g_test_add_func ("/validate/fold", test_fold);
  return g_test_run ();
}
