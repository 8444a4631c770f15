/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SMTP client's side of asking for a relay's password: the words for mail that has to wait, and
 * what holds where there is no source (programs without a bus, tests). Called on the reactors' threads.
 * Never fails: without a password there is an answer that says why.
 */
#include "delivery/relay-secret.h"

#include "util/marked.h"

typedef struct
{
  PbRelaySecretFunc func;
  gpointer user_data;
} Nothing;

static void
on_nothing (gpointer data)
{
  g_autofree Nothing *nothing = data;

  nothing->func (PB_RELAY_SECRET_NONE, NULL, nothing->user_data);
}

void
pb_relay_secret_ask (const PbRelaySecretSource *source, const PbRoute *route, PbMailbox *reply_to,
                     PbRelaySecretFunc func, gpointer user_data)
{
  Nothing *nothing;

  if (source != NULL)
    {
      source->ask (source->source, route, reply_to, func, user_data);
      return;
    }
  nothing = g_new (Nothing, 1);
  *nothing = (Nothing){ func, user_data };
  pb_mailbox_post (reply_to, on_nothing, nothing);
}

void
pb_relay_secret_refused (const PbRelaySecretSource *source, const PbRoute *route, const char *reply)
{
  if (source != NULL)
    source->refused (source->source, route, reply);
}

void
pb_relay_secret_accepted (const PbRelaySecretSource *source, const PbRoute *route)
{
  if (source != NULL)
    source->accepted (source->source, route);
}

const char *
pb_relay_secret_reason (PbRelaySecretAnswer answer)
{
  switch (answer)
    {
    case PB_RELAY_SECRET_GIVEN:
      break;
    case PB_RELAY_SECRET_NONE:
      return N_ ("the relay wants a login and no password is set for it");
    case PB_RELAY_SECRET_STALE:
      return N_ ("the password was set for another relay or login and must be set anew");
    case PB_RELAY_SECRET_WAITING:
      return N_ ("the relay's password has to be asked for, and nobody who knows it has answered");
    }
  g_return_val_if_reached ("");
}
