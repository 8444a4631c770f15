/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/dnsbl.h"
#include "util/mailbox.h"
#include <glib.h>

/*
 * Which DNS blocklists are ill: they name everyone, answer nonsense or refuse us (RFC 5782 5). An ill one is not asked until it is found well again. Any thread
 * may look and tell; who is to be told of a change hears it on the main thread.
 */
typedef struct _PbBlocklists PbBlocklists;

/** PbBlocklistsTold: @trouble: what @zone does, of pb_say(), to stand behind its name; NULL: it is well again. */
typedef void (*PbBlocklistsTold) (const char *zone, GVariant *trouble, gpointer user_data);

/** pb_blocklists_new: @main_mailbox: of the thread on which @told (nullable) is called. */
PbBlocklists *pb_blocklists_new (PbMailbox *main_mailbox, PbBlocklistsTold told, gpointer user_data);
/** pb_blocklists_free: on the main thread, when no one looks any more; what is still under way tells nobody. */
void pb_blocklists_free (PbBlocklists *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbBlocklists, pb_blocklists_free)

/** pb_blocklists_is_ill: any thread. */
gboolean pb_blocklists_is_ill (PbBlocklists *self, const char *zone);

/** pb_blocklists_tell_ill: any thread: @zone gave @answer, which is no listing. */
void pb_blocklists_tell_ill (PbBlocklists *self, const char *zone, const PbIp *answer);

/** pb_blocklists_probe: main thread: asks @zone for its test addresses; it is ill or well by what comes. Silence changes nothing. @dns outlives the answers. */
void pb_blocklists_probe (PbBlocklists *self, const char *zone, const PbDnsSource *dns);

/** pb_blocklists_forget: main thread: @zone is not among the settings any more. */
void pb_blocklists_forget (PbBlocklists *self, const char *zone);
