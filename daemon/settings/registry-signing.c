/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keys that mail is signed with: made on a worker, which takes up to seconds, sealed, and then a change
 * like any other: queued, committed, told. Revisions hold only that there was a change, so that Revert
 * neither brings a key back nor loses one. Main thread.
 */
#include "settings/registry-private.h"

#include "dbus/errors.h"
#include "util/clock.h"
#include <openssl/x509.h>
#include <string.h>

#define MAX_WAITING 8 /* keys that are being made at once */
#define RSA_BITS    2048
#define PLACE       "MailAuth.CreateKey"

/* A key on its way to the worker and back. */
typedef struct
{
  PbRegistry *registry;          /* (owned) */
  char *domain, *selector, *who; /* (owned) */
  gboolean ed25519;
  GBytes *public;    /* (owned) (nullable) NULL: it could not be made */
  PbSecret *private; /* (owned) (nullable) */
  PbRegistryDone func;
  gpointer user_data;
} KeyWork;

static void
work_free (KeyWork *self)
{
  g_object_unref (self->registry);
  g_free (self->domain);
  g_free (self->selector);
  g_free (self->who);
  g_clear_pointer (&self->public, g_bytes_unref);
  g_clear_pointer (&self->private, pb_secret_unref);
  g_free (self);
}

/* "MailAuth.CreateKey: domain: "x" must be ...". */
static gboolean
refuse (GError **error, PbError code, const char *place, const char *text, const char *words)
{
  g_autofree char *shown = g_utf8_make_valid (text, (gssize) MIN (strlen (text), 200));

  g_set_error (error, PB_ERROR, code, "%s: \"%s\" %s", place, shown, words);
  return FALSE;
}

/* ---- making one ---- */

/* On a worker. */
static void
run_work (gpointer data)
{
  KeyWork *self = data;
  EVP_PKEY *key = self->ed25519 ? EVP_PKEY_Q_keygen (NULL, NULL, "ED25519")
                                : EVP_PKEY_Q_keygen (NULL, NULL, "RSA", (gsize) RSA_BITS);
  guint8 *public = NULL, *private = NULL;
  int n_public = key != NULL ? i2d_PUBKEY (key, &public) : 0;
  int n_private = key != NULL ? i2d_PrivateKey (key, &private) : 0;

  if (n_public > 0 && n_private > 0)
    {
      self->public = g_bytes_new (public, (gsize) n_public);
      self->private = pb_secret_copy (private, (gsize) n_private);
    }
  OPENSSL_free (public);
  OPENSSL_clear_free (private, (size_t) MAX (n_private, 0));
  EVP_PKEY_free (key);
}

/* One label, as a host's name has them (RFC 6376 3.1 allows more, and nobody needs them). */
static gboolean
is_selector (const char *text)
{
  gsize length = strlen (text);

  for (const char *at = text; *at != '\0'; at++)
    if (!g_ascii_isalnum (*at) && *at != '-')
      return FALSE;
  return length >= 1 && length <= 63 && text[0] != '-' && text[length - 1] != '-';
}

static gboolean
check_selector (PbRegistry *self, const char *domain, const char *selector, GError **error)
{
  const GPtrArray *all = pb_signing_keys_all (self->signing_keys);

  if (!is_selector (selector))
    return refuse (error, PB_ERROR_INVALID_VALUE, PLACE ": selector", selector,
                   "must be letters, digits and hyphens, such as nas2026");
  for (guint i = 0; i < all->len; i++)
    {
      const PbSigningKey *key = all->pdata[i];

      if (strcmp (key->domain, domain) == 0 && g_ascii_strcasecmp (key->selector, selector) == 0)
        return refuse (error, PB_ERROR_INVALID_VALUE, PLACE ": selector", selector,
                       "has a key already");
    }
  if (all->len >= PB_SIGNING_KEYS_MAX)
    return refuse (error, PB_ERROR_TOO_LARGE, PLACE, domain,
                   "has no room: there are too many keys, remove old ones");
  return TRUE;
}

static gboolean
prepare_create (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  const KeyWork *work = operation->data;
  g_autoptr (GBytes) sealed = NULL;
  g_autoptr (GBytes) packed = NULL;
  g_autofree char *id = g_uuid_string_random ();

  /* Once more: another one may have been made meanwhile. */
  if (!check_selector (self, work->domain, work->selector, error))
    return FALSE;
  if (pb_signing_keys_master (self->signing_keys) == NULL)
    return refuse (error, PB_ERROR_UNAVAILABLE, PLACE, work->domain,
                   "gets no key: there is no master key to seal with");
  if (work->public == NULL)
    return refuse (error, PB_ERROR_UNAVAILABLE, PLACE, work->domain,
                   "gets no key: it could not be made");
  sealed = pb_signing_key_seal (pb_signing_keys_master (self->signing_keys), work->domain,
                                work->selector, work->private);
  packed = pb_signing_key_pack (work->domain, work->selector, FALSE,
                                pb_clock_wall () / G_USEC_PER_SEC, work->public, sealed);
  draft->what = g_strdup_printf ("signing key %s of %s made", work->selector, work->domain);
  draft->result = g_variant_ref_sink (g_variant_new_string (id));
  pb_draft_set_signing_key (draft, id, packed);
  return TRUE;
}

static void
on_created (GVariant *result, const GError *error, gpointer user_data)
{
  KeyWork *work = user_data;

  work->func (result, error, work->user_data);
  work_free (work);
}

static void
on_work_done (gpointer data)
{
  KeyWork *work = data;
  PbOperation *operation = pb_operation_new (prepare_create, work->who, on_created, work);

  work->registry->keys_waiting--;
  operation->data = work;
  pb_registry_run (work->registry, operation);
}

/* A selector that says when it was made: "pb202611", "pb202611e" for Ed25519, with a letter behind it when that is taken. */
static char *
choose_selector (PbRegistry *self, const char *domain, gboolean ed25519)
{
  g_autoptr (GDateTime) now = g_date_time_new_from_unix_utc (pb_clock_wall () / G_USEC_PER_SEC);
  g_autofree char *month = g_date_time_format (now, "pb%Y%m");

  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *number = i > 0 ? g_strdup_printf ("-%u", i + 1) : g_strdup ("");
      char *selector = g_strconcat (month, ed25519 ? "e" : "", number, NULL);

      if (check_selector (self, domain, selector, NULL))
        return selector;
      g_free (selector);
    }
  return g_strdup (month);
}

void
pb_registry_create_signing_key (PbRegistry *self, const char *domain, const char *selector,
                                const char *algorithm, PbPool *workers, const char *who,
                                PbRegistryDone func, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = g_ascii_strdown (domain, -1);
  gboolean ed25519 = g_str_equal (algorithm, "ed25519");
  g_autofree char *chosen = NULL;
  KeyWork *work;

  if (!ed25519 && !g_str_equal (algorithm, "rsa"))
    refuse (&error, PB_ERROR_INVALID_VALUE, PLACE ": algorithm", algorithm,
            "must be rsa or ed25519");
  else if (!pb_snapshot_is_local_domain (self->snapshot, name))
    refuse (&error, PB_ERROR_INVALID_VALUE, PLACE ": domain", domain, "must be a local domain");
  else
    {
      chosen = selector[0] != '\0' ? g_strdup (selector) : choose_selector (self, name, ed25519);
      check_selector (self, name, chosen, &error);
    }
  if (error == NULL && self->keys_waiting >= MAX_WAITING)
    refuse (&error, PB_ERROR_BUSY, PLACE, name,
            "has to wait: too many keys are being made, try again");
  if (error != NULL)
    {
      func (NULL, error, user_data);
      return;
    }
  work = g_new0 (KeyWork, 1);
  work->registry = g_object_ref (self);
  work->domain = g_steal_pointer (&name);
  work->selector = g_steal_pointer (&chosen);
  work->who = g_strdup (who);
  work->ed25519 = ed25519;
  work->func = func;
  work->user_data = user_data;
  self->keys_waiting++;
  pb_pool_run (workers, run_work, self->reply_to, on_work_done, work);
}

/* ---- switching and removing ---- */

static PbSigningKey *
find_key (PbRegistry *self, const char *id, const char *place, GError **error)
{
  PbSigningKey *key = pb_signing_keys_get (self->signing_keys, id);

  if (key == NULL)
    g_set_error (error, PB_ERROR, PB_ERROR_NOT_FOUND, "%s: there is no key %s", place,
                 g_uuid_string_is_valid (id) ? id : "of that id");
  return key;
}

static gboolean
prepare_activate (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  const PbSigningKey *key = find_key (self, operation->id, "MailAuth.ActivateKey", error);
  gboolean active = operation->position != 0;
  g_autoptr (GBytes) packed = NULL;

  if (key == NULL)
    return FALSE;
  if (active && key->key == NULL)
    return refuse (error, PB_ERROR_UNAVAILABLE, "MailAuth.ActivateKey", key->selector,
                   "cannot be opened, make a new one");
  if (key->active == active)
    return TRUE;
  packed =
    pb_signing_key_pack (key->domain, key->selector, active, key->made, key->public, key->sealed);
  draft->what = g_strdup_printf ("signing key %s of %s %s", key->selector, key->domain,
                                 active ? "switched on" : "switched off");
  pb_draft_set_signing_key (draft, key->id, packed);
  return TRUE;
}

void
pb_registry_activate_signing_key (PbRegistry *self, const char *id, gboolean active,
                                  const char *who, PbRegistryDone func, gpointer user_data)
{
  PbOperation *operation = pb_operation_new (prepare_activate, who, func, user_data);

  operation->id = g_strdup (id);
  operation->position = active ? 1 : 0;
  pb_registry_run (self, operation);
}

static gboolean
prepare_remove (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  const PbSigningKey *key = find_key (self, operation->id, "MailAuth.RemoveKey", error);

  if (key == NULL)
    return FALSE;
  draft->what = g_strdup_printf ("signing key %s of %s removed", key->selector, key->domain);
  pb_draft_set_signing_key (draft, key->id, NULL);
  return TRUE;
}

void
pb_registry_remove_signing_key (PbRegistry *self, const char *id, const char *who,
                                PbRegistryDone func, gpointer user_data)
{
  PbOperation *operation = pb_operation_new (prepare_remove, who, func, user_data);

  operation->id = g_strdup (id);
  pb_registry_run (self, operation);
}

/* ---- what is shown ---- */

static GVariant *
describe_key (const PbSigningKey *key)
{
  GVariantBuilder row;
  g_autofree char *name = g_strdup_printf ("%s._domainkey.%s", key->selector, key->domain);
  g_autofree char *record = pb_signing_key_record (key);

  g_variant_builder_init (&row, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&row, "{sv}", "Id", g_variant_new_string (key->id));
  g_variant_builder_add (&row, "{sv}", "Domain", g_variant_new_string (key->domain));
  g_variant_builder_add (&row, "{sv}", "Selector", g_variant_new_string (key->selector));
  g_variant_builder_add (&row, "{sv}", "Algorithm",
                         g_variant_new_string (pb_signing_key_is_ed25519 (key) ? "ed25519"
                                                                               : "rsa"));
  g_variant_builder_add (&row, "{sv}", "Active", g_variant_new_boolean (key->active));
  g_variant_builder_add (&row, "{sv}", "Usable", g_variant_new_boolean (key->key != NULL));
  g_variant_builder_add (&row, "{sv}", "Made", g_variant_new_uint64 ((guint64) key->made));
  g_variant_builder_add (&row, "{sv}", "RecordName", g_variant_new_string (name));
  g_variant_builder_add (&row, "{sv}", "Record", g_variant_new_string (record));
  return g_variant_builder_end (&row);
}

GVariant *
pb_registry_list_signing_keys (PbRegistry *self)
{
  const GPtrArray *all = pb_signing_keys_all (self->signing_keys);
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < all->len; i++)
    g_variant_builder_add_value (&rows, describe_key (all->pdata[i]));
  return g_variant_ref_sink (g_variant_builder_end (&rows));
}
