/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * pba_advice: (nullable): what stands under the row of @key instead of the contract's help, in the user's language, where a row
 * shows a switch or a list of choices and the contract speaks of 0 and of the bus's words. @choice (nullable): what is chosen.
 */
const char *pba_advice (const char *key, const char *choice);

/** pba_advice_group: (nullable): what stands under the title of @group, which is the table's, untranslated. */
const char *pba_advice_group (const char *group);
/** pba_advice_watched: (nullable): the counter of what the policy @key would have refused while it only watches. */
const char *pba_advice_watched (const char *key);

G_END_DECLS
