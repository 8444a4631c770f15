/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/arc.h"
#include "protocol/envelope.h"
#include "settings/snapshot.h"
#include <glib.h>

typedef enum
{
  PB_SIGNING_SIGN = 1 << 0, /* DKIM, for the author's domain when it is ours (RFC 6376) */
  PB_SIGNING_SEAL = 1 << 1, /* ARC, for a message of others that leaves again (RFC 8617) */
} PbSigningKinds;

/*
 * The signatures and the seal of one message: it is fed as it is stored, then its fields are written on a worker. One thread at a time.
 */
typedef struct _PbSigning PbSigning;

/** pb_signing_new: Returns: (transfer full) (nullable): NULL when @snapshot has no key that could sign. */
PbSigning *pb_signing_new (PbSnapshot *snapshot, PbSigningKinds kinds);
void pb_signing_free (PbSigning *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSigning, pb_signing_free)

/** pb_signing_feed: the next octets of the message, without what we put on top of it. Cut anywhere. */
void pb_signing_feed (PbSigning *self, const char *data, gsize length);

/** pb_signing_held: octets of memory, about. */
gsize pb_signing_held (const PbSigning *self);

/**
 * pb_signing_end: there are no more octets.
 * @snapshot: the newest: a key that was removed or deactivated meanwhile signs nothing any more
 * @recipients: whose domains seal, the first that has a key; none of them: our own name's
 * Returns: whether there is anything to write.
 */
gboolean pb_signing_end (PbSigning *self, const PbSnapshot *snapshot, const PbRecipient *recipients, guint n_recipients);

/**
 * pb_signing_write: appends whole fields to @head, topmost first. On a worker: an RSA signature takes a millisecond.
 * @before: (nullable): what was found out about the chain below; NULL: nothing is sealed
 * @results: (nullable): our Authentication-Results, beginning with our name
 * A key that does not sign is logged; the message goes without its signature.
 */
void pb_signing_write (PbSigning *self, const PbArcOutcome *before, const char *results, GString *head);
