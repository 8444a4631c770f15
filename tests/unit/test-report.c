/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/report.h"

#include <string.h>

static PbReport *
make_report (void)
{
  PbReport *report = pb_report_new ("nas.local.example", 1795540143);

  pb_report_add (report->figures, "messages accepted", 7);
  pb_report_add (report->refusals, "relay", 2);
  pb_report_add (report->refusals, "spf", 9);
  pb_report_add (report->refusals, "dnsbl", 9);
  pb_report_sort (report->refusals);
  return report;
}

/* The last bar is the hour that has not ended. */
static void
test_hours (void)
{
  g_autoptr (PbReport) report = make_report ();

  g_assert_cmpint (report->from % 3600, ==, 0);
  g_assert_cmpint (report->until - report->from, <, PB_REPORT_HOURS * 3600);
  g_assert_cmpint (report->until - report->from, >=, (PB_REPORT_HOURS - 1) * 3600);
}

static void
test_order (void)
{
  g_autoptr (PbReport) report = make_report ();
  g_autoptr (GString) text = pb_report_text (report);
  const char *first = strstr (text->str, "dnsbl"), *second = strstr (text->str, "spf"), *third = strstr (text->str, "relay");

  g_assert_true (first != NULL && first < second && second < third);
  g_assert_null (strstr (text->str, "Missing"));
  g_assert_null (strstr (text->str, "Most messages"));
}

/* Names come out of mail. */
static void
test_hostile_names (void)
{
  g_autoptr (PbReport) report = make_report ();
  g_autofree char *endless = g_strnfill (5000, 'x');
  g_autoptr (GString) text = NULL;
  g_autoptr (GString) html = NULL;

  pb_report_add (report->senders, "<script>alert(1)</script>\"&@x.example", 3);
  pb_report_add (report->senders, "a\r\nBcc: eve@x.example\r\n\r\n--", 2);
  pb_report_add (report->senders, "", 2);
  pb_report_add (report->senders, "\xff\xfe@x.example", 1);
  pb_report_add (report->senders, endless, 1);
  g_ptr_array_add (report->alerts, g_strdup ("<b>\n"));
  text = pb_report_text (report);
  html = pb_report_html (report, "chart@x");
  g_assert_true (g_utf8_validate (text->str, (gssize) text->len, NULL));
  g_assert_true (g_utf8_validate (html->str, (gssize) html->len, NULL));
  g_assert_null (strstr (html->str, "<script"));
  g_assert_null (strstr (html->str, "<b>"));
  g_assert_null (strstr (text->str, "\nBcc"));
  g_assert_nonnull (strstr (text->str, "  <>\n"));
  g_assert_cmpuint (text->len, <, 3000);
}

/* An alert stands with the whole of its remedy, and whatever is escaped makes no line too long to be sent. */
static void
test_long_alerts (void)
{
  static const char *const recipients[] = { "a@x.example", NULL };
  g_autoptr (PbReport) report = make_report ();
  g_autofree char *cause = g_strnfill (300, '"');
  g_autoptr (GString) text = NULL;
  g_autoptr (GString) html = NULL;
  g_autoptr (GString) message = NULL;

  g_ptr_array_add (report->alerts, g_strdup_printf ("%s. Look at the held mail, and release it.", cause));
  text = pb_report_text (report);
  html = pb_report_html (report, "chart@x");
  message = pb_report_compose (report, recipients);
  g_assert_nonnull (strstr (text->str, ". Look at the held mail, and release it.\n"));
  g_assert_nonnull (strstr (html->str, ". Look at the held mail, and release it.</li>"));
  for (const char *line = message->str, *end; (end = strchr (line, '\n')) != NULL; line = end + 1)
    g_assert_cmpint (end - line, <, 998);
}

static void
test_chart (void)
{
  static const guint64 most[] = { 0, 1, 9, 999, 1000, 123456789, G_MAXUINT32 };

  for (guint i = 0; i < G_N_ELEMENTS (most); i++)
    {
      g_autoptr (PbReport) report = make_report ();
      g_autoptr (GByteArray) png = NULL;

      report->hours[PB_REPORT_ACCEPTED][0] = most[i];
      report->hours[PB_REPORT_REFUSED][23] = most[i];
      png = pb_report_chart (report);
      g_assert_cmpuint (png->len, >, 1000);
      g_assert_cmpint (memcmp (png->data, "\x89PNG\r\n\x1a\n", 8), ==, 0);
    }
}

static void
test_message (void)
{
  static const char *const recipients[] = { "a@x.example", "b@x.example", NULL };
  g_autoptr (PbReport) report = make_report ();
  g_autoptr (GString) message = pb_report_compose (report, recipients);

  g_assert_nonnull (strstr (message->str, "\nTo: a@x.example,\n b@x.example\n"));
  for (const char *line = message->str, *end; (end = strchr (line, '\n')) != NULL; line = end + 1)
    g_assert_cmpint (end - line, <, 998);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/report/hours", test_hours);
  g_test_add_func ("/report/order", test_order);
  g_test_add_func ("/report/hostile-names", test_hostile_names);
  g_test_add_func ("/report/long-alerts", test_long_alerts);
  g_test_add_func ("/report/chart", test_chart);
  g_test_add_func ("/report/message", test_message);
  return g_test_run ();
}
