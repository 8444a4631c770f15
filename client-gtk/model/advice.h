/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * pba_advice: (nullable): what stands under the row of @key instead of the contract's help, in the user's language, where a row
 * shows a switch or a list of choices and the contract speaks of 0 and of the bus's words. @choice (nullable): what is chosen.
 */
const char *pba_advice (const char *key, const char *choice);

G_END_DECLS
