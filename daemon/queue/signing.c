/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What we vouch for: DKIM signatures on mail of our own domains, an ARC seal on mail of others that we pass
 * on. Used by sessions for what comes in and by the queue for its own notices. The body is hashed while it
 * streams by, and only when a key is there for it; keys are chosen at the end, by the settings of that
 * moment, and held until they have signed. A message whose seven bits are wanted later loses its signature
 * there (RFC 6376 5.3): nearly all servers take eight, and a lost signature is as good as none.
 */
#include "queue/signing.h"

#include "mailauth/author.h"
#include "mailauth/dkim.h"
#include "settings/signing-keys.h"
#include "util/clock.h"
#include "util/log.h"
#include <string.h>

struct _PbSigning
{
  PbSigningKinds kinds;
  PbSnapshot *snapshot;   /* (owned) as the message began */
  PbAuthMessage *message; /* (owned) */
  PbBodyHash *body;       /* (nullable) of @message; NULL: nobody signs */
  char *hostname;         /* (owned) */
  char *domain;           /* (owned) (nullable) the author's, when it is ours */
  gboolean past_header;
  GPtrArray *signers;   /* (owned) (element-type PbSigningKey) */
  PbSigningKey *sealer; /* (owned) (nullable) */
};

/* Keys for a name of ours: its own, else those of a domain of ours that it is in. Returns: (transfer none) (nullable). */
static const GPtrArray *
find_keys (const PbSnapshot *snapshot, const char *domain)
{
  const GPtrArray *keys = NULL;

  if (snapshot->signing_keys == NULL || !pb_snapshot_is_local_domain (snapshot, domain))
    return NULL;
  for (; keys == NULL && domain != NULL; domain = strchr (domain, '.'))
    {
      domain += domain[0] == '.';
      if (pb_snapshot_is_local_domain (snapshot, domain))
        keys = pb_signing_keys_find (snapshot->signing_keys, domain);
    }
  return keys;
}

/* The header is whole: is there anything to hash the body for? */
static void
on_header (PbAuthMessage *message, gpointer user_data)
{
  PbSigning *self = user_data;
  gboolean wanted = (self->kinds & PB_SIGNING_SEAL) != 0;

  self->past_header = TRUE;
  if (pb_auth_message_is_cut (message))
    return;
  if ((self->kinds & PB_SIGNING_SIGN) != 0 && pb_author_find (message, &self->domain) == PB_AUTHOR_ONE)
    wanted = wanted || find_keys (self->snapshot, self->domain) != NULL;
  if (wanted)
    self->body = pb_auth_message_body_hash (message, TRUE, -1);
}

PbSigning *
pb_signing_new (PbSnapshot *snapshot, PbSigningKinds kinds)
{
  PbSigning *self;

  if (kinds == 0 || snapshot->signing_keys == NULL
      || pb_signing_keys_all (snapshot->signing_keys)->len == 0)
    return NULL;
  self = g_new0 (PbSigning, 1);
  self->kinds = kinds;
  self->snapshot = pb_snapshot_ref (snapshot);
  self->hostname = g_strdup (snapshot->values.general_hostname);
  self->message = pb_auth_message_new (on_header, self);
  self->signers = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_signing_key_unref);
  return self;
}

void
pb_signing_free (PbSigning *self)
{
  pb_auth_message_free (self->message);
  pb_snapshot_unref (self->snapshot);
  g_ptr_array_unref (self->signers);
  g_clear_pointer (&self->sealer, pb_signing_key_unref);
  g_free (self->hostname);
  g_free (self->domain);
  g_free (self);
}

void
pb_signing_feed (PbSigning *self, const char *data, gsize length)
{
  if (self->past_header && self->body == NULL)
    return;
  pb_auth_message_feed (self->message, data, length);
}

gsize
pb_signing_held (const PbSigning *self)
{
  return pb_auth_message_held (self->message);
}

/* Verifiers of seals know RSA best. */
static void
choose_sealer (PbSigning *self, const PbSnapshot *snapshot, const char *domain)
{
  const GPtrArray *keys = find_keys (snapshot, domain);
  PbSigningKey *best = NULL;

  for (guint i = 0; keys != NULL && i < keys->len; i++)
    if (best == NULL || pb_signing_key_is_ed25519 (best))
      best = keys->pdata[i];
  if (best != NULL)
    self->sealer = pb_signing_key_ref (best);
}

gboolean
pb_signing_end (PbSigning *self, const PbSnapshot *snapshot, const PbRecipient *recipients,
                guint n_recipients)
{
  const GPtrArray *keys = NULL;

  if (!self->past_header || self->body != NULL)
    pb_auth_message_end (self->message);
  if (self->body == NULL)
    return FALSE;
  if (self->domain != NULL)
    keys = find_keys (snapshot, self->domain);
  for (guint i = 0; keys != NULL && i < keys->len; i++)
    g_ptr_array_add (self->signers, pb_signing_key_ref (keys->pdata[i]));
  if ((self->kinds & PB_SIGNING_SEAL) != 0)
    {
      for (guint i = 0; i < n_recipients && self->sealer == NULL; i++)
        {
          const char *at = strrchr (recipients[i].address, '@');

          if (at != NULL)
            choose_sealer (self, snapshot, at + 1);
        }
      if (self->sealer == NULL)
        choose_sealer (self, snapshot, self->hostname);
    }
  return self->signers->len > 0 || self->sealer != NULL;
}

static PbDkimSigner
make_signer (const PbSigningKey *key)
{
  return (PbDkimSigner){ key->domain, key->selector, key->key,
                         pb_clock_wall () / G_USEC_PER_SEC };
}

static void
append_field (GString *head, const char *name, const char *value)
{
  g_string_append_printf (head, "%s:%s\r\n", name, value);
}

static void
write_signature (PbSigning *self, const PbSigningKey *key, GString *head)
{
  const PbDkimSigner signer = make_signer (key);
  g_autoptr (GError) error = NULL;
  g_autofree char *value = pb_dkim_sign (self->message, self->body, &signer, &error);

  if (value != NULL)
    append_field (head, "DKIM-Signature", value);
  else
    pb_log (PB_LOG_ERROR, "not-signed", "reason", error->message, NULL);
}

static void
write_seal (PbSigning *self, const PbArcOutcome *before, const char *results, GString *head)
{
  const PbDkimSigner signer = make_signer (self->sealer);
  g_autofree char *none =
    results == NULL ? g_strconcat (" ", self->hostname, "; none", NULL) : NULL;
  g_autoptr (GError) error = NULL;
  PbArcSet set;

  if (!pb_arc_seal (self->message, self->body, before, results != NULL ? results : none, &signer,
                    &set, &error))
    {
      if (error != NULL)
        pb_log (PB_LOG_ERROR, "not-sealed", "reason", error->message, NULL);
      return;
    }
  append_field (head, "ARC-Seal", set.seal);
  append_field (head, "ARC-Message-Signature", set.signature);
  append_field (head, "ARC-Authentication-Results", set.results);
  pb_arc_set_clear (&set);
}

void
pb_signing_write (PbSigning *self, const PbArcOutcome *before, const char *results, GString *head)
{
  if (self->sealer != NULL && before != NULL)
    write_seal (self, before, results, head);
  for (guint i = 0; i < self->signers->len; i++)
    write_signature (self, self->signers->pdata[i], head);
}
