/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole queue over real stores: ways through, deferrals, notices, recovery, changed settings. */
#include "queue-fixture.h"
#include "queue/queue-private.h"
#include "store/store-private.h"

#define SCRIPT(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SERVER(name, ...)                                                                          \
  const char *const *const scripts_[] = { __VA_ARGS__ };                                           \
  g_autoptr (PbScriptServer) name = pb_script_server_new (scripts_, G_N_ELEMENTS (scripts_))

static void
assert_contains (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("no \"%s\" in:\n%s", part, text);
}

static void
test_local (Fixture *self, gconstpointer data)
{
  g_autofree char *text = NULL;

  pb_queue_start (self->queue);
  send_message (self, "s@far.example", "anna@example.org");
  text = wait_mail (self, self->anna, 1);
  assert_contains (
    text, "Return-Path: <s@far.example>\nDelivered-To: anna@example.org\nFrom: s@example.org\n");
  wait_until (self, is_store_empty, NULL);
}

/* Recipients of one message go their ways: two mailboxes, the relay, and nowhere. */
static void
test_all_ways (Fixture *self, gconstpointer data)
{
  g_autofree char *bob = NULL, *dsn = NULL;
  SERVER (server, SCRIPT ("G:PIPELINING", "C:MAIL FROM:<anna@example.org>",
                          "C:RCPT TO:<x@far.example>", "C:RCPT TO:<y@other.example>", "C:DATA",
                          "S:250 ok", "S:250 ok", "S:250 ok", "S:354 go", "B", "S:250 ok"));

  use_relay (self, server);
  pb_queue_start (self->queue);
  send_message (self, "anna@example.org",
                "x@far.example bob@example.org y@other.example nobody@example.org");
  bob = wait_mail (self, self->bob, 1);
  dsn = wait_mail (self, self->anna, 1);
  assert_contains (dsn, "Return-Path: <>\n");
  assert_contains (dsn, "nobody@example.org");
  assert_contains (dsn, "Status: 5.1.1");
  g_assert_null (strstr (dsn, "x@far.example"));
  wait_until (self, is_store_empty, NULL);
  g_assert_cmpstr (pb_script_server_body (server, 0), ==, MESSAGE);
  pb_script_server_finish (server);
}

static void
test_alias (Fixture *self, gconstpointer data)
{
  g_autofree char *row = add_row (
    self, PB_LIST_ALIASES,
    "{'Address': <'team@example.org'>, 'Targets': <['anna@example.org', 'bob@example.org']>}");
  g_autofree char *anna = NULL, *bob = NULL, *twice = NULL;

  g_assert_nonnull (row);
  pb_queue_start (self->queue);
  send_message (self, "s@far.example", "team@example.org anna@example.org");
  anna = wait_mail (self, self->anna, 1);
  bob = wait_mail (self, self->bob, 1);
  wait_until (self, is_store_empty, NULL);
  twice = mailbox_file (self, self->anna, 1);
  g_assert_null (twice);
}

/* A refusal comes back to the sender with the other side's words. */
static void
test_bounce (Fixture *self, gconstpointer data)
{
  g_autofree char *dsn = NULL;
  SERVER (server, SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok",
                          "S:550 5.1.1 no such user", "S:503 no"));

  use_relay (self, server);
  pb_queue_start (self->queue);
  send_message (self, "anna@example.org", "x@far.example");
  dsn = wait_mail (self, self->anna, 1);
  assert_contains (dsn, "From: ");
  assert_contains (dsn, "@mail.example.org");
  assert_contains (dsn, "Content-Type: multipart/report");
  assert_contains (dsn, "Action: failed");
  assert_contains (dsn, "Final-Recipient: rfc822; x@far.example");
  assert_contains (dsn, "550 5.1.1 no such user");
  assert_contains (dsn, "Remote-MTA: dns; [127.0.0.1]");
  assert_contains (dsn, "Subject: the subject");
  wait_until (self, is_store_empty, NULL);
}

/* Mail with UTF-8 addresses cannot pass a relay without SMTPUTF8, but the notice to a sender in plain ASCII can. */
static void
test_bounce_past_ascii_relay (Fixture *self, gconstpointer data)
{
  PbEnvelope *envelope;
  SERVER (server, SCRIPT ("G:PIPELINING", "C:MAIL FROM:<>", "C:RCPT TO:<s@far.example>", "C:DATA",
                          "S:250 ok", "S:250 ok", "S:354 go", "B", "S:250 ok"));

  use_relay (self, server);
  pb_queue_start (self->queue);
  envelope = make_envelope (self, "s@far.example", "j\303\274rgen@far.example");
  envelope->flags |= PB_ENVELOPE_SMTPUTF8;
  submit (self, envelope);
  wait_until (self, is_store_empty, NULL);
  assert_contains (pb_script_server_body (server, 0), "5.6.7");
  pb_script_server_finish (server);
}

/* Nobody hears of a failed notice, or of a failure that was not to be told; both end all the same. */
static void
test_silent_failures (Fixture *self, gconstpointer data)
{
  PbEnvelope *envelope;
  g_autofree char *none = NULL;

  pb_queue_start (self->queue);
  send_message (self, "", "nobody@example.org");
  envelope = make_envelope (self, "anna@example.org", "nobody@example.org");
  envelope->recipients[0].notify = PB_NOTIFY_NEVER;
  submit (self, envelope);
  send_message (self, "ghost@example.org", "nobody@example.org");
  wait_until (self, is_store_empty, NULL);
  wait_until (self, is_idle, NULL);
  none = mailbox_file (self, self->anna, 0);
  g_assert_null (none);
}

/* Relay mode without a relay host waits; setting one sends it on its way at once. */
static void
test_nowhere (Fixture *self, gconstpointer data)
{
  SERVER (server, SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok", "S:250 ok",
                          "S:354 go", "B", "S:250 ok"));

  apply (self, "{'Queueing': {'MinBackoff': <uint32 600>, 'MaxBackoff': <uint32 4000>}}");
  pb_queue_start (self->queue);
  send_message (self, "anna@example.org", "x@far.example");
  wait_until (self, is_deferred, GUINT_TO_POINTER (1));
  use_relay (self, server);
  wait_until (self, is_store_empty, NULL);
  g_assert_cmpuint (pb_script_server_n_bodies (server), ==, 1);
}

/* 4xx, a closed connection, and then success; the body comes from the store for the later attempts. */
static void
test_retry (Fixture *self, gconstpointer data)
{
  SERVER (server,
          SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok", "S:450 4.2.0 later",
                  "S:503 no", "C:RSET", "C:MAIL"),
          SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok", "S:250 ok", "S:354 go",
                  "B"),
          SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok", "S:250 ok", "S:354 go",
                  "B", "S:250 ok"));

  use_relay (self, server);
  pb_queue_start (self->queue);
  send_message (self, "anna@example.org", "x@far.example");
  wait_until (self, is_store_empty, NULL);
  g_assert_cmpuint (pb_script_server_n_bodies (server), ==, 2);
  g_assert_cmpstr (pb_script_server_body (server, 1), ==, MESSAGE);
}

/* At the end of its life the mail comes back with what was said last. */
static void
test_expiry (Fixture *self, gconstpointer data)
{
  g_autofree char *dsn = NULL;

  apply (self, "{'Queueing': {'Lifetime': <uint32 0>}}");
  pb_queue_start (self->queue);
  send_message (self, "anna@example.org", "x@far.example");
  dsn = wait_mail (self, self->anna, 1);
  assert_contains (dsn, "Action: failed");
  assert_contains (dsn, "Status: 4.4.7");
  wait_until (self, is_store_empty, NULL);
}

/* Old mail that waits on is told once, and goes on waiting over further attempts. */
static void
test_delay_warning (Fixture *self, gconstpointer data)
{
  PbEnvelope *envelope = make_envelope (self, "anna@example.org", "x@far.example");
  g_autofree char *dsn = NULL, *second = NULL;
  g_autoptr (PbScriptServer) late = NULL;
  static const char *const script[] = { "G:PIPELINING", "C:MAIL",
                                        "C:RCPT",       "C:DATA",
                                        "S:250 ok",     "S:450 4.2.0 later",
                                        "S:503 no",     "C:RSET",
                                        "C:MAIL",       "C:RCPT",
                                        "C:DATA",       "S:250 ok",
                                        "S:250 ok",     "S:450 4.2.0 later",
                                        "S:503 no",     "C:RSET",
                                        "C:MAIL",       "C:RCPT",
                                        "C:DATA",       "S:250 ok",
                                        "S:250 ok",     "S:250 ok",
                                        "S:354 go",     "B",
                                        "S:250 ok",     NULL };
  static const char *const *const scripts[] = { script };

  late = pb_script_server_new (scripts, 1);
  use_relay (self, late);
  envelope->arrival -= (gint64) 20000 * G_USEC_PER_SEC;
  pb_queue_start (self->queue);
  submit (self, envelope);
  dsn = wait_mail (self, self->anna, 1);
  assert_contains (dsn, "Action: delayed");
  assert_contains (dsn, "Will-Retry-Until: ");
  assert_contains (dsn, "Status: 4.2.0");
  wait_until (self, is_store_empty, NULL);
  g_assert_cmpuint (pb_script_server_n_bodies (late), ==, 1);
  second = mailbox_file (self, self->anna, 1);
  g_assert_null (second);
}

static void
test_success_notice (Fixture *self, gconstpointer data)
{
  PbEnvelope *envelope = make_envelope (self, "anna@example.org", "bob@example.org");
  g_autofree char *dsn = NULL;

  envelope->recipients[0].notify = PB_NOTIFY_SUCCESS;
  pb_queue_start (self->queue);
  submit (self, envelope);
  dsn = wait_mail (self, self->anna, 1);
  assert_contains (dsn, "Action: delivered");
  wait_until (self, is_store_empty, NULL);
}

/* What was taken before the queue ran, or by one that ended, is delivered after a start. */
static void
test_recovery (Fixture *self, gconstpointer data)
{
  g_autofree char *first = NULL, *second = NULL;

  send_message (self, "s@far.example", "anna@example.org");
  stop_queue (self);
  make_queue (self);
  pb_queue_start (self->queue);
  first = wait_mail (self, self->anna, 1);
  wait_until (self, is_store_empty, NULL);
  pb_queue_stop (self->queue);
  send_message (self, "s@far.example", "anna@example.org");
  stop_queue (self);
  make_queue (self);
  pb_queue_start (self->queue);
  second = wait_mail (self, self->anna, 2);
  wait_until (self, is_store_empty, NULL);
}

/* An address that became an alias while its mail waited. */
static void
test_forward (Fixture *self, gconstpointer data)
{
  g_autofree char *row = NULL, *text = NULL, *none = NULL;

  send_message (self, "s@far.example", "anna@example.org");
  row = add_row (self, PB_LIST_ALIASES,
                 "{'Address': <'anna@example.org'>, 'Targets': <['bob@example.org']>}");
  pb_queue_start (self->queue);
  text = wait_mail (self, self->bob, 1);
  assert_contains (text, "Return-Path: <s@far.example>\nDelivered-To: bob@example.org\n");
  wait_until (self, is_store_empty, NULL);
  none = mailbox_file (self, self->anna, 0);
  g_assert_null (none);
}

/* More recipients than memory holds: the rest waits in the store and follows, here into its end. */
static void
test_overflow (Fixture *self, gconstpointer data)
{
  g_autofree char *row = NULL;
  PbQueueCounts counts;

  pb_queue_start (self->queue);
  for (guint i = 0; i < 3; i++)
    {
      PbEnvelope *envelope = make_envelope (self, "", "r@far.example");

      g_free (envelope->recipients[0].address);
      g_free (envelope->recipients);
      envelope->n_recipients = PB_QUEUE_MAX_HELD / 2;
      envelope->recipients = g_new0 (PbRecipient, envelope->n_recipients);
      for (guint j = 0; j < envelope->n_recipients; j++)
        envelope->recipients[j].address = g_strdup_printf ("r%u@far.example", j);
      submit (self, envelope);
    }
  wait_until (self, is_deferred, GUINT_TO_POINTER (2));
  get_counts (self, &counts);
  g_assert_cmpuint (counts.active, ==, 1);
  row = add_row (self, PB_LIST_LOCAL_DOMAINS, "{'Name': <'far.example'>}");
  wait_until (self, is_store_empty, NULL);
}

/* A destination that does not answer keeps none of the others waiting, and its mail is released to the store. */
static void
test_dead_relay (Fixture *self, gconstpointer data)
{
  g_autofree char *text = NULL;

  apply (
    self,
    "{'Delivery': {'RelayServer': <'127.0.0.1'>, 'RelayPort': <uint32 1>}, 'Queueing': {'MinBackoff': <uint32 600>, 'MaxBackoff': <uint32 4000>}}");
  pb_queue_start (self->queue);
  for (guint i = 0; i < 20; i++)
    send_message (self, "s@far.example", "x@far.example");
  wait_until (self, is_deferred, GUINT_TO_POINTER (20));
  send_message (self, "s@far.example", "anna@example.org");
  text = wait_mail (self, self->anna, 1);
  send_message (self, "s@far.example", "x@far.example");
  wait_until (self, is_deferred, GUINT_TO_POINTER (21));
}

/* What was never tried, since its destination rests, is woken like the rest, though others submit at that moment. */
static void
test_untried_is_woken (Fixture *self, gconstpointer data)
{
  SERVER (server, SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok", "S:250 ok", "S:354 go", "B",
                          "S:250 ok", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok", "S:250 ok", "S:354 go", "B",
                          "S:250 ok"));

  apply (self, "{'Delivery': {'RelayServer': <'127.0.0.1'>, 'RelayPort': <uint32 1>}, 'Queueing': {'MinBackoff': "
               "<uint32 600>, 'MaxBackoff': <uint32 4000>, 'MaxConnectionsPerDestination': <uint32 1>}}");
  pb_queue_start (self->queue);
  send_message (self, "s@far.example", "x@far.example");
  wait_until (self, is_deferred, GUINT_TO_POINTER (1));
  send_message (self, "s@far.example", "x@far.example");
  wait_until (self, is_deferred, GUINT_TO_POINTER (2));
  /* Somebody's message is on its way to the disk. */
  g_atomic_int_inc (&self->queue->n_submitting);
  use_relay (self, server);
  wait_until (self, is_store_empty, NULL);
  g_atomic_int_add (&self->queue->n_submitting, -1);
  g_assert_cmpuint (pb_script_server_n_bodies (server), ==, 2);
}

typedef struct
{
  gboolean called;
  GPtrArray *queued;
} Page;

static void
on_paged (GPtrArray *queued, guint total, const GError *error, gpointer user_data)
{
  Page *page = user_data;

  g_assert_no_error (error);
  page->queued = queued;
  page->called = TRUE;
}

static gboolean
is_paged (Fixture *self, gpointer data)
{
  return ((Page *) data)->called;
}

/* How many messages have a recipient of whom this was said last. */
static guint
count_last_replies (Fixture *self, const char *start)
{
  Page page = { FALSE, NULL };
  guint n = 0;

  pb_store_page (self->store, NULL, 0, 100, self->mailbox, on_paged, &page);
  wait_until (self, is_paged, &page);
  for (guint i = 0; i < page.queued->len; i++)
    {
      const PbQueued *queued = page.queued->pdata[i];

      n += queued->n_statuses > 0 && queued->statuses[0].last_reply != NULL
           && g_str_has_prefix (queued->statuses[0].last_reply, start);
    }
  g_ptr_array_unref (page.queued);
  return n;
}

typedef struct
{
  const char *start;
  guint n;
} Replies;

static gboolean
has_replies (Fixture *self, gpointer data)
{
  Replies *wanted = data;

  return count_last_replies (self, wanted->start) == wanted->n;
}

/* Mail that is not even tried, since its destination rests, keeps what was said of it before. */
static void
test_last_reply_is_kept (Fixture *self, gconstpointer data)
{
  enum
  {
    MESSAGES = 10
  };
  const char *script[1 + MESSAGES * 8] = { "G:PIPELINING" };
  const char *const *scripts[] = { script, script, script, script };
  g_autoptr (PbScriptServer) server = NULL;
  Replies later = { "450 4.2.0 later", MESSAGES };
  static const char *const one[] = {
    "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok", "S:450 4.2.0 later", "S:503 no", "C:RSET", "S:250 ok"
  };

  for (guint i = 0; i < MESSAGES; i++)
    memcpy (script + 1 + i * 8, one, sizeof one);
  script[1 + MESSAGES * 8 - 2] = NULL;
  server = pb_script_server_new (scripts, G_N_ELEMENTS (scripts));
  apply (self, "{'Queueing': {'MinBackoff': <uint32 600>, 'MaxBackoff': <uint32 4000>, "
               "'MaxConnectionsPerDestination': <uint32 1>}}");
  use_relay (self, server);
  pb_queue_start (self->queue);
  for (guint i = 0; i < MESSAGES; i++)
    send_message (self, "s@far.example", "x@far.example");
  wait_until (self, has_replies, &later);
  apply (self, "{'Delivery': {'RelayPort': <uint32 1>}}");
  later = (Replies){ "4.4.1 ", 4 };
  wait_until (self, has_replies, &later);
  wait_until (self, is_idle, NULL);
  g_assert_cmpuint (count_last_replies (self, "450 4.2.0 later"), ==, MESSAGES - 4);
}

/* Many large aliases in one message: it keeps a size that the store can read back, and nobody is left out. */
static void
test_many_targets (void)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  g_autoptr (PbSnapshot) snapshot = NULL;
  g_autoptr (PbEnvelope) envelope = pb_envelope_new (1);
  const guint n_aliases = 30, n_targets = 1000;
  guint n_kept = 0;

  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'example.org'>}");
  envelope->sender = g_strdup ("s@far.example");
  envelope->n_recipients = n_aliases;
  envelope->recipients = g_new0 (PbRecipient, n_aliases);
  for (guint i = 0; i < n_aliases; i++)
    {
      g_autoptr (GString) row = g_string_new (NULL);

      g_string_append_printf (row, "{'Address': <'team%u@example.org'>, 'Targets': <[", i);
      for (guint j = 0; j < n_targets; j++)
        g_string_append_printf (row, "%s'x%u.%u@far.example'", j > 0 ? ", " : "", i, j);
      g_string_append (row, "]>}");
      pb_snapshot_builder_add_row (builder, PB_LIST_ALIASES, NULL, row->str);
      envelope->recipients[i].address = g_strdup_printf ("team%u@example.org", i);
    }
  snapshot = pb_snapshot_builder_build (builder);
  pb_queue_expand (envelope, snapshot);
  for (guint i = 0; i < envelope->n_recipients; i++)
    n_kept += g_str_has_prefix (envelope->recipients[i].address, "team");
  g_assert_cmpuint (n_kept, ==, 10);
  g_assert_cmpuint (envelope->n_recipients, ==, 20 * n_targets + n_kept);
}

/* @rows: "address notify,address notify" of one message. Returns: likewise, after expansion. */
static char *
expand (const PbSnapshot *snapshot, const char *rows, PbEnvelopeFlags *flags)
{
  g_autoptr (PbEnvelope) envelope = pb_envelope_new (1);
  g_auto (GStrv) parts = g_strsplit (rows, ",", -1);
  g_autoptr (GString) got = g_string_new (NULL);

  envelope->flags = *flags;
  envelope->n_recipients = g_strv_length (parts);
  envelope->recipients = g_new0 (PbRecipient, envelope->n_recipients);
  for (guint i = 0; parts[i] != NULL; i++)
    {
      char *blank = strchr (parts[i], ' ');

      envelope->recipients[i].address = g_strndup (parts[i], (gsize) (blank - parts[i]));
      envelope->recipients[i].notify = (PbNotify) atoi (blank + 1);
    }
  pb_queue_expand (envelope, snapshot);
  for (guint i = 0; i < envelope->n_recipients; i++)
    g_string_append_printf (got, "%s%s %u", i > 0 ? "," : "", envelope->recipients[i].address,
                            (guint) envelope->recipients[i].notify);
  *flags = envelope->flags;
  return g_string_free (g_steal_pointer (&got), FALSE);
}

/* Who gets copies, once, and that a wish for no notices (1) never stands beside another (4: of failures). */
static void
test_copies (void)
{
  static const struct
  {
    const char *rows, *expanded;
    PbEnvelopeFlags flags, then;
  } cases[] = {
    { "anna@example.org 0", "anna@example.org 0", 0, 0 },
    { "postmaster@example.org 4", "postmaster@example.org 4,pm@far.example 1,boss@far.example 1", 0,
      PB_ENVELOPE_COPIED },
    { "postmaster@example.org 0,mailer-daemon@example.org 0",
      "postmaster@example.org 0,mailer-daemon@example.org 0,pm@far.example 1,boss@far.example 1", 0,
      PB_ENVELOPE_COPIED },
    { "PM@far.example 0,postmaster@example.org 0",
      "PM@far.example 0,postmaster@example.org 0,boss@far.example 1", 0, PB_ENVELOPE_COPIED },
    { "postmaster@example.org 0", "postmaster@example.org 0", PB_ENVELOPE_COPIED,
      PB_ENVELOPE_COPIED },
    { "postmaster@far.example 0", "postmaster@far.example 0", 0, 0 },
    /* The alias leads to one who gets a copy too. */
    { "boss@example.org 4,postmaster@example.org 0",
      "boss@far.example 4,postmaster@example.org 0,pm@far.example 1", 0, PB_ENVELOPE_COPIED },
    { "boss@example.org 1,postmaster@example.org 0",
      "boss@far.example 1,postmaster@example.org 0,pm@far.example 1", 0, PB_ENVELOPE_COPIED },
    { "boss@example.org 0,postmaster@example.org 0",
      "boss@far.example 0,postmaster@example.org 0,pm@far.example 1", 0, PB_ENVELOPE_COPIED },
  };
  static char *external[] = { (char *) "pm@far.example", (char *) "boss@far.example", NULL };
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);
  g_autoptr (PbSnapshot) snapshot = NULL;

  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'example.org'>}");
  pb_snapshot_builder_add_row (
    builder, PB_LIST_ALIASES, NULL,
    "{'Address': <'boss@example.org'>, 'Targets': <['boss@far.example']>}");
  g_strfreev (values->general_external_postmasters);
  values->general_external_postmasters = g_strdupv (external);
  snapshot = pb_snapshot_builder_build (builder);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      PbEnvelopeFlags flags = cases[i].flags;
      g_autofree char *expanded = expand (snapshot, cases[i].rows, &flags);

      g_assert_cmpstr (expanded, ==, cases[i].expanded);
      g_assert_cmpuint (flags, ==, cases[i].then);
    }
}

/* What cannot be marked must not be delivered: it would be again after the next start. */
static void
test_failed_store (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) broken = g_error_new (PB_STORE_ERROR, PB_STORE_ERROR_FAILED, "made so");
  SERVER (server, SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:DATA", "S:250 ok", "S:250 ok",
                          "S:354 go", "B", "S:250 ok"));

  apply (self, "{'Delivery': {'RelayServer': <'127.0.0.1'>, 'RelayPort': <uint32 1>}}");
  pb_queue_start (self->queue);
  send_message (self, "s@far.example", "x@far.example");
  wait_until (self, is_deferred, GUINT_TO_POINTER (1));
  pb_log_set_threshold ((PbLogLevel) -1);
  pb_store_fail (self->store, broken);
  use_relay (self, server);
  g_assert_true (pb_queue_is_idle (self->queue));
  for (guint i = 0; i < 5; i++)
    apply (self, i % 2 != 0 ? "{'Queueing': {'Lifetime': <uint32 5000>}}"
                            : "{'Queueing': {'Lifetime': <uint32 6000>}}");
  g_assert_cmpuint (pb_script_server_n_bodies (server), ==, 0);
  pb_log_set_threshold (PB_LOG_ERROR);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/queue/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("local", test_local);
  ADD ("all-ways", test_all_ways);
  ADD ("alias", test_alias);
  ADD ("bounce", test_bounce);
  ADD ("bounce-past-ascii-relay", test_bounce_past_ascii_relay);
  ADD ("silent-failures", test_silent_failures);
  ADD ("nowhere", test_nowhere);
  ADD ("retry", test_retry);
  ADD ("expiry", test_expiry);
  ADD ("delay-warning", test_delay_warning);
  ADD ("success-notice", test_success_notice);
  ADD ("recovery", test_recovery);
  ADD ("forward", test_forward);
  ADD ("overflow", test_overflow);
  ADD ("dead-relay", test_dead_relay);
  ADD ("untried-is-woken", test_untried_is_woken);
  ADD ("failed-store", test_failed_store);
  ADD ("last-reply-is-kept", test_last_reply_is_kept);
#undef ADD
  g_test_add_func ("/queue/many-targets", test_many_targets);
  g_test_add_func ("/queue/copies", test_copies);
  return g_test_run ();
}
