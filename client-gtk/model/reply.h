/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * pba_reply_explain:
 * @reply: what a server said last, "451 4.7.1 Greylisted", or the service's own words with a status before them, "4.4.1 connecting took too long"
 * @evidence: (out) (transfer full): the codes and words as they were said, without line breaks; "" when the reason says it all
 *
 * Returns: (transfer full): the reason in the user's language.
 */
char *pba_reply_explain (const char *reply, char **evidence);

/** pba_check_title: "relay" of refused.relay as people say it; (transfer full): an unknown check's own name. */
char *pba_check_title (const char *check);

G_END_DECLS
