/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The settings table come to life: settings.def turned into an array of specs, a struct of typed
 * values, and the checks that a value must pass. Used by the daemon's registry, by its bus object
 * and by the client. The specs are static and constant; functions are pure and may be called on any
 * thread, except that a PbSettingValues belongs to whoever holds it.
 */
#include "dbus/settings-table.h"

#include "dbus/errors.h"

#define MAX_ELEMENTS 1000 /* of a string list */
#define N_(text)     text

static const PbSettingSpec specs[PB_N_SETTINGS] = {
#define SPEC_HEAD(iface, bus_name, bus_type)                                                       \
  .interface = #iface, .name = #bus_name, .key = #iface "." #bus_name, .type = bus_type
#define PB_SETTING_B(iface, bus_name, field, value, bits, where, words, sentence)                  \
  [PB_SETTING_ID_##iface##_##bus_name] = { SPEC_HEAD (iface, bus_name, "b"),                       \
                                           .def = (value) ? "true" : "false",                      \
                                           .unit = "",                                             \
                                           .flags = bits,                                          \
                                           .group = where,                                         \
                                           .title = words,                                         \
                                           .help = sentence,                                       \
                                           .offset = G_STRUCT_OFFSET (PbSettingValues, field) },
#define PB_SETTING_U(iface, bus_name, field, value, min, max, measure, bits, where, words,         \
                     sentence)                                                                     \
  [PB_SETTING_ID_##iface##_##bus_name] = { SPEC_HEAD (iface, bus_name, "u"),                       \
                                           .def = #value,                                          \
                                           .minimum = min,                                         \
                                           .maximum = max,                                         \
                                           .unit = measure,                                        \
                                           .flags = bits,                                          \
                                           .group = where,                                         \
                                           .title = words,                                         \
                                           .help = sentence,                                       \
                                           .offset = G_STRUCT_OFFSET (PbSettingValues, field) },
#define PB_SETTING_S(iface, bus_name, field, value, form, bits, where, words, sentence)            \
  [PB_SETTING_ID_##iface##_##bus_name] = { SPEC_HEAD (iface, bus_name, "s"),                       \
                                           .def = "'" value "'",                                   \
                                           .unit = "",                                             \
                                           .check = form,                                          \
                                           .flags = bits,                                          \
                                           .group = where,                                         \
                                           .title = words,                                         \
                                           .help = sentence,                                       \
                                           .offset = G_STRUCT_OFFSET (PbSettingValues, field) },
#define PB_SETTING_C(iface, bus_name, field, value, list, bits, where, words, sentence)            \
  [PB_SETTING_ID_##iface##_##bus_name] = { SPEC_HEAD (iface, bus_name, "s"),                       \
                                           .def = "'" value "'",                                   \
                                           .unit = "",                                             \
                                           .choices = list,                                        \
                                           .flags = bits,                                          \
                                           .group = where,                                         \
                                           .title = words,                                         \
                                           .help = sentence,                                       \
                                           .offset = G_STRUCT_OFFSET (PbSettingValues, field) },
#define PB_SETTING_L(iface, bus_name, field, form, bits, where, words, sentence)                   \
  [PB_SETTING_ID_##iface##_##bus_name] = { SPEC_HEAD (iface, bus_name, "as"),                      \
                                           .def = "[]",                                            \
                                           .unit = "",                                             \
                                           .check = form,                                          \
                                           .flags = bits,                                          \
                                           .group = where,                                         \
                                           .title = words,                                         \
                                           .help = sentence,                                       \
                                           .offset = G_STRUCT_OFFSET (PbSettingValues, field) },
#include "dbus/settings.def"
};

static const char *const *
collect_interfaces (void)
{
  GPtrArray *names = g_ptr_array_new ();

  for (guint id = 0; id < PB_N_SETTINGS; id++)
    if (id == 0 || !g_str_equal (specs[id].interface, specs[id - 1].interface))
      g_ptr_array_add (names, (char *) specs[id].interface);
  g_ptr_array_add (names, NULL);
  return (const char *const *) g_ptr_array_free (names, FALSE);
}

static GHashTable *
index_specs (void)
{
  GHashTable *by_key = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint id = 0; id < PB_N_SETTINGS; id++)
    g_hash_table_insert (by_key, (char *) specs[id].key, (gpointer) &specs[id]);
  return by_key;
}

static gpointer
field_of (const PbSettingValues *values, const PbSettingSpec *spec)
{
  return (guint8 *) values + spec->offset;
}

static gboolean
validate_number (const PbSettingSpec *spec, guint32 number, GError **error)
{
  if (number >= spec->minimum && number <= spec->maximum)
    return TRUE;
  g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s: must be between %u and %u", spec->key,
               spec->minimum, spec->maximum);
  return FALSE;
}

static gboolean
validate_choice (const PbSettingSpec *spec, const char *text, GError **error)
{
  g_auto (GStrv) choices = g_strsplit (spec->choices, "|", -1);
  g_autofree char *words = NULL;

  if (g_strv_contains ((const char *const *) choices, text))
    return TRUE;
  words = g_strjoinv (", ", choices);
  g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s: must be one of %s", spec->key, words);
  return FALSE;
}

static gboolean
validate_text (const PbSettingSpec *spec, const char *text, GError **error)
{
  const char *words;

  if (text[0] == '\0' && (spec->flags & PB_SETTING_MAY_BE_EMPTY) != 0)
    return TRUE;
  words = text[0] == '\0' ? "must not be empty" : pb_check (spec->check, text);
  if (words != NULL)
    g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s: %s", spec->key, words);
  return words == NULL;
}

static gboolean
validate_list (const PbSettingSpec *spec, GVariant *value, GError **error)
{
  gsize n;
  g_autofree const char **texts = g_variant_get_strv (value, &n);

  if (n > MAX_ELEMENTS)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s: must have at most %u entries",
                   spec->key, MAX_ELEMENTS);
      return FALSE;
    }
  for (gsize i = 0; i < n; i++)
    {
      const char *words =
        texts[i][0] == '\0' ? "must not be empty" : pb_check (spec->check, texts[i]);

      if (words != NULL)
        {
          g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s: entry %" G_GSIZE_FORMAT " %s",
                       spec->key, i + 1, words);
          return FALSE;
        }
    }
  return TRUE;
}

const PbSettingSpec *
pb_setting_spec (PbSettingId id)
{
  g_return_val_if_fail (id < PB_N_SETTINGS, NULL);
  return &specs[id];
}

const PbSettingSpec *
pb_setting_lookup (const char *key)
{
  static gsize by_key;

  if (g_once_init_enter (&by_key))
    g_once_init_leave (&by_key, (gsize) index_specs ());
  return g_hash_table_lookup ((GHashTable *) by_key, key);
}

const char *const *
pb_setting_interfaces (void)
{
  static gsize interfaces;

  if (g_once_init_enter (&interfaces))
    g_once_init_leave (&interfaces, (gsize) collect_interfaces ());
  return (const char *const *) interfaces;
}

GVariant *
pb_setting_default (const PbSettingSpec *spec)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (G_VARIANT_TYPE (spec->type), spec->def, NULL, NULL, &error);

  g_assert_no_error (error); /* the table is ours: test-settings-table parses every row */
  return value;
}

gboolean
pb_setting_validate (const PbSettingSpec *spec, GVariant *value, GError **error)
{
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE (spec->type)))
    {
      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s: must be of type %s, not %s",
                   spec->key, spec->type, g_variant_get_type_string (value));
      return FALSE;
    }
  if (!g_variant_is_normal_form (value))
    {
      g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "%s: must be valid UTF-8", spec->key);
      return FALSE;
    }
  if (spec->type[0] == 'b')
    return TRUE;
  if (spec->type[0] == 'u')
    return validate_number (spec, g_variant_get_uint32 (value), error);
  if (spec->type[0] == 'a')
    return validate_list (spec, value, error);
  if (spec->choices != NULL)
    return validate_choice (spec, g_variant_get_string (value, NULL), error);
  return validate_text (spec, g_variant_get_string (value, NULL), error);
}

void
pb_setting_values_init (PbSettingValues *values)
{
  *values = (PbSettingValues){ 0 };
  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      g_autoptr (GVariant) value = pb_setting_default (&specs[id]);

      pb_setting_values_set (values, &specs[id], value);
    }
}

void
pb_setting_values_clear (PbSettingValues *values)
{
  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      if (specs[id].type[0] == 's')
        g_clear_pointer ((char **) field_of (values, &specs[id]), g_free);
      else if (specs[id].type[0] == 'a')
        g_clear_pointer ((char ***) field_of (values, &specs[id]), g_strfreev);
    }
}

void
pb_setting_values_copy (PbSettingValues *to, const PbSettingValues *from)
{
  *to = *from;
  for (guint id = 0; id < PB_N_SETTINGS; id++)
    {
      if (specs[id].type[0] == 's')
        *(char **) field_of (to, &specs[id]) = g_strdup (*(char **) field_of (from, &specs[id]));
      else if (specs[id].type[0] == 'a')
        *(char ***) field_of (to, &specs[id]) = g_strdupv (*(char ***) field_of (from, &specs[id]));
    }
}

void
pb_setting_values_set (PbSettingValues *values, const PbSettingSpec *spec, GVariant *value)
{
  gpointer field = field_of (values, spec);

  g_return_if_fail (g_variant_is_of_type (value, G_VARIANT_TYPE (spec->type)));

  if (spec->type[0] == 'b')
    *(gboolean *) field = g_variant_get_boolean (value);
  else if (spec->type[0] == 'u')
    *(guint32 *) field = g_variant_get_uint32 (value);
  else if (spec->type[0] == 's')
    {
      g_free (*(char **) field);
      *(char **) field = g_variant_dup_string (value, NULL);
    }
  else
    {
      g_strfreev (*(char ***) field);
      *(char ***) field = g_variant_dup_strv (value, NULL);
    }
}

GVariant *
pb_setting_values_get (const PbSettingValues *values, const PbSettingSpec *spec)
{
  gpointer field = field_of (values, spec);
  GVariant *value;

  if (spec->type[0] == 'b')
    value = g_variant_new_boolean (*(gboolean *) field);
  else if (spec->type[0] == 'u')
    value = g_variant_new_uint32 (*(guint32 *) field);
  else if (spec->type[0] == 's')
    value = g_variant_new_string (*(char **) field);
  else
    value = g_variant_new_strv (*(const char *const **) field, -1);
  return g_variant_ref_sink (value);
}
