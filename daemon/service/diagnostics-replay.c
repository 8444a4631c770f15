/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replays the mail of the past: pages of the history, latest first, each recipient judged by the settings
 * that hold and by a draft of others. Judgements of many recipients wait for the DNS side by side;
 * recipients, time and answer are bounded. Called by the bus's Diagnostics, on the main thread. A
 * record that cannot be read as a question (our own notices have no client) is passed over.
 */
#include "service/diagnostics-replay.h"

#include "dbus/errors.h"
#include "service/diagnostics-question.h"
#include "util/clock.h"

#define PAGE         200
#define MAX_CASES    5000
#define MAX_CHANGED  500
#define MAX_AT_ONCE  64
#define MAX_SECONDS  15
#define CASES_A_TURN 200 /* judged before others get their turn on this thread */

struct _PbReplay
{
  PbRegistry *registry; /* all unowned */
  PbHistory *history;   /* (nullable) */
  PbMailbox *mailbox;
  const PbDns *dns;
  struct _Run *run; /* (nullable) (owned) the one under way */
};

/* One Replay. Lives until the last answer has come, whoever is gone by then. */
typedef struct _Run
{
  PbReplay *owner;      /* (nullable) NULL once it is gone */
  guint references;
  PbReplayed func;
  gpointer user_data;
  PbSnapshot *now, *draft; /* (owned) */
  gint64 since, deadline;  /* Unix seconds; monotonic microseconds */
  guint offset;            /* messages read so far */
  GVariant *page;          /* (owned) (nullable) aa{sv} */
  gsize message, recipient; /* the next one in the page */
  gboolean reading, ended; /* a page is on its way; there are no more */
  gboolean going;          /* a turn was posted */
  PbMailFunc turn;
  GList *cases;            /* (element-type Case) under way */
  guint n_cases, n_judged, n_changed;
  GVariantBuilder changed;
  gboolean answered;
} Run;

/* One recipient, by both. */
typedef struct
{
  Run *run;
  PbQuestion question;
  PbExplain *explain; /* (nullable) */
  GVariant *message;  /* (owned) */
  char *recipient;    /* (owned) */
  gboolean second;
  PbDecisionKind kind;   /* of the first */
  PbReplyId reply;
  const char *check;
} Case;

static void
run_unref (Run *self)
{
  if (--self->references > 0)
    return;
  pb_snapshot_unref (self->now);
  pb_snapshot_unref (self->draft);
  g_clear_pointer (&self->page, g_variant_unref);
  if (!self->answered)
    g_variant_builder_clear (&self->changed);
  g_free (self);
}

static void
case_free (Case *self)
{
  self->run->cases = g_list_remove (self->run->cases, self);
  self->run->n_cases--;
  pb_question_clear (&self->question);
  g_variant_unref (self->message);
  g_free (self->recipient);
  g_free (self);
}

/* ---- the answer ---- */

static char *
codes_of (PbDecisionKind kind, PbReplyId reply)
{
  const PbReplyRow *row =
    pb_reply_row (kind == PB_DECISION_ACCEPT || kind == PB_DECISION_DISCARD ? PB_REPLY_RECIPIENT_OK : reply);

  return g_strdup_printf ("%u %s", row->code, row->enhanced);
}

static void
add_text (GVariantBuilder *row, const char *key, const char *text)
{
  g_variant_builder_add (row, "{sv}", key, g_variant_new_string (text != NULL ? text : ""));
}

static void
add_changed (Run *self, const Case *judged, const PbDecision *decision)
{
  g_autofree char *before = codes_of (judged->kind, judged->reply);
  g_autofree char *after = codes_of (decision->kind, decision->reply);
  GVariantBuilder *rows = &self->changed;
  const char *id = NULL, *client = NULL, *sender = NULL;
  guint64 time = 0;

  if (self->n_changed++ >= MAX_CHANGED)
    return;
  g_variant_lookup (judged->message, "Id", "&s", &id);
  g_variant_lookup (judged->message, "Client", "&s", &client);
  g_variant_lookup (judged->message, "Sender", "&s", &sender);
  g_variant_lookup (judged->message, "Time", "t", &time);
  g_variant_builder_open (rows, G_VARIANT_TYPE_VARDICT);
  add_text (rows, "Id", id);
  g_variant_builder_add (rows, "{sv}", "Time", g_variant_new_uint64 (time));
  add_text (rows, "Client", client);
  add_text (rows, "Sender", sender);
  add_text (rows, "Recipient", judged->recipient);
  add_text (rows, "Before", before);
  add_text (rows, "After", after);
  add_text (rows, "BeforeCheck", judged->check);
  add_text (rows, "AfterCheck", decision->check);
  g_variant_builder_close (rows);
}

/* Ends it; whoever still answers finds it ended. @error: (nullable). */
static void
answer (Run *self, const GError *error)
{
  self->ended = TRUE;
  if (self->answered)
    return;
  self->answered = TRUE;
  if (self->owner != NULL)
    self->owner->run = NULL;
  if (error != NULL)
    {
      g_variant_builder_clear (&self->changed);
      self->func (NULL, error, self->user_data);
    }
  else
    self->func (g_variant_new ("(uaa{sv})", self->n_judged, &self->changed), NULL, self->user_data);
  run_unref (self);
}

/* ---- judging ---- */

static void
fill_in (const Run *self, Case *judged, PbSnapshot *snapshot)
{
  PbExplainInput *input = &judged->question.input;

  input->snapshot = snapshot;
  input->now = (guint64) (pb_clock_wall () / G_USEC_PER_SEC);
  input->dns = self->owner->dns;
}

static gboolean
differs (const Case *first, const PbDecision *second)
{
  if (first->kind != second->kind)
    return TRUE;
  return second->kind != PB_DECISION_ACCEPT && (first->reply != second->reply || first->check != second->check);
}

static void
set_text (PbQuestion *question, GVariant *message, const char *column, const char *key, gboolean *good)
{
  const char *text;

  if (*good && g_variant_lookup (message, column, "&s", &text))
    *good = pb_question_set (question, key, text, NULL);
}

/* Of an account that is gone the name stands for it. */
static void
set_login (PbQuestion *question, GVariant *message)
{
  const char *login;

  if (!g_variant_lookup (message, "Login", "&s", &login) || login[0] == '\0'
      || pb_question_set (question, "Login", login, NULL))
    return;
  question->login = g_strdup (login);
  question->input.login = question->login;
}

/* Returns: (nullable) (transfer full): NULL where there is nothing to judge. */
static Case *
make_case (Run *self, GVariant *message, const char *recipient)
{
  Case *judged = g_new0 (Case, 1);
  gboolean good = TRUE;

  judged->run = self;
  judged->message = g_variant_ref (message);
  judged->recipient = g_strdup (recipient);
  self->cases = g_list_prepend (self->cases, judged);
  self->n_cases++;
  pb_question_init (&judged->question, self->now);
  set_text (&judged->question, message, "Client", "Ip", &good);
  set_text (&judged->question, message, "Helo", "Helo", &good);
  set_text (&judged->question, message, "Sender", "Sender", &good);
  good = good && judged->question.input.has_sender
         && pb_question_set (&judged->question, "Recipient", recipient, NULL);
  set_login (&judged->question, message);
  if (good)
    return judged;
  case_free (judged);
  return NULL;
}

/* ---- the way through the history ---- */

/* Steps to the next recipient of the page. Returns: (nullable) (transfer full): NULL at its end. @message: (out) (transfer full). */
static char *
next_recipient (Run *self, GVariant **message)
{
  while (self->page != NULL && self->message < g_variant_n_children (self->page))
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (self->page, self->message);
      g_autoptr (GVariant) list = g_variant_lookup_value (row, "Recipients", G_VARIANT_TYPE ("aa{sv}"));

      if (list != NULL && self->recipient < g_variant_n_children (list))
        {
          g_autoptr (GVariant) one = g_variant_get_child_value (list, self->recipient++);
          const char *address = NULL;

          if (!g_variant_lookup (one, "Original", "&s", &address) || address[0] == '\0')
            g_variant_lookup (one, "Address", "&s", &address);
          if (address == NULL)
            continue;
          *message = g_steal_pointer (&row);
          return g_strdup (address);
        }
      self->message++;
      self->recipient = 0;
    }
  return NULL;
}

static gboolean
is_over (const Run *self)
{
  return self->owner == NULL || self->n_judged + self->n_cases >= MAX_CASES || pb_clock_monotonic () >= self->deadline;
}

/* The next turn comes when others have had theirs. */
static void
schedule (Run *self)
{
  if (self->going || self->owner == NULL)
    return;
  self->going = TRUE;
  self->references++;
  pb_mailbox_post (self->owner->mailbox, self->turn, self);
}

static void
on_explained (const PbDecision *decision, PbTrail *trail, gpointer user_data)
{
  Case *judged = user_data;
  Run *run = judged->run;
  PbExplain *explain;

  judged->explain = NULL;
  if (judged->second)
    {
      run->n_judged++;
      if (differs (judged, decision))
        add_changed (run, judged, decision);
      case_free (judged);
      schedule (run);
      return;
    }
  judged->second = TRUE;
  judged->kind = decision->kind;
  judged->reply = decision->reply;
  judged->check = decision->check;
  fill_in (run, judged, run->draft);
  /* Answered at once, the case is gone already. */
  explain = pb_explain_start (&judged->question.input, run->owner->mailbox, on_explained, judged);
  if (explain != NULL)
    judged->explain = explain;
}

static void
begin_case (Run *self, GVariant *message, const char *recipient)
{
  Case *judged = make_case (self, message, recipient);
  PbExplain *explain;

  if (judged == NULL)
    return;
  fill_in (self, judged, self->now);
  explain = pb_explain_start (&judged->question.input, self->owner->mailbox, on_explained, judged);
  if (explain != NULL)
    judged->explain = explain;
}

static void
on_page (GVariant *rows, guint total, const GError *error, gpointer user_data)
{
  Run *self = user_data;

  self->reading = FALSE;
  if (error != NULL && self->offset == 0)
    answer (self, error);
  else if (!self->answered)
    {
      gsize n = rows != NULL ? g_variant_n_children (rows) : 0;

      self->ended = n < PAGE;
      self->offset += (guint) n;
      self->page = rows != NULL ? g_variant_ref (rows) : NULL;
      schedule (self);
    }
  run_unref (self);
}

static void
read_page (Run *self)
{
  PbHistoryFilter *filter = g_new0 (PbHistoryFilter, 1);

  filter->since = self->since;
  g_clear_pointer (&self->page, g_variant_unref);
  self->message = self->recipient = 0;
  self->reading = TRUE;
  self->references++;
  pb_history_search (self->owner->history, filter, self->offset, PAGE, self->owner->mailbox, on_page, self);
}

/* Begins what may be begun now; what is at its end ends. */
static void
on_turn (gpointer data)
{
  Run *self = data;
  gboolean page_done = FALSE;

  self->going = FALSE;
  for (guint i = 0; i < CASES_A_TURN && !page_done && !is_over (self) && self->n_cases < MAX_AT_ONCE; i++)
    {
      g_autoptr (GVariant) message = NULL;
      g_autofree char *recipient = self->reading ? NULL : next_recipient (self, &message);

      page_done = recipient == NULL;
      if (!page_done)
        begin_case (self, message, recipient);
    }
  if (is_over (self) || (page_done && self->ended))
    {
      self->ended = TRUE;
      if (self->n_cases == 0 && !self->reading)
        answer (self, NULL);
    }
  else if (page_done && !self->reading)
    read_page (self);
  else if (!page_done && self->n_cases < MAX_AT_ONCE)
    schedule (self);
  run_unref (self);
}

/* ---- its life ---- */

static void
refuse (PbReplayed func, gpointer user_data, PbError code, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (PB_ERROR, (gint) code, text);

  func (NULL, error, user_data);
}

void
pb_replay_run (PbReplay *self, GVariant *draft, guint64 since, PbReplayed func, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbSnapshot) snapshot = NULL;
  Run *run;

  if (self->history == NULL)
    {
      refuse (func, user_data, PB_ERROR_UNAVAILABLE, "Diagnostics.Replay: there is no history");
      return;
    }
  if (self->run != NULL)
    {
      refuse (func, user_data, PB_ERROR_BUSY, "Diagnostics.Replay: one is under way");
      return;
    }
  snapshot = pb_registry_draft_snapshot (self->registry, draft, &error);
  if (snapshot == NULL)
    {
      func (NULL, error, user_data);
      return;
    }
  run = g_new0 (Run, 1);
  run->owner = self;
  run->references = 1;
  run->func = func;
  run->user_data = user_data;
  run->turn = on_turn;
  run->now = pb_registry_snapshot (self->registry);
  run->draft = g_steal_pointer (&snapshot);
  run->since = (gint64) MIN (since, (guint64) G_MAXINT64);
  run->deadline = pb_clock_monotonic () + MAX_SECONDS * G_USEC_PER_SEC;
  g_variant_builder_init (&run->changed, G_VARIANT_TYPE ("aa{sv}"));
  self->run = run;
  read_page (run);
}

PbReplay *
pb_replay_new (PbRegistry *registry, PbHistory *history, PbMailbox *mailbox, const PbDns *dns)
{
  PbReplay *self = g_new0 (PbReplay, 1);

  self->registry = registry;
  self->history = history;
  self->mailbox = mailbox;
  self->dns = dns;
  return self;
}

void
pb_replay_free (PbReplay *self)
{
  g_autoptr (GError) error =
    g_error_new_literal (PB_ERROR, PB_ERROR_UNAVAILABLE, "Diagnostics.Replay: the server is stopping");
  Run *run = self->run;

  while (run != NULL && run->cases != NULL)
    {
      Case *judged = run->cases->data;

      pb_explain_cancel (judged->explain);
      case_free (judged);
    }
  if (run != NULL)
    {
      self->run = NULL;
      run->owner = NULL;
      answer (run, error);
    }
  g_free (self);
}
