/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/*
 * How much each account with a daily limit has sent since the last local midnight. Past it mail is held, not lost; what is held does not count. Any thread; times
 * are Unix seconds and given in.
 */
typedef struct _PbDaily PbDaily;

PbDaily *pb_daily_new (void);
void pb_daily_free (PbDaily *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbDaily, pb_daily_free)

/**
 * pb_daily_take: @account wants to send one message to @n_recipients.
 * @name: what the account is called, for pb_daily_foreach_over()
 * @max_messages, @max_recipients: a day; 0: any number
 * Returns: FALSE when that would be more than it may: it is not counted. A clock that was set back ends nobody's day; the day then lasts until the next midnight.
 */
gboolean pb_daily_take (PbDaily *self, const char *account, const char *name, guint n_recipients, guint max_messages, guint max_recipients, gint64 now);

typedef void (*PbDailyFunc) (const char *account, const char *name, guint messages, guint recipients, gpointer user_data);
/** pb_daily_foreach_over: the accounts that have mail held since the last midnight; @func must not call back. Days that are over are forgotten. */
void pb_daily_foreach_over (PbDaily *self, PbDailyFunc func, gpointer user_data, gint64 now);

/**
 * pb_daily_review: tells what @account may send as the settings are now; 0: any number, as for one that is gone.
 * Returns: whether it is still over; it is no more when what was held would fit by now.
 */
gboolean pb_daily_review (PbDaily *self, const char *account, guint max_messages, guint max_recipients);

/** pb_daily_save: (transfer full) (nullable): what is to be kept, when it has changed since the last call. */
char *pb_daily_save (PbDaily *self);
/** pb_daily_not_saved: what pb_daily_save() gave could not be kept: the next call gives it again. */
void pb_daily_not_saved (PbDaily *self);
/** pb_daily_restore: what pb_daily_save() gave. Returns: FALSE, and nothing is taken, when it is damaged. */
gboolean pb_daily_restore (PbDaily *self, const char *text, gint64 now);
