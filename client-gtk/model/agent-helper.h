/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/*
 * One try of a user at the far end to prove who they are: polkit's own helper, run there through ssh. Signals: "question" (PbaQuestion, text s):
 * answer with pba_agent_helper_answer(); "ended" (b: it went well), once.
 */
#define PBA_TYPE_AGENT_HELPER (pba_agent_helper_get_type ())
G_DECLARE_FINAL_TYPE (PbaAgentHelper, pba_agent_helper, PBA, AGENT_HELPER, GObject)

/** pba_agent_helper_new: starts it. @uid: who shall prove it; @cookie: of polkit's question; @message: stands above what the helper asks. */
PbaAgentHelper *pba_agent_helper_new (const char *address, guint32 uid, const char *cookie, const char *message, GError **error);
/** pba_agent_helper_is_asking: whether a question waits for an answer. */
gboolean pba_agent_helper_is_asking (PbaAgentHelper *self);
void pba_agent_helper_answer (PbaAgentHelper *self, const char *text);
/** pba_agent_helper_end: no signal comes any more. */
void pba_agent_helper_end (PbaAgentHelper *self);

G_END_DECLS
