/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/store.h"
#include <glib.h>

/* Why a message whose states cannot be read is held. */
#define PB_STATUS_DAMAGED "5.3.0 the delivery status is damaged in the store"

/* A message's place among the counts: its worst recipient's. Values are those of the column. */
typedef enum
{
  PB_CLASS_ACTIVE = 0,
  PB_CLASS_DEFERRED = 1,
  PB_CLASS_HELD = 2,
  PB_N_CLASSES,
} PbClass;

/** pb_class_from_name: "active", "deferred", "held". Returns: FALSE for anything else. */
gboolean pb_class_from_name (const char *name, PbClass *class);

/* The states of all recipients of one message, done ones too; index = recipient's index in the envelope. */
typedef struct
{
  PbRecipientStatus *all; /* (owned) (array length=n) */
  guint n;
} PbStatusSet;

/** pb_status_set_new: @n recipients never tried, due at @next_attempt. */
PbStatusSet *pb_status_set_new (guint n, gint64 next_attempt);
void pb_status_set_free (PbStatusSet *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbStatusSet, pb_status_set_free)

/** pb_status_set_serialize: the sealed column. */
GBytes *pb_status_set_serialize (const PbStatusSet *self);

/** pb_status_set_parse: Returns: (nullable) NULL when the column is damaged or not about @n recipients. */
PbStatusSet *pb_status_set_parse (const void *data, gsize length, guint n);

/** pb_status_set_apply: takes over what became of one recipient; one that is done stays done, one that is held is not queued by it, an index that does not exist is ignored. */
void pb_status_set_apply (PbStatusSet *self, const PbRecipientStatus *status);

/** pb_status_set_quarantine: all that is not done becomes HELD for @reason. */
void pb_status_set_quarantine (PbStatusSet *self, const char *reason);

/** pb_status_set_change: what an administrator wants; @now Unix seconds. Returns: FALSE when it was so already. */
gboolean pb_status_set_change (PbStatusSet *self, PbStoreChangeKind kind, gint64 now);

/** pb_status_set_judge: the class, the earliest attempt of queued recipients (-1 none) and how many are not done. */
void pb_status_set_judge (const PbStatusSet *self, PbClass *class, gint64 *next_attempt, guint *left);

/** pb_status_set_steal_left: (transfer full) the states not done; @self is to be freed afterwards. */
PbRecipientStatus *pb_status_set_steal_left (PbStatusSet *self, guint *n_left);

gboolean pb_recipient_state_is_done (PbRecipientState state);
