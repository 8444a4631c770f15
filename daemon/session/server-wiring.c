/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Joins the server to the floors below it: the settings it takes a snapshot of, the store whose
 * state it asks, the queue it submits to. The one file of the session that knows the queue, so that
 * sessions can be tested over a store alone.
 */
#include "session/session-private.h"

#define SECOND ((gint64) G_USEC_PER_SEC)

static PbSnapshot *
take_snapshot (gpointer data)
{
  const PbServerParts *parts = data;

  return pb_registry_snapshot (parts->registry);
}

static PbStoreState
ask_state (gpointer data)
{
  const PbServerParts *parts = data;

  return pb_store_state (parts->store);
}

static void
submit (PbEnvelope *envelope, PbSpool *spool, const PbSnapshot *snapshot, PbMailbox *reply_to,
        PbStoreSubmitted func, gpointer user_data, gpointer data)
{
  const PbServerParts *parts = data;

  pb_queue_submit (parts->queue, envelope, spool, snapshot, reply_to, func, user_data);
}

PbServer *
pb_server_new (const PbServerParts *parts)
{
  PbServerWiring wiring = {
    .snapshot = take_snapshot,
    .state = ask_state,
    .submit = submit,
    .check_password = parts->check_password,
    .check_password_data = parts->check_password_data,
    .data = g_memdup2 (parts, sizeof *parts),
    .free_data = g_free,
    .store = parts->store,
    .history = parts->history,
    .blocklists = parts->blocklists,
    .scanner = parts->scanner,
    .workers = parts->workers,
    .signers = parts->signers,
    .blocks = parts->blocks,
    .tls = parts->tls,
    .budget = pb_budget_default_limit (),
    .second = SECOND,
    .command_timeout = 300 * SECOND,
    .data_timeout = 180 * SECOND,
    .data_rate = 1000,
  };

  if (parts->resolver != NULL)
    pb_dns_init_resolver (&wiring.dns, parts->resolver);
  wiring.rows = pb_policy_rows (&wiring.n_rows);
  return pb_server_new_wired (&wiring);
}
