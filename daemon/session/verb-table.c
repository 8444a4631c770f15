/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of verbs is the dispatcher: one row a verb says where it is allowed, whether it must be
 * the last of a pipelined group, whether it counts as junk, and who handles it. Order, pipelining
 * and superfluous arguments are answered here, once for all verbs; a handler only sees a command in
 * its place. The handlers of verbs that need no transaction are here too.
 */
#include "session/session-private.h"

#include "protocol/extension.h"
#include <arpa/inet.h>

#define IN(state) (1u << PB_SESSION_##state)
#define IN_ANY    (IN (GREETED) | IN (READY) | IN (MAIL) | IN (RCPT) | IN (CHUNKS))

/* ---- handlers ---- */

/* Takes the name that the client gives itself. Returns: FALSE when it was refused. */
static gboolean
take_helo (PbSession *self, const PbCommand *command, const char *syntax)
{
  if (!pb_helo_valid (command->argument, command->argument_length))
    {
      pb_session_reply_error (self, PB_REPLY_BAD_SYNTAX, syntax);
      return FALSE;
    }
  if (self->helo != NULL && !pb_session_count_junk (self))
    return FALSE;
  g_free (self->helo);
  self->helo = g_strndup (command->argument, command->argument_length);
  /* RFC 5321 4.1.4: as if by RSET. */
  pb_session_drop_transaction (self);
  pb_session_set_state (self, PB_SESSION_READY);
  pb_session_prefetch (self, PB_FACT_HELO);
  return TRUE;
}

static void
verb_helo (PbSession *self, const PbCommand *command)
{
  if (!take_helo (self, command, "HELO hostname"))
    return;
  self->esmtp = FALSE;
  pb_session_reply (self, PB_REPLY_HELO, self->snapshot->values.general_hostname);
}

static void
verb_ehlo (PbSession *self, const PbCommand *command)
{
  const PbSettingValues *values = &self->snapshot->values;
  PbExtensionSet offer = {
    .offered = PB_EXT_PIPELINING | PB_EXT_SIZE | PB_EXT_8BITMIME | PB_EXT_SMTPUTF8
               | PB_EXT_ENHANCEDSTATUSCODES | PB_EXT_CHUNKING | PB_EXT_LIMITS,
    .size = (guint64) values->general_max_message_size << 20,
    .limits_rcptmax = values->general_max_recipients,
  };
  g_autofree char *auth = pb_session_auth_offer (self);
  GString *lines = self->shard->line;
  char ip[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN + 2];

  if (!take_helo (self, command, "EHLO hostname"))
    return;
  self->esmtp = TRUE;
  offer.auth = auth;
  if (auth != NULL)
    offer.offered |= PB_EXT_AUTH;
  if (pb_session_offers_dsn (self))
    offer.offered |= PB_EXT_DSN;
  if (pb_session_offers_tls (self))
    offer.offered |= PB_EXT_STARTTLS;
  g_snprintf (peer, sizeof peer, self->local != NULL ? "%s" : "[%s]",
              pb_session_client_text (self, ip, sizeof ip));
  g_string_truncate (lines, 0);
  pb_extension_append_ehlo (lines, &offer, values->general_hostname, peer);
  pb_session_reply_lines (self, lines);
}

static void
verb_rset (PbSession *self, const PbCommand *command)
{
  pb_session_drop_transaction (self);
  pb_session_reply (self, PB_REPLY_OK, NULL);
}

static void
verb_noop (PbSession *self, const PbCommand *command)
{
  pb_session_reply (self, PB_REPLY_OK, NULL);
}

static void
verb_vrfy (PbSession *self, const PbCommand *command)
{
  if (command->argument_length == 0)
    pb_session_reply_error (self, PB_REPLY_BAD_SYNTAX, "VRFY address");
  else
    pb_session_reply (self, PB_REPLY_VRFY, NULL);
}

static void
verb_help (PbSession *self, const PbCommand *command)
{
  pb_session_reply (self, PB_REPLY_HELP, NULL);
}

static void
verb_quit (PbSession *self, const PbCommand *command)
{
  pb_session_fail (self, PB_REPLY_BYE, NULL);
}

static void
verb_not_implemented (PbSession *self, const PbCommand *command)
{
  pb_session_reply_error (self, PB_REPLY_NOT_IMPLEMENTED, NULL);
}

static void
verb_unknown (PbSession *self, const PbCommand *command)
{
  pb_session_reply_error (self, PB_REPLY_UNKNOWN_COMMAND, NULL);
}

/* ---- the table ---- */

static const PbVerbRow rows[PB_N_VERBS] = {
  [PB_VERB_UNKNOWN] = { IN_ANY, PB_VERB_PLAIN, verb_unknown },
  [PB_VERB_EHLO] = { IN_ANY, PB_VERB_LAST, verb_ehlo },
  [PB_VERB_HELO] = { IN_ANY, PB_VERB_LAST, verb_helo },
  [PB_VERB_MAIL] = { IN (READY), PB_VERB_PLAIN, pb_session_verb_mail },
  [PB_VERB_RCPT] = { IN (MAIL) | IN (RCPT), PB_VERB_PLAIN, pb_session_verb_rcpt },
  [PB_VERB_DATA] = { IN (MAIL) | IN (RCPT), PB_VERB_LAST | PB_VERB_BARE, pb_session_verb_data },
  [PB_VERB_BDAT] = { IN_ANY, PB_VERB_PLAIN, pb_session_verb_bdat },
  [PB_VERB_RSET] = { IN_ANY, PB_VERB_JUNK | PB_VERB_BARE, verb_rset },
  [PB_VERB_NOOP] = { IN_ANY, PB_VERB_LAST | PB_VERB_JUNK, verb_noop },
  [PB_VERB_VRFY] = { IN_ANY, PB_VERB_LAST | PB_VERB_JUNK, verb_vrfy },
  [PB_VERB_EXPN] = { IN_ANY, PB_VERB_LAST | PB_VERB_JUNK, verb_not_implemented },
  [PB_VERB_ETRN] = { IN_ANY, PB_VERB_JUNK, verb_not_implemented },
  [PB_VERB_HELP] = { IN_ANY, PB_VERB_JUNK, verb_help },
  [PB_VERB_QUIT] = { IN_ANY, PB_VERB_LAST | PB_VERB_BARE, verb_quit },
  [PB_VERB_STARTTLS] = { IN_ANY, PB_VERB_LAST | PB_VERB_BARE, pb_session_verb_starttls },
  [PB_VERB_AUTH] = { IN_ANY, PB_VERB_LAST, pb_session_verb_auth },
};

/* What is wrong with the order when a verb comes in a state where it is not allowed. */
static PbReplyId
out_of_order (PbSessionState state)
{
  switch (state)
    {
    case PB_SESSION_GREETED:
      return PB_REPLY_BAD_SEQUENCE_HELO;
    case PB_SESSION_READY:
      return PB_REPLY_BAD_SEQUENCE_MAIL;
    case PB_SESSION_MAIL:
    case PB_SESSION_RCPT:
      return PB_REPLY_BAD_SEQUENCE_NESTED;
    case PB_SESSION_CHUNKS:
      return PB_REPLY_BAD_SEQUENCE_CHUNKS;
    case PB_SESSION_CONNECTED:
    case PB_SESSION_DATA:
    case PB_SESSION_CHUNK:
    case PB_SESSION_ENDED_DATA:
    case PB_SESSION_CLOSED:
      break;
    }
  g_assert_not_reached ();
}

void
pb_session_dispatch (PbSession *self, const char *line, gsize length)
{
  PbCommand command = pb_command_parse (line, length);
  const PbVerbRow *row = &rows[command.verb];

  /* RFC 2920 3.1: groups are for those who were offered them, and some verbs end a group. */
  if (((row->flags & PB_VERB_LAST) != 0 || !self->esmtp)
      && pb_channel_has_input (self->channel, FALSE) && pb_session_jumped_queue (self))
    return;
  if ((row->flags & PB_VERB_JUNK) != 0 && !pb_session_count_junk (self))
    return;
  if ((row->states & (1u << self->state)) == 0)
    pb_session_reply_error (self, out_of_order (self->state), NULL);
  else if ((row->flags & PB_VERB_BARE) != 0 && command.argument_length > 0)
    pb_session_reply_error (self, PB_REPLY_NO_ARGUMENT_WANTED, NULL);
  else
    row->handle (self, &command);
}
