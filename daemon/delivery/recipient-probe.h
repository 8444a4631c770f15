/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/smtp-agent.h"
#include "settings/registry.h"
#include <glib.h>

/* Asks the servers of Domain List domains by RCPT whom they know, for PbRemoteRecipients. Main thread, but that it is asked on any. */
typedef struct _PbRecipientProbe PbRecipientProbe;

/** pb_recipient_probe_new: borrows all; gives @registry its PbRemoteRecipients. */
PbRecipientProbe *pb_recipient_probe_new (PbSmtpAgent *agent, PbRegistry *registry, PbMailbox *main_mailbox);

/** pb_recipient_probe_close: before the agent is freed: whoever waits is told that nothing is known. */
void pb_recipient_probe_close (PbRecipientProbe *self);

/** pb_recipient_probe_free: when the agent has handed back its deliveries and nobody can ask any more. */
void pb_recipient_probe_free (PbRecipientProbe *self);
