/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/secret.h"
#include <glib.h>

#define PB_MASTER_KEY_SIZE 32
#define PB_RELAY_SECRET_MAX 1024 /* octets of a password */

/* A login at a relay and where it leads: what a password is sealed for. Strings are borrowed, never NULL. */
typedef struct
{
  const char *id; /* of the exception's row, or PB_RELAY_GENERAL */
  const char *host;
  const char *const *fallbacks; /* NULL-terminated */
  guint port;
  const char *user;
  const char *tls, *verify, *fingerprint; /* what is demanded of TLS */
} PbRelayLogin;

/**
 * pb_secret_box_seal: (transfer full): @secret (at most PB_RELAY_SECRET_MAX octets) by AES-256-GCM under @key (PB_MASTER_KEY_SIZE octets) with a random nonce, bound to every field of @login.
 */
GBytes *pb_secret_box_seal (const PbSecret *key, const PbRelayLogin *login, const PbSecret *secret);

#define PB_SEALED_KEY_MAX 8192 /* octets of a key */

/** pb_secret_box_seal_named: (transfer full): likewise, @secret (at most PB_SEALED_KEY_MAX octets) bound to the one @name of what it is. */
GBytes *pb_secret_box_seal_named (const PbSecret *key, const char *name, const PbSecret *secret);
/** pb_secret_box_open_named: (transfer full) (nullable): what was sealed under that name. */
PbSecret *pb_secret_box_open_named (const PbSecret *key, const char *name, GBytes *sealed);

/** pb_secret_box_open: (transfer full) (nullable): what was sealed; NULL unless key, login and octets are those of the sealing. */
PbSecret *pb_secret_box_open (const PbSecret *key, const PbRelayLogin *login, GBytes *sealed);
