/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The column of recipients' states. Its digest would stop nearly all damage at the door, so the input is sealed first:
 * what is then taken must survive another round, and every change an administrator makes.
 */
#include "store/seal.h"
#include "store/status.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static PbStatusSet *
parse (GBytes *column, guint n)
{
  return pb_status_set_parse (g_bytes_get_data (column, NULL), g_bytes_get_size (column), n);
}

static void
check_again (const PbStatusSet *set)
{
  g_autoptr (GBytes) first = pb_status_set_serialize (set);
  g_autoptr (PbStatusSet) again = parse (first, set->n);
  g_autoptr (GBytes) second = NULL;

  g_assert_nonnull (again);
  second = pb_status_set_serialize (again);
  g_assert_true (g_bytes_equal (first, second));
}

/* The first octet says for how many recipients. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) column = NULL;
  g_autoptr (PbStatusSet) set = NULL;
  PbClass class;
  gint64 next_attempt;
  guint left;

  if (size == 0)
    return 0;
  pb_status_set_free (pb_status_set_parse (data, size, data[0]));
  column = pb_seal (data + 1, size - 1);
  set = parse (column, data[0]);
  if (set == NULL)
    return 0;
  check_again (set);
  for (PbStoreChangeKind kind = PB_CHANGE_HOLD; kind <= PB_CHANGE_REROUTE; kind++)
    {
      if (kind == PB_CHANGE_REMOVE)
        continue;
      pb_status_set_change (set, kind, 1000);
      pb_status_set_judge (set, &class, &next_attempt, &left);
      check_again (set);
    }
  pb_status_set_quarantine (set, "5.3.0 damaged");
  check_again (set);
  pb_status_set_change (set, PB_CHANGE_REMOVE, 1000);
  pb_status_set_judge (set, &class, &next_attempt, &left);
  g_assert_cmpuint (left, ==, 0);
  return 0;
}
