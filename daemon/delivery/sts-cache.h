/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/sts-file.h"
#include <glib.h>

/*
 * The policies of other domains that are known, and what is to be done about one: pure but for its own memory; times are Unix seconds and passed in. One thread.
 */
typedef struct _PbStsCache PbStsCache;

#define PB_STS_REFRESH_SECONDS 86400         /* a policy is fetched anew in the background when it is so old (RFC 8461 3.3), or half of its max_age */
#define PB_STS_HOLD_SECONDS    300           /* what could not be fetched is not asked for again before (RFC 8461 3.3: "five minutes or longer") */
#define PB_STS_RETRY_SECONDS   3600          /* likewise, where nobody waits for it */
#define PB_STS_UNUSED_SECONDS  (31 * 86400)  /* a policy for which no mail has asked so long is left to run out */

/** pb_sts_cache_new: as many domains and octets of their policies at the most; whoever was asked for longest ago makes room. */
PbStsCache *pb_sts_cache_new (guint max_entries, gsize max_octets);
void pb_sts_cache_free (PbStsCache *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbStsCache, pb_sts_cache_free)

/** pb_sts_cache_restore: @entry (transfer full) as it was kept; left out when it has run out. */
void pb_sts_cache_restore (PbStsCache *self, PbStsEntry *entry, gint64 now);

/** pb_sts_cache_find: (transfer none) (nullable): until the next call that changes something. Its policy is none that has run out. */
const PbStsEntry *pb_sts_cache_find (PbStsCache *self, const char *domain, gint64 now);

typedef enum
{
  PB_STS_STEP_USE,     /* what is known is all there is to know now, be it nothing */
  PB_STS_STEP_REFRESH, /* likewise, and a new copy is to be fetched without anybody waiting for it */
  PB_STS_STEP_FETCH,   /* to be fetched, and waited for */
} PbStsStep;

/** pb_sts_cache_judge: mail goes to @domain, whose record says @record and @id. RFC 8461 3.3, 5.1. */
PbStsStep pb_sts_cache_judge (PbStsCache *self, const char *domain, PbStsRecord record, const char *id, gint64 now);

/** pb_sts_cache_use: mail asked for @domain's policy, which is thereby kept longer. */
void pb_sts_cache_use (PbStsCache *self, const char *domain, gint64 now);

/** pb_sts_cache_keep: @policy (transfer none) came. */
void pb_sts_cache_keep (PbStsCache *self, const char *domain, const char *id, PbStsPolicy *policy, gint64 now);

/** pb_sts_cache_fail: none came for @id, for @why; one that is known stays. */
void pb_sts_cache_fail (PbStsCache *self, const char *domain, const char *id, const char *why, gint64 now);

/** pb_sts_cache_forget: Returns: whether something was known. */
gboolean pb_sts_cache_forget (PbStsCache *self, const char *domain);

/** pb_sts_cache_due: (transfer full): at most @max domains whose policies are to be fetched anew though no mail asks, first who was tried longest ago. */
char **pb_sts_cache_due (PbStsCache *self, guint max, gint64 now);

/** pb_sts_cache_entries: (transfer container) (element-type PbStsEntry): of those that have a policy now, or lately could not be asked, by domain. */
GPtrArray *pb_sts_cache_entries (PbStsCache *self, gint64 now);

/** pb_sts_cache_take_changed: whether what is to be kept has changed since the last call. */
gboolean pb_sts_cache_take_changed (PbStsCache *self);

/** pb_sts_cache_set_changed: it could not be kept. */
void pb_sts_cache_set_changed (PbStsCache *self);
