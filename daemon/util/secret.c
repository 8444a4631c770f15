/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where passwords and keys live while the daemon needs them: each in pages of its own, apart from the
 * heap, so that no other object's overrun reads them and none of them stays behind in freed memory.
 *
 * Called by whoever handles a secret, on any thread. Fails only when there is no memory at all, which
 * ends the program as everywhere in GLib. Locking the pages is tried and not insisted on.
 */
#include "util/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static gsize
mapped_size (gsize length)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);

  return (length / page + 1) * page; /* always room for the NUL */
}

PbSecret *
pb_secret_new (gsize length)
{
  PbSecret *self = g_atomic_rc_box_new0 (PbSecret);
  gsize size = mapped_size (length);
  void *pages = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (pages == MAP_FAILED)
    g_error ("no memory for a secret of %" G_GSIZE_FORMAT " octets", length);
  (void) mlock (pages, size);
  (void) madvise (pages, size, MADV_DONTDUMP);
  (void) madvise (pages, size, MADV_WIPEONFORK);
  self->data = pages;
  self->length = length;
  return self;
}

PbSecret *
pb_secret_copy (const void *data, gsize length)
{
  PbSecret *self = pb_secret_new (length);

  if (length > 0)
    memcpy (self->data, data, length);
  return self;
}

PbSecret *
pb_secret_ref (PbSecret *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
secret_clear (gpointer data)
{
  PbSecret *self = data;
  gsize size = mapped_size (self->length);

  explicit_bzero (self->data, size);
  munmap (self->data, size);
}

void
pb_secret_unref (PbSecret *self)
{
  g_atomic_rc_box_release_full (self, secret_clear);
}
