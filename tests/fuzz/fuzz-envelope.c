/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of envelopes. As the checksum would stop nearly all damage at the door, the input is tried as it is and with the
 * right sum put in its place; what is then taken must survive another round.
 */
#include "protocol/envelope.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_row (const uint8_t *data, size_t size)
{
  g_autoptr (PbEnvelope) envelope = pb_envelope_deserialize (1, data, size);
  g_autoptr (PbEnvelope) again = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GBytes) second = NULL;

  if (envelope == NULL)
    return;
  bytes = pb_envelope_serialize (envelope);
  again = pb_envelope_deserialize (1, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  g_assert_nonnull (again);
  second = pb_envelope_serialize (again);
  g_assert_true (g_bytes_equal (bytes, second));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  check_row (data, size);
  if (size >= 4)
    {
      g_autofree uint8_t *copy = g_memdup2 (data, size);
      guint32 sum = 2166136261u;

      for (size_t i = 0; i < size - 4; i++)
        sum = (sum ^ copy[i]) * 16777619u;
      sum = GUINT32_TO_LE (sum);
      memcpy (copy + size - 4, &sum, 4);
      check_row (copy, size);
    }
  return 0;
}
