/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/mailbox.h"
#include <glib.h>

/* How often the rules of the AccessList matched, and when last: beside the revisions, since mail must not make new ones. Any thread. */
typedef struct _PbHits PbHits;

#define PB_HITS_VALUE "(tt)" /* hits and the last one's time, Unix seconds: as they are kept */

PbHits *pb_hits_new (void);
PbHits *pb_hits_ref (PbHits *self);
void pb_hits_unref (PbHits *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbHits, pb_hits_unref)

/** pb_hits_restore: what was kept of the rule @id. */
void pb_hits_restore (PbHits *self, const char *id, guint64 hits, guint64 last);

/** pb_hits_forget: the rule @id is gone: what was kept of it is to go. */
void pb_hits_forget (PbHits *self, const char *id);

/** pb_hits_add: the rule @id matched. @now: Unix seconds. */
void pb_hits_add (PbHits *self, const char *id, guint64 now);
/** pb_hits_get: 0 and 0 for a rule that never matched. */
void pb_hits_get (PbHits *self, const char *id, guint64 *hits, guint64 *last);

/** pb_hits_watch: @func in @mailbox's thread when something was counted; then not again before pb_hits_take_changes(). */
void pb_hits_watch (PbHits *self, PbMailbox *mailbox, PbMailFunc func, gpointer data);
/** pb_hits_unwatch: once this has returned, no more is posted; what was posted may still come. */
void pb_hits_unwatch (PbHits *self);
/** pb_hits_take_changes: (transfer full): id -> GVariant of PB_HITS_VALUE, or NULL for a rule that is gone: what is to be kept. */
GHashTable *pb_hits_take_changes (PbHits *self);
