/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/relay-secret.h"
#include "service/alerts.h"
#include "service/secret-agents.h"
#include "settings/registry.h"
#include <glib.h>

/*
 * The source of relay passwords for the SMTP client: unseals those kept here, asks clients for the others, keeps what they said in memory as long as it serves,
 * and raises and ends the alerts of refused and missing passwords. Made and freed on the main thread; its source is for any.
 */
typedef struct _PbRelayKeeper PbRelayKeeper;

/** pb_relay_keeper_new: borrows all; @mailbox: the main thread's. */
PbRelayKeeper *pb_relay_keeper_new (PbRegistry *registry, PbMailbox *mailbox, PbSecretAgents *agents, PbAlerts *alerts);

/** pb_relay_keeper_close: at the end, before the SMTP agents: whoever waits is answered now, and whoever asks from now on at once. Before @agents and @alerts go. */
void pb_relay_keeper_close (PbRelayKeeper *self);

/** pb_relay_keeper_free: after whoever uses its source. */
void pb_relay_keeper_free (PbRelayKeeper *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbRelayKeeper, pb_relay_keeper_free)

/* How long, in milliseconds. */
typedef struct
{
  guint patience; /* a connection waits for an answer; the relay waits as well */
  guint agent;    /* a client has to look into a keyring */
  guint person;   /* somebody has to type it */
  guint quiet;    /* nobody is asked again after all have said no */
  guint kept;     /* a password to be asked for each time serves while mail keeps coming, and so long after */
} PbRelayKeeperTimes;

/** pb_relay_keeper_times: (transfer none) for tests: to be changed before anybody asks. */
PbRelayKeeperTimes *pb_relay_keeper_times (PbRelayKeeper *self);

/** pb_relay_keeper_source: (transfer none): as long as @self. */
const PbRelaySecretSource *pb_relay_keeper_source (PbRelayKeeper *self);

/** pb_relay_keeper_watch: @wake is called when mail that waits for a password may be tried again. */
void pb_relay_keeper_watch (PbRelayKeeper *self, void (*wake) (gpointer user_data), gpointer user_data);
