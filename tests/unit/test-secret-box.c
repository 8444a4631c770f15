/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sealing: what opens is what was sealed, and nothing opens with another key, login or octet. The format is held by a box that another program made. */
#include "settings/secret-box.h"

#include <string.h>

#define OVERHEAD 29

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

static PbSecret *
make_key (guint8 first)
{
  PbSecret *key = pb_secret_new (PB_MASTER_KEY_SIZE);

  for (guint i = 0; i < PB_MASTER_KEY_SIZE; i++)
    key->data[i] = (guint8) (first + i);
  return key;
}

static GBytes *
seal (const PbSecret *key, const PbRelayLogin *where, const char *words)
{
  g_autoptr (PbSecret) secret = pb_secret_copy (words, strlen (words));

  return pb_secret_box_seal (key, where, secret);
}

static gboolean
opens (const PbSecret *key, const PbRelayLogin *where, GBytes *sealed)
{
  g_autoptr (PbSecret) secret = pb_secret_box_open (key, where, sealed);

  return secret != NULL;
}

static GBytes *
from_hex (const char *hex)
{
  gsize size = strlen (hex) / 2;
  guint8 *data = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    data[i] =
      (guint8) (g_ascii_xdigit_value (hex[2 * i]) * 16 + g_ascii_xdigit_value (hex[2 * i + 1]));
  return g_bytes_new_take (data, size);
}

/* Made by Python's cryptography: AESGCM, key 00 01 .. 1f, nonce a0 a1 .. ab. A box that is on a disk must open for ever. */
static void
test_format (void)
{
  g_autoptr (PbSecret) key = make_key (0);
  g_autoptr (GBytes) sealed =
    from_hex ("01a0a1a2a3a4a5a6a7a8a9aaab85770e5f20a8769f0a0af5a0625aa2bf04d83c"
              "62eb973118fd7e4ae3a20bf9355660c68ea9a2f64a47d87277");
  g_autoptr (PbSecret) secret = pb_secret_box_open (key, &login, sealed);

  g_assert_nonnull (secret);
  g_assert_cmpmem (secret->data, secret->length, "correct horse battery staple", 28);
}

static void
test_round (void)
{
  g_autoptr (PbSecret) key = make_key (7);

  for (gsize length = 0; length <= PB_RELAY_SECRET_MAX; length += length < 20 ? 1 : 251)
    {
      g_autoptr (PbSecret) secret = pb_secret_new (length);
      g_autoptr (GBytes) sealed = NULL;
      g_autoptr (GBytes) again = NULL;
      g_autoptr (PbSecret) opened = NULL;

      memset (secret->data, 'p', length);
      sealed = pb_secret_box_seal (key, &login, secret);
      again = pb_secret_box_seal (key, &login, secret);
      opened = pb_secret_box_open (key, &login, sealed);
      g_assert_cmpuint (g_bytes_get_size (sealed), ==, length + OVERHEAD);
      g_assert_nonnull (opened);
      g_assert_cmpmem (opened->data, opened->length, secret->data, length);
      /* Never the same nonce. */
      g_assert_false (g_bytes_equal (sealed, again));
      g_assert_true (
        length < 4
        || memmem (g_bytes_get_data (sealed, NULL), length + OVERHEAD, secret->data, length)
             == NULL);
    }
}

/* Sealed for the login above, asked for by another one: each field counts, and no two lists of fields run into one. */
static void
test_login (void)
{
  static const char *const none[] = { NULL };
  static const char *const one[] = { "b.example.org", NULL };
  static const char *const turned[] = { "c.example.org:26", "b.example.org", NULL };
  static const char *const joined[] = { "b.example.orgc.example.org:26", NULL };
  static const char *const split[] = { "b.example.org", "c.example.org", ":26", NULL };
  PbRelayLogin others[15];
  g_autoptr (PbSecret) key = make_key (7);
  g_autoptr (GBytes) sealed = seal (key, &login, "hunter2");

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    others[i] = login;
  others[0].id = "5bd3be4e-2b5c-4e9f-9a3e-2a9d1f0c7b11";
  others[1].host = "relay.example.net";
  others[2].host = "";
  others[3].fallbacks = none;
  others[4].fallbacks = one;
  others[5].fallbacks = turned;
  others[6].fallbacks = joined;
  others[7].fallbacks = split;
  others[8].port = 25;
  others[9].user = "nas@example.orgstarttls";
  others[9].tls = "";
  others[10].user = "other@example.org";
  others[11].tls = "opportunistic";
  others[12].verify = "none";
  others[13].fingerprint = "";
  others[14].id = "generalrelay";
  others[14].host = ".example.org";

  g_assert_true (opens (key, &login, sealed));
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (opens (key, &others[i], sealed));
}

static void
test_key (void)
{
  g_autoptr (PbSecret) key = make_key (7);
  g_autoptr (GBytes) sealed = seal (key, &login, "hunter2");

  for (guint bit = 0; bit < PB_MASTER_KEY_SIZE * 8; bit++)
    {
      g_autoptr (PbSecret) other = make_key (7);

      other->data[bit / 8] ^= (guint8) (1u << bit % 8);
      g_assert_false (opens (other, &login, sealed));
    }
}

static void
test_damage (void)
{
  g_autoptr (PbSecret) key = make_key (7);
  g_autoptr (GBytes) sealed = seal (key, &login, "hunter2");
  gsize size;
  const guint8 *data = g_bytes_get_data (sealed, &size);

  for (gsize bit = 0; bit < size * 8; bit++)
    {
      g_autofree guint8 *damaged = g_memdup2 (data, size);
      g_autoptr (GBytes) bytes = NULL;

      damaged[bit / 8] ^= (guint8) (1u << bit % 8);
      bytes = g_bytes_new (damaged, size);
      g_assert_false (opens (key, &login, bytes));
    }
  for (gsize length = 0; length < size; length++)
    {
      g_autoptr (GBytes) front = g_bytes_new (data, length);
      g_autoptr (GBytes) back = g_bytes_new (data + size - length, length);

      g_assert_false (opens (key, &login, front));
      g_assert_false (opens (key, &login, back));
    }
}

/* No row of a damaged database makes the program ask for much memory. */
static void
test_size (void)
{
  g_autoptr (PbSecret) key = make_key (7);
  const gsize sizes[] = {
    0, 1, OVERHEAD - 1, OVERHEAD, PB_RELAY_SECRET_MAX + OVERHEAD + 1, 64 * 1024 * 1024
  };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      guint8 *data = g_malloc0 (MAX (sizes[i], 1));
      g_autoptr (GBytes) bytes = NULL;

      data[0] = 1;
      bytes = g_bytes_new_take (data, sizes[i]);
      g_assert_false (opens (key, &login, bytes));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/secret-box/format", test_format);
  g_test_add_func ("/secret-box/round", test_round);
  g_test_add_func ("/secret-box/login", test_login);
  g_test_add_func ("/secret-box/key", test_key);
  g_test_add_func ("/secret-box/damage", test_damage);
  g_test_add_func ("/secret-box/size", test_size);
  return g_test_run ();
}
