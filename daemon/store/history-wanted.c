/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A text of a search of the history, and which names have it somewhere.
 *
 * Called by the search on the reader thread; errors are the database's. The names that have a text of three characters or more are
 * found by the index of three-letter pieces, a shorter one's by a walk through the names; each is then compared, so that nothing in
 * the text stands for anything but itself. Where they are too many to be listed, each name is compared when a message leads to it.
 */
#include "store/history-wanted.h"

#include "store/history-private.h"
#include <string.h>

#define MAX_NAMES  5000 /* more are many: walk */
#define PIECE      3    /* characters, of the index */
#define MAX_PIECES 100  /* of a text are looked up; the rest is compared */

#define SQL_NAMES "SELECT rowid FROM name_search WHERE name_search MATCH ?1 LIMIT ?2"
#define SQL_NAMES_BY_WALK "SELECT id FROM name WHERE text LIKE ?1 ESCAPE '\\' LIMIT ?2"
#define SQL_TEXT "SELECT text FROM name WHERE id = ?1"

void
pb_wanted_init (PbWanted *self, char *text)
{
  self->names = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->verdicts = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  if (text == NULL || *text == '\0')
    return;
  for (char *c = text; *c != '\0'; c++)
    *c = g_ascii_tolower (*c);
  self->text = text;
}

void
pb_wanted_clear (PbWanted *self)
{
  g_array_unref (self->names);
  g_hash_table_unref (self->verdicts);
}

static gboolean
wanted_is_in (const PbWanted *self, const char *text)
{
  g_autofree char *lower = text != NULL ? g_ascii_strdown (text, -1) : NULL;

  return lower != NULL && strstr (lower, self->text) != NULL;
}

static void
wanted_note (PbWanted *self, gint64 id, gboolean matches)
{
  g_hash_table_insert (self->verdicts, g_memdup2 (&id, sizeof id),
                       GINT_TO_POINTER (matches ? 2 : 1));
}

gboolean
pb_wanted_matches (PbWanted *self, PbDatabase *database, gint64 id, GError **error)
{
  gpointer known = g_hash_table_lookup (self->verdicts, &id);
  sqlite3_stmt *statement;
  gboolean matches = FALSE;

  if (id == 0)
    return FALSE;
  if (known != NULL)
    return GPOINTER_TO_INT (known) == 2;
  /* All that match are known, and this is none of them. */
  if (!self->many)
    return FALSE;
  statement = pb_database_statement (database, SQL_TEXT, error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64 (statement, 1, id);
  if (pb_database_step (database, statement, error) == SQLITE_ROW)
    {
      matches = wanted_is_in (self, pb_history_column_text (statement, 0));
      pb_database_reset (statement);
    }
  wanted_note (self, id, matches);
  return matches;
}

gboolean
pb_wanted_is_short (const PbWanted *self)
{
  return self->text != NULL && g_utf8_strlen (self->text, -1) < PIECE;
}

/* All pieces of the text, each as a string of the index's own language, in which nothing but the quote is special. (transfer full) */
static char *
wanted_pieces (const PbWanted *self)
{
  GString *pieces = g_string_new (NULL);
  const char *end = g_utf8_offset_to_pointer (self->text, PIECE);

  for (const char *begin = self->text; pieces->len < MAX_PIECES * PIECE * 4;)
    {
      g_string_append_c (pieces, '"');
      for (const char *c = begin; c < end; c++)
        {
          if (*c == '"')
            g_string_append_c (pieces, '"');
          g_string_append_c (pieces, *c);
        }
      g_string_append (pieces, "\" ");
      if (*end == '\0')
        break;
      begin = g_utf8_next_char (begin);
      end = g_utf8_next_char (end);
    }
  return g_string_free (pieces, FALSE);
}

/* For a comparison without the index. (transfer full) */
static char *
wanted_pattern (const PbWanted *self)
{
  GString *pattern = g_string_new ("%");

  for (const char *c = self->text; *c != '\0'; c++)
    {
      if (*c == '%' || *c == '_' || *c == '\\')
        g_string_append_c (pattern, '\\');
      g_string_append_c (pattern, *c);
    }
  g_string_append_c (pattern, '%');
  return g_string_free (pattern, FALSE);
}

/* What the index says may be a little more than what is asked for: the pieces may stand in another order. */
gboolean
pb_wanted_look_up (PbWanted *self, PbDatabase *database, GError **error)
{
  sqlite3_stmt *statement;
  gboolean is_short = pb_wanted_is_short (self);
  g_autofree char *pattern = NULL;
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (gint64));
  int code;

  if (self->text == NULL)
    return TRUE;
  pattern = is_short ? wanted_pattern (self) : wanted_pieces (self);
  statement = pb_database_statement (database, is_short ? SQL_NAMES_BY_WALK : SQL_NAMES, error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, pattern, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (statement, 2, MAX_NAMES + 1);
  while ((code = pb_database_step (database, statement, error)) == SQLITE_ROW)
    {
      gint64 id = sqlite3_column_int64 (statement, 0);

      g_array_append_val (found, id);
    }
  if (code != SQLITE_DONE)
    return FALSE;
  self->many = TRUE; /* so that each is looked at */
  for (guint i = 0; i < found->len && *error == NULL; i++)
    if (pb_wanted_matches (self, database, g_array_index (found, gint64, i), error))
      g_array_append_val (self->names, g_array_index (found, gint64, i));
  self->many = found->len > MAX_NAMES;
  return *error == NULL;
}
