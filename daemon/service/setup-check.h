/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/resolver.h"
#include "policy/blocklists.h"
#include "service/bus.h"
#include "service/certificate.h"
#include "service/relay-tests.h"
#include "settings/registry.h"
#include <glib.h>

/*
 * Diagnostics.CheckSetup: whether the Internet finds this server, trusts it and can reach it. Main thread; one run at a time, whose results all who ask meanwhile
 * share. Never guesses: what cannot be told is "unknown".
 */
typedef struct _PbSetupCheck PbSetupCheck;

typedef struct
{
  PbBus *bus; /* all borrowed */
  PbRegistry *registry;
  PbResolver *resolver;
  PbBlocklists *blocklists;
  PbCertificate *certificate;
  PbRelayTests *tests;
  GPtrArray *listeners; /* (element-type PbListener) */
  PbMailbox *mailbox;   /* the main thread's */
  const char *directory; /* the state directory; copied */
  guint16 mx_port;
} PbSetupParts;

PbSetupCheck *pb_setup_check_new (const PbSetupParts *parts);

/** pb_setup_check_close: while the resolver lives and before the bus goes: a run under way ends now, and whoever waits for it is told that the server is stopping. */
void pb_setup_check_close (PbSetupCheck *self);
/** pb_setup_check_free: once every answer that was asked for has come. */
void pb_setup_check_free (PbSetupCheck *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSetupCheck, pb_setup_check_free)

/** pb_setup_check_handle: the method CheckSetup of the interface Diagnostics. */
void pb_setup_check_handle (PbBusCall *call, PbSetupCheck *self);
