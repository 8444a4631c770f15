/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/resolver.h"
#include "store/sts-file.h"
#include "util/mailbox.h"
#include <glib.h>

/*
 * The keeper of other domains' MTA-STS policies (RFC 8461): finds, fetches, keeps and renews them, on a thread of its own. Any thread may ask; answers come to the
 * mailbox given.
 */
typedef struct _PbStsPolicies PbStsPolicies;

#define PB_STS_HTTPS_PORT 443

typedef struct
{
  const char *directory;  /* where PB_STS_FILE_NAME is kept */
  PbResolver *resolver;   /* borrowed */
  guint16 https_port;     /* of other domains' web servers */
} PbStsParts;

/** pb_sts_policies_new: what was kept is read on its thread, before anything is answered. */
PbStsPolicies *pb_sts_policies_new (const PbStsParts *parts);

/** pb_sts_policies_close: nobody is waited for any more, and no name asked for; what is asked from now on is answered with what is known. Blocks until it is so. */
void pb_sts_policies_close (PbStsPolicies *self);

/** pb_sts_policies_free: behind pb_sts_policies_close() and the resolver's end; whoever waits has been answered then. */
void pb_sts_policies_free (PbStsPolicies *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbStsPolicies, pb_sts_policies_free)

/* What holds for mail to a domain now. */
typedef struct
{
  PbStsPolicy *policy; /* (owned) (nullable): the domain has none, or none could be had */
  char id[PB_STS_MAX_ID + 1];
  char *why;           /* (owned) (nullable): the domain says that it has one, or a newer one, which could not be had */
} PbStsVerdict;

typedef struct _PbStsRequest PbStsRequest;

/** PbStsFound: @verdict (transfer none). */
typedef void (*PbStsFound) (const PbStsVerdict *verdict, gpointer user_data);

/**
 * pb_sts_policies_find:
 * @domain: the next hop's, whose mail exchangers are asked for
 * @func: on the thread of @reply_to, never before this returns. Within some 80 seconds in any case: 10 for the record, 10 for the web server's address and 60 for the
 * file (RFC 8461 3.3), and at once while a policy is known whose id is the record's.
 * Returns: a handle, valid until @func is called, for pb_sts_request_cancel().
 */
PbStsRequest *pb_sts_policies_find (PbStsPolicies *self, const char *domain, PbMailbox *reply_to, PbStsFound func, gpointer user_data);

/** pb_sts_request_cancel: on the thread of its mailbox: @func will not be called. */
void pb_sts_request_cancel (PbStsRequest *self);

/** PbStsListed: @entries (element-type PbStsEntry) (transfer full), @total of all there are. */
typedef void (*PbStsListed) (GPtrArray *entries, guint total, gpointer user_data);

/** pb_sts_policies_list: what is known, by domain, of those that have @search (nullable) in their names; at most @limit of it from @offset. */
void pb_sts_policies_list (PbStsPolicies *self, const char *search, guint offset, guint limit, PbMailbox *reply_to, PbStsListed func, gpointer user_data);

/** PbStsForgotten: @n: how many domains something was known of. */
typedef void (*PbStsForgotten) (guint n, gpointer user_data);

/** pb_sts_policies_forget: what is known of @domains; it is fetched anew when mail goes there. */
void pb_sts_policies_forget (PbStsPolicies *self, const char *const *domains, PbMailbox *reply_to, PbStsForgotten func, gpointer user_data);
