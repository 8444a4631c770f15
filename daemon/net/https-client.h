/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/mailbox.h"
#include "util/netblock.h"
#include <glib.h>

/*
 * Fetches small files by HTTPS, many at once, on one thread of its own, which its owner may live on too: what is posted to its mailbox runs between the transfers.
 * A server must prove its name to the system's authorities (SSL_CERT_FILE and SSL_CERT_DIR name others) by TLS 1.2 or later, by a subject alternative name; no
 * redirect is followed, nothing is cached, no cookie kept, no proxy or configuration of the environment is used, and no name is looked up here.
 */
typedef struct _PbHttpsClient PbHttpsClient;

/** pb_https_client_new: starts the thread, named @name. */
PbHttpsClient *pb_https_client_new (const char *name);

/** pb_https_client_free: transfers under way end as failed, then the thread does, once what was posted has run. */
void pb_https_client_free (PbHttpsClient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbHttpsClient, pb_https_client_free)

/** pb_https_client_mailbox: (transfer none) for posting closures to its thread. */
PbMailbox *pb_https_client_mailbox (PbHttpsClient *self);

typedef void (*PbHttpsTimer) (gpointer user_data);

/** pb_https_client_set_timer: on its thread: @func at @deadline (monotonic microseconds; 0 never), in place of the one set before. */
void pb_https_client_set_timer (PbHttpsClient *self, gint64 deadline, PbHttpsTimer func, gpointer user_data);

typedef struct
{
  const char *host; /* whose name must be proven */
  guint16 port;
  const char *path; /* "/.well-known/x" */
  const PbIp *addresses; /* where it is, in order of preference */
  guint n_addresses;
  gint64 timeout;   /* microseconds for all of it, the wait for its turn too */
  gsize max;        /* octets of a body, at most */
  const char *type; /* "text/plain": what it must be; parameters behind it do not matter */
} PbHttpsRequest;

/** PbHttpsDone: @body (nullable): NULL: there is none, for @why. Both are gone afterwards. */
typedef void (*PbHttpsDone) (const char *body, gsize length, const char *why, gpointer user_data);

/** pb_https_client_get: on its thread; @request is not kept. @func is called there just once, never before this returns. */
void pb_https_client_get (PbHttpsClient *self, const PbHttpsRequest *request, PbHttpsDone func, gpointer user_data);
