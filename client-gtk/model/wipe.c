/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Wiping of passwords. Called by the models that hand one on. What is ours is overwritten for certain.
 * The buffers into which GDBus writes a message are not: they grow by doubling, in this thread, and the
 * last is freed in GDBus' thread. glibc overwrites what is freed when told to, but for the few pieces
 * that it keeps by size and thread; so the same sizes are taken and filled with nothing in both: here,
 * and there by a signal that we send to ourselves. test-client-secrets tells whether it works.
 */
#include "model/wipe.h"

#include "dbus/names.h"
#include "model/connection-private.h"

#include <malloc.h>
#include <string.h>

/* What the buffer of a message with a password, at most 1024 octets, goes through. */
static const gsize sizes[] = { 128, 256, 512, 1024, 2048 };
#define KEPT_OF_A_SIZE 8    /* one more than glibc keeps for a thread */
#define PERTURB        0x55 /* any octet but 0 */

void
pba_wipe_free (char *text)
{
  if (text != NULL)
    explicit_bzero (text, strlen (text));
  g_free (text);
}

static void
wipe_bytes (gpointer data)
{
  pba_wipe_free (data);
}

GVariant *
pba_wipe_octets (const char *text)
{
  char *copy = g_strdup (text);
  g_autoptr (GBytes) bytes = g_bytes_new_with_free_func (copy, strlen (copy), wipe_bytes, copy);

#ifdef M_PERTURB
  mallopt (M_PERTURB, PERTURB);
#endif
  return g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
}

/* Octets that are nothing, of every size as many as are kept. */
static GVariant *
make_nothing (void)
{
  GVariantBuilder arrays;

  g_variant_builder_init (&arrays, G_VARIANT_TYPE ("aay"));
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint j = 0; j < KEPT_OF_A_SIZE; j++)
      {
        gpointer nothing = g_malloc0 (sizes[i]);

        g_variant_builder_add_value (&arrays,
                                     g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, nothing,
                                                              sizes[i], TRUE, g_free, nothing));
      }
  return g_variant_new ("(@aay)", g_variant_builder_end (&arrays));
}

void
pba_wipe_message_buffers (PbaConnection *connection)
{
  g_autoptr (GVariant) nothing = g_variant_ref_sink (make_nothing ());

  if (connection->bus != NULL)
    g_dbus_connection_emit_signal (connection->bus,
                                   g_dbus_connection_get_unique_name (connection->bus),
                                   PB_OBJECT_PATH, "org.postbus.Admin", "Nothing", nothing, NULL);
#ifdef M_PERTURB
  mallopt (M_PERTURB, 0);
#endif
}
