/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message made 7-bit: the same at any split; not more than quoted-printable can make of it; a second time nothing is left to do. */
#include "protocol/seven-bit.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static GByteArray *
convert (const uint8_t *data, size_t size, size_t step)
{
  g_autoptr (PbSevenBit) machine = pb_seven_bit_new ();
  GByteArray *out = g_byte_array_new ();

  for (size_t at = 0; at < size; at += step)
    pb_seven_bit_feed (machine, (const char *) data + at, MIN (step, size - at), out);
  pb_seven_bit_finish (machine, out);
  return out;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const size_t steps[] = { 1, 2, 7, 1023, 1024, 1025 };
  g_autoptr (GByteArray) whole = convert (data, size, size + 1);

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autoptr (GByteArray) split = convert (data, size, steps[i]);

      g_assert_cmpmem (split->data, split->len, whole->data, whole->len);
    }
  /* Each header section may grow by its new fields, each octet to three and its share of soft line breaks. */
  g_assert_cmpuint (whole->len, <=, 4 * size + 128 * (size / 2 + 1));
  return 0;
}
