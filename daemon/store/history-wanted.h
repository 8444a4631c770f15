/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/database.h"
#include <glib.h>

/* One of the texts that a search of the history asks for, with what is known of the names. */
typedef struct
{
  const char *text;     /* (nullable) lower case; NULL: not asked for */
  GHashTable *verdicts; /* (owned) gint64* -> GINT_TO_POINTER (gboolean) + 1 */
  GArray *names;        /* (owned) of gint64: all that match, unless @many */
  gboolean many;
} PbWanted;

/** pb_wanted_init: @text: (nullable): made lower case where it stands, and kept until pb_wanted_clear() */
void pb_wanted_init (PbWanted *self, char *text);
void pb_wanted_clear (PbWanted *self);

/** pb_wanted_is_short: it is asked for and shorter than what the index has. */
gboolean pb_wanted_is_short (const PbWanted *self);

/** pb_wanted_look_up: fills in @names, or finds that there are @many. @error: not NULL. Returns: FALSE with @error. */
gboolean pb_wanted_look_up (PbWanted *self, PbDatabase *database, GError **error);

/** pb_wanted_matches: whether the name of number @id has the text. @error: not NULL. Returns: FALSE with @error too. */
gboolean pb_wanted_matches (PbWanted *self, PbDatabase *database, gint64 id, GError **error);
