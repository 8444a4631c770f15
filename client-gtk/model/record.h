/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* DNS records as lines of a zone file (RFC 1035 5.1). */

/** pba_record_dup_line: (transfer full): a TXT record as a line of a zone file, its value in strings of at most 255 octets (RFC 1035 3.3.14). */
char *pba_record_dup_line (const char *name, const char *value);
/** pba_record_parse_line: takes "name [ttl] [IN] type value" apart, a TXT record's strings put together.
 *  @name, @type, @value: (out) (transfer full), the name without its last dot. Returns: FALSE, with nothing set, when it is no such line. */
gboolean pba_record_parse_line (const char *line, char **name, char **type, char **value);

G_END_DECLS
