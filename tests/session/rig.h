/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Real sessions without a network: a server on a reactor of its own, over a real store in a temporary folder and a snapshot from the builder.
 * Connections are socket pairs that claim to come from any address. One rig at a time for each thread of a test; what the server's threads
 * write is guarded.
 */
#include "session/session-private.h"
#include <glib.h>

/* How long a test waits for anything before it fails, microseconds. */
#define RIG_PATIENCE (120 * G_USEC_PER_SEC)

typedef enum
{
  RIG_SUBMIT_STORE, /* into the store */
  RIG_SUBMIT_FAIL,  /* the store answers rig->submit_error */
  RIG_SUBMIT_HOLD,  /* the answer waits for rig_release() */
  RIG_SUBMIT_FORGET, /* all is well, and nothing was stored */
} RigSubmit;

/* One message as the server handed it to the store. */
typedef struct
{
  PbEnvelope *envelope; /* (owned) */
  GBytes *octets;       /* (owned) */
} RigMessage;

typedef struct
{
  char *directory; /* (owned) */
  PbStore *store;  /* (owned) */
  PbPool *workers; /* (owned) */
  PbPool *signers; /* (owned) */
  PbBlocks *blocks; /* (owned) */
  PbReactor *reactor; /* (owned) */
  PbSnapshot *snapshot; /* (owned) */
  PbServerWiring wiring;
  PbServer *server; /* (owned) after rig_start() */

  GMutex lock;
  GCond looked;
  GPtrArray *messages; /* (owned) (element-type RigMessage) under lock */
  PbStoreState state;  /* under lock */
  RigSubmit submit;    /* under lock */
  PbStoreError submit_error; /* under lock */
  GPtrArray *held;     /* (owned) under lock: answers that wait */
} Rig;

/** rig_new: @builder (transfer full) gives the snapshot; the wiring may be changed until rig_start(). */
Rig *rig_new (PbSnapshotBuilder *builder);
void rig_start (Rig *rig);

/** rig_free: ends what is left and checks that no session and no octet of the budget stays behind. */
void rig_free (Rig *rig);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Rig, rig_free)

/** rig_connect: @early (nullable) is in the socket before the server sees it. Returns: the client's end, to be closed by the caller. */
int rig_connect (Rig *rig, const char *ip, PbRole role, const void *early, gsize early_length);

/** rig_connect_tcp: over 127.0.0.1, which is then the address at which the client reached us; it claims to come from @ip. */
int rig_connect_tcp (Rig *rig, const char *ip);

/** rig_builder: a snapshot as most tests want it: mx.example.test, local domain example.test, accounts anna and ben, 192.0.2.0/24 trusted. */
PbSnapshotBuilder *rig_builder (void);

void rig_set_state (Rig *rig, PbStoreState state);
void rig_set_submit (Rig *rig, RigSubmit submit, PbStoreError error);
/** rig_release: answers what RIG_SUBMIT_HOLD kept, with success. */
void rig_release (Rig *rig);
guint rig_n_messages (Rig *rig);
guint rig_n_held (Rig *rig);
/** rig_take_message: the oldest, or NULL. */
RigMessage *rig_take_message (Rig *rig);
void rig_message_free (RigMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RigMessage, rig_message_free)

/** rig_wait_sessions: until @n sessions are there. */
void rig_wait_sessions (Rig *rig, guint n);
/** rig_wait_held: until @n answers wait. */
void rig_wait_held (Rig *rig, guint n);

/** rig_look: runs @func for each session on the reactor's thread and waits for that. */
void rig_look (Rig *rig, void (*func) (PbSession *session, gpointer data), gpointer data);
/** rig_deadline: Returns: of the only session; it must have one, no further away than the rig's timeouts. */
gint64 rig_deadline (Rig *rig);
/** rig_run_out: has the deadline of the only session pass now. No test waits for one: whoever is slow would meet it. */
void rig_run_out (Rig *rig);
/** rig_wait_hold: until a session is held for @hold. */
void rig_wait_hold (Rig *rig, PbHold hold);

/* ---- the client's end ---- */

/** rig_send: all of it, while reading what comes into @replies (nullable) so that neither side blocks. Returns: FALSE when the server closed. */
gboolean rig_send (int fd, const void *data, gsize length, GString *replies);

/** rig_read_replies: until @replies holds @n replies (multi-line ones count once). Returns: FALSE at the end of the stream. */
gboolean rig_read_replies (int fd, guint n, GString *replies);

/** rig_read_end: everything up to the server's close. */
void rig_read_end (int fd, GString *replies);

/** rig_await_taken: until the server has read all that was sent. */
void rig_await_taken (int fd);

/* ---- whole steps ---- */

#define RIG_STRANGER "198.51.100.7"
#define RIG_TRUSTED "192.0.2.7"
#define RIG_EHLO "EHLO client.test\r\n"
#define RIG_ENVELOPE "MAIL FROM:<a@client.test>\r\nRCPT TO:<anna@example.test>\r\nDATA\r\n"

/** rig_say: says @text, which takes @replies replies, and checks that none refuses. */
void rig_say (int fd, const char *text, guint replies);
/** rig_greeted: a connection that has read the greeting. */
int rig_greeted (Rig *rig, const char *ip);
/** rig_in_data: a connection whose next octets are a message. */
int rig_in_data (Rig *rig, const char *ip);
/** rig_expect: says @text and checks the one reply to it, to the letter. */
void rig_expect (int fd, const char *text, const char *reply);
/** rig_expect_end: checks all that is said before the server closes; closes. */
void rig_expect_end (int fd, const char *last);

/** rig_make_message: (transfer full): lines of text, @size octets in all. */
GString *rig_make_message (gsize size);

/** rig_trickle: sends single @octets on the only session there is, which must not put its deadline off; when that passes its last reply must be @last. Closes @fd. */
void rig_trickle (Rig *rig, int fd, char octet, const char *last);
