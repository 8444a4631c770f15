/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The contract's and the service's words in the user's language. All (transfer full). */

/** pba_words_problem: what pb_setting_validate() or the service says, without its place, as a sentence to stand at a row:
 *  "General.Hostname: must be a host name with a dot" -> "Must be a host name with a dot". */
char *pba_words_problem (const char *message);
/** pba_words_error: any error of a call as a sentence that says what to do. */
char *pba_words_error (const GError *error);
/** pba_error_dup_place: (nullable): "General.MaxHops" of an error that begins with its place. */
char *pba_error_dup_place (const GError *error);
/** pba_error_dup_column: (nullable): "Network" of "TrustedList[new].Network: ...". */
char *pba_error_dup_column (const GError *error);
/** pba_words_choice: title of a bus word; @key (nullable) says of which setting ("Delivery.RelayTls"). */
char *pba_words_choice (const char *key, const char *choice);
/** pba_words_value: a value as text: "On", "1000", "3 entries", a choice's title. */
char *pba_words_value (const char *key, const char *const *choices, GVariant *value);
/** pba_words_help: a row's help: one sentence stands without its full stop. */
char *pba_words_help (const char *help);
/** pba_words_bare: likewise of what is translated already. */
char *pba_words_bare (const char *translated);
/** pba_words_capitalize: to stand at the head of a line. */
char *pba_words_capitalize (const char *text);
/** pba_words_unit: "seconds" -> "s" and so on. */
const char *pba_words_unit (const char *unit);
/** pba_words_duration: "5 days", "1 h 6 min". */
char *pba_words_duration (guint64 seconds);
/** pba_words_time: "in 4 min" and "2 min ago" within the hour, "11:40" today, "Yesterday", "Monday", "14 Nov", "3 Nov 2024"; 0 is "Never". */
char *pba_words_time (gint64 unix_seconds);
/** pba_words_count: "12,000". To stand in a translated sentence it is a %s there: xgettext cannot read G_GUINT64_FORMAT. */
char *pba_words_count (guint64 count);
/** pba_words_size: octets as people say it. */
char *pba_words_size (guint64 octets);

G_END_DECLS
