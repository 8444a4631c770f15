/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The history with many messages: how fast they are written, how large that is, and how long it takes to find any of
 * them. Called by history.sh; prints a table, and ends with 2 when a search misses its goal.
 */
#include "protocol/envelope.h"
#include "store/history.h"
#include "util/mailbox.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define GOAL_MS 100.0
#define ROUNDS  5

typedef struct
{
  gboolean called;
  guint total, rows;
} Found;

static void
on_found (GVariant *rows, guint total, const GError *error, gpointer data)
{
  Found *self = data;

  if (error != NULL)
    g_error ("%s", error->message);
  self->called = TRUE;
  self->total = total;
  self->rows = (guint) g_variant_n_children (rows);
}

static void
await (PbMailbox *mailbox, const gboolean *called)
{
  struct pollfd fd = { pb_mailbox_fd (mailbox), POLLIN, 0 };

  while (!*called)
    {
      poll (&fd, 1, 1000);
      pb_mailbox_dispatch (mailbox);
    }
}

static double
cpu_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double) usage.ru_utime.tv_sec + (double) usage.ru_stime.tv_sec
         + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Most is delivered; each fifth is refused, each hundredth waits, each thousandth bounced. Half a million senders, ten thousand recipients. */
static void
add (PbHistory *history, guint i)
{
  PbHistoryMessage *message = pb_history_message_new (1700000000000000ull + i * 1000000ull);
  PbHistoryLine line = { message->id, "rcpt", "relay", "pass", NULL, NULL, "local.example is a local domain" };
  g_autofree char *recipient = g_strdup_printf ("user%u@local%u.example", i % 10000, i % 7);
  gboolean refused = i % 5 == 0;

  message->time = (gint64) message->id;
  message->size = 4096;
  message->client = g_strdup_printf ("192.0.%u.%u", (i / 250) % 250, i % 250);
  message->helo = g_strdup ("mail.sender.example");
  message->sender = g_strdup_printf ("name%u@domain%u.example", i % 500000, i % 20000);
  message->event = refused ? PB_HISTORY_REFUSED : PB_HISTORY_ACCEPTED;
  message->check = refused ? "relay" : NULL;
  message->reply = g_strdup (refused ? "554 5.7.1 Relay access denied" : "250 2.0.0 queued");
  pb_history_message_add_line (message, &line);
  pb_history_message_add_recipient (message, recipient, NULL, message->event, message->check, NULL);
  guint64 id = message->id;
  pb_history_add_message (history, message);
  if (refused)
    return;

  PbHistoryAttempt *attempt = pb_history_attempt_new (id, 1);
  attempt->began = attempt->ended = (gint64) id + 1000;
  attempt->remote = g_strdup ("mx.local.example[192.0.2.61]:25");
  attempt->transcript = g_strnfill (500, 't');
  attempt->results[0].event = i % 1000 == 1 ? PB_HISTORY_BOUNCED : i % 100 == 1 ? PB_HISTORY_DEFERRED : PB_HISTORY_DELIVERED;
  attempt->results[0].reply = g_strdup ("250 2.0.0 Ok: queued as 4B7C21");
  pb_history_add_attempt (history, attempt);
}

typedef struct
{
  const char *what;
  PbHistoryFilter filter;
  guint offset;
} Search;

static double
search (PbHistory *history, PbMailbox *mailbox, const Search *wanted, Found *found)
{
  double best = 1e9;

  for (guint round = 0; round < ROUNDS; round++)
    {
      PbHistoryFilter *filter = g_memdup2 (&wanted->filter, sizeof wanted->filter);
      gint64 began = g_get_monotonic_time ();

      filter->text = g_strdup (filter->text);
      filter->sender = g_strdup (filter->sender);
      filter->recipient = g_strdup (filter->recipient);
      filter->client = g_strdup (filter->client);
      filter->check = g_strdup (filter->check);
      *found = (Found){ FALSE };
      pb_history_search (history, filter, wanted->offset, 50, mailbox, on_found, found);
      await (mailbox, &found->called);
      best = MIN (best, (double) (g_get_monotonic_time () - began) / 1000);
    }
  return best;
}

static gboolean
search_all (PbHistory *history, PbMailbox *mailbox, guint n)
{
  char id[PB_QUEUE_ID_TEXT];
  const Search searches[] = {
    { "all, the newest", { 0 }, 0 },
    { "all, the oldest", { 0 }, n - 50 },
    { "an id", { .text = pb_queue_id_format (1700000000000000ull + (n / 3) * 1000000ull, id) }, 0 },
    { "a sender", { .text = (char *) "name4711@" }, 0 },
    { "a sender's domain", { .text = (char *) "@domain123.example" }, 0 },
    { "a recipient", { .recipient = (char *) "user77@" }, 0 },
    { "a client", { .client = (char *) "192.0.77.3" }, 0 },
    { "what is nowhere", { .text = (char *) "nobody@nowhere" }, 0 },
    { "two letters", { .text = (char *) "12" }, 0 },
    { "two letters, nowhere", { .text = (char *) "zq" }, 0 },
    { "one letter", { .text = (char *) "7" }, 0 },
    { "a hundred wildcards", { .text = (char *) "%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_" }, 0 },
    { "what all have", { .text = (char *) ".example" }, 0 },
    { "bounced", { .events = 1 << PB_HISTORY_BOUNCED }, 0 },
    { "refused", { .events = 1 << PB_HISTORY_REFUSED }, 0 },
    { "delivered", { .events = 1 << PB_HISTORY_DELIVERED }, 0 },
    { "a check", { .check = (char *) "relay" }, 0 },
    { "bounced for a recipient", { .recipient = (char *) "user1001@", .events = 1 << PB_HISTORY_BOUNCED }, 0 },
    { "an hour", { .since = 1700000000 + n / 2, .until = 1700003600 + n / 2 }, 0 },
  };
  gboolean all_good = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (searches); i++)
    {
      Found found;
      double ms = search (history, mailbox, &searches[i], &found);

      gboolean missed = ms > GOAL_MS;

      g_print ("%-26s %9.2f ms  %7u found%s\n", searches[i].what, ms, found.total, missed ? "  MISSED" : "");
      all_good = all_good && !missed;
    }
  return all_good;
}

static void
fill (PbHistory *history, PbMailbox *mailbox, guint n)
{
  double cpu = cpu_seconds ();
  gint64 began = g_get_monotonic_time ();
  const Search one = { "", { .text = (char *) "nobody@nowhere" }, 0 };
  Found found;
  guint64 dropped;

  for (guint i = 0; i < n; i++)
    {
      add (history, i);
      /* A question is answered after what was handed in before it: nothing is to be dropped here. */
      if (i % 5000 == 4999)
        search (history, mailbox, &one, &found);
    }
  search (history, mailbox, &one, &found);
  pb_history_state (history, &dropped);
  g_print ("%u messages, %.1f us of processor and %.1f us each, %" G_GUINT64_FORMAT " dropped\n", n,
           (cpu_seconds () - cpu) * 1e6 / n, (double) (g_get_monotonic_time () - began) / n, dropped);
}

int
main (int argc, char **argv)
{
  guint n = argc > 2 ? (guint) strtoul (argv[2], NULL, 10) : 1000000;
  g_autofree char *path = g_build_filename (argc > 1 ? argv[1] : ".", "history.db", NULL);
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();
  PbHistory *history = pb_history_open (argc > 1 ? argv[1] : ".");
  gboolean good;
  GStatBuf status;

  fill (history, mailbox, n);
  good = search_all (history, mailbox, n);
  pb_history_close (history);
  if (g_stat (path, &status) == 0)
    g_print ("%.0f octets a message in the file\n", (double) status.st_size / n);
  return good ? 0 : 2;
}
