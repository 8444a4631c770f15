/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comes over the bus to be a setting or a row: any bytes. The first byte chooses: a text for
 * each check, or the serialized form of a row for each list. Whatever passes must hold no control
 * character, and a row that was completed must pass again unchanged.
 */
#include "dbus/list-kinds.h"
#include "dbus/settings-table.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
assert_harmless (const char *text)
{
  g_assert (g_utf8_validate (text, -1, NULL));
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    g_assert (!g_unichar_iscntrl (g_utf8_get_char (p)));
}

static void
try_text (const char *text)
{
  g_autoptr (GVariant) value = NULL;
  g_autofree char *folded = pb_domain_fold (text);

  for (guint check = 0; check < PB_N_CHECKS; check++)
    if (pb_check (check, text) == NULL)
      assert_harmless (text);
  if (folded != NULL)
    {
      g_autofree char *again = pb_domain_fold (folded);

      g_assert (g_str_is_ascii (folded) && g_strcmp0 (folded, again) == 0);
    }
  if (!g_utf8_validate (text, -1, NULL))
    return;
  value = g_variant_ref_sink (g_variant_new_string (text));
  for (guint id = 0; id < PB_N_SETTINGS; id++)
    if (pb_setting_validate (pb_setting_spec (id), value, NULL))
      assert_harmless (text);
}

static void
try_row (PbListKind kind, GVariant *given)
{
  g_autoptr (GVariant) nothing = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) row = pb_list_row_complete (kind, NULL, NULL, given, &error);
  g_autoptr (GVariant) again = NULL;

  g_assert ((row == NULL) == (error != NULL));
  if (error != NULL)
    {
      assert_harmless (error->message);
      return;
    }
  again = pb_list_row_complete (kind, NULL, row, nothing, NULL);
  g_assert (again != NULL && g_variant_equal (again, row));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) row = NULL;

  if (size == 0)
    return 0;
  if (data[0] == 't')
    {
      text = g_strndup ((const char *) data + 1, size - 1);
      try_text (text);
      return 0;
    }
  bytes = g_bytes_new (data + 1, size - 1);
  row = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARDICT, bytes, FALSE));
  for (guint kind = 0; kind < PB_N_LISTS; kind++)
    try_row (kind, row);
  return 0;
}
