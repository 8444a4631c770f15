/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/bus-call.h"
#include "settings/registry.h"
#include "util/pool.h"

/* The methods of the settings interface MailAuth. */
void pb_signing_handle_create (PbBusCall *call, PbRegistry *registry, PbPool *workers);
void pb_signing_handle_list (PbBusCall *call, PbRegistry *registry);
void pb_signing_handle_activate (PbBusCall *call, PbRegistry *registry);
void pb_signing_handle_remove (PbBusCall *call, PbRegistry *registry);
