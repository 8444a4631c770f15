/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The floor's error domain. Temporary errors (BUSY, FULL) cost one batch and nothing else; every other
 * error of a write means that the disk can no longer be trusted, and the store takes nothing more.
 */
#include "store/store.h"

G_DEFINE_QUARK (pb - store - error - quark, pb_store_error)

gboolean
pb_store_error_is_temporary (const GError *error)
{
  return g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_BUSY)
         || g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_FULL);
}
