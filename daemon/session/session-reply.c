/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a session says, and what it makes of a client that wastes its time. Every reply goes through
 * here, so that delays, the count of errors and the end of a flood have one place. A delay never
 * blocks: the reply is kept, input is held, a timer says it. Errors and junk are counted from the last
 * message that was taken: who brings mail is forgiven.
 */
#include "session/session-private.h"

#define MAX_ERRORS    20 /* one more ends the session */
#define TARPIT_ERRORS 10 /* from here on every reply is slower */
#define MAX_DELAY     5  /* seconds */

/* Microseconds by which the next reply is put off. */
static gint64
reply_delay (const PbSession *self)
{
  guint limit = self->snapshot->values.advanced_max_junk_commands;
  guint junk = self->junk > limit ? (self->junk - limit) / 10 : 0;
  guint errors = self->errors > TARPIT_ERRORS ? (self->errors - TARPIT_ERRORS + 1u) / 2 : 0;

  return MIN (MAX (junk, errors), MAX_DELAY) * self->shard->server->wiring.second;
}

void
pb_session_reply_lines (PbSession *self, const GString *lines)
{
  gint64 delay;

  if (self->state == PB_SESSION_CLOSED)
    return;
  delay = self->delayed != NULL ? 0 : reply_delay (self);
  if (delay == 0 && self->delayed == NULL)
    {
      pb_channel_write (self->channel, lines->str, lines->len);
      return;
    }
  if (self->delayed == NULL)
    {
      self->delayed = g_string_new (NULL);
      pb_session_hold (self, PB_HOLD_DELAY);
      pb_session_set_timer (self, delay);
    }
  g_string_append_len (self->delayed, lines->str, (gssize) lines->len);
}

void
pb_session_say_delayed (PbSession *self)
{
  GString *lines = g_steal_pointer (&self->delayed);

  if (lines == NULL)
    return;
  pb_channel_write (self->channel, lines->str, lines->len);
  g_string_free (lines, TRUE);
}

void
pb_session_reply (PbSession *self, PbReplyId id, const char *detail)
{
  GString *line = self->shard->line;

  g_string_truncate (line, 0);
  pb_reply_append (line, id, detail);
  pb_session_reply_lines (self, line);
}

void
pb_session_fail (PbSession *self, PbReplyId id, const char *detail)
{
  GString *line = self->shard->line;

  if (self->state == PB_SESSION_CLOSED)
    return;
  pb_session_say_delayed (self);
  g_string_truncate (line, 0);
  pb_reply_append (line, id, detail);
  if (pb_session_may_speak (self))
    pb_channel_write (self->channel, line->str, line->len);
  pb_session_close (self);
}

void
pb_session_reply_error (PbSession *self, PbReplyId id, const char *detail)
{
  if (self->state == PB_SESSION_CLOSED)
    return;
  self->errors++;
  if (self->errors <= MAX_ERRORS)
    {
      pb_session_reply (self, id, detail);
      return;
    }
  pb_session_expel_flood (self, "errors", PB_REPLY_TOO_MANY_ERRORS);
}

gboolean
pb_session_count_junk (PbSession *self)
{
  self->junk++;
  if (self->junk < 2 * self->snapshot->values.advanced_max_junk_commands)
    return TRUE;
  pb_session_expel_flood (self, "junk", PB_REPLY_TOO_MANY_JUNK);
  return FALSE;
}

void
pb_session_forgive (PbSession *self)
{
  self->junk = 0;
  self->errors = 0;
  self->logged = 0;
}

gboolean
pb_session_jumped_queue (PbSession *self)
{
  const char *policy = self->snapshot->values.advanced_reject_unauthorized_pipelining;
  PbDecision decision = { .kind = PB_DECISION_REJECT,
                          .reply = PB_REPLY_PIPELINING,
                          .check = "pipelining" };

  if (g_str_equal (policy, "enforce"))
    {
      pb_session_note (self, decision.check, PB_OUTCOME_REFUSED, decision.reply, NULL);
      pb_session_expel (self, &decision);
      return TRUE;
    }
  /* Once a session: what would have been refused is the session. */
  if (g_str_equal (policy, "watch") && !self->watched_pipelining)
    {
      self->watched_pipelining = TRUE;
      pb_session_note (self, decision.check, PB_OUTCOME_WATCHED, decision.reply, NULL);
      pb_session_count ("watched", decision.check);
    }
  return FALSE;
}
