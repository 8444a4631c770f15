/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policies of other domains on disk: a key file with a group a domain, so that a person can read it.
 * Written whole, aside and then renamed, by the thread of the keeper of policies, which alone reads it too.
 * It is a cache: what is damaged in it is left out, and fetched anew when mail goes there.
 */
#include "store/sts-file.h"

#include "store/store.h"

#include <string.h>

#define MAX_FILE (64 * 1024 * 1024)

void
pb_sts_entry_free (PbStsEntry *self)
{
  g_clear_pointer (&self->policy, pb_sts_policy_unref);
  g_free (self->domain);
  g_free (self->failure);
  g_free (self);
}

static gint64
read_number (GKeyFile *file, const char *domain, const char *key)
{
  return MAX (g_key_file_get_int64 (file, domain, key, NULL), 0);
}

static PbStsEntry *
read_entry (GKeyFile *file, const char *domain)
{
  g_autofree char *mode_name = g_key_file_get_string (file, domain, "mode", NULL);
  g_autofree char *id = g_key_file_get_string (file, domain, "id", NULL);
  g_auto (GStrv) mx = g_key_file_get_string_list (file, domain, "mx", NULL, NULL);
  const char *const none[] = { NULL };
  PbStsPolicy *policy;
  PbStsEntry *self;
  PbStsMode mode;

  if (mode_name == NULL || id == NULL || strlen (id) > PB_STS_MAX_ID
      || !pb_sts_mode_from_name (mode_name, &mode))
    return NULL;
  policy = pb_sts_policy_new (mode, (guint32) MIN (read_number (file, domain, "max-age"), PB_STS_MAX_AGE_TOP),
                              mx != NULL ? (const char *const *) mx : none);
  if (policy == NULL)
    return NULL;
  self = g_new0 (PbStsEntry, 1);
  self->domain = g_strdup (domain);
  self->policy = policy;
  g_strlcpy (self->id, id, sizeof self->id);
  self->fetched = read_number (file, domain, "fetched");
  self->used = read_number (file, domain, "used");
  return self;
}

static gboolean
load (GKeyFile *file, const char *directory, GError **error)
{
  g_autofree char *path = g_build_filename (directory, PB_STS_FILE_NAME, NULL);
  g_autoptr (GError) why = NULL;
  g_autofree char *text = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, &why))
    g_set_error_literal (error, PB_STORE_ERROR,
                         g_error_matches (why, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? PB_STORE_ERROR_NOT_FOUND
                                                                                 : PB_STORE_ERROR_FAILED,
                         why->message);
  else if (length > MAX_FILE)
    g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT, "%s is too large", path);
  else if (length > 0 && !g_key_file_load_from_data (file, text, length, G_KEY_FILE_NONE, &why))
    g_set_error (error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT, "%s: %s", path, why->message);
  else
    return TRUE;
  return FALSE;
}

GPtrArray *
pb_sts_file_read (const char *directory, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_auto (GStrv) domains = NULL;
  GPtrArray *entries;

  if (!load (file, directory, error))
    return NULL;
  entries = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_sts_entry_free);
  domains = g_key_file_get_groups (file, NULL);
  for (guint i = 0; domains[i] != NULL; i++)
    {
      PbStsEntry *entry = read_entry (file, domains[i]);

      if (entry != NULL)
        g_ptr_array_add (entries, entry);
    }
  return entries;
}

static void
write_entry (GKeyFile *file, const PbStsEntry *entry)
{
  const PbStsPolicy *policy = entry->policy;

  g_key_file_set_string (file, entry->domain, "id", entry->id);
  g_key_file_set_string (file, entry->domain, "mode", pb_sts_mode_name (policy->mode));
  g_key_file_set_string_list (file, entry->domain, "mx", (const char *const *) policy->mx, policy->n_mx);
  g_key_file_set_int64 (file, entry->domain, "max-age", policy->max_age);
  g_key_file_set_int64 (file, entry->domain, "fetched", entry->fetched);
  g_key_file_set_int64 (file, entry->domain, "used", entry->used);
}

gboolean
pb_sts_file_write (const char *directory, GPtrArray *entries, GError **error)
{
  g_autofree char *path = g_build_filename (directory, PB_STS_FILE_NAME, NULL);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) why = NULL;
  g_autofree char *text = NULL;
  gsize length;

  for (guint i = 0; i < entries->len; i++)
    if (((const PbStsEntry *) entries->pdata[i])->policy != NULL)
      write_entry (file, entries->pdata[i]);
  text = g_key_file_to_data (file, &length, NULL);
  if (g_file_set_contents_full (path, text, (gssize) length,
                                G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, &why))
    return TRUE;
  g_set_error_literal (error, PB_STORE_ERROR,
                       g_error_matches (why, G_FILE_ERROR, G_FILE_ERROR_NOSPC) ? PB_STORE_ERROR_FULL
                                                                               : PB_STORE_ERROR_FAILED,
                       why->message);
  return FALSE;
}
