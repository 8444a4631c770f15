/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header scan sees the same in one piece and in pieces of the size the first octet says. */
#include "protocol/header-scan.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_auto (PbHeaderScan) whole = { 0 };
  g_auto (PbHeaderScan) parts = { 0 };
  const char *text = (const char *) data + 1;
  gsize length = size > 0 ? size - 1 : 0;
  gsize piece;

  if (size == 0)
    return 0;
  piece = data[0] + 1u;
  pb_header_scan_init (&whole);
  pb_header_scan_feed (&whole, text, length);
  pb_header_scan_init (&parts);
  for (gsize at = 0; at < length; at += piece)
    pb_header_scan_feed (&parts, text + at, MIN (piece, length - at));
  g_assert_cmpuint (whole.received, ==, parts.received);
  g_assert_cmpuint (whole.fields, ==, parts.fields);
  g_assert_cmpint (whole.done, ==, parts.done);
  g_assert_cmpint (whole.has_8bit, ==, parts.has_8bit);
  g_assert_cmpuint (whole.header_length, ==, parts.header_length);
  g_assert_cmpuint (whole.header_length, <=, length);
  g_assert_cmpstr (whole.message_id, ==, parts.message_id);
  if (whole.message_id != NULL)
    g_assert_true (strlen (whole.message_id) <= 998
                   && g_utf8_validate (whole.message_id, -1, NULL));
  g_assert_true ((whole.delivered_to == NULL) == (parts.delivered_to == NULL));
  for (guint i = 0; whole.delivered_to != NULL && i < whole.delivered_to->len; i++)
    {
      g_assert_cmpstr (whole.delivered_to->pdata[i], ==, parts.delivered_to->pdata[i]);
      g_assert_true (g_utf8_validate (whole.delivered_to->pdata[i], -1, NULL));
    }
  return 0;
}
