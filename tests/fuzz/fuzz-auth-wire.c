/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The frames between postbusd and its password helper: what parses is what would have been written. */
#include "auth-helper/wire.h"

#include <glib.h>
#include <string.h>

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  /* A copy of its size, so that reading past the end is seen. */
  g_autofree uint8_t *octets = g_memdup2 (data, size);
  uint8_t frame[PB_AUTH_MAX_FRAME];
  PbAuthRequest request;
  PbAuthAnswer answer;

  if (pb_auth_request_parse (octets, size, &request) == PB_AUTH_PARSE_OK)
    {
      g_assert_true (pb_auth_name_is_valid (request.user));
      g_assert_cmpmem (frame, pb_auth_request_write (&request, frame), octets, size);
    }
  if (pb_auth_answer_parse (octets, size, &answer) == PB_AUTH_PARSE_OK)
    g_assert_cmpmem (frame, pb_auth_answer_write (&answer, frame), octets, size);
  return 0;
}
