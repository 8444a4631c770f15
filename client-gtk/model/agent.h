/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/*
 * A polkit agent on a far bus, where no desktop has one: what polkit wants to know there is asked here. Signal: "question" (PbaQuestion, text s);
 * answer with pba_agent_answer().
 */
#define PBA_TYPE_AGENT (pba_agent_get_type ())
G_DECLARE_FINAL_TYPE (PbaAgent, pba_agent, PBA, AGENT, GObject)

/** pba_agent_new: registers with polkit on @bus, in the background; a bus without polkit has no agent. @address: of ssh, for the helper there. */
PbaAgent *pba_agent_new (GDBusConnection *bus, const char *address);
/** pba_agent_is_asking: whether a question waits for pba_agent_answer(). */
gboolean pba_agent_is_asking (PbaAgent *self);
/** pba_agent_answer: @text (nullable): NULL when the user gave up. */
void pba_agent_answer (PbaAgent *self, const char *text);
/** pba_agent_end: with its bus; what is being asked is given up. */
void pba_agent_end (PbaAgent *self);

G_END_DECLS
