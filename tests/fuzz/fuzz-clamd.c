/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clamd answers: any octets are a verdict or a failure in words, of one clean line. */
#include "mailauth/clamd.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_clean (const char *text)
{
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_null (strpbrk (text, "\r\n"));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (PbClamdOutcome) outcome = { 0 };
  g_autofree char *cleaned = pb_clamd_clean (text, strlen (text));

  check_clean (cleaned);
  pb_clamd_read_answer (text, &outcome);
  g_assert_true ((outcome.signature != NULL) == (outcome.result == PB_CLAMD_INFECTED));
  g_assert_true ((outcome.why != NULL)
                 == (outcome.result == PB_CLAMD_FAILED || outcome.result == PB_CLAMD_TOO_LARGE));
  if (outcome.signature != NULL)
    check_clean (outcome.signature);
  if (outcome.why != NULL)
    check_clean (outcome.why);
  pb_clamd_signature_time (text);
  return 0;
}
