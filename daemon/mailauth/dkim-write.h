/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/dkim.h"

/** pb_dkim_choose_fields: the names that h= is to hold, each as often as it is signed; ended by NULL. Returns: (transfer container) (element-type utf8). */
GPtrArray *pb_dkim_choose_fields (PbAuthMessage *message);

/** pb_dkim_append_folded: appends @text, which begins with a blank where a line may be folded, on a new line when this one would become too long. @column: (inout) of the line. */
void pb_dkim_append_folded (GString *out, const char *text, gsize *column);

/** pb_dkim_append_names: appends " h=...;". */
void pb_dkim_append_names (GString *out, const GPtrArray *names, gsize *column);

/** pb_dkim_append_base64: on as many lines as it takes; white space in it does not count. */
void pb_dkim_append_base64 (GString *out, const guint8 *data, gsize length, gsize *column);

/** pb_dkim_sign_text: Returns: (transfer full) (nullable): @key's signature of @text; NULL when it does not sign. */
GBytes *pb_dkim_sign_text (EVP_PKEY *key, gboolean ed25519, const GString *text);
