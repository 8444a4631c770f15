/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/relay-password.h"
#include "model/secrets.h"

/* What the service and the keyring call the relay host of Delivery. */
#define PBA_RELAY_GENERAL "general"

/* Shared by relay-password.c (what is known) and relay-password-send.c (how it goes). */
struct _PbaRelayPassword
{
  GObject parent_instance;

  PbaServer *server;         /* (owned) */
  GCancellable *cancellable; /* (owned): of the keyring's last question */
  PbaPasswordState state;
  gboolean in_keyring, busy;
  gboolean not_stored; /* trouble says why the keyring did not take it */
  char *pending;       /* (owned) (nullable): secret */
  char *refusal;       /* (owned) (nullable): the service's, until another is typed */
  char *trouble;       /* (owned) (nullable) */
};

void pba_relay_password_notify (PbaRelayPassword *self);
/** pba_relay_password_announce_edit: what is typed, or what is wrong with it, is another. */
void pba_relay_password_announce_edit (PbaRelayPassword *self);
void pba_relay_password_set_trouble (PbaRelayPassword *self, const char *sentence);
/** pba_relay_password_login: (borrows from the models): by what is set on the server. */
PbaRelayLogin pba_relay_password_login (PbaRelayPassword *self);
void pba_relay_password_ask_state (PbaRelayPassword *self);
/** pba_relay_password_storage: (borrows from the models): "system", "agent" or "ask", as it is set on the server. */
const char *pba_relay_password_storage (PbaRelayPassword *self);
void pba_relay_password_draft_init (PbaDraftInterface *iface);
