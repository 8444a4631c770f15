/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"
#include "model/secret-agent.h"
#include <adwaita.h>

G_BEGIN_DECLS

/** pba_question_ask: a dialog with what ssh asks; answers @connection by itself. Returns: (transfer none): the dialog. */
GtkWindow *pba_question_ask (GtkWindow *parent, PbaConnection *connection, PbaQuestion kind, const char *text);

/** pba_question_ask_relay: a dialog for a relay's password; answers @agent by itself. Returns: (transfer none): the dialog. */
GtkWindow *pba_question_ask_relay (GtkWindow *parent, PbaSecretAgent *agent, const PbaSecretQuestion *question);

G_END_DECLS
