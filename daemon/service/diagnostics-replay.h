/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "policy/facts.h"
#include "settings/registry.h"
#include "store/history.h"
#include <gio/gio.h>

/* Judges the mail of the past by settings that do not hold. One at a time. Main thread. */
typedef struct _PbReplay PbReplay;

/** PbReplayed: @answer: (transfer floating) (uaa{sv}), NULL with @error. */
typedef void (*PbReplayed) (GVariant *answer, const GError *error, gpointer user_data);

/** pb_replay_new: all are borrowed; @history (nullable). */
PbReplay *pb_replay_new (PbRegistry *registry, PbHistory *history, PbMailbox *mailbox, const PbDns *dns);
/** pb_replay_free: one under way ends with PB_ERROR_UNAVAILABLE. */
void pb_replay_free (PbReplay *self);

/** pb_replay_run: @draft a{sa{sv}}, @since Unix seconds; @func once. */
void pb_replay_run (PbReplay *self, GVariant *draft, guint64 since, PbReplayed func, gpointer user_data);
