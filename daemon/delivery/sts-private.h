/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/sts-cache.h"
#include "delivery/sts-policies.h"
#include "net/https-client.h"
#include "util/clock.h"

/* Of sts-policies.c, which finds policies, and sts-list.c, which shows them. Everything but the lock's is the client's thread's. */
struct _PbStsPolicies
{
  PbHttpsClient *client;
  PbMailbox *mailbox; /* (not owned) the client's */
  PbResolver *resolver;
  char *directory;    /* (owned) */
  guint16 port;
  PbStsCache *cache;
  GHashTable *searches; /* (owned) domain -> Search */
  gint64 next_write, next_refresh; /* monotonic microseconds */
  gboolean closing;
  GMutex lock;
  GCond closed;
  gboolean is_closed; /* under lock */
};

/** pb_sts_now: Unix seconds. */
static inline gint64
pb_sts_now (void)
{
  return pb_clock_wall () / G_USEC_PER_SEC;
}

/** pb_sts_policies_write: what has changed, now or soon. */
void pb_sts_policies_write (PbStsPolicies *self);
