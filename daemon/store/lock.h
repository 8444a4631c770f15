/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/**
 * pb_lock_take:
 * Locks the file @name in @directory, made when missing, so that no second postbusd works on the same database. Not the database file itself: closing a second
 * descriptor of that would drop SQLite's own locks.
 * Returns: a descriptor that holds the lock until it is closed, -1 with @error (PB_STORE_ERROR_BUSY when another has it).
 */
int pb_lock_take (const char *directory, const char *name, GError **error);
