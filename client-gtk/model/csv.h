/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* One record of a CSV file. */
typedef struct
{
  guint line;    /* where it begins, from 1 */
  char **fields; /* (owned) */
} PbaCsvRecord;

/**
 * pba_csv_parse: RFC 4180: fields apart by commas (or by semicolons or tabs, when the first line has no comma), records by CRLF or LF,
 * quoted fields may hold all of them. A byte order mark, empty lines, and blanks at the ends of what is not quoted are skipped.
 * @text: (array length=length): any octets
 * Returns: (transfer full) (element-type PbaCsvRecord); NULL with G_IO_ERROR_INVALID_DATA and a sentence in the user's language
 * for NUL, invalid UTF-8, a quotation mark that is not closed or that text follows.
 */
GPtrArray *pba_csv_parse (const char *text, gsize length, GError **error);
/** pba_csv_append: one record, its fields quoted where needed, ended by CRLF. */
void pba_csv_append (GString *text, const char *const *fields);

G_END_DECLS
