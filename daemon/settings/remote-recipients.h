/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/snapshot.h"
#include "util/mailbox.h"
#include <glib.h>

/*
 * Which recipients the servers of Domain List domains know (DomainList.VerifyRecipients): what was found out, for a while, and the way to ask. Bounded, any thread.
 * Snapshots carry it beside their revision, as they do PbPeople.
 */
typedef struct _PbRemoteRecipients PbRemoteRecipients;

typedef enum
{
  PB_REMOTE_KNOWN,
  PB_REMOTE_UNKNOWN, /* the domain's own server refuses it for good */
  PB_REMOTE_UNTOLD,  /* no answer that says so: it is taken */
} PbRemoteState;

/** PbRemoteAsk: find out about @recipient, without blocking; pb_remote_recipients_answer() with @key must follow, from any thread. Runs in the asking thread. */
typedef void (*PbRemoteAsk) (PbSnapshot *snapshot, const char *key, const char *recipient, gpointer data);
typedef void (*PbRemoteFound) (PbRemoteState state, gpointer user_data);

/** pb_remote_recipients_new: keeps at most @max answers, asks about at most @max_asked recipients at one time: about more nothing is told. */
PbRemoteRecipients *pb_remote_recipients_new (guint max, guint max_asked, PbRemoteAsk ask, gpointer data);
PbRemoteRecipients *pb_remote_recipients_ref (PbRemoteRecipients *self);
void pb_remote_recipients_unref (PbRemoteRecipients *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbRemoteRecipients, pb_remote_recipients_unref)

/** pb_remote_recipients_close: nothing can be asked any more: whoever waits, and whoever asks from now on, gets UNTOLD. */
void pb_remote_recipients_close (PbRemoteRecipients *self);

/**
 * pb_remote_recipients_answer:
 * @key: as PbRemoteAsk had it; @silent: nobody there answered at all: the domain's server is left alone for a minute
 * May come more than once: UNTOLD to let those go who wait, and what was found out after all.
 */
void pb_remote_recipients_answer (PbRemoteRecipients *self, const char *key, PbRemoteState state, gboolean silent);

/** pb_snapshot_is_verified_domain: an enabled row of the Domain List wants recipients of @domain asked about. */
gboolean pb_snapshot_is_verified_domain (const PbSnapshot *self, const char *domain);

/**
 * pb_snapshot_peek_remote_recipient:
 * @domain: lower case A-labels; @recipient: canonical text
 * Whether the server behind @domain's row of the Domain List knows @recipient, if that need not be asked: UNTOLD also where no enabled row wants it.
 * Returns: FALSE when it is to be asked.
 */
gboolean pb_snapshot_peek_remote_recipient (const PbSnapshot *self, const char *domain, const char *recipient, PbRemoteState *state);

/** pb_snapshot_find_remote_recipient: asks; @func later, in @reply_to's thread, exactly once. Those who ask for the same one at one time are answered together. */
void pb_snapshot_find_remote_recipient (PbSnapshot *self, const char *domain, const char *recipient, PbMailbox *reply_to, PbRemoteFound func, gpointer user_data);
