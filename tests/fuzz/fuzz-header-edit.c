/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A submission comes out the same in one piece and in pieces of the size the first octet says; only fields are left out. */
#include "protocol/header-edit.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (PbHeaderEdit) whole = pb_header_edit_new ("now", "<a@b>");
  g_autoptr (PbHeaderEdit) parts = pb_header_edit_new ("now", "<a@b>");
  g_autoptr (PbHeaderEdit) again = pb_header_edit_new ("then", "<c@d>");
  g_autoptr (GByteArray) one = g_byte_array_new ();
  g_autoptr (GByteArray) many = g_byte_array_new ();
  g_autoptr (GByteArray) twice = g_byte_array_new ();
  const char *text = (const char *) data + 1;
  gsize length = size > 0 ? size - 1 : 0;
  gsize piece;

  if (size == 0)
    return 0;
  piece = data[0] + 1u;
  pb_header_edit_feed (whole, text, length, one);
  pb_header_edit_finish (whole, one);
  for (gsize at = 0; at < length; at += piece)
    pb_header_edit_feed (parts, text + at, MIN (piece, length - at), many);
  pb_header_edit_finish (parts, many);
  g_assert_cmpmem (one->data, one->len, many->data, many->len);
  /* Where the header section had an end, there is nothing more to do a second time. */
  if (length < 2 || text[length - 1] != '\n')
    return 0;
  pb_header_edit_feed (again, (const char *) one->data, one->len, twice);
  pb_header_edit_finish (again, twice);
  g_assert_cmpmem (one->data, one->len, twice->data, twice->len);
  return 0;
}
