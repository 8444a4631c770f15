/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/channel.h"
#include "policy/blocks.h"
#include "policy/clients.h"
#include "policy/policy.h"
#include "protocol/command.h"
#include "protocol/sasl.h"
#include "session/budget.h"
#include "session/server.h"
#include "session/transaction.h"
#include "settings/snapshot.h"
#include "store/history.h"
#include "store/store.h"
#include "util/pool.h"
#include <glib.h>
#include <stdbool.h>

#define PB_MINUTE 60 /* seconds */

/* ---- the server ---- */

/* What a server stands on. pb_server_new() fills it in from its parts; tests bring their own. */
typedef struct
{
  PbSnapshot *(*snapshot) (gpointer data); /* (transfer full); any thread */
  PbStoreState (*state) (gpointer data);   /* any thread */
  /* as pb_queue_submit() */
  void (*submit) (PbEnvelope *envelope, PbSpool *spool, const PbSnapshot *snapshot, PbMailbox *reply_to, PbStoreSubmitted func, gpointer user_data,
                  gpointer data);
  PbCheckPassword check_password; /* (nullable) */
  gpointer check_password_data;
  gpointer data;
  GDestroyNotify free_data; /* (nullable) */
  PbStore *store;         /* (not owned) */
  PbHistory *history;     /* (not owned) (nullable) */
  PbPool *workers;        /* (not owned) for passwords */
  PbPool *signers;        /* (not owned) (nullable) for signatures; NULL: nothing is signed */
  PbBlocks *blocks;       /* (not owned) (nullable) */
  PbScanner *scanner;     /* (not owned) (nullable) */
  PbTlsSlot *tls;         /* (not owned) (nullable) */
  const PbPolicyRow *rows; /* (not owned) the table of judgement */
  guint n_rows;
  gint64 budget;          /* octets */
  PbBlocklists *blocklists; /* (nullable) which DNS blocklists are ill */
  PbDns dns;              /* nobody to ask when it has no query */
  gint64 second;          /* microseconds that a second of a penalty lasts */
  gint64 command_timeout; /* microseconds for a command (RFC 5321 4.5.3.2.7) */
  gint64 data_timeout;    /* microseconds for a chunk of data (RFC 5321 4.5.3.2.5) */
  guint64 data_rate;      /* octets a second that a message must reach on the whole, beyond the first data_timeout */
} PbServerWiring;

PbServer *pb_server_new_wired (const PbServerWiring *wiring);

typedef struct _PbSession PbSession;

/* The sessions of one reactor; touched on its thread only. */
typedef struct
{
  PbServer *server;    /* (not owned) */
  PbReactor *reactor;  /* (not owned) */
  PbSession *sessions; /* (nullable) first of the list */
  GString *line;       /* (owned) scratch for replies */
  PbTimer deadline;    /* while shutting down */
} PbShard;

struct _PbServer
{
  gatomicrefcount references; /* the owner, each session, each closure under way */
  PbServerWiring wiring;
  PbBudget budget;
  PbClients *clients; /* (owned) */
  GMutex lock;
  GPtrArray *shards;  /* (owned) (element-type PbShard) guarded by lock */
  gint n_sessions;    /* atomic */
  gint n_checking;    /* atomic: passwords before the workers */
  gint shutting_down; /* atomic */
};

PbServer *pb_server_ref (PbServer *self);
void pb_server_unref (PbServer *self);

/* ---- the session ---- */

typedef enum
{
  PB_SESSION_CONNECTED, /* not greeted yet */
  PB_SESSION_GREETED,   /* waits for HELO or EHLO */
  PB_SESSION_READY,     /* no transaction */
  PB_SESSION_MAIL,      /* a sender, no recipient yet */
  PB_SESSION_RCPT,      /* at least one recipient */
  PB_SESSION_DATA,      /* reading a message */
  PB_SESSION_CHUNK,     /* reading the octets of a BDAT, to keep or to drop */
  PB_SESSION_CHUNKS,    /* between two BDAT of a message */
  PB_SESSION_ENDED_DATA, /* its end was read, the answer is being found */
  PB_SESSION_CLOSED,    /* the connection is gone; the struct may still await an answer */
} PbSessionState;

/* Why no input is taken now; several may hold at once. */
typedef enum
{
  PB_HOLD_VERDICT = 1 << 0, /* a policy run is pending */
  PB_HOLD_COMMIT = 1 << 1,  /* the store makes the message safe */
  PB_HOLD_SPOOL = 1 << 2,   /* the spool writes behind */
  PB_HOLD_DELAY = 1 << 3,   /* a reply is being put off */
  PB_HOLD_MEMORY = 1 << 4,  /* the budget is tight */
  PB_HOLD_OUTPUT = 1 << 5,  /* the client does not read */
  PB_HOLD_WORKER = 1 << 6,   /* a password is being checked, or the message signed */
  PB_HOLD_TLS = 1 << 7,     /* STARTTLS was said, or is understood, and no handshake stands yet */
} PbHold;

typedef struct _PbAuth PbAuth;
typedef struct _PbChunk PbChunk;

/* Small, since most sessions are silent most of the time: strings and the transaction exist only while needed. */
struct _PbSession
{
  PbSession *next, **pprev; /* its shard's list */
  PbShard *shard;           /* (not owned) */
  PbChannel *channel;       /* (owned) (nullable) NULL once closed */
  PbSnapshot *snapshot;     /* (owned) one for the whole session */
  PbTransaction *transaction; /* (owned) (nullable) */
  PbFacts facts;            /* what the DNS is asked, or has said */
  PbAccessMatch *access;    /* (owned) (nullable) what the AccessList says of the client; NULL: nothing */
  PbTrail *trail;           /* (owned) (nullable) of the connection; a transaction has its own */
  PbChunk *chunk;           /* (owned) (nullable) the BDAT whose octets are coming */
  char *helo;               /* (owned) (nullable) */
  PbAuth *auth;             /* (owned) (nullable) an exchange under way: lines are its own */
  char *login;              /* (owned) (nullable) the account's name, once logged in */
  char *account_id;         /* (owned) (nullable) likewise */
  PbLocalClient *local;     /* (owned) (nullable) a program of this machine, in place of a network client */
  GString *delayed;         /* (owned) (nullable) the reply that is being put off */
  PbPolicyRun *run;         /* (nullable) pending */
  void (*on_verdict) (PbSession *self, PbDecision *decision); /* the step behind @run */
  PbTimer timer;            /* delay, or the budget's next look */
  gint64 came;              /* wall clock, Unix microseconds */
  PbIp ip;
  int fd;                   /* the channel's, for getsockname() */
  guint16 connections;      /* of this client when it came, this one counted */
  guint16 junk;             /* commands that bring no mail nearer, since the last message */
  guint8 errors;            /* since the last message */
  guint8 memory_waits;      /* looks at the budget that found it tight */
  guint8 logged;            /* refusals written to the log since the last message */
  guint8 recorded;          /* refusals outside of transactions in the history */
  guint8 state;             /* PbSessionState; pb_session_set_state() alone changes it */
  guint8 holds;             /* PbHold; pb_session_hold() and pb_session_release() alone change it */
  guint8 role;              /* PbRole */
  guint8 depth;             /* callbacks of this session on the stack */
  guint8 pending;           /* answers from other threads that will still come */
  bool exempt : 1;
  bool exempt_unasked : 1;  /* without a login */
  bool esmtp : 1;           /* EHLO was said */
  bool watched_pipelining : 1;
  bool handshaking : 1;     /* of TLS, once it has begun */
  bool took_line : 1;       /* since the deadline was set */
};

/* session.c: its life */

/** pb_session_new: with the settings of now, in the list of @shard; reads nothing yet. pb_session_open: its channel, input paused. */
PbSession *pb_session_new (PbShard *shard, int fd, PbRole role);
void pb_session_open (PbSession *self);

/** pb_session_client_text: the client's address as logs and the history have it; "local" for a program of this machine. Returns: @buffer. */
const char *pb_session_client_text (const PbSession *self, char *buffer, gsize size);

/* session-start.c: its beginning */

/** pb_session_start: takes @fd; greets, or refuses. */
void pb_session_start (PbShard *shard, int fd, const PbIp *ip, PbRole role);

/** pb_session_start_local: likewise, of a program of this machine. @client (transfer full). */
void pb_session_start_local (PbShard *shard, int fd, PbLocalClient *client);

/** pb_session_welcome: it is let in: greeted, now or after the delay. pb_session_greet: now. */
void pb_session_welcome (PbSession *self);
void pb_session_greet (PbSession *self);

/* session.c: the rest of its life */

/** pb_session_shut_down: 421 and close; with @gently a message that is being read or made safe is waited for. */
void pb_session_shut_down (PbSession *self, gboolean gently);

/** pb_session_enter / _leave: around everything that comes from outside; the last leave sends what was written and frees a closed session. */
void pb_session_enter (PbSession *self);
void pb_session_leave (PbSession *self);

void pb_session_set_state (PbSession *self, PbSessionState state);
void pb_session_hold (PbSession *self, PbHold hold);
void pb_session_release (PbSession *self, PbHold hold);

/** pb_session_set_timer: HOLD_DELAY or HOLD_MEMORY is looked at again in @span microseconds. */
void pb_session_set_timer (PbSession *self, gint64 span);

/** pb_session_await_memory: holds until the budget is easy again, for a while; then the session fails. */
void pb_session_await_memory (PbSession *self);

/** pb_session_drop_transaction: back to READY, or to GREETED before HELO. */
void pb_session_drop_transaction (PbSession *self);

/** pb_session_close: sends what was written, then closes. */
void pb_session_close (PbSession *self);

/** pb_session_mailbox: where answers for this session are to be posted. */
PbMailbox *pb_session_mailbox (PbSession *self);

/* session-mail.c: MAIL and RCPT */

/** pb_session_offers_dsn: whether this client may say what notices it wants (RFC 3461): where mail is submitted, and who is exempt. */
gboolean pb_session_offers_dsn (const PbSession *self);

/* session-reply.c: what it says */

/** pb_session_reply: the reply of row @id; later when a delay is due. */
void pb_session_reply (PbSession *self, PbReplyId id, const char *detail);

/** pb_session_reply_error: likewise, and counts it: too many end the session. */
void pb_session_reply_error (PbSession *self, PbReplyId id, const char *detail);

/** pb_session_reply_lines: likewise, whole lines. */
void pb_session_reply_lines (PbSession *self, const GString *lines);

/** pb_session_say_delayed: says at last what was put off. */
void pb_session_say_delayed (PbSession *self);

/** pb_session_fail: the reply at once, then closes. */
void pb_session_fail (PbSession *self, PbReplyId id, const char *detail);

/** pb_session_count_junk: Returns: FALSE when it was one too many and the session was ended. */
gboolean pb_session_count_junk (PbSession *self);

/** pb_session_forgive: a message was taken: errors and junk count from nothing again. */
void pb_session_forgive (PbSession *self);

/** pb_session_jumped_queue: the client spoke out of turn. Returns: TRUE when the session was ended for it. */
gboolean pb_session_jumped_queue (PbSession *self);

/* session-tls.c: encryption */

gboolean pb_session_is_secure (const PbSession *self);

/** pb_session_may_speak: FALSE where TLS comes first and does not stand. */
gboolean pb_session_may_speak (const PbSession *self);

/** pb_session_offers_tls: STARTTLS makes sense now. */
gboolean pb_session_offers_tls (PbSession *self);

/** pb_session_begin_tls: handshake, as soon as what was written has left. */
void pb_session_begin_tls (PbSession *self);

/** pb_session_continue_tls: likewise, where one waits for that. */
void pb_session_continue_tls (PbSession *self);

/** pb_session_forget: all that the client said in the clear (RFC 3207 4.2). */
void pb_session_forget (PbSession *self);

/** pb_session_log_tls: the line about encryption that did not come about, or broke. */
void pb_session_log_tls (PbSession *self, const char *reason);

/* session-data.c: messages */

/** pb_session_submit: hands the message to the queue, with what was put on top of it. */
void pb_session_submit (PbSession *self);

/* session-fields.c: what we write into a message */

/** pb_session_begin_signing: for the message that is about to come. Returns: (transfer full) (nullable): NULL: nothing is signed. */
PbSigning *pb_session_begin_signing (PbSession *self);

/** pb_session_write_fields: the message was taken: puts on top of it what belongs there, then submits it, now or later; input is held until then. */
void pb_session_write_fields (PbSession *self);

/* session-judge.c: judgement */

/** pb_session_fill_in: what every stage knows. What is borrowed lasts as long as the session and its transaction. */
void pb_session_fill_in (PbSession *self, PbJudged *judged);

/**
 * pb_session_judge: asks the policy at @stage and takes @step with the verdict, now or later; input is held until then.
 * @judged: what is special to the stage; the rest is filled in
 */
void pb_session_judge (PbSession *self, PbStage stage, PbJudged *judged, void (*step) (PbSession *self, PbDecision *decision));

/** pb_session_prefetch: what checks at RCPT will want to know of @kind is asked now; what was known before is of another subject. */
void pb_session_prefetch (PbSession *self, PbFactKind kind);

/** pb_session_begin_checks: mail authentication of the message that is about to come. Returns: (transfer full) (nullable): NULL: nobody wants it. */
PbMailChecks *pb_session_begin_checks (PbSession *self);

/** pb_session_note_unknown: a recipient does not exist. Returns: FALSE when it was one too many, and the session was ended. */
gboolean pb_session_note_unknown (PbSession *self, const char *recipient);

/** pb_session_note: a verdict that is none of the policy's table goes into the trail. @check: static. @evidence (nullable). */
void pb_session_note (PbSession *self, const char *check, PbOutcome outcome, PbReplyId reply, const char *evidence);

/** pb_session_refuse: counts, logs and answers a verdict that is not ACCEPT. @recipient (nullable). @is_error: too many end the session. */
void pb_session_refuse (PbSession *self, const PbDecision *decision, const char *recipient, gboolean is_error);

/** pb_session_is_receiving: a message has begun to come and is not there yet. */
gboolean pb_session_is_receiving (const PbSession *self);

/** pb_session_log_discarded: a rule of the AccessList dropped @recipient. */
void pb_session_log_discarded (PbSession *self, const PbDecision *decision, const char *recipient);

/** pb_session_log_cut_off: tells of a message that is being read and will not be read to its end, or not be judged to its end; else nothing. */
void pb_session_log_cut_off (PbSession *self, const char *reason);

/** pb_session_expel: likewise, and ends the session. */
void pb_session_expel (PbSession *self, const PbDecision *decision);

/** pb_session_expel_flood: ends the session of a client that floods, or that there is no room for. @check: static. */
void pb_session_expel_flood (PbSession *self, const char *check, PbReplyId reply);

/** pb_session_store_ready: whether a message may be begun now; else replies why not. */
gboolean pb_session_store_ready (PbSession *self);

/** pb_session_ask_store: likewise without a reply: @decision is filled in where none may be begun. */
gboolean pb_session_ask_store (PbSession *self, PbDecision *decision);

/** pb_session_count: adds one to the counter @prefix.@check: "refused", "relay"; both static. */
void pb_session_count (const char *prefix, const char *check);

/* session-history.c: what is kept of it */

/** pb_session_record_id: the id that the message of this transaction is known by, given to it now if it has none; without a transaction a fresh one. */
guint64 pb_session_record_id (PbSession *self);

/** pb_session_record_name: the next RCPT command names @address (nullable: nobody). */
void pb_session_record_name (PbSession *self, const char *address);

/** pb_session_record_refusal: of @recipient, or of all there is when that is NULL. @id: pb_session_record_id(). */
void pb_session_record_refusal (PbSession *self, guint64 id, const PbDecision *decision, const char *recipient);

/** pb_session_record_discarded: @recipient was taken and dropped, as @decision says. */
void pb_session_record_discarded (PbSession *self, const PbDecision *decision, const char *recipient);

/** pb_session_record_cut_off: the message is not read to its end. */
void pb_session_record_cut_off (PbSession *self, const char *reason);

/** pb_session_record_submitted: the message goes to the store now; before its envelope is made. */
void pb_session_record_submitted (PbSession *self);

/** pb_session_record_taken: it is safe. */
void pb_session_record_taken (PbSession *self, const PbEnvelope *envelope);

/** pb_session_record_rest: the transaction ends: refused recipients whose message never came. */
void pb_session_record_rest (PbSession *self);

/* session-auth.c: logging in */

void pb_auth_free (PbAuth *self);

/** pb_session_auth_offer: (transfer full) (nullable): the mechanisms for the EHLO reply; NULL: AUTH is not offered. */
char *pb_session_auth_offer (const PbSession *self);

/** pb_session_auth_line: the client's next line of an exchange. */
void pb_session_auth_line (PbSession *self, const char *line, gsize length);
void pb_session_auth_line_too_long (PbSession *self);

/** pb_session_forget_login: as if the client had just connected (STARTTLS, RFC 3207 4.2). */
void pb_session_forget_login (PbSession *self);

/** pb_session_blocked_until: Unix seconds; 0: the client's address is not blocked. */
gint64 pb_session_blocked_until (const PbSession *self);

/* ---- verbs ---- */

typedef enum
{
  PB_VERB_PLAIN = 0,
  PB_VERB_LAST = 1 << 0, /* must be the last of a pipelined group (RFC 2920 3.1) */
  PB_VERB_JUNK = 1 << 1, /* brings no mail nearer */
  PB_VERB_BARE = 1 << 2, /* takes no argument */
} PbVerbFlags;

typedef struct
{
  guint states; /* where it is allowed: a bit for each PbSessionState */
  PbVerbFlags flags;
  void (*handle) (PbSession *self, const PbCommand *command);
} PbVerbRow;

/** pb_session_dispatch: one command line. */
void pb_session_dispatch (PbSession *self, const char *line, gsize length);

void pb_session_verb_auth (PbSession *self, const PbCommand *command);
void pb_session_verb_mail (PbSession *self, const PbCommand *command);
void pb_session_verb_rcpt (PbSession *self, const PbCommand *command);
void pb_session_verb_data (PbSession *self, const PbCommand *command);
void pb_session_verb_bdat (PbSession *self, const PbCommand *command);
void pb_session_verb_starttls (PbSession *self, const PbCommand *command);

/* session-data.c: the octets of a message */

/** pb_session_max_size: octets of a message. */
guint64 pb_session_max_size (const PbSession *self);

/** pb_session_max_waste: octets that are read and dropped for the sake of order; beyond them the session ends. */
guint64 pb_session_max_waste (const PbSession *self);

/** pb_session_begin_message: a queue id, a spool with our trace fields on top; the octets are yet to come. */
void pb_session_begin_message (PbSession *self, PbBareMode mode);

/** pb_session_end_message: they are all there: judges and submits. */
void pb_session_end_message (PbSession *self);

/** pb_session_after_read: hands on what came, and stops reading when that is more than disk or memory take now. */
void pb_session_after_read (PbSession *self);

/** pb_session_read_data: takes what waits of the message. Returns: FALSE when more must come first. */
gboolean pb_session_read_data (PbSession *self);

/** pb_session_data_deadline: when the message must have gone on. */
gint64 pb_session_data_deadline (PbSession *self);

/* session-chunk.c: BDAT */

void pb_chunk_free (PbChunk *self);

/** pb_chunk_begun: monotonic microseconds. */
gint64 pb_chunk_begun (const PbChunk *self);

/** pb_session_read_chunk: as pb_session_read_data(), of a chunk. */
gboolean pb_session_read_chunk (PbSession *self);
