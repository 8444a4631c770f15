/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/relay-secret.h"
#include "delivery/smtp-agent.h"
#include "delivery/smtp-hosts.h"
#include "delivery/transcript.h"
#include "net/channel.h"
#include "net/reactor.h"
#include "net/tls.h"
#include "protocol/extension.h"
#include "util/pool.h"
#include <glib.h>

/* How long each answer may take, microseconds; one absolute deadline each (RFC 5321 4.5.3.2). */
typedef struct
{
  gint64 connect;
  gint64 greeting;
  gint64 tls;      /* a handshake */
  gint64 command;  /* EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET */
  gint64 secret;   /* the password for a login to be found out */
  gint64 data;     /* 354 */
  gint64 block;    /* one block of the message to be taken, and to be answered where it is a chunk */
  gint64 final;    /* the reply to the final dot */
  gint64 idle;     /* an unused connection is kept */
  gint64 ramp;     /* waiting mail makes further connections open after this */
  gint64 shutdown; /* for what is under way when the agent ends */
} PbSmtpTimeouts;

struct _PbSmtpPool;

/* One delivery in the agent; on one reactor from its arrival to its answer. */
typedef struct
{
  PbDelivery *delivery; /* (owned) */
  PbMailbox *reply_to;  /* (owned) */
  PbDelivered func;
  gpointer user_data;
  struct _PbSmtpPool *pool; /* (not owned) */
  PbTranscript *transcript; /* (owned) */
  gint64 since;         /* when it began to wait, the reactor's time */
  guint n_active;       /* transactions under way */
  guint n_returns;      /* connections that turned out to be gone before they answered */
  guint todo_at;        /* recipients not in any transaction yet: todo[todo_at .. n_todo) */
  guint n_todo;
  guint todo[];         /* positions in the delivery */
} PbSmtpJob;

/** pb_smtp_agent_timeouts: (transfer none) for tests: to be changed before the first delivery. */
PbSmtpTimeouts *pb_smtp_agent_timeouts (PbSmtpAgent *self);

PbSmtpJob *pb_smtp_job_new (PbDelivery *delivery, PbMailbox *reply_to, PbDelivered func, gpointer user_data);

/** pb_smtp_job_answer: hands the delivery back, frees the job. Recipients without a result get DEFERRED. */
void pb_smtp_job_answer (PbSmtpJob *self);

/** pb_smtp_job_untake: puts a recipient back in front of the line. */
void pb_smtp_job_untake (PbSmtpJob *self, guint position);

/* What is to be done about a connection that could not be opened. */
typedef enum
{
  PB_SMTP_FAILURE_HOST,  /* another host may do better */
  PB_SMTP_FAILURE_TLS,   /* likewise, or the same one in the clear where that is allowed */
  PB_SMTP_FAILURE_LOGIN, /* the login is refused, or there is no password: no other host is tried with it */
} PbSmtpFailureCause;

/* Why a connection could not be opened, or is gone. */
typedef struct
{
  PbSmtpFailureCause cause;
  PbResultKind kind;
  char status[12];
  char *reply; /* (owned) */
  gboolean reply_is_smtp;
  char *remote; /* (owned) */
} PbSmtpFailure;
void pb_smtp_failure_clear (PbSmtpFailure *self);

typedef struct _PbSmtpConnection PbSmtpConnection;

/* What a connection tells its pool. */
typedef struct
{
  void (*opened) (PbSmtpConnection *connection, gpointer user_data);
  PbSmtpJob *(*take_job) (PbSmtpConnection *connection, gpointer user_data); /* Returns: (nullable) (transfer full) */
  void (*job_done) (PbSmtpConnection *connection, PbSmtpJob *job, gpointer user_data);     /* @job (transfer full) */
  void (*job_returned) (PbSmtpConnection *connection, PbSmtpJob *job, gpointer user_data); /* @job (transfer full): to go on elsewhere */
  void (*idle) (PbSmtpConnection *connection, gpointer user_data);
  void (*closed) (PbSmtpConnection *connection, const PbSmtpFailure *failure, gpointer user_data); /* the last call; @failure NULL when it had been opened */
} PbSmtpConnectionEvents;

typedef struct
{
  PbReactor *reactor;
  const PbSmtpTimeouts *timeouts;
  PbPool *readers; /* reads large bodies, derives keys */
  const PbRelaySecretSource *secrets; /* (nullable) borrowed */
  const PbSmtpConnectionEvents *events;
} PbSmtpContext;

/* How a connection is to be opened. */
typedef struct
{
  const PbSmtpHost *host;
  PbRoute *route;       /* what to log in with; reffed */
  PbTlsContext *tls;    /* (nullable) for the demands on @host, reffed; NULL: in the clear, which those then allow */
  const char *hostname; /* ours */
  const PbTranscript *before; /* (nullable) what other hosts said */
  PbSmtpWatch *watch;         /* (nullable) */
} PbSmtpOpening;

/** pb_smtp_connection_open: connects and greets; @opening is not kept. @context is borrowed and outlives it. Never calls back before returning. */
PbSmtpConnection *pb_smtp_connection_open (const PbSmtpContext *context, const PbSmtpOpening *opening, gpointer user_data);

/** pb_smtp_connection_transcript: (transfer none): how it was opened, so far; in closed() too. */
const PbTranscript *pb_smtp_connection_transcript (PbSmtpConnection *self);

/** pb_smtp_connection_start: an idle connection asks for a job. */
void pb_smtp_connection_start (PbSmtpConnection *self);

/** pb_smtp_connection_quit: an idle connection says QUIT and is closed; closed() is called before this returns. */
void pb_smtp_connection_quit (PbSmtpConnection *self);

/** pb_smtp_connection_abort: whatever its state; its recipients are deferred for @reason, closed() is called before this returns. */
void pb_smtp_connection_abort (PbSmtpConnection *self, const char *reason);

/* ---- commands (pure) ---- */

/** pb_smtp_append_mail: "MAIL FROM:<...>" with the parameters that @extensions offers and @delivery needs, CRLF behind. */
void pb_smtp_append_mail (GByteArray *out, const PbDelivery *delivery, const PbExtensionSet *extensions);

/** pb_smtp_append_rcpt: @address: (nullable): whom to name in place of the recipient (LMTP). */
void pb_smtp_append_rcpt (GByteArray *out, const PbEnvelope *envelope, guint recipient, const char *address, const PbExtensionSet *extensions);
void pb_smtp_append (GByteArray *out, const char *text);

/**
 * pb_smtp_check_delivery: what the other side cannot take by what it said of itself. LMTP servers keep UTF-8 in header fields without knowing SMTPUTF8;
 * what they do with such an address they say themselves. Returns: (nullable) the reason; @status (out) then 5.6.7 or 5.3.4.
 */
const char *pb_smtp_check_delivery (const PbDelivery *delivery, const PbExtensionSet *extensions, gboolean is_lmtp, const char **status);
