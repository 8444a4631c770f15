/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts of the DNS, answered by the test: what each answer makes of them, in which order they come, and who is gone by then. */
#include "net/dns-answer.h"
#include "policy/policy.h"
#include "settings/registry.h"
#include <string.h>

/* ---- a DNS that the test answers ---- */

typedef struct
{
  char *name; /* (owned) */
  PbDnsType type;
  PbDnsFunc func;
  gpointer user_data;
} Query;

static GPtrArray *queries; /* (element-type Query) not answered yet */

static void
query_free (gpointer data)
{
  g_free (((Query *) data)->name);
  g_free (data);
}

static void
ask (const char *name, PbDnsType type, guint timeout, PbMailbox *reply_to, PbDnsFunc func,
     gpointer user_data, gpointer source)
{
  Query *query = g_new0 (Query, 1);

  g_assert_cmpuint (timeout, >, 0);
  g_assert_cmpuint (timeout, <=, 5);
  query->name = g_strdup (name);
  query->type = type;
  query->func = func;
  query->user_data = user_data;
  g_ptr_array_add (queries, query);
}

static const PbDns dns = { .query = ask };

/* Answers the question for @name and @type, which must have been asked. @answer: (transfer full). */
static void
answer (const char *name, PbDnsType type, PbDnsAnswer *given)
{
  g_autoptr (PbDnsAnswer) owned = given;

  for (guint i = 0; i < queries->len; i++)
    {
      Query *query = queries->pdata[i];

      if (query->type != type || !g_str_equal (query->name, name))
        continue;
      g_ptr_array_steal_index (queries, i);
      query->func (owned, query->user_data);
      query_free (query);
      return;
    }
  g_error ("nobody asked for %s", name);
}

static PbDnsAnswer *
status (PbDnsStatus of)
{
  return pb_dns_answer_new (of, of == PB_DNS_TROUBLE ? "no answer in time" : NULL);
}

static PbDnsAnswer *
hosts (const char *ip)
{
  PbDnsAnswer *self = status (PB_DNS_OK);

  self->addresses = g_new0 (PbIp, 1);
  self->n_addresses = 1;
  g_assert_true (pb_ip_parse (ip, self->addresses));
  return self;
}

static PbDnsAnswer *
mx (const char *exchange)
{
  PbDnsAnswer *self = status (PB_DNS_OK);

  self->mx = g_new0 (PbMx, 1);
  self->n_mx = 1;
  self->mx->exchange = g_strdup (exchange);
  return self;
}

static PbDnsAnswer *
names (guint n)
{
  PbDnsAnswer *self = status (PB_DNS_OK);

  self->names = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    self->names[i] = g_strdup_printf ("n%u.example", i);
  return self;
}

static void
on_found (gpointer user_data)
{
  ++*(guint *) user_data;
}

/* ---- domains ---- */

static void
test_domain (void)
{
  static const struct
  {
    PbDnsStatus mx, host;
    const char *exchange; /* of an MX that is there */
    PbFactState state;
  } cases[] = {
    { PB_DNS_OK, PB_DNS_OK, "mx.example", PB_FACT_YES },
    { PB_DNS_OK, PB_DNS_OK, "", PB_FACT_NULL_MX },
    { PB_DNS_NXDOMAIN, PB_DNS_OK, NULL, PB_FACT_NO },
    { PB_DNS_NODATA, PB_DNS_OK, NULL, PB_FACT_YES },
    { PB_DNS_NODATA, PB_DNS_NODATA, NULL, PB_FACT_NO },
    { PB_DNS_NODATA, PB_DNS_NXDOMAIN, NULL, PB_FACT_NO },
    { PB_DNS_NODATA, PB_DNS_TROUBLE, NULL, PB_FACT_TROUBLE },
    { PB_DNS_TROUBLE, PB_DNS_OK, NULL, PB_FACT_YES },
    { PB_DNS_TROUBLE, PB_DNS_NODATA, NULL, PB_FACT_TROUBLE },
    { PB_DNS_TROUBLE, PB_DNS_TROUBLE, NULL, PB_FACT_TROUBLE },
  };
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PbFact) fact = pb_fact_new_domain (&dns, "a.example", mailbox);
      guint found = 0;

      g_assert_cmpint (pb_fact_state (fact), ==, PB_FACT_WAITING);
      pb_fact_wait (fact, on_found, &found);
      pb_fact_wait (fact, on_found, &found);
      answer ("a.example", PB_DNS_MX,
              cases[i].mx == PB_DNS_OK ? mx (cases[i].exchange) : status (cases[i].mx));
      if (pb_fact_state (fact) == PB_FACT_WAITING)
        answer ("a.example", PB_DNS_HOST,
                cases[i].host == PB_DNS_OK ? hosts ("192.0.2.1") : status (cases[i].host));
      g_assert_cmpint (pb_fact_state (fact), ==, cases[i].state);
      g_assert_nonnull (pb_fact_evidence (fact));
      g_assert_cmpuint (found, ==, 2);
      g_assert_cmpuint (queries->len, ==, 0);
    }
}

/* What cannot be a name is not asked about; without anybody to ask it is trouble. */
static void
test_impossible (void)
{
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();
  g_autofree char *label = g_strnfill (64, 'a');
  g_autofree char *labels = g_strnfill (63, 'a');
  g_autofree char *name = g_strconcat (labels, ".", labels, ".", labels, ".", labels, NULL);
  const char *const impossible[] = { "", ".", "a..b", ".a", label, name };

  for (guint i = 0; i < G_N_ELEMENTS (impossible); i++)
    {
      g_autoptr (PbFact) fact = pb_fact_new_domain (&dns, impossible[i], mailbox);

      g_assert_cmpint (pb_fact_state (fact), ==, PB_FACT_NO);
    }
  g_autoptr (PbFact) nobody = pb_fact_new_domain (NULL, "a.example", mailbox);
  g_assert_cmpint (pb_fact_state (nobody), ==, PB_FACT_TROUBLE);
  g_assert_cmpuint (queries->len, ==, 0);
}

/* ---- clients ---- */

static PbFact *
begin_client (PbMailbox *mailbox, const char *text)
{
  PbIp ip;

  g_assert_true (pb_ip_parse (text, &ip));
  return pb_fact_new_client (&dns, &ip, mailbox);
}

#define REVERSE     "7.2.0.192.in-addr.arpa"
#define REVERSE_SIX "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"

static void
test_client (void)
{
  static const struct
  {
    PbDnsStatus ptr;
    guint n_names;
    const char *last; /* (nullable) address of the last name; NULL: trouble */
    PbFactState state;
    guint asked;
  } cases[] = {
    { PB_DNS_NXDOMAIN, 0, NULL, PB_FACT_NO, 0 },
    { PB_DNS_NODATA, 0, NULL, PB_FACT_NO, 0 },
    { PB_DNS_TROUBLE, 0, NULL, PB_FACT_TROUBLE, 0 },
    { PB_DNS_OK, 1, "192.0.2.7", PB_FACT_YES, 1 },
    { PB_DNS_OK, 1, "192.0.2.8", PB_FACT_NO, 1 },
    { PB_DNS_OK, 1, NULL, PB_FACT_TROUBLE, 1 },
    { PB_DNS_OK, 10, "192.0.2.7", PB_FACT_YES, 10 },
    { PB_DNS_OK, 11, "192.0.2.8", PB_FACT_NO, 10 },
  };
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PbFact) fact = begin_client (mailbox, "192.0.2.7");

      answer (REVERSE, PB_DNS_PTR, cases[i].n_names > 0 ? names (cases[i].n_names) : status (cases[i].ptr));
      g_assert_cmpuint (queries->len, ==, cases[i].asked);
      for (guint j = 0; j < cases[i].asked; j++)
        {
          g_autofree char *name = g_strdup_printf ("n%u.example", j);
          const char *ip = j + 1 == cases[i].asked ? cases[i].last : "192.0.2.99";

          g_assert_cmpint (pb_fact_state (fact), ==, PB_FACT_WAITING);
          answer (name, PB_DNS_HOST, ip != NULL ? hosts (ip) : status (PB_DNS_TROUBLE));
        }
      g_assert_cmpint (pb_fact_state (fact), ==, cases[i].state);
    }
}

/* One that leads back settles it; what comes later changes nothing. */
static void
test_client_early (void)
{
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();
  g_autoptr (PbFact) fact = begin_client (mailbox, "2001:db8::1");

  answer (REVERSE_SIX, PB_DNS_PTR, names (3));
  answer ("n1.example", PB_DNS_HOST, hosts ("2001:db8::1"));
  g_assert_cmpint (pb_fact_state (fact), ==, PB_FACT_YES);
  answer ("n0.example", PB_DNS_HOST, status (PB_DNS_TROUBLE));
  answer ("n2.example", PB_DNS_HOST, status (PB_DNS_NXDOMAIN));
  g_assert_cmpint (pb_fact_state (fact), ==, PB_FACT_YES);
}

/* The session is gone when the answer comes: whoever waits is told, nothing more is asked. */
static void
test_abandoned (void)
{
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();
  guint found = 0;
  PbFact *client = begin_client (mailbox, "192.0.2.7");
  PbFact *domain = pb_fact_new_domain (&dns, "a.example", mailbox);

  pb_fact_wait (client, on_found, &found);
  pb_fact_wait (domain, on_found, &found);
  pb_fact_free (client);
  pb_fact_free (domain);
  g_assert_cmpuint (found, ==, 0);
  answer (REVERSE, PB_DNS_PTR, names (2));
  answer ("a.example", PB_DNS_MX, status (PB_DNS_NODATA));
  g_assert_cmpuint (found, ==, 2);
  g_assert_cmpuint (queries->len, ==, 0);
}

/* ---- rows that wait for them ---- */

typedef struct
{
  guint called;
  PbDecisionKind kind;
  PbReplyId reply;
} Decided;

static void
on_done (PbDecision *decision, gpointer user_data)
{
  Decided *decided = user_data;

  decided->called++;
  decided->kind = decision->kind;
  decided->reply = decision->reply;
}

static PbSnapshot *
make_snapshot (void)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  g_free (values->advanced_reject_unknown_helo);
  values->advanced_reject_unknown_helo = g_strdup ("enforce");
  g_free (values->sender_policy_reject_unknown_sender_domain);
  values->sender_policy_reject_unknown_sender_domain = g_strdup ("enforce");
  g_free (values->mail_auth_spf_policy);
  values->mail_auth_spf_policy = g_strdup ("off"); /* asks questions of its own */
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'local.example'>}");
  return pb_snapshot_builder_build (builder);
}

/* The machine waits for one fact after the other; a later 5xx beats an earlier 4xx. */
static void
test_rows_wait (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ();
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();
  g_auto (PbDecision) decision = { 0 };
  PbAddress sender = { .local = (char *) "a", .domain = (char *) "sender.example" };
  PbAddress recipient = { .local = (char *) "postmaster" };
  PbFacts facts = { 0 };
  PbJudged judged = { .snapshot = snapshot, .helo = "helo.example", .sender = &sender,
                      .recipient = &recipient, .mailbox = mailbox, .dns = &dns, .facts = &facts };
  Decided decided = { 0 };
  PbPolicyRun *run;
  guint n_rows;
  const PbPolicyRow *rows = pb_policy_rows (&n_rows);

  pb_policy_prefetch (rows, n_rows, PB_FACT_CLIENT_NAME, &judged); /* is off */
  g_assert_cmpuint (queries->len, ==, 0);
  pb_policy_prefetch (rows, n_rows, PB_FACT_HELO, &judged);
  g_assert_cmpuint (queries->len, ==, 1);
  g_assert_false (pb_policy_judge (PB_STAGE_RCPT, &judged, NULL, &decision, on_done, &decided, &run));
  answer ("helo.example", PB_DNS_MX, status (PB_DNS_NXDOMAIN));
  g_assert_cmpuint (decided.called, ==, 0);
  answer ("sender.example", PB_DNS_MX, mx (""));
  g_assert_cmpuint (decided.called, ==, 1);
  g_assert_cmpint (decided.kind, ==, PB_DECISION_REJECT);
  g_assert_cmpint (decided.reply, ==, PB_REPLY_SENDER_NULL_MX);
  /* Known by now: the next recipient is judged at once. */
  pb_facts_forget (&facts, PB_FACT_SENDER);
  judged.sender = NULL;
  g_assert_true (pb_policy_judge (PB_STAGE_RCPT, &judged, NULL, &decision, on_done, &decided, &run));
  g_assert_cmpint (decision.kind, ==, PB_DECISION_DEFER);
  g_assert_cmpint (decision.reply, ==, PB_REPLY_HELO_UNKNOWN);
  pb_facts_clear (&facts);
}

/* The client goes while its facts are waited for. */
static void
test_cancelled_while_waiting (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ();
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();
  g_auto (PbDecision) decision = { 0 };
  PbAddress recipient = { .local = (char *) "postmaster" };
  PbFacts facts = { 0 };
  PbJudged judged = { .snapshot = snapshot, .helo = "helo.example", .recipient = &recipient,
                      .mailbox = mailbox, .dns = &dns, .facts = &facts };
  Decided decided = { 0 };
  PbPolicyRun *run;

  g_assert_false (pb_policy_judge (PB_STAGE_RCPT, &judged, NULL, &decision, on_done, &decided, &run));
  pb_policy_run_cancel (run);
  pb_facts_clear (&facts);
  answer ("helo.example", PB_DNS_MX, status (PB_DNS_NODATA));
  g_assert_cmpuint (decided.called, ==, 0);
  g_assert_cmpuint (queries->len, ==, 0);
}

int
main (int argc, char **argv)
{
  int status_of_tests;

  g_test_init (&argc, &argv, NULL);
  queries = g_ptr_array_new_with_free_func (query_free);
  g_test_add_func ("/facts/domain", test_domain);
  g_test_add_func ("/facts/impossible", test_impossible);
  g_test_add_func ("/facts/client", test_client);
  g_test_add_func ("/facts/client-early", test_client_early);
  g_test_add_func ("/facts/abandoned", test_abandoned);
  g_test_add_func ("/facts/rows-wait", test_rows_wait);
  g_test_add_func ("/facts/cancelled-while-waiting", test_cancelled_while_waiting);
  status_of_tests = g_test_run ();
  g_ptr_array_unref (queries);
  return status_of_tests;
}
