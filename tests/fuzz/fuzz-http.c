/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of an HTTP request: what is said of a whole is not said of its beginning, unless it stays so. */
#include "protocol/http-request.h"

#include <stdint.h>

#define LIMIT 512

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  PbHttpRequest whole = pb_http_request_parse (text, size, LIMIT, "/metrics");

  g_assert_true (whole < PB_N_HTTP);
  g_assert_true ((pb_http_status (whole) == NULL) == (whole == PB_HTTP_MORE));
  g_assert_true (size < LIMIT || whole != PB_HTTP_MORE);
  for (size_t length = 0; length < size; length++)
    {
      g_autofree char *part = g_memdup2 (text, length);
      PbHttpRequest early = pb_http_request_parse (part, length, LIMIT, "/metrics");

      g_assert_true (early == PB_HTTP_MORE || early == whole);
    }
  return 0;
}
