/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing in a session: what is put on top of small and large messages, and sessions that end while a worker signs. */
#include "settings/signing-keys.h"
#include "tests/session/rig.h"
#include <openssl/x509.h>
#include <string.h>
#include <unistd.h>

#define FROM "From: anna@example.test\r\n\r\n"

/* (transfer full) */
static GBytes *
make_key (PbSecret *master, const char *domain, const char *selector)
{
  EVP_PKEY *key = EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
  guint8 *public = NULL, *private = NULL;
  int n_public = i2d_PUBKEY (key, &public), n_private = i2d_PrivateKey (key, &private);
  g_autoptr (PbSecret) secret = pb_secret_copy (private, (gsize) n_private);
  g_autoptr (GBytes) sealed = pb_signing_key_seal (master, domain, selector, secret);
  g_autoptr (GBytes) open = g_bytes_new (public, (gsize) n_public);

  OPENSSL_free (public);
  OPENSSL_clear_free (private, (gsize) n_private);
  EVP_PKEY_free (key);
  return pb_signing_key_pack (domain, selector, TRUE, 1, open, sealed);
}

static Rig *
start_rig (void)
{
  Rig *rig = rig_new (rig_builder ());
  g_autoptr (PbSecret) master = pb_secret_new (PB_MASTER_KEY_SIZE);
  GHashTable *packed =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);

  g_hash_table_insert (packed, g_strdup ("1"), make_key (master, "example.test", "sel"));
  g_clear_pointer (&rig->snapshot->signing_keys, pb_signing_keys_unref);
  rig->snapshot->signing_keys = pb_signing_keys_new (packed, master);
  rig_start (rig);
  return rig;
}

/* Sends @size octets of text below a From: of ours, and the dot. */
static int
send_message (Rig *rig, const char *ip, gsize size)
{
  g_autoptr (GString) text = rig_make_message (size);
  int fd = rig_in_data (rig, ip);

  g_string_prepend (text, FROM);
  g_string_append (text, ".\r\n");
  g_assert_true (rig_send (fd, text->str, text->len, NULL));
  return fd;
}

static void
test_sizes (void)
{
  static const gsize sizes[] = { 100, 60000, PB_BODY_INLINE_MAX, 1 << 20 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint trusted = 0; trusted < 2; trusted++)
      {
        g_autoptr (Rig) rig = start_rig ();
        g_autoptr (RigMessage) message = NULL;
        int fd = send_message (rig, trusted ? RIG_TRUSTED : RIG_STRANGER, sizes[i]);
        const char *octets;
        gsize length;

        rig_say (fd, "", 1);
        close (fd);
        message = rig_take_message (rig);
        octets = g_bytes_get_data (message->octets, &length);
        g_assert_cmpuint (length, ==, message->envelope->size);
        g_assert_true (g_str_has_prefix (octets, trusted ? "DKIM-Signature: v=1; a=ed25519-sha256;"
                                                         : "Received:"));
        /* About 64 KiB it hangs on how the octets came. */
        if (sizes[i] != PB_BODY_INLINE_MAX)
          g_assert_true ((message->envelope->head != NULL)
                         == (trusted && sizes[i] > PB_BODY_INLINE_MAX));
      }
}

/* ---- a worker that does not come to it ---- */

typedef struct
{
  GMutex lock;
  GCond changed;
  gboolean open; /* under lock */
} Gate;

static void
wait_at_gate (gpointer data)
{
  Gate *gate = data;

  g_mutex_lock (&gate->lock);
  while (!gate->open)
    g_cond_wait (&gate->changed, &gate->lock);
  g_mutex_unlock (&gate->lock);
}

static void
open_gate (Gate *gate)
{
  g_mutex_lock (&gate->lock);
  gate->open = TRUE;
  g_cond_signal (&gate->changed);
  g_mutex_unlock (&gate->lock);
}

static void
test_shut_down (gconstpointer data)
{
  gsize size = GPOINTER_TO_SIZE (data);
  g_autoptr (Rig) rig = start_rig ();
  Gate gate = { .open = FALSE };
  g_autoptr (GString) said = g_string_new (NULL);
  int fd;

  pb_pool_run (rig->signers, wait_at_gate, NULL, NULL, &gate);
  fd = send_message (rig, RIG_TRUSTED, size);
  rig_wait_hold (rig, PB_HOLD_WORKER);
  /* No grace: the session is closed while its message is before the worker. */
  pb_server_shut_down (rig->server, 1);
  rig_read_end (fd, said);
  g_assert_true (g_str_has_prefix (said->str, "421 4.3.2 "));
  close (fd);
  open_gate (&gate);
  rig_wait_sessions (rig, 0);
  g_assert_cmpuint (rig_n_messages (rig), ==, 0);
}

/* Whoever tries passwords, one after the other, holds no mail that is to be signed. */
static void
test_beside_passwords (void)
{
  g_autoptr (Rig) rig = start_rig ();
  g_autoptr (RigMessage) message = NULL;
  Gate gate = { .open = FALSE };
  int fd;

  pb_pool_run (rig->workers, wait_at_gate, NULL, NULL, &gate);
  fd = send_message (rig, RIG_TRUSTED, 100);
  rig_say (fd, "", 1);
  close (fd);
  message = rig_take_message (rig);
  g_assert_true (g_str_has_prefix (g_bytes_get_data (message->octets, NULL), "DKIM-Signature: "));
  open_gate (&gate);
}

/* Asked to end while a message is signed, the session waits for the message's answer. */
static void
test_shut_down_gently (void)
{
  g_autoptr (Rig) rig = start_rig ();
  Gate gate = { .open = FALSE };
  g_autoptr (GString) said = g_string_new (NULL);
  int fd;

  pb_pool_run (rig->signers, wait_at_gate, NULL, NULL, &gate);
  fd = send_message (rig, RIG_TRUSTED, 100);
  rig_wait_hold (rig, PB_HOLD_WORKER);
  pb_server_shut_down (rig->server, g_get_monotonic_time () + RIG_PATIENCE);
  open_gate (&gate);
  rig_read_end (fd, said);
  close (fd);
  g_assert_true (g_str_has_prefix (said->str, "250 2.0.0 "));
  g_assert_nonnull (strstr (said->str, "\r\n421 4.3.2 "));
  g_assert_cmpuint (rig_n_messages (rig), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session-signing/sizes", test_sizes);
  g_test_add_data_func ("/session-signing/shut-down", GSIZE_TO_POINTER (100), test_shut_down);
  g_test_add_data_func ("/session-signing/shut-down-large", GSIZE_TO_POINTER (1 << 20),
                        test_shut_down);
  g_test_add_func ("/session-signing/shut-down-gently", test_shut_down_gently);
  g_test_add_func ("/session-signing/beside-passwords", test_beside_passwords);
  return g_test_run ();
}
