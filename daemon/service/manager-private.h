/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/bus-call.h"
#include "service/relay-tests.h"
#include "service/secret-agents.h"
#include "settings/registry.h"

/* What the handlers of Manager's methods need of it; the first member of PbManagerObject, so that their @object is one of these. */
typedef struct
{
  PbRegistry *registry;   /* (unowned) */
  PbSecretAgents *agents; /* (unowned) */
  PbRelayTests *tests;    /* (unowned) */
} PbManagerMethods;

/* manager-changes.c: what changes settings. */
void pb_manager_handle_apply (PbBusCall *call, gpointer object);
void pb_manager_handle_confirm (PbBusCall *call, gpointer object);
void pb_manager_handle_revert (PbBusCall *call, gpointer object);
void pb_manager_handle_import (PbBusCall *call, gpointer object);

/* manager-secrets.c: passwords for relays. */
void pb_manager_handle_set_relay_secret (PbBusCall *call, gpointer object);
void pb_manager_handle_register_secret_agent (PbBusCall *call, gpointer object);
void pb_manager_handle_unregister_secret_agent (PbBusCall *call, gpointer object);

/* manager-test.c: tries of a relay. */
void pb_manager_handle_test_relay (PbBusCall *call, gpointer object);

/* manager-read.c: what only reads. */
void pb_manager_handle_validate (PbBusCall *call, gpointer object);
void pb_manager_handle_revisions (PbBusCall *call, gpointer object);
void pb_manager_handle_export (PbBusCall *call, gpointer object);

/* manager-permissions.c: what the caller may do; open to all, since it tells only about the caller. */
void pb_manager_handle_get_permissions (PbBusCall *call, gpointer object);
void pb_manager_handle_authorize (PbBusCall *call, gpointer object);
