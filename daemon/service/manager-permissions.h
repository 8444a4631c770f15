/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/bus-call.h"

/* Manager's methods about what the caller may do; open to all, since they tell only about the caller. */
void pb_manager_handle_get_permissions (PbBusCall *call, gpointer object);
void pb_manager_handle_authorize (PbBusCall *call, gpointer object);
