/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Gives the disk back what a queue that has drained no longer needs.
 *
 * SQLite keeps the pages of deleted rows for later, so that a night without a relay would leave a file of its
 * size for ever. auto_vacuum would cost every message a page more; a VACUUM when the queue rests costs only
 * what is left in it. Called by the writer thread when nothing has come for a while.
 */
#include "store/shrink.h"

#define PAGES_KEPT     4096 /* 16 MiB: an ordinary day's */
#define PAGES_COPIED   4096 /* more is not worth the time that a message might have to wait */
#define SHARE_IN_USE   4    /* a quarter at most */
#define SQL_PAGES      "PRAGMA page_count"
#define SQL_FREE_PAGES "PRAGMA freelist_count"

gboolean
pb_database_shrink (PbDatabase *self, gboolean *wrote, GError **error)
{
  gint64 pages, free_pages;

  *wrote = FALSE;
  if (!pb_database_read_integer (self, SQL_PAGES, &pages, error)
      || !pb_database_read_integer (self, SQL_FREE_PAGES, &free_pages, error))
    return FALSE;
  if (pages <= PAGES_KEPT || pages - free_pages > PAGES_COPIED
      || pages - free_pages > pages / SHARE_IN_USE)
    return TRUE;
  *wrote = pb_database_exec (self, "VACUUM", error);
  return *wrote;
}
