/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * pba_said_dup: what a row of the service says as @key ("Evidence"), in the user's language.
 * @row: a{sv}, with the English words as @key and, from a service that sends them, the sentence and its values as @key "Words" (dbus/say.h)
 *
 * Returns: (transfer full): "" where there is nothing. Begins with a capital, unless with a name or an address; one sentence stands without its full stop. What
 * the catalogue does not know is English.
 */
char *pba_said_dup (GVariant *row, const char *key);

/**
 * pba_said_words: (transfer full): @english words that the service sends alone: looked up whole, else in parts between colons and commas. What no catalogue knows
 * stays as it is.
 */
char *pba_said_words (const char *english);

G_END_DECLS
