/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/statistics.h"
#include <gio/gio.h>

/* Who gets Statistics.Update: a signal to each alone, of what has changed. What one that does not read costs us and the bus is bounded. Main thread. */
typedef struct _PbSubscribers PbSubscribers;

PbSubscribers *pb_subscribers_new (void);
void pb_subscribers_free (PbSubscribers *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSubscribers, pb_subscribers_free)

/** pb_subscribers_add: @sender: unique name on @connection; one that is there begins anew. @uid: whose it is, -1 where that is not known. Errors: PB_ERROR_BUSY, with what is allowed. */
gboolean pb_subscribers_add (PbSubscribers *self, GDBusConnection *connection, const char *sender, gint64 uid, GError **error);

/** pb_subscribers_remove: nothing where there is none. */
void pb_subscribers_remove (PbSubscribers *self, GDBusConnection *connection, const char *sender);

guint pb_subscribers_count (const PbSubscribers *self);

/** pb_subscribers_tell: once a second, after a look. */
void pb_subscribers_tell (PbSubscribers *self, PbStatistics *statistics);
