/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/* A password that somebody has to type. */
typedef struct
{
  char *server, *user; /* where, and as whom */
  char *refused;       /* the relay's reply to the last one, or "" */
  gboolean keep;       /* it goes into the keyring */
} PbaSecretQuestion;

/*
 * This computer as the service's secret agent: while it is connected, the service asks here for passwords of relays that are not kept on the server, and gets
 * them from the keyring or from somebody who types them. Registered at each connection as far as that needs no question. Properties: registered (b, read-only).
 * Signals: "question" (pointer: PbaSecretQuestion, for the time of the signal): somebody must call pba_secret_agent_answer(); "over": the question is, unasked.
 */
#define PBA_TYPE_SECRET_AGENT (pba_secret_agent_get_type ())
G_DECLARE_FINAL_TYPE (PbaSecretAgent, pba_secret_agent, PBA, SECRET_AGENT, GObject)

PbaSecretAgent *pba_secret_agent_new (PbaConnection *connection);
gboolean pba_secret_agent_get_registered (PbaSecretAgent *self);
/** pba_secret_agent_get_supported: this service asks at all. */
gboolean pba_secret_agent_get_supported (PbaSecretAgent *self);
/** pba_secret_agent_register: the user may be asked for authorization. */
void pba_secret_agent_register (PbaSecretAgent *self);
/** pba_secret_agent_answer: @password: (nullable): NULL when the user gave up; copied, and wiped afterwards. */
void pba_secret_agent_answer (PbaSecretAgent *self, const char *password);

G_END_DECLS
