/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* Makes the value of an Authentication-Results field (RFC 8601). */
typedef struct _PbAuthResults PbAuthResults;

/** pb_auth_results_new: @id: our name, the authserv-id. */
PbAuthResults *pb_auth_results_new (const char *id);
void pb_auth_results_free (PbAuthResults *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbAuthResults, pb_auth_results_free)

/** pb_auth_results_add: begins a method's result: "spf", "pass". Both are words of ours. @reason: (nullable) any text. */
void pb_auth_results_add (PbAuthResults *self, const char *method, const char *result, const char *reason);

/** pb_auth_results_add_property: of the result begun last: "smtp.mailfrom" and any text; an empty or absent one is left out. */
void pb_auth_results_add_property (PbAuthResults *self, const char *name, const char *value);

/** pb_auth_results_is_empty: nothing was added. */
gboolean pb_auth_results_is_empty (const PbAuthResults *self);

/** pb_auth_results_format: folded, without the field's name and the last CRLF; "none" when nothing was added. Returns: (transfer full). */
char *pb_auth_results_format (PbAuthResults *self);

/**
 * pb_auth_results_is_from: whether the field value @text claims to be written by @id (case aside), in whatever way it is quoted or commented. Such a field that comes from
 * outside is a forgery (RFC 8601 5). A value that cannot be read counts as one, too. @cut: @text is only the beginning; where the name is not whole it counts as @id.
 */
gboolean pb_auth_results_is_from (const char *text, gsize length, gboolean cut, const char *id);
