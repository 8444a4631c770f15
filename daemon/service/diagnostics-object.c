/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Diagnostics: what would be done with mail. A question is read with the parsers of
 * the SMTP server and judged by its table; the answer comes when the DNS has told. Bounded in how many
 * are under way. Main thread.
 */
#include "service/bus-info.h"
#include "service/objects.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "service/diagnostics-question.h"
#include "service/diagnostics-replay.h"
#include "service/scanner-test.h"
#include "util/clock.h"
#include <arpa/inet.h>
#include <string.h>

#define MAX_QUESTIONS 32

struct _PbDiagnosticsObject
{
  PbDiagnosticsParts parts;
  PbDns dns;
  GQueue questions; /* (element-type Question) under way */
  PbReplay *replay; /* (owned) */
  PbScannerTest *scanner_test; /* (owned) */
};

/* One Explain. */
typedef struct
{
  PbDiagnosticsObject *object;
  PbBusCall *call;
  GList link;
  PbExplain *explain; /* (nullable) */
  PbQuestion asked;   /* (owned) */
} Question;

static void
question_free (Question *self)
{
  g_queue_unlink (&self->object->questions, &self->link);
  pb_question_clear (&self->asked);
  g_free (self);
}

/* ---- the answer ---- */

static void
add_row (GVariantBuilder *rows, const char *stage, const char *check, const char *outcome,
         const char *reply, const char *evidence)
{
  g_variant_builder_open (rows, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (rows, "{sv}", "Stage", g_variant_new_string (stage));
  g_variant_builder_add (rows, "{sv}", "Check", g_variant_new_string (check));
  g_variant_builder_add (rows, "{sv}", "Outcome", g_variant_new_string (outcome));
  g_variant_builder_add (rows, "{sv}", "Reply", g_variant_new_string (reply));
  g_variant_builder_add (rows, "{sv}", "Evidence", g_variant_new_string (evidence != NULL ? evidence : ""));
  g_variant_builder_close (rows);
}

static void
add_verdict (GVariantBuilder *rows, const PbVerdict *verdict)
{
  const PbReplyRow *row = verdict->reply != PB_REPLY_NONE ? pb_reply_row (verdict->reply) : NULL;
  g_autofree char *reply = row != NULL ? g_strdup_printf ("%u %s", row->code, row->enhanced) : g_strdup ("");

  add_row (rows, pb_stage_name (verdict->stage), verdict->check, pb_outcome_name (verdict->outcome), reply,
           verdict->evidence);
}

static PbOutcome
outcome_of (PbDecisionKind kind)
{
  switch (kind)
    {
    case PB_DECISION_ACCEPT:
      return PB_OUTCOME_PASS;
    case PB_DECISION_DISCARD:
      return PB_OUTCOME_DISCARDED;
    case PB_DECISION_DEFER:
    case PB_DECISION_REJECT:
      break;
    }
  return PB_OUTCOME_REFUSED;
}

/* What the client would be told: a whole line. */
static char *
final_reply (const Question *self, const PbDecision *decision)
{
  GString *line = g_string_new (NULL);

  if (outcome_of (decision->kind) == PB_OUTCOME_REFUSED)
    pb_reply_append (line, decision->reply, decision->detail);
  else if (self->asked.input.recipient != NULL)
    pb_reply_append (line, PB_REPLY_RECIPIENT_OK, NULL);
  else if (self->asked.input.has_sender)
    pb_reply_append (line, PB_REPLY_SENDER_OK, NULL);
  else
    pb_reply_append (line, PB_REPLY_GREETING, self->asked.snapshot->values.general_hostname);
  while (line->len > 0 && g_ascii_isspace (line->str[line->len - 1]))
    g_string_truncate (line, line->len - 1);
  return g_string_free (line, FALSE);
}

static void
on_explained (const PbDecision *decision, PbTrail *trail, gpointer user_data)
{
  Question *self = user_data;
  g_autofree char *reply = final_reply (self, decision);
  g_autofree char *words =
    decision->check != NULL ? g_strconcat ("decided by ", decision->check, NULL) : g_strdup ("nothing objects");
  PbStage stage = self->asked.input.recipient != NULL ? PB_STAGE_RCPT : self->asked.input.has_sender ? PB_STAGE_MAIL : PB_STAGE_CONNECT;
  guint n = pb_trail_length (trail);
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < n; i++)
    add_verdict (&rows, pb_trail_get (trail, i));
  if (decision->kind != PB_DECISION_ACCEPT && n > 0)
    stage = pb_trail_get (trail, n - 1)->stage;
  add_row (&rows, pb_stage_name (stage), "decision", pb_outcome_name (outcome_of (decision->kind)), reply, words);
  pb_bus_call_return (self->call, g_variant_new ("(@aa{sv})", g_variant_builder_end (&rows)));
  question_free (self);
}

/* ---- the question ---- */

/* What is counted and blocked now. */
static void
look_up (Question *self)
{
  const PbDiagnosticsParts *parts = &self->object->parts;
  g_autofree char *subject = pb_blocks_subject_ip (&self->asked.input.ip);
  gint64 now = pb_clock_wall () / G_USEC_PER_SEC;
  PbClientCounts counts;

  pb_server_peek_client (parts->server, &self->asked.input.ip, &counts);
  self->asked.input.connections = counts.connections;
  self->asked.input.connection_rate = counts.connection_rate;
  self->asked.input.message_rate = counts.message_rate;
  self->asked.input.blocked_until = pb_blocks_expiry (parts->blocks, PB_BLOCK_IP, subject, now);
  self->asked.input.now = (guint64) now;
  self->asked.input.dns = &self->object->dns;
  self->asked.input.blocklists = parts->blocklists;
}

static void
handle_explain (PbBusCall *call, gpointer object)
{
  PbDiagnosticsObject *self = object;
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->parts.registry);
  g_autoptr (GVariant) given = NULL;
  g_autoptr (GError) error = NULL;
  Question *question;

  if (self->questions.length >= MAX_QUESTIONS)
    {
      g_set_error (&error, PB_ERROR, PB_ERROR_BUSY, "Diagnostics.Explain: %u questions are under way", MAX_QUESTIONS);
      pb_bus_call_fail (call, error);
      return;
    }
  g_variant_get (call->parameters, "(@a{sv})", &given);
  question = g_new0 (Question, 1);
  question->object = self;
  question->call = call;
  question->link.data = question;
  pb_question_init (&question->asked, snapshot);
  g_queue_push_tail_link (&self->questions, &question->link);
  if (!pb_question_read (&question->asked, given, &error))
    {
      question_free (question);
      pb_bus_call_fail (call, error);
      return;
    }
  look_up (question);
  /* Answered at once, the question is gone already. */
  PbExplain *explain = pb_explain_start (&question->asked.input, self->parts.mailbox, on_explained, question);
  if (explain != NULL)
    question->explain = explain;
}

/* ---- the past ---- */

static void
on_replayed (GVariant *answer, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, answer);
}

static void
handle_replay (PbBusCall *call, gpointer object)
{
  PbDiagnosticsObject *self = object;
  g_autoptr (GVariant) draft = NULL;
  guint64 since;

  g_variant_get (call->parameters, "(@a{sa{sv}}t)", &draft, &since);
  pb_replay_run (self->replay, draft, since, on_replayed, call);
}

/* ---- the scanner ---- */

static void
on_scanner_tested (GVariant *steps, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new ("(@aa{sv})", steps));
}

static void
handle_test_scanner (PbBusCall *call, gpointer object)
{
  PbDiagnosticsObject *self = object;

  pb_scanner_test_run (self->scanner_test, on_scanner_tested, call);
}

/* ---- the set-up ---- */

static void
handle_check_setup (PbBusCall *call, gpointer object)
{
  PbDiagnosticsObject *self = object;

  pb_health_handle_check_setup (call, self->parts.health);
}

static void
handle_send_report (PbBusCall *call, gpointer object)
{
  PbDiagnosticsObject *self = object;

  pb_report_keeper_handle_send (call, self->parts.reports);
}

static const PbBusMethod methods[] = {
  { "Explain", PB_ACTION_VIEW, handle_explain },
  { "Replay", PB_ACTION_VIEW, handle_replay },
  { "TestScanner", PB_ACTION_VIEW, handle_test_scanner },
  { "CheckSetup", PB_ACTION_VIEW, handle_check_setup },
  { "SendReport", PB_ACTION_MODIFY_SETTINGS, handle_send_report },
};

PbDiagnosticsObject *
pb_diagnostics_object_new (const PbDiagnosticsParts *parts)
{
  PbDiagnosticsObject *self = g_new0 (PbDiagnosticsObject, 1);
  const PbBusInterface interface = {
    .info = &diagnostics_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .object = self,
  };

  self->parts = *parts;
  pb_dns_init_resolver (&self->dns, parts->resolver);
  self->replay = pb_replay_new (parts->registry, parts->history, parts->mailbox, &self->dns);
  self->scanner_test = pb_scanner_test_new (parts->registry, parts->mailbox);
  pb_bus_add (parts->bus, &interface);
  return self;
}

void
pb_diagnostics_object_free (PbDiagnosticsObject *self)
{
  g_autoptr (GError) error = g_error_new_literal (PB_ERROR, PB_ERROR_UNAVAILABLE, "Diagnostics.Explain: the server is stopping");

  while (self->questions.head != NULL)
    {
      Question *question = self->questions.head->data;

      pb_explain_cancel (question->explain);
      pb_bus_call_fail (question->call, error);
      question_free (question);
    }
  pb_replay_free (self->replay);
  pb_scanner_test_free (self->scanner_test);
  g_free (self);
}
