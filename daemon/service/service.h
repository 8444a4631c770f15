/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/options.h"
#include <glib.h>

/* The whole daemon: every floor made in order, run, and taken down in reverse. Main thread. */
typedef struct _PbService PbService;

/**
 * pb_service_new:
 * Opens sockets, stores, settings, bus, in this order, so that a taken port or an unreadable directory ends the start before anything is written. Blocks.
 * Errors: one line that says what is wrong and where.
 */
PbService *pb_service_new (const PbOptions *options, GError **error);

/**
 * pb_service_run: takes mail until SIGTERM or SIGINT, then drains up to 8 seconds. A second signal ends the waiting.
 * Returns: the exit status.
 */
int pb_service_run (PbService *self);

/** pb_service_free: closes everything; what was acknowledged is safe. */
void pb_service_free (PbService *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbService, pb_service_free)
