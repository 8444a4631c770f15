/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The history in the client: its rows and trails in words, rules drafted from refusals, and the model against a
 * service that keeps one.
 */
#include "bed.h"
#include "model/history.h"
#include "model/message.h"

#include <string.h>

static GVariant *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (NULL, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

/* ---- words ---- */

static void
test_rows (void)
{
  static const struct
  {
    const char *cells, *title, *second;
  } rows[] = {
    { "{'Event': <'delivered'>, 'Sender': <'ann@a.example'>, 'RecipientCount': <uint32 1>,"
      " 'Recipients': <[{'Address': <'far@b.example'>}]>, 'Reply': <'250 ok'>}",
      "far@b.example", "From ann@a.example" },
    { "{'Event': <'delivered'>, 'Sender': <''>, 'RecipientCount': <uint32 1>,"
      " 'Recipients': <[{'Address': <'ann@a.example'>, 'Original': <'team@a.example'>}]>}",
      "team@a.example", "From the null sender" },
    { "{'Event': <'refused'>, 'Sender': <'x@y.example'>, 'RecipientCount': <uint32 3>, 'Check': <'relay'>}",
      "3 recipients", "From x@y.example. Relay access denied" },
    { "{'Event': <'refused'>, 'Client': <'192.0.2.7'>, 'Check': <'connections'>}",
      "Connection from 192.0.2.7", "Too many connections" },
    { "{'Event': <'deferred'>, 'Sender': <'a@b.example'>, 'RecipientCount': <uint32 2>,"
      " 'Reply': <'451 4.7.1 Greylisted'>}",
      "2 recipients", "From a@b.example. Greylisted, to be tried again later" },
    { "{}", "Connection from ", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GVariant) cells = parse (i + 1 < G_N_ELEMENTS (rows) ? rows[i].cells : "@a{sv} {}");
      g_autoptr (PbaMessage) message = pba_message_new (cells);

      g_assert_cmpstr (message->title, ==, rows[i].title);
      if (strstr (rows[i].second, "Greylisted") != NULL)
        g_assert_nonnull (strstr (message->second, "a@b.example. "));
      else
        g_assert_cmpstr (message->second, ==, rows[i].second);
    }
}

static void
assert_step (GPtrArray *steps, guint index, const char *title, const char *outcome, const char *second)
{
  PbaTrailStep *step;

  g_assert_cmpuint (index, <, steps->len);
  step = steps->pdata[index];
  g_assert_cmpstr (step->title, ==, title);
  g_assert_cmpstr (step->outcome, ==, outcome);
  g_assert_cmpstr (step->second, ==, second);
}

/* What passed is one step for each thing that was looked at; what did not has one each. */
static void
test_steps (void)
{
  g_autoptr (GVariant) lines = parse (
    "[{'Stage': <'connect'>, 'Check': <'blocks'>, 'Outcome': <'pass'>},"
    " {'Stage': <'connect'>, 'Check': <'connections'>, 'Outcome': <'pass'>, 'Evidence': <'1 at once'>},"
    " {'Stage': <'rcpt'>, 'Check': <'helo-fqdn'>, 'Outcome': <'exempt'>, 'Recipient': <'a@x.example'>},"
    " {'Stage': <'rcpt'>, 'Check': <'relay'>, 'Outcome': <'refused'>, 'Recipient': <'a@x.example'>,"
    "  'Reply': <'554 5.7.1 No'>, 'Evidence': <'not ours'>},"
    " {'Stage': <'rcpt'>, 'Check': <'relay'>, 'Outcome': <'pass'>, 'Recipient': <'b@x.example'>},"
    " {'Stage': <'rcpt'>, 'Check': <'spf'>, 'Outcome': <'watched'>, 'Recipient': <'b@x.example'>},"
    " {'Stage': <'queue'>, 'Check': <''>, 'Outcome': <'pass'>, 'Reply': <'250 2.0.0 queued'>},"
    " {'Stage': <'attempt'>, 'Outcome': <'deferred'>, 'Remote': <'mx[192.0.2.1]:25'>, 'Reply': <'451 later'>,"
    "  'Transcript': <'S: 220'>, 'Results': <[{'Recipient': <'b@x.example'>, 'Reply': <'451 later'>}]>}]");
  g_autoptr (GPtrArray) steps = pba_trail_steps_new (lines);

  assert_step (steps, 0, "Checks of the connection", "pass", "2 passed\n1 at once");
  assert_step (steps, 1, "Checks of a@x.example", "exempt", "1 does not bind this client");
  assert_step (steps, 2, "Relay access denied", "refused", "Refused: a@x.example\nnot ours\n554 5.7.1 No");
  assert_step (steps, 3, "Checks of b@x.example", "pass", "1 passed");
  assert_step (steps, 4, "SPF", "watched", "Would have been refused: b@x.example");
  assert_step (steps, 5, "Taken into the queue", "pass", "250 2.0.0 queued");
  assert_step (steps, 6, "Attempt to deliver to mx[192.0.2.1]:25", "deferred", "Deferred\n451 later");
  g_assert_cmpstr (((PbaTrailStep *) steps->pdata[6])->transcript, ==, "S: 220");
  g_assert_cmpuint (steps->len, ==, 7);
}

/* ---- rules ---- */

static void
test_rules (void)
{
  static const struct
  {
    const char *check, *client, *kind, *value, *skip;
  } rows[] = {
    { "dnsbl", "192.0.2.7", "ip", "192.0.2.7", "dnsbl" },
    { "spf", "2001:db8::7", "ip", "2001:db8::7", "spf" },
    { "spf", "local", "sender", "ann@a.example", "spf" },
    { "access-envelope", "192.0.2.7", "ip", "192.0.2.7", NULL },
    { "helo-fqdn", "192.0.2.7", "ip", "192.0.2.7", NULL },
    { "helo-fqdn", "local", NULL, NULL, NULL },
    { "relay", "192.0.2.7", NULL, NULL, NULL },
    { "recipient", "192.0.2.7", NULL, NULL, NULL },
    { "a check of the future", "192.0.2.7", NULL, NULL, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text =
        g_strdup_printf ("{'Client': <'%s'>, 'Sender': <'ann@a.example'>}", rows[i].client);
      g_autoptr (GVariant) cells = parse (text);
      g_autoptr (GVariant) rule = pba_message_draft_rule (cells, rows[i].check);
      g_autofree const char **skips = NULL;
      const char *kind, *value;

      g_assert_cmpint (rule != NULL, ==, rows[i].kind != NULL);
      if (rule == NULL)
        continue;
      g_assert_true (g_variant_lookup (rule, "Kind", "&s", &kind));
      g_assert_true (g_variant_lookup (rule, "Value", "&s", &value));
      g_assert_true (g_variant_lookup (rule, "Skip", "^a&s", &skips));
      g_assert_cmpstr (kind, ==, rows[i].kind);
      g_assert_cmpstr (value, ==, rows[i].value);
      g_assert_cmpstr (skips[0], ==, rows[i].skip);
    }
}

static void
test_verdicts (void)
{
  static const struct
  {
    const char *trail, *words;
  } rows[] = {
    { "[{'Check': <'relay'>, 'Outcome': <'pass'>}, {'Check': <'decision'>, 'Outcome': <'pass'>}]",
      "By today’s settings it would be accepted, as far as its envelope tells." },
    { "[{'Check': <'spf'>, 'Outcome': <'watched'>}, {'Check': <'relay'>, 'Outcome': <'refused'>},"
      " {'Check': <'decision'>, 'Outcome': <'refused'>}]",
      "By today’s settings it would be refused: Relay access denied." },
    { "[{'Check': <'decision'>, 'Outcome': <'discarded'>}]",
      "By today’s settings it would be discarded." },
    { "@aa{sv} []", "How it would be judged today cannot be found out now." },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GVariant) trail = parse (rows[i].trail);
      g_autofree char *words = pba_message_verdict_words (trail);

      g_assert_cmpstr (words, ==, rows[i].words);
    }
}

/* ---- the model ---- */

static gboolean
has_rows (gpointer data)
{
  return pba_list_model_get_loaded (data) && pba_list_model_get_total (data) > 0;
}

static gboolean
has_one (gpointer data)
{
  return pba_list_model_get_loaded (data) && pba_list_model_get_total (data) == 1;
}

static gboolean
has_state (gpointer data)
{
  g_autofree char *state = NULL;

  g_object_get (data, "state", &state, NULL);
  return g_str_equal (state, "behind");
}

static void
test_model (Bed *bed, gconstpointer mode)
{
  g_autoptr (PbaHistory) history = NULL;
  g_autoptr (GAsyncResult) answer = NULL;
  g_autoptr (GVariant) trail = NULL;
  g_autoptr (GError) error = NULL;
  PbaListModel *messages;
  g_autoptr (PbaListRow) row = NULL;

  bed_open (bed, PBA_CONNECTION_CONNECTED);
  history = pba_history_new (bed->connection);
  g_assert_true (pba_history_get_supported (history));
  messages = pba_history_get_messages (history);
  pba_history_set_watched (history, TRUE);
  row = g_list_model_get_item (G_LIST_MODEL (messages), 0);
  bed_wait (has_rows, messages, "the newest messages");
  g_assert_cmpuint (pba_list_model_get_total (messages), ==, 1200);
  pba_history_filter (history, "m77@", "refused", NULL);
  bed_wait (has_one, messages, "the one message");
  pba_history_trail_async (history, "M77", NULL, bed_result, &answer);
  bed_wait_result (&answer, "the trail");
  trail = pba_history_trail_finish (history, answer, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (trail), ==, 1);
  bed_wait (has_state, history, "the state");
  pba_history_set_watched (history, FALSE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/client/messages/rows", test_rows);
  g_test_add_func ("/client/messages/steps", test_steps);
  g_test_add_func ("/client/messages/rules", test_rules);
  g_test_add_func ("/client/messages/verdicts", test_verdicts);
  g_test_add ("/client/messages/model", Bed, NULL, bed_up, test_model, bed_down);
  return g_test_run ();
}
