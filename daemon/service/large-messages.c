/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory after large messages. GDBus takes a message apart into small values, some thirty times its
 * size, before any code of ours sees it; when it is freed, malloc keeps the pages for good as soon as
 * one small block above them lives on. So each large message is watched until it is gone, and
 * then malloc is told to give back what it holds. GLib before 2.76 keeps such values in slices of its own, which
 * malloc cannot give back: the unit file turns those off. Called once a connection; the filter runs on GDBus' thread.
 */
#include "service/large-messages.h"

#include <malloc.h>

#define LARGE_OCTETS  (1024 * 1024)
#define DELAY_SECONDS 1 /* a caller with one large message often has more of them */

/* Whether malloc will be told already. Counted: the filter, and each message and timer that is under way. */
typedef struct
{
  int is_due; /* atomic */
} PbTrim;

static gboolean
on_trim_due (gpointer user_data)
{
  PbTrim *self = user_data;

  g_atomic_int_set (&self->is_due, FALSE);
  malloc_trim (0);
  return G_SOURCE_REMOVE;
}

/* Its body goes right after this, on whichever thread let go of it last. */
static void
on_message_gone (gpointer user_data, GObject *message)
{
  PbTrim *self = user_data;

  if (g_atomic_int_compare_and_exchange (&self->is_due, FALSE, TRUE))
    g_timeout_add_seconds_full (G_PRIORITY_LOW, DELAY_SECONDS, on_trim_due, self, g_atomic_rc_box_release);
  else
    g_atomic_rc_box_release (self);
}

static GDBusMessage *
on_message (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer user_data)
{
  GVariant *body = incoming ? g_dbus_message_get_body (message) : NULL;

  if (body != NULL && g_variant_get_size (body) >= LARGE_OCTETS)
    g_object_weak_ref (G_OBJECT (message), on_message_gone, g_atomic_rc_box_acquire (user_data));
  return message;
}

void
pb_large_messages_watch (GDBusConnection *connection)
{
  g_dbus_connection_add_filter (connection, on_message, g_atomic_rc_box_new0 (PbTrim), g_atomic_rc_box_release);
}
