/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/body.h"
#include "store/seal.h"
#include "store/spool.h"
#include <glib.h>

/* @body: (transfer full) (nullable) NULL with @error. @digest is set for files only; who stores bytes hashes them. */
typedef void (*PbSpoolFinished) (PbBody *body, const guint8 digest[PB_DIGEST_SIZE], const GError *error, gpointer user_data);

/**
 * pb_spool_finish:
 * @self: (transfer full)
 * @name: what the file shall be called
 * Makes the message safe: bytes at once, on the caller's thread; a file by write, fsync, rename and fsync of the directory, then @func on a pool thread.
 */
void pb_spool_finish (PbSpool *self, const char *name, PbSpoolFinished func, gpointer user_data);
