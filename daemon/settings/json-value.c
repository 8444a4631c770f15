/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON and the few types that settings have. Numbers are checked against the range of their type
 * and text is bounded before it is parsed: the parser recurses, so that depth is counted here first.
 * Called by export and import. Pure.
 */
#include "settings/json-value.h"

#include "dbus/errors.h"

#include <string.h>

#define MAX_JSON  (16 * 1024 * 1024)
#define MAX_DEPTH 8   /* what export writes has 5 */
#define MAX_WORDS 200 /* octets of the parser's message that are repeated */

JsonNode *
pb_json_from_value (GVariant *value)
{
  JsonNode *node = json_node_alloc ();
  JsonArray *array;

  switch (g_variant_get_type_string (value)[0])
    {
    case 'b':
      return json_node_init_boolean (node, g_variant_get_boolean (value));
    case 'u':
      return json_node_init_int (node, g_variant_get_uint32 (value));
    case 'i':
      return json_node_init_int (node, g_variant_get_int32 (value));
    case 't':
      return json_node_init_int (node, (gint64) MIN (g_variant_get_uint64 (value), G_MAXINT64));
    case 's':
      return json_node_init_string (node, g_variant_get_string (value, NULL));
    default:
      break;
    }
  array = json_array_new ();
  for (gsize i = 0; i < g_variant_n_children (value); i++)
    {
      const char *text;

      g_variant_get_child (value, i, "&s", &text);
      json_array_add_string_element (array, text);
    }
  json_node_init_array (node, array);
  json_array_unref (array);
  return node;
}

static gboolean
is_integer (JsonNode *node, gint64 minimum, gint64 maximum)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64
         && json_node_get_int (node) >= minimum && json_node_get_int (node) <= maximum;
}

static gboolean
is_string (JsonNode *node)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING;
}

static GVariant *
texts_to_value (JsonArray *array)
{
  GVariantBuilder texts;
  guint n = json_array_get_length (array);

  for (guint i = 0; i < n; i++)
    if (!is_string (json_array_get_element (array, i)))
      return NULL;
  g_variant_builder_init (&texts, G_VARIANT_TYPE_STRING_ARRAY);
  for (guint i = 0; i < n; i++)
    g_variant_builder_add (&texts, "s", json_array_get_string_element (array, i));
  return g_variant_builder_end (&texts);
}

static GVariant *
to_floating (JsonNode *node, const char *type)
{
  switch (type[0])
    {
    case 'b':
      if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_BOOLEAN)
        return g_variant_new_boolean (json_node_get_boolean (node));
      break;
    case 'u':
      if (is_integer (node, 0, G_MAXUINT32))
        return g_variant_new_uint32 ((guint32) json_node_get_int (node));
      break;
    case 'i':
      if (is_integer (node, G_MININT32, G_MAXINT32))
        return g_variant_new_int32 ((gint32) json_node_get_int (node));
      break;
    case 't':
      if (is_integer (node, 0, G_MAXINT64))
        return g_variant_new_uint64 ((guint64) json_node_get_int (node));
      break;
    case 's':
      if (is_string (node))
        return g_variant_new_string (json_node_get_string (node));
      break;
    case 'a':
      if (JSON_NODE_HOLDS_ARRAY (node))
        return texts_to_value (json_node_get_array (node));
      break;
    default:
      break;
    }
  return NULL;
}

GVariant *
pb_json_to_value (JsonNode *node, const char *type)
{
  GVariant *value = to_floating (node, type);

  return value ? g_variant_ref_sink (value) : NULL;
}

/* What the parser would take but must not get. It recurses; it knows comments and single-quoted strings,
 * which are no JSON (RFC 8259) and in which a double quote would hide brackets from the count here; and
 * a NUL cuts its strings short. Returns: (nullable) */
static const char *
find_danger (const char *text)
{
  guint depth = 0;
  gboolean quoted = FALSE;

  for (const char *p = text; *p != '\0'; p++)
    {
      if (quoted && g_str_has_prefix (p, "\\u0000"))
        return "it has a NUL";
      if (quoted && *p == '\\' && p[1] != '\0')
        p++;
      else if (*p == '"')
        quoted = !quoted;
      else if (quoted)
        continue;
      else if (strchr ("/'#", *p) != NULL)
        return "it has a comment or a single quote";
      else if ((*p == '[' || *p == '{') && ++depth > MAX_DEPTH)
        return "it nests too deep";
      else if ((*p == ']' || *p == '}') && depth > 0)
        depth--;
    }
  return NULL;
}

/* The parser's message may hold pieces of the text, whatever is in them. Returns: (transfer full): one harmless line */
static char *
clean_words (const char *message)
{
  g_autofree char *valid = g_utf8_make_valid (message, -1);
  GString *words = g_string_new (NULL);

  for (const char *p = valid; *p != '\0' && words->len < MAX_WORDS; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      gboolean breaks = g_unichar_iscntrl (c) || c == 0x2028 || c == 0x2029;

      g_string_append_unichar (words, breaks ? ' ' : c);
    }
  return g_string_free (words, FALSE);
}

JsonNode *
pb_json_parse (const char *text, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) why = NULL;
  const char *danger;
  JsonNode *root;

  if (strlen (text) > MAX_JSON)
    {
      g_set_error_literal (error, PB_ERROR, PB_ERROR_TOO_LARGE, "Import: at most 16 MiB");
      return NULL;
    }
  danger = find_danger (text);
  if (danger != NULL || !json_parser_load_from_data (parser, text, -1, &why))
    {
      g_autofree char *words = clean_words (why ? why->message : danger);

      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "Import: must be JSON: %s", words);
      return NULL;
    }
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_set_error_literal (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                           "Import: must be an object, as Export gives it");
      return NULL;
    }
  return json_node_ref (root);
}
