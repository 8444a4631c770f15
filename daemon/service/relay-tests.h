/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/smtp-agent.h"
#include "settings/registry.h"
#include <glib.h>

/* Tries of a relay as it is set: the way of a delivery up to RCPT, looked on by Manager.TestRelay. Main thread. */
typedef struct _PbRelayTests PbRelayTests;

/** pb_relay_tests_new: borrows all; @mailbox: the main thread's. */
PbRelayTests *pb_relay_tests_new (PbSmtpAgent *agent, PbRegistry *registry, PbMailbox *mailbox);

/** pb_relay_tests_free: once the agent has handed back all deliveries. */
void pb_relay_tests_free (PbRelayTests *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbRelayTests, pb_relay_tests_free)

/** PbRelayTested: @steps: (nullable) aa{sv}, as Manager.TestRelay answers; @error: (nullable) why nothing could be tried. */
typedef void (*PbRelayTested) (GVariant *steps, const GError *error, gpointer user_data);

/** pb_relay_tests_run: @relay: an exception's id or PB_ROUTE_RELAY_GENERAL. @func is called once, perhaps at once, a minute later at the most. Errors: NOT_FOUND, BUSY. */
void pb_relay_tests_run (PbRelayTests *self, const char *relay, PbRelayTested func, gpointer user_data);
