/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/smtp-private.h"
#include "protocol/data-coding.h"
#include "protocol/reply.h"
#include "protocol/seven-bit.h"

/* What a reply that is awaited will answer. */
typedef enum
{
  PB_EXPECT_GREETING,
  PB_EXPECT_EHLO,
  PB_EXPECT_HELO,
  PB_EXPECT_STARTTLS,
  PB_EXPECT_AUTH,
  PB_EXPECT_RSET,
  PB_EXPECT_MAIL,
  PB_EXPECT_RCPT,
  PB_EXPECT_DATA,
  PB_EXPECT_CHUNK, /* a BDAT that is not the last */
  PB_EXPECT_FINAL, /* the final dot, or the last BDAT; LMTP: one for each accepted recipient */
} PbExpect;

typedef enum
{
  PB_RCPT_OPEN,     /* not answered */
  PB_RCPT_ACCEPTED,
  PB_RCPT_AGAIN,    /* too many, behind accepted ones: the next transaction's (RFC 5321 4.5.3.1.10) */
  PB_RCPT_DONE,     /* has its result */
} PbRcptState;

typedef struct
{
  guint position;
  PbRcptState state;
} PbRcpt;

/* One MAIL to final dot: some of a job's recipients. */
typedef struct
{
  PbSmtpJob *job; /* (owned) while n_active */
  guint n_rcpts;
  guint n_asked;    /* RCPTs sent */
  guint n_answered; /* RCPTs answered */
  guint n_accepted;
  guint n_finals;   /* LMTP: answers to the message */
  guint n_replies;  /* to anything of this transaction */
  gboolean bdat;    /* the message goes by BDAT, not DATA */
  gboolean ahead;     /* its envelope went behind another's body */
  guint64 end;        /* of its message, in the connection's n_written */
  gboolean body_sent; /* some of the message is on its way */
  PbRcpt rcpts[];
} PbTransaction;

typedef struct
{
  PbExpect what;
  guint index; /* of the RCPT, or of LMTP's answer for it */
  PbTransaction *transaction; /* (not owned) (nullable) */
} PbExpectation;

typedef struct _PbSmtpChunk PbSmtpChunk;
typedef struct _PbSmtpLogin PbSmtpLogin;

struct _PbSmtpConnection
{
  guint refs;
  const PbSmtpContext *context;
  gpointer user_data;
  PbChannel *channel; /* (owned) NULL once closed */
  char *remote;       /* (owned) "mx.example.org[192.0.2.1]:25" */
  char *hostname;     /* (owned) ours */
  PbRoute *route;     /* (owned) */
  PbSmtpSecurity *security; /* (owned) what the host must prove */
  PbTlsContext *tls;  /* (owned) (nullable) until the handshake */
  PbTranscript *head; /* (owned) how it was opened */
  PbSmtpWatch *watch; /* (not owned) (nullable) only while it is opened */
  PbSmtpStep step;    /* that is under way */
  PbSmtpLogin *login; /* (nullable) while it goes on; smtp-login.c's */
  PbExtensionSet extensions;
  PbRemoteReply reply;
  GArray *expected;   /* (owned) (element-type PbExpectation) from expected_at on */
  guint expected_at;
  PbTransaction *current; /* (owned) (nullable) */
  PbTransaction *next;    /* (owned) (nullable) its envelope went behind current's body */
  guint n_messages;
  guint64 n_written; /* octets, since it was opened at least */
  gboolean lmtp;
  char *doubt;        /* (owned) (nullable) on trial: what is wrong with the host */
  gboolean handshaking;
  gboolean secure;    /* TLS as the route demands it */
  gboolean opened;
  gboolean idle;
  gboolean needs_reset; /* the server still holds a transaction that was given up */
  gboolean streaming;    /* a large body is on its way, its end not written yet */
  PbDataEncoder encoder; /* of the body */
  PbSevenBit *seven_bit; /* (owned) (nullable) before it, where the server takes no 8-bit octets */
  guint64 body_offset;
  guint n_chunks;        /* BDATs that are not answered, but for the last */
  PbSmtpChunk *chunk;    /* (not owned) (nullable) being read */
};

/* smtp-opening.c */
void pb_smtp_opening_connected (PbSmtpConnection *self);
void pb_smtp_opening_secured (PbSmtpConnection *self);
void pb_smtp_opening_reply (PbSmtpConnection *self, PbExpect what);

/** pb_smtp_opening_done: logged in, or not to be. */
void pb_smtp_opening_done (PbSmtpConnection *self);

/* smtp-login.c */

/** pb_smtp_login_begin: logs in as the route says, over TLS; ends in pb_smtp_opening_done() or pb_smtp_connection_fail(). */
void pb_smtp_login_begin (PbSmtpConnection *self);
void pb_smtp_login_reply (PbSmtpConnection *self);

/** pb_smtp_login_hide: what was said in the login is made stars in a server's @line, which may repeat it. */
void pb_smtp_login_hide (PbSmtpConnection *self, char *line, gsize length);

/** pb_smtp_login_cancel: what is awaited for it is to be dropped. */
void pb_smtp_login_cancel (PbSmtpConnection *self);

/* smtp-connection.c */

/** pb_smtp_connection_tell: whoever looks on hears how the step under way came out. */
void pb_smtp_connection_tell (PbSmtpConnection *self, PbSmtpStepState state, const char *detail, const PbTlsPeer *peer);
void pb_smtp_connection_command (PbSmtpConnection *self, PbExpect what, const char *verb, const char *argument);

/** pb_smtp_connection_fail: before it was open: the end. */
void pb_smtp_connection_fail (PbSmtpConnection *self, PbSmtpFailureCause cause, PbResultKind kind, const char *status, const char *reply, gboolean is_reply);

/** pb_smtp_connection_wait: what comes next must come within @timeout, microseconds. */
void pb_smtp_connection_wait (PbSmtpConnection *self, gint64 timeout);
void pb_smtp_connection_unref (PbSmtpConnection *self);
void pb_smtp_connection_expect (PbSmtpConnection *self, PbExpect what, guint index, PbTransaction *transaction);
void pb_smtp_connection_write (PbSmtpConnection *self, GByteArray *out);

/** pb_smtp_connection_lose: the connection is gone or given up; results as smtp-connection.c says. @reply: (nullable) a 421. */
void pb_smtp_connection_lose (PbSmtpConnection *self, const char *status, const char *reason, gboolean is_reply);

/** pb_smtp_connection_reply_text: the last reply in one line. (transfer full) */
char *pb_smtp_connection_reply_text (PbSmtpConnection *self);
const char *pb_smtp_connection_reply_status (PbSmtpConnection *self);

/* smtp-envelope.c */

/** pb_smtp_envelope_append: MAIL, and what may stand behind it in one group; what is awaited for it is noted. */
void pb_smtp_envelope_append (PbSmtpConnection *self, PbTransaction *transaction, GByteArray *out);
void pb_smtp_envelope_append_rcpt (PbSmtpConnection *self, PbTransaction *transaction, GByteArray *out);
void pb_smtp_envelope_append_data (PbSmtpConnection *self, PbTransaction *transaction, GByteArray *out);

/** pb_smtp_envelope_send: the current transaction's, behind a RSET where one is due. */
void pb_smtp_envelope_send (PbSmtpConnection *self);

/* smtp-transaction.c */

/** pb_smtp_transaction_begin: sends the next transaction's envelope, or makes the connection idle. */
void pb_smtp_transaction_begin (PbSmtpConnection *self);
void pb_smtp_transaction_reply (PbSmtpConnection *self, const PbExpectation *expectation);

/** pb_smtp_transaction_lose: the connection is gone. Frees @transaction; its job is answered or returned. */
void pb_smtp_transaction_lose (PbSmtpConnection *self, PbTransaction *transaction, const char *status, const char *reason, gboolean is_reply);

/** pb_smtp_transaction_send_ahead: appends the envelope of the next delivery behind a body's end, when one waits and it may be pipelined. */
void pb_smtp_transaction_send_ahead (PbSmtpConnection *self, GByteArray *out);

/** pb_smtp_transaction_expect_final: what answers the end of @transaction's message. */
void pb_smtp_transaction_expect_final (PbSmtpConnection *self, PbTransaction *transaction);

/* smtp-body.c */

/** pb_smtp_body_append: a small message as one BDAT, without waiting for the envelope's replies; what may follow it too. */
void pb_smtp_body_append (PbSmtpConnection *self, PbTransaction *transaction, GByteArray *out);

/** pb_smtp_body_send: the current transaction's message and its final dot. */
void pb_smtp_body_send (PbSmtpConnection *self);

/** pb_smtp_body_drained: the socket took all that was written. */
void pb_smtp_body_drained (PbSmtpConnection *self);

/** pb_smtp_body_chunk_read: a block came from its file; for the worker pool. */
void pb_smtp_body_chunk_read (gpointer chunk);

/** pb_smtp_body_cancel: a chunk being read is to be dropped. */
void pb_smtp_body_cancel (PbSmtpConnection *self);
