/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of the history in the user's language: what a message is called by, each step of its trail, why a
 * check refuses and what lets such mail through. Called by the page of messages and its dialog. Pure, but
 * for the clock.
 */
#include "model/message.h"

#include "model/reply.h"
#include "model/words.h"

#include <glib/gi18n.h>

static const struct
{
  const char *event;
  PbaEventLook look;
} looks[] = {
  { "accepted", { N_ ("Accepted"), "mail-send-symbolic", "accent" } },
  { "refused", { N_ ("Refused"), "action-unavailable-symbolic", "error" } },
  { "delivered", { N_ ("Delivered"), "emblem-default-symbolic", "success" } },
  { "deferred", { N_ ("Deferred"), "document-open-recent-symbolic", "warning" } },
  { "bounced", { N_ ("Bounced"), "dialog-error-symbolic", "error" } },
  { "discarded", { N_ ("Discarded"), "edit-delete-symbolic", "warning" } },
  { "broken-off", { N_ ("Broken Off"), "dialog-warning-symbolic", "warning" } },
  { "removed", { N_ ("Removed"), "edit-delete-symbolic", "dim-label" } },
  { "pass", { N_ ("Passed"), "emblem-default-symbolic", "success" } },
  { "watched", { N_ ("Watched"), "view-reveal-symbolic", "warning" } },
  { "exempt", { N_ ("Exempt"), "emblem-default-symbolic", "dim-label" } },
  { "skipped", { N_ ("Skipped"), "emblem-default-symbolic", "dim-label" } },
  { "trouble", { N_ ("Not Known"), "dialog-warning-symbolic", "warning" } },
};

PbaEventLook
pba_event_look (const char *event)
{
  PbaEventLook look = { event, "dialog-question-symbolic", NULL };

  for (guint i = 0; i < G_N_ELEMENTS (looks); i++)
    if (g_str_equal (looks[i].event, event))
      {
        look = looks[i].look;
        look.title = _ (look.title);
      }
  return look;
}

static const char *
text_of (GVariant *cells, const char *key)
{
  const char *text = "";

  g_variant_lookup (cells, key, "&s", &text);
  return text;
}

static gint64
time_of (GVariant *cells)
{
  guint64 time = 0;

  g_variant_lookup (cells, "Time", "t", &time);
  return (gint64) MIN (time, G_MAXINT64);
}

/* ---- messages ---- */

static char *
title_of (GVariant *cells)
{
  g_autoptr (GVariant) recipients =
    g_variant_lookup_value (cells, "Recipients", G_VARIANT_TYPE ("aa{sv}"));
  guint32 n = 0;

  g_variant_lookup (cells, "RecipientCount", "u", &n);
  if (n > 1)
    return g_strdup_printf (ngettext ("%u recipient", "%u recipients", n), n);
  if (recipients != NULL && g_variant_n_children (recipients) == 1)
    {
      g_autoptr (GVariant) recipient = g_variant_get_child_value (recipients, 0);
      const char *original = text_of (recipient, "Original");

      return g_strdup (original[0] != '\0' ? original : text_of (recipient, "Address"));
    }
  /* Translators: %s is an IP address */
  return g_strdup_printf (_ ("Connection from %s"), text_of (cells, "Client"));
}

static char *
sender_words (GVariant *cells)
{
  const char *sender;

  if (!g_variant_lookup (cells, "Sender", "&s", &sender))
    return NULL;
  if (sender[0] == '\0')
    return g_strdup (_ ("From the null sender"));
  /* Translators: %s is an address */
  return g_strdup_printf (_ ("From %s"), sender);
}

/* Delivered mail needs none. */
static char *
reason_words (GVariant *cells)
{
  const char *event = text_of (cells, "Event"), *check = text_of (cells, "Check");
  g_autofree char *evidence = NULL;

  if (g_str_equal (event, "delivered") || g_str_equal (event, "accepted")
      || g_str_equal (event, "removed"))
    return NULL;
  if (check[0] != '\0' && (g_str_equal (event, "refused") || g_str_equal (event, "discarded")))
    return pba_check_title (check);
  if (text_of (cells, "Reply")[0] == '\0')
    return NULL;
  return pba_reply_explain (text_of (cells, "Reply"), &evidence);
}

/* What there is, as sentences. */
static char *
join_sentences (const char *first, const char *second)
{
  if (first == NULL || second == NULL)
    return g_strdup (first != NULL ? first : second != NULL ? second : "");
  /* Translators: two short sentences behind each other */
  return g_strdup_printf (C_ ("sentences", "%s. %s"), first, second);
}

PbaMessage *
pba_message_new (GVariant *cells)
{
  PbaMessage *self = g_new0 (PbaMessage, 1);
  g_autofree char *sender = sender_words (cells);
  g_autofree char *reason = reason_words (cells);
  guint64 size = 0;

  g_variant_lookup (cells, "Size", "t", &size);
  self->event = g_strdup (text_of (cells, "Event"));
  self->title = title_of (cells);
  self->second = join_sentences (sender, reason);
  self->when = pba_words_time (time_of (cells));
  self->size = size > 0 ? pba_words_size (size) : g_strdup ("");
  return self;
}

void
pba_message_free (PbaMessage *self)
{
  g_free (self->event);
  g_free (self->title);
  g_free (self->second);
  g_free (self->when);
  g_free (self->size);
  g_free (self);
}

/* ---- steps ---- */

static const struct
{
  const char *outcome, *words;
} outcome_words[] = {
  { "pass", N_ ("Passed") },
  { "refused", N_ ("Refused") },
  { "watched", N_ ("Would have been refused") },
  { "exempt", N_ ("Does not bind this client") },
  { "skipped", N_ ("Skipped by a whitelist rule") },
  { "trouble", N_ ("Could not be found out") },
  { "discarded", N_ ("Discarded by a rule") },
  { "quarantined", N_ ("Put aside") },
  { "unseen", N_ ("Depends on the message") },
};

static char *
step_title (GVariant *cells)
{
  const char *stage = text_of (cells, "Stage"), *check = text_of (cells, "Check");
  const char *outcome = text_of (cells, "Outcome");

  if (g_str_equal (stage, "attempt"))
    {
      const char *remote = text_of (cells, "Remote");

      if (g_str_equal (remote, "mailbox"))
        return g_strdup (_ ("Delivery to the mailbox"));
      if (remote[0] == '\0')
        return g_strdup (_ ("Attempt to deliver"));
      /* Translators: %s is a host that was spoken to */
      return g_strdup_printf (_ ("Attempt to deliver to %s"), remote);
    }
  if (g_str_equal (check, "notice"))
    return g_strdup (_ ("Made by this server to tell a sender"));
  if (g_str_equal (check, "alias"))
    return g_strdup (_ ("Forwarded by an alias"));
  if (g_str_equal (stage, "queue"))
    return g_strdup (g_str_equal (outcome, "removed") ? _ ("Removed from the queue by hand")
                                                      : _ ("Taken into the queue"));
  return pba_check_title (check);
}

static const char *
outcome_title (const char *outcome)
{
  for (guint i = 0; i < G_N_ELEMENTS (outcome_words); i++)
    if (g_str_equal (outcome_words[i].outcome, outcome))
      return _ (outcome_words[i].words);
  return pba_event_look (outcome).title;
}

static void
add_line (GString *lines, const char *line)
{
  if (line[0] == '\0')
    return;
  if (lines->len > 0)
    g_string_append_c (lines, '\n');
  g_string_append (lines, line);
}

/* What became of each recipient of an attempt at several. */
static void
add_results (GString *lines, GVariant *cells)
{
  g_autoptr (GVariant) results =
    g_variant_lookup_value (cells, "Results", G_VARIANT_TYPE ("aa{sv}"));
  gsize n = results != NULL ? g_variant_n_children (results) : 0;

  for (gsize i = 0; n > 1 && i < n; i++)
    {
      g_autoptr (GVariant) result = g_variant_get_child_value (results, i);
      g_autofree char *line =
        g_strdup_printf ("%s: %s", text_of (result, "Recipient"), text_of (result, "Reply"));

      add_line (lines, line);
    }
  if (n <= 1)
    add_line (lines, text_of (cells, "Reply"));
}

static char *
step_second (GVariant *cells)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  gboolean attempt = g_str_equal (text_of (cells, "Stage"), "attempt");
  const char *recipient = text_of (cells, "Recipient");

  if (!g_str_equal (text_of (cells, "Stage"), "queue"))
    g_string_append (lines, outcome_title (text_of (cells, "Outcome")));
  if (recipient[0] != '\0')
    g_string_append_printf (lines, ": %s", recipient);
  if (attempt)
    add_results (lines, cells);
  else
    {
      add_line (lines, text_of (cells, "Evidence"));
      add_line (lines, text_of (cells, "Reply"));
    }
  return g_string_free (g_steal_pointer (&lines), FALSE);
}

static PbaTrailStep *
step_new (GVariant *cells)
{
  PbaTrailStep *self = g_new0 (PbaTrailStep, 1);
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (time_of (cells));

  self->title = step_title (cells);
  self->second = step_second (cells);
  self->outcome = g_strdup (text_of (cells, "Outcome"));
  self->check = g_strdup (text_of (cells, "Check"));
  self->recipient = g_strdup (text_of (cells, "Recipient"));
  self->time = time != NULL ? g_date_time_format (time, "%H:%M:%S") : g_strdup ("");
  self->transcript = g_strdup (text_of (cells, "Transcript"));
  return self;
}

void
pba_trail_step_free (PbaTrailStep *self)
{
  g_free (self->title);
  g_free (self->second);
  g_free (self->outcome);
  g_free (self->check);
  g_free (self->recipient);
  g_free (self->time);
  g_free (self->transcript);
  g_free (self);
}

/* ---- checks that let pass, as one step ---- */

/* Checks of one stage and one recipient that had nothing against it. */
typedef struct
{
  GVariant *first; /* (owned) (nullable) a line */
  guint passed, exempt, skipped;
  GString *evidence; /* (owned) lines */
} Quiet;

static gboolean
is_quiet (GVariant *line)
{
  const char *outcome = text_of (line, "Outcome"), *stage = text_of (line, "Stage");

  return !g_str_equal (stage, "queue") && !g_str_equal (stage, "attempt")
         && (g_str_equal (outcome, "pass") || g_str_equal (outcome, "exempt")
             || g_str_equal (outcome, "skipped"));
}

static gboolean
quiet_takes (const Quiet *self, GVariant *line)
{
  return is_quiet (line)
         && (self->first == NULL
             || (g_str_equal (text_of (self->first, "Stage"), text_of (line, "Stage"))
                 && g_str_equal (text_of (self->first, "Recipient"), text_of (line, "Recipient"))));
}

static void
quiet_add (Quiet *self, GVariant *line)
{
  const char *outcome = text_of (line, "Outcome");

  if (self->first == NULL)
    self->first = g_variant_ref (line);
  if (g_str_equal (outcome, "pass"))
    self->passed++;
  else if (g_str_equal (outcome, "exempt"))
    self->exempt++;
  else
    self->skipped++;
  add_line (self->evidence, text_of (line, "Evidence"));
}

static char *
quiet_title (const Quiet *self)
{
  const char *stage = text_of (self->first, "Stage");
  const char *recipient = text_of (self->first, "Recipient");

  if (g_str_equal (stage, "connect"))
    return g_strdup (_ ("Checks of the connection"));
  if (g_str_equal (stage, "helo"))
    return g_strdup (_ ("Checks of the HELO name"));
  if (g_str_equal (stage, "mail"))
    return g_strdup (_ ("Checks of the sender"));
  if (g_str_equal (stage, "data"))
    return g_strdup (_ ("Checks of the message"));
  if (recipient[0] == '\0')
    return g_strdup (_ ("Checks of a recipient"));
  /* Translators: %s is a recipient */
  return g_strdup_printf (_ ("Checks of %s"), recipient);
}

static void
add_count (GString *words, const char *text)
{
  if (words->len > 0)
    g_string_append (words, ", ");
  g_string_append (words, text);
}

static char *
quiet_words (const Quiet *self)
{
  g_autoptr (GString) words = g_string_new (NULL);
  g_autofree char *passed =
    g_strdup_printf (ngettext ("%u passed", "%u passed", self->passed), self->passed);
  g_autofree char *exempt = g_strdup_printf (
    ngettext ("%u does not bind this client", "%u do not bind this client", self->exempt),
    self->exempt);
  g_autofree char *skipped = g_strdup_printf (
    ngettext ("%u skipped by a whitelist rule", "%u skipped by a whitelist rule", self->skipped),
    self->skipped);

  if (self->passed > 0)
    add_count (words, passed);
  if (self->exempt > 0)
    add_count (words, exempt);
  if (self->skipped > 0)
    add_count (words, skipped);
  add_line (words, self->evidence->str);
  return g_string_free (g_steal_pointer (&words), FALSE);
}

static void
quiet_flush (Quiet *self, GPtrArray *steps)
{
  PbaTrailStep *step;

  if (self->first == NULL)
    return;
  step = step_new (self->first);
  g_free (step->title);
  g_free (step->second);
  g_free (step->outcome);
  step->title = quiet_title (self);
  step->second = quiet_words (self);
  step->outcome = g_strdup (self->passed > 0 ? "pass" : self->skipped > 0 ? "skipped" : "exempt");
  g_ptr_array_add (steps, step);
  g_clear_pointer (&self->first, g_variant_unref);
  self->passed = self->exempt = self->skipped = 0;
  g_string_truncate (self->evidence, 0);
}

GPtrArray *
pba_trail_steps_new (GVariant *lines)
{
  GPtrArray *steps = g_ptr_array_new_with_free_func ((GDestroyNotify) pba_trail_step_free);
  Quiet quiet = { .evidence = g_string_new (NULL) };
  gsize n = g_variant_n_children (lines);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) line = g_variant_get_child_value (lines, i);

      if (!quiet_takes (&quiet, line))
        quiet_flush (&quiet, steps);
      if (is_quiet (line))
        quiet_add (&quiet, line);
      else
        g_ptr_array_add (steps, step_new (line));
    }
  quiet_flush (&quiet, steps);
  g_string_free (quiet.evidence, TRUE);
  return steps;
}

/* ---- advice ---- */

static const struct
{
  const char *check;
  PbaCheckAdvice advice;
} advices[] = {
  { "access-client", { N_ ("A blacklist rule names the client’s address."), "access-list", TRUE } },
  { "access-envelope",
    { N_ ("A blacklist rule names the sender or the recipient."), "access-list", TRUE } },
  { "dnsbl", { N_ ("The client’s address is on a DNS blocklist."), "blocklists", TRUE, "dnsbl" } },
  { "spf",
    { N_ ("The sender’s domain says that this client may not send its mail."),
      "mail-authentication", TRUE, "spf" } },
  { "dkim",
    { N_ ("The message’s signature is broken or missing."), "mail-authentication", TRUE, "dkim" } },
  { "dmarc",
    { N_ ("The sender’s domain asks to refuse mail that is neither sent by its hosts nor signed "
          "by it."),
      "mail-authentication", TRUE, "dmarc" } },
  { "antivirus", { N_ ("The message has a virus."), "antivirus", TRUE, "antivirus" } },
  { "relay",
    { N_ ("The recipient’s domain is none of this server’s, and the client is neither logged in "
          "nor trusted. A server that shall send through this one belongs in the Trusted List."),
      "trusted-list" } },
  { "recipient",
    { N_ ("There is no such account, alias or address here."), "account-list" } },
  { "recipient-probe",
    { N_ ("The server behind this one does not know the recipient."), "domain-list" } },
  { "recipient-limit", { N_ ("The message has too many recipients."), "general" } },
  { "login", { N_ ("This port takes mail from users that have logged in only."), "general" } },
  { "sender-login",
    { N_ ("The user has logged in, but the sender’s address is none of theirs."), "general" } },
  { "from-login",
    { N_ ("The user has logged in, but the address in From is none of theirs."), "general" } },
  { "size", { N_ ("The message is larger than this server takes."), "general" } },
  { "hops",
    { N_ ("The message has passed too many servers, so it may be in a loop."), "general" } },
  { "connections",
    { N_ ("The client has too many connections at once."), "connection-policy" } },
  { "connection-rate",
    { N_ ("The client has built too many connections in a minute."), "connection-policy" } },
  { "message-rate",
    { N_ ("The client has sent too many messages in a minute."), "connection-policy" } },
  { "client-name",
    { N_ ("The client’s address has no hostname that leads back to it."), "connection-policy", TRUE } },
  { "helo-fqdn", { N_ ("The client’s HELO name has no domain."), "advanced", TRUE } },
  { "helo-domain", { N_ ("The client’s HELO name is not in the DNS."), "advanced", TRUE } },
  { "sender-fqdn", { N_ ("The sender’s address has no full domain."), "sender-policy", TRUE } },
  { "sender-domain",
    { N_ ("The sender’s domain takes no mail: it is not in the DNS."), "sender-policy", TRUE } },
  { "pipelining", { N_ ("The client spoke before it was its turn, as spammers do."), "advanced" } },
  { "bare-newline",
    { N_ ("The message has line ends that are used to smuggle mail past checks."), "advanced" } },
  { "blocks",
    { N_ ("The client is blocked for a while, for failed logins or unknown recipients."),
      "blocks" } },
};

PbaCheckAdvice
pba_check_advice (const char *check)
{
  PbaCheckAdvice advice = { NULL };

  for (guint i = 0; i < G_N_ELEMENTS (advices); i++)
    if (g_str_equal (advices[i].check, check))
      {
        advice = advices[i].advice;
        advice.why = _ (advice.why);
      }
  return advice;
}

GVariant *
pba_message_draft_rule (GVariant *cells, const char *check)
{
  PbaCheckAdvice advice = pba_check_advice (check);
  const char *client = text_of (cells, "Client"), *sender = text_of (cells, "Sender");
  const char *skips[] = { advice.skip, NULL };
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (client);
  g_autofree char *name = NULL;
  GVariantDict rule;

  /* Without a test to skip it is the client that a rule has to name. */
  if (!advice.by_rule || (address == NULL && (sender[0] == '\0' || advice.skip == NULL)))
    return NULL;
  /* Translators: the name of a rule that is made from a refused message; %s is its sender or the client */
  name = g_strdup_printf (_ ("Mail from %s"), sender[0] != '\0' ? sender : client);
  g_variant_dict_init (&rule, NULL);
  g_variant_dict_insert (&rule, "Name", "s", name);
  g_variant_dict_insert (&rule, "Kind", "s", address != NULL ? "ip" : "sender");
  g_variant_dict_insert (&rule, "Value", "s", address != NULL ? client : sender);
  g_variant_dict_insert (&rule, "Skip", "^as", skips);
  return g_variant_ref_sink (g_variant_dict_end (&rule));
}

char *
pba_message_verdict_words (GVariant *trail)
{
  gsize n = g_variant_n_children (trail);
  g_autoptr (GVariant) last = n > 0 ? g_variant_get_child_value (trail, n - 1) : NULL;
  const char *outcome = last != NULL ? text_of (last, "Outcome") : "trouble";

  /* Behind the check that decides stands the decision. */
  for (gsize i = n; i > 0 && g_str_equal (outcome, "refused"); i--)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (trail, i - 1);
      const char *check = text_of (row, "Check");
      g_autofree char *title = NULL;

      if (g_str_equal (check, "decision") || !g_str_equal (text_of (row, "Outcome"), "refused"))
        continue;
      title = pba_check_title (check);
      /* Translators: %s is a check, such as Relay access denied */
      return g_strdup_printf (_ ("By today’s settings it would be refused: %s."), title);
    }
  if (g_str_equal (outcome, "refused"))
    return g_strdup (_ ("By today’s settings it would be refused."));
  if (g_str_equal (outcome, "discarded"))
    return g_strdup (_ ("By today’s settings it would be discarded."));
  if (g_str_equal (outcome, "trouble"))
    return g_strdup (_ ("How it would be judged today cannot be found out now."));
  return g_strdup (_ ("By today’s settings it would be accepted, as far as its envelope tells."));
}
