/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sealed passwords as a database of unknown origin has them. The first byte chooses: the rest is opened
 * as it stands, and must be refused unless it is the one box that was made with this key; or it is a
 * login and a password, NUL between them, sealed, opened again, and then damaged by what is left.
 */
#include "settings/secret-box.h"

#include <string.h>

#define GENUINE "correct horse battery staple"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static PbSecret *
make_key (void)
{
  PbSecret *key = pb_secret_new (PB_MASTER_KEY_SIZE);

  for (guint i = 0; i < PB_MASTER_KEY_SIZE; i++)
    key->data[i] = (guint8) i;
  return key;
}

static void
try_foreign (const PbSecret *key, const guint8 *data, gsize size)
{
  static const char *const fallbacks[] = { "b.example.org", "c.example.org:26", NULL };
  static const PbRelayLogin login = {
    .id = "general",
    .host = "relay.example.org",
    .fallbacks = fallbacks,
    .port = 587,
    .user = "nas@example.org",
    .tls = "starttls",
    .verify = "fingerprint",
    .fingerprint = "00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff",
  };
  g_autoptr (GBytes) sealed = g_bytes_new (data, size);
  g_autoptr (PbSecret) secret = pb_secret_box_open (key, &login, sealed);

  if (secret != NULL)
    g_assert_cmpmem (secret->data, secret->length, GENUINE, strlen (GENUINE));
}

/* The text up to the next NUL, and past it. */
static char *
take_text (const guint8 **data, gsize *size)
{
  gsize length = strnlen ((const char *) *data, *size);
  char *text = g_strndup ((const char *) *data, length);

  length = MIN (length + 1, *size);
  *data += length;
  *size -= length;
  return text;
}

static void
try_damaged (const PbSecret *key, const PbRelayLogin *login, GBytes *sealed, const guint8 *damage,
             gsize size)
{
  gsize length = g_bytes_get_size (sealed);
  g_autofree guint8 *octets = g_memdup2 (g_bytes_get_data (sealed, NULL), length);
  g_autoptr (GBytes) damaged = NULL;
  g_autoptr (PbSecret) opened = NULL;

  for (gsize i = 0; i < size; i++)
    octets[i % length] ^= damage[i];
  damaged = g_bytes_new (octets, length);
  opened = pb_secret_box_open (key, login, damaged);
  g_assert_true ((opened != NULL) == g_bytes_equal (sealed, damaged));
}

static void
try_login (const PbSecret *key, const guint8 *data, gsize size)
{
  g_autofree char *id = take_text (&data, &size);
  g_autofree char *host = take_text (&data, &size);
  g_autofree char *user = take_text (&data, &size);
  g_autofree char *words = take_text (&data, &size);
  g_autofree char *fallback = take_text (&data, &size);
  const char *const fallbacks[] = { *fallback != '\0' ? fallback : NULL, NULL };
  PbRelayLogin login = { id, host, fallbacks, 25, user, "starttls", "auto", "" };
  PbRelayLogin other = login;
  g_autofree char *longer = g_strconcat (host, user, NULL);
  g_autoptr (PbSecret) secret = pb_secret_copy (words, MIN (strlen (words), PB_RELAY_SECRET_MAX));
  g_autoptr (GBytes) sealed = pb_secret_box_seal (key, &login, secret);
  g_autoptr (PbSecret) opened = pb_secret_box_open (key, &login, sealed);

  g_assert_nonnull (opened);
  g_assert_cmpmem (opened->data, opened->length, secret->data, secret->length);
  try_damaged (key, &login, sealed, data, size);
  /* The same octets, divided otherwise. */
  other.host = longer;
  other.user = "";
  if (*user != '\0')
    g_assert_null (pb_secret_box_open (key, &other, sealed));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (PbSecret) key = make_key ();

  if (size == 0)
    return 0;
  if (data[0] == 's')
    try_login (key, data + 1, size - 1);
  else
    try_foreign (key, data + 1, size - 1);
  return 0;
}
