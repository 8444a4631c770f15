/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The trail of a judgement, kept by the session and by Explain, read by the history. Filled by the
 * policy's machine, on the thread that judges; a reader on another thread gets a reference once the
 * trail is finished. Bounded in verdicts and in each one's evidence, since both are of the client's
 * making. Never fails.
 */
#include "policy/trail.h"

#include <string.h>

#define MAX_VERDICTS          2000
#define MAX_PASSED_RECIPIENTS 16 /* of whom it is kept what they passed */

struct _PbTrail
{
  gatomicrefcount references;
  GArray *verdicts; /* (owned) (element-type PbVerdict) */
  guint lost;
  gsize octets; /* of the evidence */
};

static void
clear_verdict (gpointer data)
{
  g_free (((PbVerdict *) data)->evidence);
}

PbTrail *
pb_trail_new (void)
{
  PbTrail *self = g_new0 (PbTrail, 1);

  g_atomic_ref_count_init (&self->references);
  self->verdicts = g_array_new (FALSE, FALSE, sizeof (PbVerdict));
  g_array_set_clear_func (self->verdicts, clear_verdict);
  return self;
}

PbTrail *
pb_trail_ref (PbTrail *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
pb_trail_unref (PbTrail *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  g_array_unref (self->verdicts);
  g_free (self);
}

/* Returns: (transfer full): one line of valid UTF-8 within the limit. */
static char *
clean (const char *text)
{
  char *cleaned = g_utf8_make_valid (text, (gssize) strnlen (text, PB_TRAIL_EVIDENCE_LIMIT));

  for (char *p = cleaned; *p != '\0'; p++)
    if ((guchar) *p < ' ' || *p == 0x7f)
      *p = ' ';
  /* Each octet that is no UTF-8 has become three. */
  if (strlen (cleaned) > PB_TRAIL_EVIDENCE_LIMIT)
    *g_utf8_find_prev_char (cleaned, cleaned + PB_TRAIL_EVIDENCE_LIMIT + 1) = '\0';
  return cleaned;
}

void
pb_trail_add (PbTrail *self, PbStage stage, const char *check, PbOutcome outcome, PbReplyId reply,
              int recipient, const char *evidence)
{
  PbVerdict verdict = { stage, outcome, check, reply, recipient, NULL };

  if (recipient >= MAX_PASSED_RECIPIENTS
      && (outcome == PB_OUTCOME_PASS || outcome == PB_OUTCOME_EXEMPT))
    return;
  if (self->verdicts->len >= MAX_VERDICTS)
    {
      self->lost++;
      return;
    }
  if (evidence != NULL)
    {
      verdict.evidence = clean (evidence);
      self->octets += strlen (verdict.evidence) + 1;
    }
  g_array_append_val (self->verdicts, verdict);
}

guint
pb_trail_length (const PbTrail *self)
{
  return self->verdicts->len;
}

const PbVerdict *
pb_trail_get (const PbTrail *self, guint index)
{
  g_return_val_if_fail (index < self->verdicts->len, NULL);
  return &g_array_index (self->verdicts, PbVerdict, index);
}

guint
pb_trail_lost (const PbTrail *self)
{
  return self->lost;
}

gsize
pb_trail_octets (const PbTrail *self)
{
  return sizeof *self + self->verdicts->len * sizeof (PbVerdict) + self->octets;
}

const char *
pb_stage_name (PbStage stage)
{
  static const char *const names[PB_N_STAGES] = { "connect", "helo", "mail", "rcpt", "data" };

  return names[stage];
}

const char *
pb_outcome_name (PbOutcome outcome)
{
  static const char *const names[PB_N_OUTCOMES] = { "pass",    "refused", "watched",  "exempt",
                                                    "skipped", "trouble", "discarded",
                                                    "quarantined", "unseen" };

  return names[outcome];
}
