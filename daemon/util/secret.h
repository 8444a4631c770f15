/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/*
 * Octets that nobody else shall see (a password, a key), in pages of their own: locked where the limit allows, in no core image, not in a child
 * process, overwritten before they are given back. Reference-counted, any thread; written only by whoever made it, before it is shared.
 */
typedef struct
{
  guint8 *data; /* (owned) followed by a NUL that is not counted */
  gsize length;
} PbSecret;

/** pb_secret_new: (transfer full): @length octets of zero. */
PbSecret *pb_secret_new (gsize length);
/** pb_secret_copy: (transfer full): the caller wipes its @data itself. */
PbSecret *pb_secret_copy (const void *data, gsize length);
PbSecret *pb_secret_ref (PbSecret *self);
void pb_secret_unref (PbSecret *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSecret, pb_secret_unref)
