/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/secret-box.h"
#include <glib.h>
#include <openssl/evp.h>

#define PB_SIGNING_KEYS_MAX 500
#define PB_SIGNING_KEY_TYPE "(ssbtayay)" /* as it is stored: domain, selector, active, made (Unix seconds), public key (DER), private key (DER, sealed) */

/* A key that mail of a domain is signed with; immutable, reference-counted, any thread. */
typedef struct
{
  char *id;               /* (owned) UUID */
  char *domain, *selector; /* (owned) */
  gboolean active;        /* signs; an inactive one waits for its record to be published, or for the last mail it signed to arrive */
  gint64 made;            /* Unix seconds */
  GBytes *public;         /* (owned) SubjectPublicKeyInfo */
  GBytes *sealed;         /* (owned) */
  EVP_PKEY *key;          /* (owned) (nullable) NULL when it cannot be opened: the master key is another one */
} PbSigningKey;

PbSigningKey *pb_signing_key_ref (PbSigningKey *self);
void pb_signing_key_unref (PbSigningKey *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSigningKey, pb_signing_key_unref)

/** pb_signing_key_is_ed25519: else RSA, by its public key. */
gboolean pb_signing_key_is_ed25519 (const PbSigningKey *self);
/** pb_signing_key_record: what is to be published at selector._domainkey.domain (RFC 6376 3.6.1, RFC 8463 4). Returns: (transfer full). */
char *pb_signing_key_record (const PbSigningKey *self);

/** pb_signing_key_pack: as it is stored. @sealed: of pb_signing_key_seal(). */
GBytes *pb_signing_key_pack (const char *domain, const char *selector, gboolean active, gint64 made, GBytes *public, GBytes *sealed);
/** pb_signing_key_seal: @private (DER) under the master key, bound to @domain and @selector. */
GBytes *pb_signing_key_seal (const PbSecret *master, const char *domain, const char *selector, const PbSecret *private);

/* All of them: immutable, reference-counted, any thread. Part of every snapshot. */
typedef struct _PbSigningKeys PbSigningKeys;

/** pb_signing_keys_new: @packed: (transfer full): id -> GBytes. Without @master (nullable) none can sign. What is damaged is logged and left out. */
PbSigningKeys *pb_signing_keys_new (GHashTable *packed, PbSecret *master);
PbSigningKeys *pb_signing_keys_ref (PbSigningKeys *self);
void pb_signing_keys_unref (PbSigningKeys *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSigningKeys, pb_signing_keys_unref)

/** pb_signing_keys_with: (transfer full): the same, but for @changes: id -> GBytes, or NULL where one is removed. */
PbSigningKeys *pb_signing_keys_with (PbSigningKeys *self, GHashTable *changes);
/** pb_signing_keys_with_key: (transfer full): the same under @master. */
PbSigningKeys *pb_signing_keys_with_key (PbSigningKeys *self, PbSecret *master);

/** pb_signing_keys_master: (transfer none) (nullable). */
PbSecret *pb_signing_keys_master (const PbSigningKeys *self);
/** pb_signing_keys_all: (transfer none) (element-type PbSigningKey), by domain and selector. */
const GPtrArray *pb_signing_keys_all (const PbSigningKeys *self);
/** pb_signing_keys_get: (transfer none) (nullable). */
PbSigningKey *pb_signing_keys_get (const PbSigningKeys *self, const char *id);
/** pb_signing_keys_find: the keys that sign mail of @domain (lower case): at most one of each kind, the newest. Returns: (transfer none) (nullable) (element-type PbSigningKey). */
const GPtrArray *pb_signing_keys_find (const PbSigningKeys *self, const char *domain);
