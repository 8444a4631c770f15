/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy and a record of anybody's: what is taken can be kept and is then the same, and says yes to no host but such as it names. */
#include "protocol/mta-sts.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_policy (const char *data, size_t size)
{
  const char *why = "unset";
  g_autoptr (PbStsPolicy) policy = pb_sts_policy_parse (data, size, &why);
  g_autoptr (PbStsPolicy) again = NULL;

  g_assert_true ((policy == NULL) == (why != NULL));
  if (policy == NULL)
    return;
  g_assert_true (policy->n_mx > 0 || policy->mode == PB_STS_NONE);
  g_assert_cmpuint (policy->max_age, <=, PB_STS_MAX_AGE_TOP);
  again = pb_sts_policy_new (policy->mode, policy->max_age, (const char *const *) policy->mx);
  g_assert_nonnull (again);
  g_assert_true (pb_sts_policy_equal (policy, again));
  for (guint i = 0; i < policy->n_mx; i++)
    {
      gboolean wild = policy->mx[i][0] == '*';
      g_autofree char *host = g_strdup_printf ("%s%s", wild ? "x" : "", policy->mx[i] + wild);
      g_autofree char *deeper = g_strdup_printf ("%s.%s", policy->mx[i] + wild * 2, "elsewhere.invalid");

      g_assert_true (pb_sts_policy_matches (policy, host));
      g_assert_true (policy->n_mx > 1 || !pb_sts_policy_matches (policy, deeper));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  const char *const one[] = { text, NULL }, *const two[] = { text, "v=STSv1; id=1", NULL };
  char id[PB_STS_MAX_ID + 1];
  g_autofree char *whole = g_malloc (size + 1);

  memcpy (whole, data, size);
  whole[size] = '\0';
  check_policy (whole, size);
  if (pb_sts_record_find (one, id) == PB_STS_RECORD_OK)
    {
      g_assert_cmpuint (strlen (id), >, 0);
      g_assert_cmpint (pb_sts_record_find (two, id), ==, PB_STS_RECORD_SEVERAL);
    }
  else
    g_assert_cmpstr (id, ==, "");
  pb_sts_policy_matches (&(PbStsPolicy){ PB_STS_ENFORCE, 0, (char *[]){ text, NULL }, 1 }, text);
  return 0;
}
