/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/maildir.h"
#include "settings/registry.h"
#include <glib.h>

/*
 * mail/by-address/<address> -> ../<account id>: the way by which an IMAP server, which knows addresses, finds mailboxes. Follows the accounts and the local domains by
 * itself, each link put in place of the old one in one step; makes the mailboxes of new accounts. On a thread of its own.
 */
typedef struct _PbMailboxLinks PbMailboxLinks;

/** pb_mailbox_links_new: main thread; borrows both. The first pass, which mends what is there, begins at once. */
PbMailboxLinks *pb_mailbox_links_new (PbMaildir *maildir, PbRegistry *registry);

/** pb_mailbox_links_free: before the maildir is; waits for the pass under way. */
void pb_mailbox_links_free (PbMailboxLinks *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbMailboxLinks, pb_mailbox_links_free)
