/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What signing keys are to the settings and the local domains, for the report of Manager.Validate. A server
 * without any key is no mistake; one that signs for some of its domains only, or seals with nothing, is
 * likely one. Reports only. Main thread.
 */
#include "settings/cross-check.h"

#include <string.h>

/* Whether mail of @domain, or of a domain of ours that it is in, is signed: as the queue finds keys. */
static gboolean
has_key (const PbSnapshot *snapshot, const char *domain)
{
  for (; domain != NULL; domain = strchr (domain, '.'))
    {
      domain += domain[0] == '.';
      if (pb_snapshot_is_local_domain (snapshot, domain)
          && pb_signing_keys_find (snapshot->signing_keys, domain) != NULL)
        return TRUE;
    }
  return FALSE;
}

/* Returns: how many keys sign. */
static guint
report_keys (const PbSnapshot *snapshot, GVariantBuilder *report)
{
  const GPtrArray *keys = pb_signing_keys_all (snapshot->signing_keys);
  guint n = 0;

  for (guint i = 0; i < keys->len; i++)
    {
      const PbSigningKey *key = keys->pdata[i];
      g_autofree char *words = NULL;

      n += key->active && key->key != NULL;
      if (!key->active || key->key != NULL)
        continue;
      words = g_strdup_printf ("has an active key %s for %s that cannot be opened; make a new one",
                               key->selector, key->domain);
      pb_cross_check_add (report, PB_SEVERITY_PROBLEM, "MailAuth.SignEnabled", words);
    }
  return n;
}

static void
report_domains (const PbSnapshot *snapshot, const GPtrArray *rows, GVariantBuilder *report)
{
  for (guint i = 0; i < rows->len; i++)
    {
      const PbRow *row = rows->pdata[i];
      g_autofree char *place = NULL;

      if (!pb_row_is_enabled (row) || has_key (snapshot, row->keys[0]))
        continue;
      place = g_strdup_printf ("LocalDomains[%s].Name", row->id);
      pb_cross_check_add (report, PB_SEVERITY_WARNING, place,
                          "has no active signing key, as other domains do; its mail is not signed");
    }
}

void
pb_cross_check_signing (const PbSnapshot *snapshot, GPtrArray *const *rows, GVariantBuilder *report)
{
  guint n;

  if (snapshot->signing_keys == NULL)
    return;
  n = report_keys (snapshot, report);
  if (snapshot->values.mail_auth_arc_enabled && n == 0)
    pb_cross_check_add (report, PB_SEVERITY_WARNING, "MailAuth.ArcEnabled",
                        "has no effect without an active signing key");
  if (snapshot->values.mail_auth_sign_enabled && n > 0)
    report_domains (snapshot, rows[PB_LIST_LOCAL_DOMAINS], report);
}
