/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/database.h"
#include <glib.h>

/**
 * pb_database_shrink:
 * Writes the database anew when most of its file is empty and little has to be copied; else does nothing. The file is cut by the checkpoint that
 * follows. Blocks for a second at most. @wrote (out): whether it did. Errors: PB_STORE_ERROR, nothing is changed then. The writer thread, outside a
 * transaction.
 */
gboolean pb_database_shrink (PbDatabase *self, gboolean *wrote, GError **error);
