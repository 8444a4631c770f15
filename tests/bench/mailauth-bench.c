/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mail authentication of a message costs: SPF, DKIM and DMARC of one after the other, by the table of
 * judgement, as a session has them done, over the real resolver with answers that it has cached; all on one
 * thread. And what a header of 100,000 fields costs. Prints `name figure`, times as the median of several
 * rounds. Called by mailauth.sh:
 *   mailauth-bench DNS-SERVER[:PORT] DOMAIN MESSAGE-FILE
 * The message is signed by DOMAIN, whose SPF record has 127.0.0.1.
 */
#include "policy/mail-checks.h"
#include "settings/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_ROUNDS   9
#define N_MESSAGES 1000 /* a round */
#define N_AT_ONCE  16
#define N_FIELDS   100000
#define CHUNK      4096 /* octets that are fed at once */

typedef struct
{
  PbSnapshot *snapshot; /* (owned) */
  PbMailbox *mailbox;   /* (owned) */
  PbDns dns;
  PbAddress sender;
  char *text; /* (owned) the message */
  gsize length;
  guint begun, done, passed; /* of a round */
  GMainLoop *loop;           /* (owned) */
} Bench;

/* One message. */
typedef struct
{
  Bench *bench;
  PbFacts facts;
  PbMailChecks *checks; /* (owned) */
  PbTrail *trail;       /* (owned) */
  PbPolicyRun *run;
  PbJudged judged;
} Mail;

static void begin_mail (Bench *bench);

static gboolean
has_passed (PbTrail *trail, const char *check)
{
  for (guint i = 0; i < pb_trail_length (trail); i++)
    if (g_str_equal (pb_trail_get (trail, i)->check, check)
        && pb_trail_get (trail, i)->outcome == PB_OUTCOME_PASS)
      return TRUE;
  return FALSE;
}

static void
on_ended (PbDecision *decision, gpointer user_data)
{
  Mail *mail = user_data;
  Bench *bench = mail->bench;

  bench->done++;
  bench->passed += decision->kind == PB_DECISION_ACCEPT && has_passed (mail->trail, "dmarc")
                   && has_passed (mail->trail, "dkim") && has_passed (mail->trail, "spf");
  pb_mail_checks_free (mail->checks);
  pb_facts_clear (&mail->facts);
  pb_trail_unref (mail->trail);
  g_free (mail);
  if (bench->begun < N_MESSAGES)
    begin_mail (bench);
  else if (bench->done == N_MESSAGES)
    g_main_loop_quit (bench->loop);
}

static void
judge_mail (Mail *mail, PbStage stage, PbPolicyDone done)
{
  g_auto (PbDecision) decision = { 0 };

  if (pb_policy_judge (stage, &mail->judged, mail->trail, &decision, done, mail, &mail->run))
    done (&decision, mail);
}

static void
on_rcpt (PbDecision *decision, gpointer user_data)
{
  Mail *mail = user_data;
  Bench *bench = mail->bench;
  guint n_rows;
  const PbPolicyRow *rows = pb_policy_rows (&n_rows);

  mail->checks = mail->judged.mail = pb_mail_checks_new (rows, n_rows, &mail->judged);
  for (gsize at = 0; at < bench->length; at += CHUNK)
    pb_mail_checks_feed (mail->checks, bench->text + at, MIN (CHUNK, bench->length - at));
  pb_mail_checks_end (mail->checks);
  judge_mail (mail, PB_STAGE_END_OF_DATA, on_ended);
}

static void
begin_mail (Bench *bench)
{
  Mail *mail = g_new0 (Mail, 1);
  static const PbAddress recipient = { .local = (char *) "ann", .domain = (char *) "local.example" };
  guint n_rows;
  const PbPolicyRow *rows = pb_policy_rows (&n_rows);

  bench->begun++;
  mail->bench = bench;
  mail->trail = pb_trail_new ();
  mail->judged = (PbJudged){
    .snapshot = bench->snapshot,
    .helo = "mail.example.org",
    .sender = &bench->sender,
    .recipient = &recipient,
    .now = 1700000000,
    .dns = &bench->dns,
    .facts = &mail->facts,
    .mailbox = bench->mailbox,
  };
  pb_ip_parse ("127.0.0.1", &mail->judged.ip);
  pb_policy_prefetch (rows, n_rows, PB_FACT_SPF, &mail->judged);
  judge_mail (mail, PB_STAGE_RCPT, on_rcpt);
}

static double
cpu_seconds (void)
{
  struct timespec used;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &used);
  return (double) used.tv_sec + (double) used.tv_nsec / 1e9;
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  double first = *(const double *) a, second = *(const double *) b;

  return (first > second) - (first < second);
}

static gboolean
on_start (gpointer data)
{
  for (guint i = 0; i < N_AT_ONCE; i++)
    begin_mail (data);
  return G_SOURCE_REMOVE;
}

/* Returns: messages a second of processor time, of all threads that work for it. */
static double
run_round (Bench *bench)
{
  double start = cpu_seconds ();

  bench->begun = bench->done = bench->passed = 0;
  g_idle_add (on_start, bench);
  g_main_loop_run (bench->loop);
  if (bench->passed != N_MESSAGES)
    {
      fprintf (stderr, "mailauth-bench: %u of %u passed\n", bench->passed, N_MESSAGES);
      exit (1);
    }
  return N_MESSAGES / (cpu_seconds () - start);
}

static void
on_header (PbAuthMessage *message, gpointer user_data)
{
  g_autofree char *domain = NULL;

  pb_author_find (message, &domain);
  pb_auth_message_body_hash (message, TRUE, -1);
}

/* @format: of a field, with its number. */
static void
measure_fields (const char *name, gboolean alike)
{
  g_autoptr (GString) text = g_string_new ("From: a@b.example\r\n");
  double rounds[N_ROUNDS];

  for (guint i = 0; i < N_FIELDS; i++)
    g_string_append_printf (text, "X-%u: %u\r\n", alike ? 0 : i, i);
  g_string_append (text, "\r\nbody\r\n");
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      double start = cpu_seconds ();
      g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header, NULL);

      for (gsize at = 0; at < text->len; at += CHUNK)
        pb_auth_message_feed (message, text->str + at, MIN (CHUNK, text->len - at));
      pb_auth_message_end (message);
      g_assert_false (pb_auth_message_is_cut (message));
      rounds[round] = (cpu_seconds () - start) * 1e3;
    }
  qsort (rounds, N_ROUNDS, sizeof rounds[0], compare_numbers);
  printf ("%s-ms %.1f\n", name, rounds[N_ROUNDS / 2]);
}

static void
set_policy (char **value)
{
  g_free (*value);
  *value = g_strdup ("enforce");
}

static PbSnapshot *
make_snapshot (void)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  set_policy ((char **) &values->mail_auth_spf_policy);
  set_policy ((char **) &values->mail_auth_dkim_policy);
  set_policy ((char **) &values->mail_auth_dmarc_policy);
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'local.example'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, NULL,
                               "{'Name': <'ann'>, 'Addresses': <['ann@local.example']>}");
  return pb_snapshot_builder_build (builder);
}

static void
measure_chain (const char *server, const char *domain, const char *file)
{
  const char *const servers[] = { server, NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (PbResolver) resolver = pb_resolver_new (servers, NULL, &error);
  g_autofree char *address = g_strconcat ("a@", domain, NULL);
  Bench bench = { .sender = { .local = (char *) "a", .domain = (char *) domain, .text = address } };
  double rounds[N_ROUNDS];
  GSource *source;

  if (resolver == NULL || !g_file_get_contents (file, &bench.text, &bench.length, &error))
    {
      fprintf (stderr, "mailauth-bench: %s\n", error->message);
      exit (1);
    }
  bench.snapshot = make_snapshot ();
  bench.mailbox = pb_mailbox_new ();
  bench.loop = g_main_loop_new (NULL, FALSE);
  source = pb_mailbox_attach (bench.mailbox, NULL);
  pb_dns_init_resolver (&bench.dns, resolver);
  run_round (&bench);
  for (guint round = 0; round < N_ROUNDS; round++)
    rounds[round] = run_round (&bench);
  qsort (rounds, N_ROUNDS, sizeof rounds[0], compare_numbers);
  printf ("message-octets %" G_GSIZE_FORMAT "\n", bench.length);
  printf ("messages-a-second %.0f\n", rounds[N_ROUNDS / 2]);
  g_source_destroy (source);
  g_source_unref (source);
  pb_mailbox_unref (bench.mailbox);
  g_main_loop_unref (bench.loop);
  pb_snapshot_unref (bench.snapshot);
  g_free (bench.text);
}

int
main (int argc, char **argv)
{
  if (argc != 4)
    {
      fprintf (stderr, "usage: mailauth-bench DNS-SERVER[:PORT] DOMAIN MESSAGE-FILE\n");
      return 2;
    }
  measure_fields ("header-of-100000-fields-alike", TRUE);
  measure_fields ("header-of-100000-fields-all-different", FALSE);
  measure_chain (argv[1], argv[2], argv[3]);
  return 0;
}
