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
#include "policy/explain.h"
#include "protocol/command.h"
#include "util/clock.h"
#include <arpa/inet.h>
#include <string.h>

#define MAX_QUESTIONS 32
#define MAX_TEXT      4096

struct _PbDiagnosticsObject
{
  PbDiagnosticsParts parts;
  PbDns dns;
  GQueue questions; /* (element-type Question) under way */
};

/* One Explain. */
typedef struct
{
  PbDiagnosticsObject *object;
  PbBusCall *call;
  GList link;
  PbExplain *explain; /* (nullable) */
  PbExplainInput input;
  PbSnapshot *snapshot; /* (owned) */
  PbMailArgs mail;      /* (owned) */
  PbRcptArgs rcpt;      /* (owned) */
  char *helo;           /* (owned) (nullable) */
  char *login, *account_id; /* (owned) (nullable) */
} Question;

static void
question_free (Question *self)
{
  g_queue_unlink (&self->object->questions, &self->link);
  pb_mail_args_clear (&self->mail);
  pb_rcpt_args_clear (&self->rcpt);
  pb_snapshot_unref (self->snapshot);
  g_free (self->helo);
  g_free (self->login);
  g_free (self->account_id);
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
  else if (self->input.recipient != NULL)
    pb_reply_append (line, PB_REPLY_RECIPIENT_OK, NULL);
  else if (self->input.has_sender)
    pb_reply_append (line, PB_REPLY_SENDER_OK, NULL);
  else
    pb_reply_append (line, PB_REPLY_GREETING, self->snapshot->values.general_hostname);
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
  PbStage stage = self->input.recipient != NULL ? PB_STAGE_RCPT : self->input.has_sender ? PB_STAGE_MAIL : PB_STAGE_CONNECT;
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

static gboolean G_GNUC_PRINTF (3, 4)
refuse (GError **error, const char *key, const char *format, ...)
{
  g_autofree char *words = NULL;
  va_list args;

  va_start (args, format);
  words = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "Diagnostics.Explain: %s: %s", key, words);
  return FALSE;
}

static gboolean
read_ip (Question *self, const char *text, GError **error)
{
  return pb_ip_parse (text, &self->input.ip) || refuse (error, "Ip", "must be an IP address");
}

static gboolean
read_helo (Question *self, const char *text, GError **error)
{
  if (text[0] == '\0')
    return TRUE;
  if (!pb_helo_valid (text, strlen (text)))
    return refuse (error, "Helo", "must be a domain or an address literal");
  self->helo = g_strdup (text);
  self->input.helo = self->helo;
  return TRUE;
}

/* Of users of the system it is not known here who there is: their name stands for them. */
static gboolean
read_login (Question *self, const char *text, GError **error)
{
  PbAccount account;

  if (text[0] == '\0')
    return TRUE;
  pb_snapshot_find_account (self->snapshot, text, &account);
  if (account.id == NULL && g_str_equal (self->snapshot->values.mailboxes_account_source, "internal"))
    return refuse (error, "Login", "there is no such account");
  self->login = g_strdup (account.name != NULL ? account.name : text);
  self->account_id = g_strdup (account.id);
  self->input.login = self->login;
  self->input.account_id = self->account_id;
  return TRUE;
}

static gboolean
read_sender (Question *self, const char *text, GError **error)
{
  g_autofree char *line = g_strdup_printf ("FROM:<%s>%s", text, g_str_is_ascii (text) ? "" : " SMTPUTF8");

  if (strpbrk (text, "<> ") != NULL
      || pb_mail_args_parse (line, strlen (line), PB_PARAM_SMTPUTF8, &self->mail) != PB_REPLY_NONE)
    return refuse (error, "Sender", "must be an email address, or empty");
  self->input.has_sender = TRUE;
  self->input.sender = self->mail.sender;
  return TRUE;
}

static gboolean
read_recipient (Question *self, const char *text, GError **error)
{
  g_autofree char *line = g_strdup_printf ("TO:<%s>", text);

  if (strpbrk (text, "<> ") != NULL
      || pb_rcpt_args_parse (line, strlen (line), PB_PARAM_SMTPUTF8, TRUE, &self->rcpt) != PB_REPLY_NONE)
    return refuse (error, "Recipient", "must be an email address");
  self->input.has_sender = TRUE;
  self->input.recipient = self->rcpt.recipient;
  self->input.source_route = self->rcpt.source_route;
  return TRUE;
}

static const struct
{
  const char *key;
  gboolean (*read) (Question *self, const char *text, GError **error);
} keys[] = {
  { "Ip", read_ip },         { "Helo", read_helo },           { "Login", read_login },
  { "Sender", read_sender }, { "Recipient", read_recipient },
};

static gboolean
read_key (Question *self, const char *key, GVariant *value, GError **error)
{
  if (g_str_equal (key, "Tls"))
    return g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN) || refuse (error, key, "must be of type b");
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      if (!g_str_equal (key, keys[i].key))
        continue;
      if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
        return refuse (error, key, "must be of type s");
      if (g_variant_get_size (value) > MAX_TEXT)
        return refuse (error, key, "must be at most %u octets", MAX_TEXT);
      return keys[i].read (self, g_variant_get_string (value, NULL), error);
    }
  return refuse (error, pb_check (PB_CHECK_NAME, key) == NULL ? key : "?", "there is no such key");
}

static gboolean
read_question (Question *self, GVariant *given, GError **error)
{
  GVariantIter iter;
  const char *key;
  GVariant *value;
  gboolean good = TRUE, has_ip = FALSE;

  g_variant_iter_init (&iter, given);
  while (good && g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      has_ip = has_ip || g_str_equal (key, "Ip");
      good = read_key (self, key, value, error);
      g_variant_unref (value);
    }
  return good && (has_ip || refuse (error, "Ip", "must be given"));
}

/* What is counted and blocked now. */
static void
look_up (Question *self)
{
  const PbDiagnosticsParts *parts = &self->object->parts;
  g_autofree char *subject = pb_blocks_subject_ip (&self->input.ip);
  gint64 now = pb_clock_wall () / G_USEC_PER_SEC;
  PbClientCounts counts;

  pb_server_peek_client (parts->server, &self->input.ip, &counts);
  self->input.connections = counts.connections;
  self->input.connection_rate = counts.connection_rate;
  self->input.message_rate = counts.message_rate;
  self->input.blocked_until = pb_blocks_expiry (parts->blocks, PB_BLOCK_IP, subject, now);
  self->input.now = (guint64) now;
  self->input.snapshot = self->snapshot;
  self->input.dns = &self->object->dns;
}

static void
handle_explain (PbBusCall *call, gpointer object)
{
  PbDiagnosticsObject *self = object;
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
  question->snapshot = pb_registry_snapshot (self->parts.registry);
  g_queue_push_tail_link (&self->questions, &question->link);
  if (!read_question (question, given, &error))
    {
      question_free (question);
      pb_bus_call_fail (call, error);
      return;
    }
  look_up (question);
  /* Answered at once, the question is gone already. */
  PbExplain *explain = pb_explain_start (&question->input, self->parts.mailbox, on_explained, question);
  if (explain != NULL)
    question->explain = explain;
}

static const PbBusMethod methods[] = {
  { "Explain", PB_ACTION_VIEW, handle_explain },
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
  g_free (self);
}
