/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

/* The one place where it is decided who may do what on the bus. Main thread. */
typedef struct _PbAuthorizer PbAuthorizer;

PbAuthorizer *pb_authorizer_new (void);
void pb_authorizer_free (PbAuthorizer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbAuthorizer, pb_authorizer_free)

/** pb_authorizer_set_connection: the bus the callers are on; forgets all that was known of callers of another. @connection (nullable). */
void pb_authorizer_set_connection (PbAuthorizer *self, GDBusConnection *connection);

typedef enum
{
  PB_AUTHORIZED_NO,
  PB_AUTHORIZED_CHALLENGE, /* no, but an administrator's password would make it a yes */
  PB_AUTHORIZED_YES,
} PbAuthorization;

/**
 * PbAuthorized:
 * @who: (nullable): the caller in words ("uid 1000"), also on refusal where known
 * @error: NULL only for PB_AUTHORIZED_YES; PB_ERROR_BUSY when too much of the user's waits to be allowed, PB_ERROR_NOT_AUTHORIZED otherwise
 */
typedef void (*PbAuthorized) (PbAuthorization answer, const char *who, const GError *error, gpointer user_data);

/** pb_authorizer_uid: of the caller with the unique name @sender, if it is known: once a question about it was answered, as long as it is there. Returns: -1: not known. */
gint64 pb_authorizer_uid (PbAuthorizer *self, const char *sender);

/**
 * pb_authorizer_check:
 * @connection: the call came over; a caller on a bus that is lost meanwhile may do nothing, whoever bears its unique name on the next
 * @sender: unique name of the caller
 * @action: a polkit action id; NULL asks only who the caller is
 * @interactive: the message allows that the user is asked
 * @octets: of the message, which waits as long as the answer does
 * Uid 0 and the daemon's own uid pass unasked. All others by polkit on the same bus; anything but an explicit yes is no: an error, a timeout, a caller that
 * vanished meanwhile. An interactive yes is kept for (sender, action) for 5 minutes. @func is called exactly once, later or at once.
 */
void pb_authorizer_check (PbAuthorizer *self, GDBusConnection *connection, const char *sender, const char *action, gboolean interactive, gsize octets, PbAuthorized func, gpointer user_data);
