/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * history.db: what is handed in is found again by every filter, and what is over goes.
 */
#include "history-fixture.h"

/* ---- what is found ---- */

static void
test_life (Bed *self, gconstpointer data)
{
  static const char *const events[] = { "accepted", "deferred", "delivered" };
  PbHistoryMessage *message = make_message (1000, 5000000, "Anna@example.org", "bob@example.net");
  g_auto (Found) found = { 0 };

  add_line (message, "relay", "pass", "bob@example.net is in the domain list");
  pb_history_add_message (self->history, message);
  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    {
      if (i > 0)
        pb_history_add_attempt (self->history, make_attempt (1000, i == 1 ? PB_HISTORY_DEFERRED : PB_HISTORY_DELIVERED, i == 1 ? "451 later" : "250 ok"));
      search (self, NULL, 0, 50, &found);
      g_assert_no_error (found.error);
      g_assert_cmpuint (found.total, ==, 1);
      g_assert_cmpstr (row_text (&found, 0, "Event"), ==, events[i]);
    }
  g_assert_cmpstr (row_text (&found, 0, "Sender"), ==, "Anna@example.org");
  g_assert_cmpstr (row_text (&found, 0, "Reply"), ==, "250 ok");

  found_clear (&found);
  pb_history_trail (self->history, 1000, self->mailbox, on_found, &found);
  wait_for (self->mailbox, &found.called);
  g_assert_no_error (found.error);
  g_assert_cmpuint (g_variant_n_children (found.rows), ==, 3);
  g_assert_cmpstr (row_text (&found, 0, "Check"), ==, "relay");
  g_assert_cmpstr (row_text (&found, 0, "Evidence"), ==, "bob@example.net is in the domain list");
  g_assert_cmpstr (row_text (&found, 1, "Outcome"), ==, "deferred");
  g_assert_cmpstr (row_text (&found, 2, "Outcome"), ==, "delivered");
  g_assert_cmpstr (row_text (&found, 2, "Transcript"), ==, "S: 220 ready\r\nC: EHLO x\r\n");

  found_clear (&found);
  pb_history_list_attempts (self->history, 1000, self->mailbox, on_found, &found);
  wait_for (self->mailbox, &found.called);
  g_assert_cmpuint (found.total, ==, 2);
  g_assert_cmpstr (row_text (&found, 0, "Remote"), ==, "mx.example.net[192.0.2.61]:25");
}

static void
test_unknown (Bed *self, gconstpointer data)
{
  g_auto (Found) found = { 0 };

  pb_history_trail (self->history, 77, self->mailbox, on_found, &found);
  wait_for (self->mailbox, &found.called);
  g_assert_error (found.error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND);
  found_clear (&found);
  pb_history_list_attempts (self->history, 77, self->mailbox, on_found, &found);
  wait_for (self->mailbox, &found.called);
  g_assert_no_error (found.error);
  g_assert_cmpuint (found.total, ==, 0);
}

static void
test_texts (Bed *self, gconstpointer data)
{
  PbHistoryMessage *message;
  char id[PB_QUEUE_ID_TEXT];

  pb_history_add_message (self->history, make_message (1, 10, "anna@example.org", "bob@example.net"));
  pb_history_add_message (self->history, make_message (2, 20, "", "j_doe@mail.example.net"));
  message = make_message (3, 30, "carl@shop.test", "dora@example.net");
  message->login = g_strdup ("carl");
  message->client[8] = '\0';
  pb_history_message_add_recipient (message, "target@example.net", "alias@old.example", PB_HISTORY_ACCEPTED, NULL, NULL);
  pb_history_add_message (self->history, message);

  assert_texts (self, "example.net", 3);
  assert_texts (self, "@EXAMPLE.net", 2);
  assert_texts (self, "anna@example.org", 1);
  assert_texts (self, "nn", 1);
  assert_texts (self, "alias@", 1);
  assert_texts (self, "carl", 1);
  assert_texts (self, "192.0.2.7", 2);
  assert_texts (self, "_", 1);
  assert_texts (self, "j_doe", 1);
  assert_texts (self, "jxdoe", 0);
  assert_texts (self, "%", 0);
  assert_texts (self, "nobody", 0);
  assert_texts (self, "'; DROP TABLE message; --", 0);
  assert_texts (self, pb_queue_id_format (2, id), 1);
  assert_texts (self, "", 3);
}

typedef struct
{
  const char *sender, *recipient, *client, *check;
  guint events;
  gint64 since, until;
  guint total;
} FilterRow;

static void
test_filters (Bed *self, gconstpointer data)
{
  static const FilterRow rows[] = {
    { .total = 4 },
    { .sender = "anna", .total = 2 },
    { .sender = "bob", .total = 0 },
    { .recipient = "BOB", .total = 3 },
    { .client = "192.0.2", .total = 4 },
    { .client = "198.51.100.1", .total = 0 },
    { .check = "relay", .total = 2 },
    { .check = "rel", .total = 0 },
    { .events = 1 << PB_HISTORY_REFUSED, .total = 2 },
    { .events = 1 << PB_HISTORY_DELIVERED, .total = 2 },
    { .events = 1 << PB_HISTORY_BOUNCED, .total = 0 },
    { .events = 1 << PB_HISTORY_REFUSED | 1 << PB_HISTORY_DELIVERED, .total = 3 },
    { .since = 20, .total = 3 },
    { .until = 20, .total = 1 },
    { .since = 20, .until = 21, .total = 1 },
    { .sender = "anna", .events = 1 << PB_HISTORY_REFUSED, .total = 1 },
    { .recipient = "bob", .check = "relay", .since = 25, .total = 1 },
  };
  PbHistoryMessage *message;

  pb_history_add_message (self->history, make_message (1, 10 * G_USEC_PER_SEC, "anna@example.org", "bob@example.net"));
  pb_history_add_attempt (self->history, make_attempt (1, PB_HISTORY_DELIVERED, "250 ok"));
  pb_history_add_message (self->history, make_message (2, 20 * G_USEC_PER_SEC, "carl@example.org", "bob@example.net"));
  /* One recipient taken, one refused. */
  message = make_message (3, 30 * G_USEC_PER_SEC, "anna@example.org", "bob@example.net");
  pb_history_message_add_recipient (message, "x@elsewhere.test", NULL, PB_HISTORY_REFUSED, "relay", "550 5.7.1 no");
  pb_history_add_message (self->history, message);
  pb_history_add_attempt (self->history, make_attempt (3, PB_HISTORY_DELIVERED, "250 ok"));
  /* Refused as a whole. */
  message = make_message (4, 40 * G_USEC_PER_SEC, NULL, NULL);
  message->event = PB_HISTORY_REFUSED;
  message->check = "relay";
  pb_history_add_message (self->history, message);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PbHistoryFilter *filter = g_new0 (PbHistoryFilter, 1);
      g_auto (Found) found = { 0 };

      filter->sender = g_strdup (rows[i].sender);
      filter->recipient = g_strdup (rows[i].recipient);
      filter->client = g_strdup (rows[i].client);
      filter->check = g_strdup (rows[i].check);
      filter->events = rows[i].events;
      filter->since = rows[i].since;
      filter->until = rows[i].until;
      search (self, filter, 0, 50, &found);
      g_assert_no_error (found.error);
      if (found.total != rows[i].total)
        g_error ("row %u: %u found, not %u", i, found.total, rows[i].total);
    }
}

static void
test_pages (Bed *self, gconstpointer data)
{
  g_auto (Found) found = { 0 };

  for (guint i = 1; i <= 1200; i++)
    pb_history_add_message (self->history, make_message (i, i * G_USEC_PER_SEC, i % 2 == 0 ? "even@example.org" : "odd@example.org", "bob@example.net"));
  wait_for_total (self, 1200);
  search (self, NULL, 0, 50, &found);
  g_assert_cmpuint (found.total, ==, 1200);
  g_assert_cmpuint (g_variant_n_children (found.rows), ==, 50);
  g_assert_cmpuint (row_id (&found, 0), ==, 1200);
  g_assert_cmpuint (row_id (&found, 49), ==, 1151);
  search (self, NULL, 1190, 50, &found);
  g_assert_cmpuint (g_variant_n_children (found.rows), ==, 10);
  g_assert_cmpuint (row_id (&found, 9), ==, 1);
  search (self, by_text ("odd@"), 100, 2, &found);
  g_assert_cmpuint (found.total, ==, 600);
  g_assert_cmpuint (g_variant_n_children (found.rows), ==, 2);
  g_assert_cmpuint (row_id (&found, 0), ==, 999);
  search (self, NULL, 0, 100000, &found);
  g_assert_cmpuint (g_variant_n_children (found.rows), ==, PB_HISTORY_MAX_PAGE);
}

/* More names than are looked through one by one: the messages are walked instead, and the same is found. */
static void
test_many_names (Bed *self, gconstpointer data)
{
  g_auto (Found) found = { 0 };

  for (guint i = 1; i <= 6000; i++)
    {
      g_autofree char *sender = g_strdup_printf ("bounce-%u@lists.example.org", i);

      pb_history_add_message (self->history, make_message (i, i, sender, "bob@example.net"));
    }
  wait_for_total (self, 6000);
  assert_texts (self, "bounce-4711@", 1);
  search (self, by_text ("lists.example.org"), 0, 10, &found);
  g_assert_no_error (found.error);
  g_assert_cmpuint (found.total, ==, 6000);
  g_assert_cmpuint (row_id (&found, 0), ==, 6000);
}

/* Nothing in a text stands for anything but itself, neither in the index's language nor in the database's. */
static void
test_wildcards (Bed *self, gconstpointer data)
{
  g_autofree char *percents = g_strnfill (50000, '%');
  g_autofree char *lows = g_strnfill (50000, '_');
  g_autofree char *quotes = g_strnfill (50000, '"');
  g_autoptr (GString) mixed = g_string_new (NULL);

  for (guint i = 0; i < 20000; i++)
    g_string_append (mixed, "%a_");
  for (guint i = 1; i <= 90; i++)
    {
      g_autofree char *sender = g_strdup_printf ("%s%u@lists.example.org", i % 3 == 0 ? "a_b" : i % 3 == 1 ? "a%b" : "a\"b", i);

      pb_history_add_message (self->history, make_message (i, i, sender, "bob@example.net"));
    }
  assert_texts (self, "a_b", 30);
  assert_texts (self, "a%b", 30);
  assert_texts (self, "A\"B", 30);
  assert_texts (self, "a_", 30);
  assert_texts (self, "%b", 30);
  assert_texts (self, "\"", 30);
  assert_texts (self, "\\", 0);
  assert_texts (self, "\\_", 0);
  assert_texts (self, "___", 0);
  assert_texts (self, "%%%", 0);
  assert_texts (self, "a_b%", 0);
  assert_texts (self, "a*b", 0);
  assert_texts (self, "text:a_b", 0);
  assert_texts (self, "a_b OR a%b", 0);
  assert_texts (self, "a_b1", 3); /* 12, 15, 18 */
  assert_texts (self, "a%b1", 5); /* 1, 10, 13, 16, 19 */
  assert_texts (self, percents, 0);
  assert_texts (self, lows, 0);
  assert_texts (self, quotes, 0);
  assert_texts (self, mixed->str, 0);
}

/* What nearly all have is not counted to its end. */
static void
test_short_texts (Bed *self, gconstpointer data)
{
  g_auto (Found) found = { 0 };

  for (guint i = 1; i <= 6000; i++)
    {
      g_autofree char *sender = g_strdup_printf ("bounce-%u@lists.example.org", i);

      pb_history_add_message (self->history, make_message (i, i, sender, i == 77 ? "qx" : "bob@example.net"));
    }
  wait_for_total (self, 6000);
  for (guint i = 0; i < 2; i++)
    {
      search (self, by_text (i == 0 ? "ex" : "O"), 0, 10, &found);
      g_assert_no_error (found.error);
      g_assert_cmpuint (found.total, ==, PB_HISTORY_MAX_SHORT_TOTAL);
      g_assert_cmpuint (row_id (&found, 0), ==, 6000);
      found_clear (&found);
    }
  search (self, by_text ("ex"), PB_HISTORY_MAX_SHORT_TOTAL - 5, 10, &found);
  g_assert_cmpuint (g_variant_n_children (found.rows), ==, 5);
  assert_texts (self, "qx", 1);
  assert_texts (self, "q", 1);
  assert_texts (self, "qy", 0);
}

static void
test_hostile_texts (Bed *self, gconstpointer data)
{
  g_autofree char *endless = g_strnfill (100000, 'x');
  PbHistoryMessage *message = make_message (1, 10, "\xff\xfe@example.org", endless);
  g_auto (Found) found = { 0 };

  for (guint i = 0; i < 10000; i++)
    add_line (message, "recipient", "pass", "\xc3\x28");
  add_line (message, "relay", "refused", endless);
  /* What keeps the fields apart in the file. */
  add_line (message, "relay", "refused", "a\x1f" "b\x1e" "c");
  pb_history_add_message (self->history, message);
  pb_history_add_attempt (self->history, make_attempt (1, PB_HISTORY_BOUNCED, "550 \xff\xff no"));
  search (self, NULL, 0, 50, &found);
  g_assert_no_error (found.error);
  g_assert_cmpuint (found.total, ==, 1);
  g_assert_cmpstr (row_text (&found, 0, "Event"), ==, "bounced");
  found_clear (&found);
  pb_history_trail (self->history, 1, self->mailbox, on_found, &found);
  wait_for (self->mailbox, &found.called);
  g_assert_no_error (found.error);
  /* Bounded; the refusal is kept at the cost of what passed. */
  g_assert_cmpuint (g_variant_n_children (found.rows), ==, 203);
  g_assert_cmpstr (row_text (&found, 200, "Outcome"), ==, "refused");
  g_assert_cmpuint (strlen (row_text (&found, 200, "Evidence")), ==, 1024);
  g_assert_cmpstr (row_text (&found, 201, "Evidence"), ==, "a?b?c");
}

static void
test_removed (Bed *self, gconstpointer data)
{
  PbHistoryMessage *message = make_message (1, 10, "anna@example.org", "bob@example.net");
  g_auto (Found) found = { 0 };
  guint second = 1;

  pb_history_message_add_recipient (message, "carl@example.net", NULL, PB_HISTORY_ACCEPTED, NULL, NULL);
  pb_history_add_message (self->history, message);
  search (self, NULL, 0, 50, &found);
  pb_history_add_removed (self->history, 1, &second, 1);
  search (self, NULL, 0, 50, &found);
  g_assert_cmpstr (row_text (&found, 0, "Event"), ==, "accepted");
  pb_history_add_removed (self->history, 1, NULL, 0);
  search (self, NULL, 0, 50, &found);
  g_assert_cmpstr (row_text (&found, 0, "Event"), ==, "removed");
}

/* What was handed in before the end is there after it. */
static void
test_reopen (Bed *self, gconstpointer data)
{
  g_auto (Found) found = { 0 };

  for (guint i = 1; i <= 700; i++)
    pb_history_add_message (self->history, make_message (i, i, "anna@example.org", "bob@example.net"));
  pb_history_close (self->history);
  self->history = pb_history_open (self->directory);
  search (self, by_text ("anna"), 0, 1, &found);
  g_assert_no_error (found.error);
  g_assert_cmpuint (found.total, ==, 700);
}

static void
test_none (void)
{
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();
  g_auto (Found) found = { 0 };
  guint64 dropped;

  pb_history_add_message (NULL, make_message (1, 1, "", "a@example.org"));
  pb_history_add_attempt (NULL, make_attempt (1, PB_HISTORY_DELIVERED, NULL));
  pb_history_add_removed (NULL, 1, NULL, 0);
  pb_history_set_limits (NULL, 1, 1);
  g_assert_cmpint (pb_history_state (NULL, &dropped), ==, PB_HISTORY_UNAVAILABLE);
  pb_history_search (NULL, by_text ("x"), 0, 1, mailbox, on_found, &found);
  wait_for (mailbox, &found.called);
  g_assert_error (found.error, PB_STORE_ERROR, PB_STORE_ERROR_FAILED);
  pb_history_close (NULL);
}

/* ---- what goes ---- */

static void
test_days (Bed *self, gconstpointer data)
{
  gint64 now = pb_clock_wall ();

  for (guint i = 1; i <= 500; i++)
    pb_history_add_message (self->history, make_message (i, now - 40 * DAY + i, "old@example.org", "bob@example.net"));
  pb_history_add_message (self->history, make_message (1000, now - 20 * DAY, "young@example.org", "bob@example.net"));
  pb_history_add_attempt (self->history, make_attempt (7, PB_HISTORY_DELIVERED, "250 ok"));
  /* Of a message that nobody recorded; ids are times. */
  pb_history_add_attempt (self->history, make_attempt ((guint64) (now - 50 * DAY), PB_HISTORY_DELIVERED, "250 ok"));
  wait_for_total (self, 501);
  pb_history_set_limits (self->history, 30, 0);
  wait_for_total (self, 1);
  assert_texts (self, "old@", 0);
  assert_texts (self, "young@", 1);
  assert_texts (self, "bob@", 1);
  pb_history_set_limits (self->history, 10, 0);
  wait_for_total (self, 0);
}

static void
test_size (Bed *self, gconstpointer data)
{
  g_auto (Found) found = { 0 };
  gint64 deadline;

  for (guint i = 1; i <= 3000; i++)
    {
      PbHistoryMessage *message = make_message (i, i, "anna@example.org", "bob@example.net");
      g_autofree char *evidence = g_strnfill (1000, 'e');

      add_line (message, "relay", "pass", evidence);
      pb_history_add_message (self->history, message);
    }
  wait_for_total (self, 3000);
  pb_history_set_limits (self->history, 0, 1);
  deadline = g_get_monotonic_time () + WAIT_US;
  while (file_octets (self) > 1 << 20)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (10000);
    }
  search (self, NULL, 0, 1, &found);
  g_assert_no_error (found.error);
  g_assert_cmpuint (found.total, >, 100);
  g_assert_cmpuint (row_id (&found, 0), ==, 3000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fault_vfs_register ();
  add ("/history/life", test_life);
  add ("/history/unknown", test_unknown);
  add ("/history/texts", test_texts);
  add ("/history/filters", test_filters);
  add ("/history/pages", test_pages);
  add ("/history/many-names", test_many_names);
  add ("/history/wildcards", test_wildcards);
  add ("/history/short-texts", test_short_texts);
  add ("/history/hostile-texts", test_hostile_texts);
  add ("/history/removed", test_removed);
  add ("/history/reopen", test_reopen);
  g_test_add_func ("/history/none", test_none);
  add ("/history/days", test_days);
  add ("/history/size", test_size);
  return g_test_run ();
}
