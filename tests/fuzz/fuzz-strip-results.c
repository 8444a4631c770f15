/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forged results are found the same in one piece and in pieces of the size the first octet says; what is left holds none, and a second pass finds nothing more. */
#include "protocol/auth-results.h"
#include "protocol/header-edit.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static guint
strip (const char *text, gsize length, gsize piece, GByteArray *out)
{
  g_autoptr (PbHeaderEdit) edit = pb_header_edit_new_passing ();

  pb_header_edit_strip_results (edit, "mx.example");
  for (gsize at = 0; at < length; at += piece)
    pb_header_edit_feed (edit, text + at, MIN (piece, length - at), out);
  pb_header_edit_finish (edit, out);
  return edit->forged;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GByteArray) one = g_byte_array_new ();
  g_autoptr (GByteArray) many = g_byte_array_new ();
  g_autoptr (GByteArray) twice = g_byte_array_new ();
  const char *text = (const char *) data + 1;
  gsize length = size > 0 ? size - 1 : 0;
  guint forged;

  if (size == 0)
    return 0;
  forged = strip (text, length, MAX (length, 1), one);
  g_assert_cmpuint (forged, ==, strip (text, length, data[0] + 1u, many));
  g_assert_cmpmem (one->data, one->len, many->data, many->len);
  g_assert_true (one->len <= length);
  g_assert_cmpuint (strip ((const char *) one->data, one->len, 1, twice), ==, 0);
  g_assert_cmpmem (one->data, one->len, twice->data, twice->len);
  /* What is told of a beginning can only be graver. */
  if (pb_auth_results_is_from (text, length, FALSE, "mx.example"))
    g_assert_true (pb_auth_results_is_from (text, length, TRUE, "mx.example"));
  return 0;
}
