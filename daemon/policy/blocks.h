/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/mailbox.h"
#include "util/netblock.h"
#include <glib.h>

/*
 * Who is blocked, and who is on the way there by failed logins: clients (an IPv4 address, an IPv6 /64) and accounts. Bounded in memory. Any thread; times are
 * Unix seconds and given in.
 */
typedef struct _PbBlocks PbBlocks;

typedef enum
{
  PB_BLOCK_IP,
  PB_BLOCK_ACCOUNT,
} PbBlockKind;

#define PB_BLOCK_VALUE "(sssxx)" /* kind, subject, reason, since, expires: as it is kept */

PbBlocks *pb_blocks_new (guint max_entries);
void pb_blocks_free (PbBlocks *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbBlocks, pb_blocks_free)

/** pb_blocks_restore: @stored: id -> GVariant of PB_BLOCK_VALUE, as they were kept; what is damaged or over is dropped. Before any other call. */
void pb_blocks_restore (PbBlocks *self, GHashTable *stored, gint64 now);

/** pb_blocks_watch: @func in @mailbox's thread when blocks have come, changed or gone; then not again before pb_blocks_take_changes(). */
void pb_blocks_watch (PbBlocks *self, PbMailbox *mailbox, PbMailFunc func, gpointer data);
/** pb_blocks_unwatch: once this has returned, no more is posted; what was posted may still come. */
void pb_blocks_unwatch (PbBlocks *self);
/** pb_blocks_take_changes: (transfer full): id -> GVariant, or NULL for one that is gone: what is to be kept. */
GHashTable *pb_blocks_take_changes (PbBlocks *self);

/** pb_blocks_subject_ip: (transfer full): how a client is called: "192.0.2.1", "2001:db8::/64". */
char *pb_blocks_subject_ip (const PbIp *ip);

/** pb_blocks_expiry: when the block of @subject ends; 0 when there is none. */
gint64 pb_blocks_expiry (PbBlocks *self, PbBlockKind kind, const char *subject, gint64 now);

/**
 * pb_blocks_fail: a login of @subject failed.
 * @limit: how many may in an hour from the first; 0: any number. @seconds: for how long the next one blocks
 * Returns: TRUE when this one has blocked it.
 */
gboolean pb_blocks_fail (PbBlocks *self, PbBlockKind kind, const char *subject, guint limit, guint seconds, gint64 now);

/** pb_blocks_block: @subject is blocked until @expires, for @reason ("unknown-recipients"). Returns: FALSE when it was already. */
gboolean pb_blocks_block (PbBlocks *self, PbBlockKind kind, const char *subject, const char *reason, gint64 expires, gint64 now);

/** pb_blocks_list: (transfer full) aa{sv}: Id, Kind, Subject, Reason, Since, Expires; the latest first, those with @search (nullable) in Subject. @total (out). */
GVariant *pb_blocks_list (PbBlocks *self, const char *search, guint offset, guint limit, gint64 now, guint *total);

/** pb_blocks_lift: all of @ids or, where one is unknown, none. Returns: (nullable) the unknown one. */
const char *pb_blocks_lift (PbBlocks *self, const char *const *ids, gint64 now);
/** pb_blocks_extend: Returns: FALSE when there is no such block. */
gboolean pb_blocks_extend (PbBlocks *self, const char *id, gint64 expires, gint64 now);
