/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mail in words and bins: traffic from counters, reasons from replies, rows of the queue.
 */
#include "model/message-text.h"
#include "model/queued.h"
#include "model/reply.h"
#include "model/traffic.h"

#include <locale.h>

#define SECOND G_USEC_PER_SEC

/* ---- traffic ---- */

static void
take (PbaTraffic *traffic, gint64 seconds, guint64 accepted, guint64 refused)
{
  const guint64 totals[PBA_N_TRAFFIC] = {
    [PBA_TRAFFIC_ACCEPTED] = accepted, [PBA_TRAFFIC_REFUSED] = refused
  };

  pba_traffic_take (traffic, seconds * SECOND, totals);
}

static guint64
in_bin (PbaTraffic *traffic, guint position)
{
  guint64 counts[PBA_N_TRAFFIC];

  g_assert_true (pba_traffic_get_bin (traffic, position, counts));
  return counts[PBA_TRAFFIC_ACCEPTED];
}

static void
test_bins (void)
{
  g_autoptr (PbaTraffic) traffic = pba_traffic_new (NULL);
  guint64 counts[PBA_N_TRAFFIC];

  take (traffic, 1000, 500, 20);
  g_assert_cmpuint (pba_traffic_get_sum (traffic, PBA_TRAFFIC_ACCEPTED), ==, 0);
  g_assert_cmpuint (pba_traffic_get_total (traffic, PBA_TRAFFIC_ACCEPTED), ==, 500);
  take (traffic, 1001, 503, 21);
  take (traffic, 1009, 504, 21);
  take (traffic, 1011, 510, 21);
  g_assert_cmpuint (in_bin (traffic, PBA_TRAFFIC_BINS - 1), ==, 6);
  g_assert_cmpuint (in_bin (traffic, PBA_TRAFFIC_BINS - 2), ==, 4);
  g_assert_false (pba_traffic_get_bin (traffic, PBA_TRAFFIC_BINS - 3, counts));
  g_assert_cmpuint (pba_traffic_get_sum (traffic, PBA_TRAFFIC_ACCEPTED), ==, 10);
  g_assert_cmpuint (pba_traffic_get_sum (traffic, PBA_TRAFFIC_REFUSED), ==, 1);
}

/* A service that started again counts from 0: what it has counted came since. */
static void
test_restart (void)
{
  g_autoptr (PbaTraffic) traffic = pba_traffic_new (NULL);

  take (traffic, 1000, 500, 20);
  take (traffic, 1001, 502, 20);
  take (traffic, 1002, 3, 0);
  g_assert_cmpuint (pba_traffic_get_sum (traffic, PBA_TRAFFIC_ACCEPTED), ==, 5);
  g_assert_cmpuint (pba_traffic_get_sum (traffic, PBA_TRAFFIC_REFUSED), ==, 0);
  g_assert_cmpuint (pba_traffic_get_total (traffic, PBA_TRAFFIC_ACCEPTED), ==, 3);
}

/* What came in a pause has no place in time; what is older than all bins is gone. */
static void
test_pause (void)
{
  g_autoptr (PbaTraffic) traffic = pba_traffic_new (NULL);
  guint64 counts[PBA_N_TRAFFIC];

  take (traffic, 1000, 500, 0);
  take (traffic, 1001, 501, 0);
  take (traffic, 1060, 900, 0);
  g_assert_cmpuint (pba_traffic_get_sum (traffic, PBA_TRAFFIC_ACCEPTED), ==, 1);
  g_assert_cmpuint (in_bin (traffic, PBA_TRAFFIC_BINS - 1), ==, 0);
  g_assert_cmpuint (in_bin (traffic, PBA_TRAFFIC_BINS - 7), ==, 1);
  g_assert_false (pba_traffic_get_bin (traffic, PBA_TRAFFIC_BINS - 2, counts));
  take (traffic, 5000, 901, 0);
  g_assert_cmpuint (pba_traffic_get_sum (traffic, PBA_TRAFFIC_ACCEPTED), ==, 0);
  g_assert_cmpuint (pba_traffic_get_total (traffic, PBA_TRAFFIC_ACCEPTED), ==, 901);
}

static void
test_period (void)
{
  g_autoptr (PbaTraffic) traffic = pba_traffic_new (NULL);
  g_autofree char *young = NULL;
  g_autofree char *old = NULL;

  take (traffic, 1000, 0, 0);
  take (traffic, 1005, 0, 0);
  young = pba_traffic_dup_period (traffic);
  g_assert_true (g_str_has_prefix (young, "since "));
  for (guint i = 0; i < PBA_TRAFFIC_BINS; i++)
    take (traffic, 1010 + i * PBA_TRAFFIC_BIN_SECONDS, 0, 0);
  old = pba_traffic_dup_period (traffic);
  g_assert_cmpstr (old, ==, "in the last 10 min");
}

/* ---- replies ---- */

static void
test_replies (void)
{
  static const struct
  {
    const char *reply, *reason, *evidence;
  } rows[] = {
    { "451 4.7.1 Greylisted, come again", "Greylisted", "451 4.7.1 Greylisted, come again" },
    { "452-4.2.2 Your mailbox\n452 4.2.2 is full", "The mailbox is full",
      "452-4.2.2 Your mailbox 452 4.2.2 is full" },
    { "4.4.1 [192.0.2.1]:25: connecting took too long", "The server does not answer",
      "4.4.1 [192.0.2.1]:25: connecting took too long" },
    { "535 5.7.8 Authentication failed", "The relay refuses the login",
      "535 5.7.8 Authentication failed" },
    { "450 the moon is full", "The moon is full", "450" },
    { "übel", "Übel", "" },
    { "421", "The server gave no reason", "421" },
    { "", "", "" },
    { "550 5.9.9", "The server gave no reason", "550 5.9.9" },
    { "5.3.0 the message's file is damaged in the store",
      "The message is damaged on the server’s disk",
      "5.3.0 the message's file is damaged in the store" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *evidence = NULL;
      g_autofree char *reason = pba_reply_explain (rows[i].reply, &evidence);

      g_assert_cmpstr (reason, ==, rows[i].reason);
      g_assert_cmpstr (evidence, ==, rows[i].evidence);
    }
}

/* ---- text ---- */

/* In pieces of every size the text is the same, and nothing in it is but text. */
static void
test_message_text (void)
{
  static const char octets[] = "Subject: \xc3\xa9\r\nbare\rcr \x1b[31m\xff\xe2\x82\xac\r\n\xe2\x80\xae"
                               "evil\xf0\x9f\x98\x80\0end\r\n\xe2\x82";
  static const char expected[] = "Subject: \xc3\xa9\nbare\xef\xbf\xbd"
                                 "cr \xef\xbf\xbd[31m\xef\xbf\xbd\xe2\x82\xac\n\xef\xbf\xbd"
                                 "evil\xf0\x9f\x98\x80\xef\xbf\xbd"
                                 "end\n\xef\xbf\xbd\xef\xbf\xbd";

  for (gsize piece = 1; piece < sizeof octets; piece++)
    {
      g_autoptr (GByteArray) rest = g_byte_array_new ();
      g_autoptr (GString) text = g_string_new (NULL);

      for (gsize at = 0; at < sizeof octets - 1; at += piece)
        {
          gsize n = MIN (piece, sizeof octets - 1 - at);
          g_autoptr (GBytes) bytes = g_bytes_new_static (octets + at, n);
          g_autofree char *shown =
            pba_message_text_take (rest, bytes, at + n == sizeof octets - 1);

          g_assert_true (g_utf8_validate (shown, -1, NULL));
          g_string_append (text, shown);
        }
      g_assert_cmpstr (text->str, ==, expected);
    }
}

static void
test_checks (void)
{
  g_autofree char *known = pba_check_title ("recipient-limit");
  g_autofree char *unknown = pba_check_title ("of-the-future");

  g_assert_cmpstr (known, ==, "Too many recipients");
  g_assert_cmpstr (unknown, ==, "of-the-future");
}

/* ---- queued mail ---- */

static PbaQueued *
queued (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) cells = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return pba_queued_new (cells);
}

/* Of many recipients the one that is worst off speaks for the message. */
static void
test_worst (void)
{
  g_autoptr (PbaQueued) self = queued (
    "{'Sender': <'ann@local.example'>, 'State': <'deferred'>, 'Size': <uint64 2000>, 'Recipients': "
    "<[{'Address': <'a@x.example'>, 'State': <'active'>},"
    "  {'Address': <'b@x.example'>, 'State': <'deferred'>, 'Attempts': <uint32 2>,"
    "   'LastReply': <'451 4.7.1 Greylisted'>, 'NextAttempt': <uint64 1>},"
    "  {'Address': <'c@x.example'>, 'State': <'deferred'>, 'Attempts': <uint32 5>,"
    "   'LastReply': <'452 4.2.2 Full'>, 'NextAttempt': <uint64 1099511627776>}]>}");

  g_assert_cmpstr (self->title, ==, "3 recipients");
  g_assert_cmpstr (self->sender, ==, "from ann@local.example");
  g_assert_cmpstr (self->worst->address, ==, "c@x.example");
  g_assert_cmpstr (self->worst->reason, ==, "The mailbox is full");
  g_assert_cmpuint (self->worst->tries, ==, 5);
  g_assert_cmpstr (((PbaQueuedRecipient *) self->recipients->pdata[1])->next, ==, "Now");
  g_assert_cmpstr (((PbaQueuedRecipient *) self->recipients->pdata[0])->reason, ==, "On its way");
}

static void
test_held (void)
{
  g_autoptr (PbaQueued) self =
    queued ("{'Sender': <''>, 'State': <'held'>, 'Recipients': <[{'Address': <'a@x.example'>,"
            "'State': <'held'>, 'LastReply': <'5.3.0 the envelope is damaged in the store'>}]>}");

  g_assert_cmpstr (self->title, ==, "a@x.example");
  g_assert_cmpstr (self->sender, ==, "a delivery report");
  g_assert_cmpstr (self->worst->next, ==, "When released");
  g_assert_cmpstr (self->worst->reason, ==, "The message is damaged on the server’s disk");
}

/* Another version's rows break nothing. */
static void
test_strange (void)
{
  g_autoptr (PbaQueued) nothing = queued ("{}");
  g_autoptr (PbaQueued) strange = queued (
    "{'State': <'in-orbit'>, 'Size': <'big'>, 'Recipients': <'many'>, 'Sender': <uint32 5>}");
  g_autofree char *title = pba_queued_state_title (strange->state);

  g_assert_null (nothing->worst);
  g_assert_cmpstr (nothing->title, ==, "0 recipients");
  g_assert_cmpstr (title, ==, "in-orbit");
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_setenv ("G_DEBUG", "fatal-criticals", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/client/message-text", test_message_text);
  g_test_add_func ("/client/traffic/bins", test_bins);
  g_test_add_func ("/client/traffic/restart", test_restart);
  g_test_add_func ("/client/traffic/pause", test_pause);
  g_test_add_func ("/client/traffic/period", test_period);
  g_test_add_func ("/client/reply/reasons", test_replies);
  g_test_add_func ("/client/reply/checks", test_checks);
  g_test_add_func ("/client/queued/worst", test_worst);
  g_test_add_func ("/client/queued/held", test_held);
  g_test_add_func ("/client/queued/strange", test_strange);
  return g_test_run ();
}
