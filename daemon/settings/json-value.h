/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <json-glib/json-glib.h>

/** pb_json_from_value: (transfer full): a value of type b, u, i, t, s or as. */
JsonNode *pb_json_from_value (GVariant *value);
/** pb_json_to_value: (transfer full) (nullable) not floating: NULL when @node is no @type, or out of that type's range. */
GVariant *pb_json_to_value (JsonNode *node, const char *type);
/** pb_json_parse: the object that @text is. Errors: PB_ERROR_INVALID_VALUE, PB_ERROR_TOO_LARGE. */
JsonNode *pb_json_parse (const char *text, GError **error);
