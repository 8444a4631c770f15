/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether answers are validated by DNSSEC (RFC 4033). Wished for, they are, where there is a trust anchor and
 * the servers in hand let signatures through: that is tried out at the start, when the servers change, now
 * and then, and when answers turn out bogus. Where it cannot be, the resolver goes on without, and says so:
 * mail must not stop because a router cuts signatures out. Called by resolver.c on the resolver's own context.
 * While the first try goes on, questions wait for it, but not long.
 */
#include "net/resolver-private.h"

#include "util/log.h"
#include <string.h>

#define HOLD_MSEC      3000
#define RETRY_SECONDS  20   /* a try failed, or nobody answered it */
#define LOOK_SECONDS   600  /* whether it is better now */
#define CHECK_SECONDS  3600 /* whether it is still well */
#define BOGUS_SECONDS  10   /* between tries that bogus answers bring about */
#define MAX_FAILURES   3    /* in a row, before validation that was there is given up */

const char *
pb_dnssec_text (PbDnssec state)
{
  switch (state)
    {
    case PB_DNSSEC_OFF:
      return "off";
    case PB_DNSSEC_NO_ANCHOR:
      return "no-anchor";
    case PB_DNSSEC_TRYING:
      return "trying";
    case PB_DNSSEC_ON:
      return "on";
    case PB_DNSSEC_UNAVAILABLE:
      break;
    }
  return "unavailable";
}

/* ---- the anchor ---- */

/* Returns: (transfer full) (nullable): the zone of the first anchor in @text (RFC 1035 5.1). */
static char *
find_zone (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) words = NULL;
      gboolean is_anchor = FALSE;

      g_strdelimit (lines[i], "\t\r", ' ');
      words = g_strsplit (lines[i], " ", -1);
      for (guint j = 1; words[0] != NULL && words[j] != NULL; j++)
        is_anchor |= g_ascii_strcasecmp (words[j], "DNSKEY") == 0 || g_ascii_strcasecmp (words[j], "DS") == 0;
      if (is_anchor && words[0][0] != '\0' && words[0][0] != ';')
        return g_strdup (words[0]);
    }
  return NULL;
}

/* Holds until the next, or until all is well: also while it is tried again. @why (transfer full). */
static void
take_reason (PbResolver *self, char *why)
{
  g_free (self->dnssec_why);
  self->dnssec_why = why;
}

/* Reads it anew: a package may have brought it. */
static gboolean
load_anchor (PbResolver *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  g_clear_pointer (&self->zone, g_free);
  if (!g_file_get_contents (self->anchors, &text, NULL, &error))
    take_reason (self, g_strdup (error->message));
  else if ((self->zone = find_zone (text)) == NULL)
    take_reason (self, g_strdup_printf ("no trust anchor in “%s”", self->anchors));
  return self->zone != NULL;
}

/* ---- the state ---- */

static void
answer_asked (PbResolver *self)
{
  g_autoptr (GPtrArray) waiting = g_steal_pointer (&self->asked);

  self->asked = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < waiting->len; i++)
    {
      PbResolverAsked *asked = waiting->pdata[i];

      asked->func (self, asked->user_data);
    }
}

static void
tell_state (PbResolver *self)
{
  if (self->dnssec_func != NULL)
    self->dnssec_func (self, self->dnssec_data);
}

static void
tell (PbResolver *self)
{
  tell_state (self);
  answer_asked (self);
}

/* The context in use is made anew where it validates and should not, or the other way round. */
static void
use_context (PbResolver *self, gboolean validating)
{
  if (self->unbound != NULL && self->validating == validating)
    return;
  self->validating = validating;
  pb_resolver_shut (self);
  pb_resolver_open (self);
  pb_resolver_ask_again (self);
}

static void
set_state (PbResolver *self, PbDnssec state)
{
  gboolean same = self->dnssec == state;

  self->dnssec = state;
  if (!same)
    pb_log (state == PB_DNSSEC_UNAVAILABLE || state == PB_DNSSEC_NO_ANCHOR ? PB_LOG_WARNING : PB_LOG_INFO,
            "dnssec", "state", pb_dnssec_text (state), "reason", self->dnssec_why, NULL);
  tell (self);
}

static void try_out (PbResolver *self);

static gboolean
on_again (gpointer user_data)
{
  PbResolver *self = user_data;

  g_clear_pointer (&self->again_source, g_source_unref);
  try_out (self);
  return G_SOURCE_REMOVE;
}

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
try_again_in (PbResolver *self, guint seconds)
{
  clear_source (&self->again_source);
  self->again_source = g_timeout_source_new_seconds (seconds);
  g_source_set_callback (self->again_source, on_again, self, NULL);
  g_source_set_static_name (self->again_source, "resolver next probe");
  g_source_attach (self->again_source, self->context);
}

static void
on_insecure (PbResolver *self, const char *why)
{
  self->n_failures++;
  /* What has worked may have had a bad moment; whose signatures are cut out for a moment waits that long. */
  if (self->dnssec == PB_DNSSEC_ON && self->n_failures < MAX_FAILURES)
    {
      try_again_in (self, RETRY_SECONDS);
      tell (self);
      return;
    }
  take_reason (self, g_strdup (why));
  use_context (self, FALSE);
  set_state (self, PB_DNSSEC_UNAVAILABLE);
  try_again_in (self, LOOK_SECONDS);
}

static void
on_probed (PbProbeOutcome outcome, const char *why, gpointer user_data)
{
  PbResolver *self = user_data;
  gboolean bogus = self->seen_bogus;

  clear_source (&self->hold_source);
  self->seen_bogus = FALSE;
  switch (outcome)
    {
    case PB_PROBE_SECURE:
      self->n_failures = 0;
      g_clear_pointer (&self->dnssec_why, g_free);
      use_context (self, TRUE);
      set_state (self, PB_DNSSEC_ON);
      try_again_in (self, CHECK_SECONDS);
      break;
    case PB_PROBE_INSECURE:
      on_insecure (self, why);
      break;
    case PB_PROBE_SILENT:
      /* They answer others, but not this. */
      if (bogus)
        on_insecure (self, "the DNS servers do not answer for the trust anchor's zone");
      else
        {
          use_context (self, self->dnssec != PB_DNSSEC_UNAVAILABLE);
          try_again_in (self, RETRY_SECONDS);
          tell (self);
        }
      break;
    }
}

/* libunbound's context cannot be freed in its own callback. */
static gboolean
on_probe_over (gpointer user_data)
{
  PbResolver *self = user_data;
  g_autofree char *why = g_steal_pointer (&self->probe_why);

  g_clear_pointer (&self->over_source, g_source_unref);
  g_clear_pointer (&self->probe, pb_resolver_probe_free);
  on_probed (self->probe_outcome, why, self);
  return G_SOURCE_REMOVE;
}

static void
on_probe (PbProbeOutcome outcome, const char *why, gpointer user_data)
{
  PbResolver *self = user_data;

  self->probe_outcome = outcome;
  self->probe_why = g_strdup (why);
  self->over_source = g_idle_source_new ();
  g_source_set_priority (self->over_source, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->over_source, on_probe_over, self, NULL);
  g_source_set_static_name (self->over_source, "resolver probe's end");
  g_source_attach (self->over_source, self->context);
}

static void
stop_trying (PbResolver *self)
{
  clear_source (&self->again_source);
  clear_source (&self->hold_source);
  clear_source (&self->over_source);
  g_clear_pointer (&self->probe, pb_resolver_probe_free);
  g_clear_pointer (&self->probe_why, g_free);
}

static void
go_without (PbResolver *self, PbDnssec state)
{
  clear_source (&self->hold_source);
  use_context (self, FALSE);
  set_state (self, state);
  if (state == PB_DNSSEC_NO_ANCHOR)
    try_again_in (self, LOOK_SECONDS);
}

static void
try_out (PbResolver *self)
{
  if (self->probe != NULL)
    return;
  clear_source (&self->again_source);
  self->probed_at = g_get_monotonic_time ();
  if (!load_anchor (self))
    {
      go_without (self, PB_DNSSEC_NO_ANCHOR);
      return;
    }
  self->probe = pb_resolver_probe_new (self, self->zone, on_probe, self);
  if (self->probe != NULL)
    return;
  take_reason (self, g_strdup_printf ("the trust anchors in “%s” cannot be used", self->anchors));
  go_without (self, PB_DNSSEC_NO_ANCHOR);
}

/* The try takes its time: who asks has waited long enough. Where servers are silent, nothing is believed that is not proven. */
static gboolean
on_held (gpointer user_data)
{
  PbResolver *self = user_data;

  g_clear_pointer (&self->hold_source, g_source_unref);
  use_context (self, TRUE);
  return G_SOURCE_REMOVE;
}

void
pb_resolver_begin (PbResolver *self)
{
  stop_trying (self);
  pb_resolver_shut (self);
  self->n_failures = 0;
  self->seen_bogus = FALSE;
  if (self->anchors == NULL)
    {
      go_without (self, PB_DNSSEC_OFF);
      return;
    }
  /* Who has asked for a try waits for its end. */
  self->dnssec = PB_DNSSEC_TRYING;
  tell_state (self);
  self->hold_source = g_timeout_source_new (HOLD_MSEC);
  g_source_set_callback (self->hold_source, on_held, self, NULL);
  g_source_set_static_name (self->hold_source, "resolver hold");
  g_source_attach (self->hold_source, self->context);
  try_out (self);
}

void
pb_resolver_end (PbResolver *self)
{
  stop_trying (self);
  pb_resolver_shut (self);
  answer_asked (self);
  g_clear_pointer (&self->asked, g_ptr_array_unref);
  g_free (self->anchors);
  g_free (self->zone);
  g_free (self->dnssec_why);
}

void
pb_resolver_met_bogus (PbResolver *self)
{
  gint64 now = g_get_monotonic_time ();

  self->seen_bogus = TRUE;
  /* Later: a try may free the context that has just brought this. */
  if (self->probe == NULL && now - self->probed_at >= (gint64) BOGUS_SECONDS * G_USEC_PER_SEC)
    try_again_in (self, 0);
}

/* ---- from outside ---- */

void
pb_resolver_set_validation (PbResolver *self, const char *anchors)
{
  if (g_strcmp0 (anchors, self->anchors) == 0)
    return;
  g_free (self->anchors);
  self->anchors = g_strdup (anchors);
  pb_resolver_begin (self);
}

void
pb_resolver_watch_dnssec (PbResolver *self, PbResolverTold func, gpointer user_data)
{
  self->dnssec_func = func;
  self->dnssec_data = user_data;
}

PbDnssec
pb_resolver_dnssec (const PbResolver *self, const char **why)
{
  if (why != NULL)
    *why = self->dnssec_why;
  return self->dnssec;
}

void
pb_resolver_try_dnssec (PbResolver *self, PbResolverTold func, gpointer user_data)
{
  PbResolverAsked *asked;

  if (self->anchors == NULL)
    {
      func (self, user_data);
      return;
    }
  asked = g_new (PbResolverAsked, 1);
  *asked = (PbResolverAsked){ func, user_data };
  g_ptr_array_add (self->asked, asked);
  try_out (self);
}

