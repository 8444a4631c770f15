/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/listener.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "policy/blocklists.h"
#include "policy/blocks.h"
#include "policy/clients.h"
#include "policy/scanner.h"
#include "queue/queue.h"
#include "settings/registry.h"
#include "store/history.h"
#include "util/pool.h"
#include "util/secret.h"
#include <glib.h>

/* The SMTP server side: what the listeners hand their sockets to. Sessions live on the reactor that accepted them. */
typedef struct _PbServer PbServer;

/* What was found out about a password given at AUTH. */
typedef enum
{
  PB_PASSWORD_RIGHT,
  PB_PASSWORD_WRONG,   /* or no such user, or one who may not log in: nobody is told which */
  PB_PASSWORD_TROUBLE, /* it cannot be told now: 454 4.7.0 */
} PbPasswordVerdict;

/** PbPasswordChecked: RIGHT alone has @login, the account's canonical name, and @account_id, its mailbox (both transfer none). */
typedef void (*PbPasswordChecked) (PbPasswordVerdict verdict, const char *login, const char *account_id, gpointer user_data);

/**
 * PbCheckPassword: asks the system's accounts (Mailboxes.AccountSource pam or both).
 * @user: as the client gave it; @password: referenced as long as it is needed; @client: (nullable) the client's address, for the system's own log
 * Returns at once; @func runs in @reply_to's thread exactly once, at the latest after 10 s. Any thread.
 */
typedef void (*PbCheckPassword) (const char *user, PbSecret *password, const char *client, PbMailbox *reply_to, PbPasswordChecked func, gpointer user_data,
                                 gpointer data);

typedef struct
{
  PbRegistry *registry; /* borrowed */
  PbStore *store;
  PbQueue *queue;
  PbHistory *history;   /* (nullable) */
  PbBlocklists *blocklists; /* (nullable) */
  PbScanner *scanner;   /* (nullable); outlives the sessions */
  PbPool *workers;      /* for passwords; outlives the server */
  PbPool *signers;      /* for signatures; outlives the server */
  PbBlocks *blocks;
  PbResolver *resolver; /* (nullable) for checks; outlives the server */
  PbTlsSlot *tls;       /* (nullable) empty or not there: no TLS */
  PbCheckPassword check_password; /* (nullable) no system accounts are to be had: as if it had answered TROUBLE */
  gpointer check_password_data;   /* for its @data */
} PbServerParts;

PbServer *pb_server_new (const PbServerParts *parts);
/** pb_server_accept: a PbAcceptFunc; @user_data is the PbServer. */
void pb_server_accept (int fd, const struct sockaddr *peer, socklen_t peer_length, PbRole role, PbReactor *reactor, gpointer user_data);

/* A program of this machine: known by its user, without a password, over a socket pair instead of the network. */
typedef struct
{
  guint32 uid;
  char *login;      /* (owned) (nullable) the user's name, whose addresses it sends from; NULL: it speaks for everybody */
  char *account_id; /* (owned) (nullable) the mailbox of @login */
  PbMailFunc gone;  /* (nullable) with @data, on any thread, once the session has ended */
  gpointer data;
} PbLocalClient;
void pb_local_client_free (PbLocalClient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbLocalClient, pb_local_client_free)

/**
 * pb_server_accept_local: a session with a program of this machine, on @reactor.
 * @fd: (taken) one end of a stream socket pair, non-blocking
 * @client: (transfer full)
 * It may relay, as who has logged in; what it sends has no client address, and a recipient of ours whom nobody knows comes back as a notice instead of a
 * refusal, since a program that sends mail seldom waits to be told. Any thread.
 */
void pb_server_accept_local (PbServer *self, int fd, PbLocalClient *client, PbReactor *reactor);
/** pb_server_shut_down: sessions between commands get 421 4.3.2 and go; those in DATA or awaiting a commit may finish until @deadline (monotonic us), then go too. Any thread. */
void pb_server_shut_down (PbServer *self, gint64 deadline);
/** pb_server_peek_client: what would be counted of @ip if it came now. Any thread. */
void pb_server_peek_client (PbServer *self, const PbIp *ip, PbClientCounts *counts);
guint pb_server_n_sessions (PbServer *self);

/* One connection as it was a moment ago. */
typedef struct
{
  PbIp ip;
  PbRole role;
  const char *state;  /* (static) "rcpt" */
  gint64 since;       /* Unix seconds */
  const char *tls;    /* (nullable) (static) version */
  char *helo, *login; /* (nullable) */
  char *sender;       /* (nullable) of the message under way; "" is the null sender */
  guint n_recipients;
  guint64 octets_in, octets_out;
  gboolean local; /* a program of this machine, which has no address */
} PbSessionRow;

/** PbSessionsListed: @rows: (transfer none) the latest first, at most 1,000. */
typedef void (*PbSessionsListed) (const PbSessionRow *rows, guint n_rows, gpointer user_data);

/** pb_server_list_sessions: @func in @reply_to's thread, later or, where nobody ever came, at once. @reply_to's thread; it is dispatched until the reactors are freed. */
void pb_server_list_sessions (PbServer *self, PbMailbox *reply_to, PbSessionsListed func, gpointer user_data);
/** pb_server_free: sessions that are left get 421 and go; one whose message the store has still to answer for lasts until then, on its reactor. */
void pb_server_free (PbServer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbServer, pb_server_free)
