/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/mailbox.h"
#include <glib.h>

/*
 * What became of mail, for people who ask later: history.db. It is no part of a message's safety: records are handed in without waiting, written in
 * batches by a thread of its own, not synced one by one (a crash may cost the last seconds, never the file), and given up one by one when the disk
 * does not follow. Every function takes a NULL history and does nothing then, or answers that there is none.
 */
typedef struct _PbHistory PbHistory;

/* What has become of a message, or of one of its recipients. */
typedef enum
{
  PB_HISTORY_ACCEPTED,  /* taken; not tried yet */
  PB_HISTORY_REFUSED,   /* by us, with a reply */
  PB_HISTORY_DELIVERED,
  PB_HISTORY_DEFERRED,  /* tried; waits for another attempt */
  PB_HISTORY_BOUNCED,   /* failed for good */
  PB_HISTORY_DISCARDED, /* taken, and thrown away by a rule */
  PB_HISTORY_BROKEN_OFF, /* the client went away in the middle of it */
  PB_HISTORY_REMOVED,   /* from the queue, by hand */
  PB_N_HISTORY_EVENTS,
} PbHistoryEvent;

/** pb_history_event_name: as the bus has it: "broken-off". */
const char *pb_history_event_name (PbHistoryEvent event);
gboolean pb_history_event_parse (const char *name, PbHistoryEvent *event);

typedef enum
{
  PB_HISTORY_OK,
  PB_HISTORY_BEHIND,      /* records come faster than they are written, or the disk is full: the oldest details, then the oldest records go */
  PB_HISTORY_UNAVAILABLE, /* the file cannot be written; tried again by itself */
} PbHistoryState;

/* ---- what is recorded ---- */

typedef struct
{
  char *address;        /* (owned) as the queue has it */
  char *original;       /* (owned) (nullable) as the client gave it, where an alias led elsewhere */
  PbHistoryEvent event;
  const char *check;    /* (nullable) (static) what refused it */
  char *reply;          /* (owned) (nullable) ours, when refused */
} PbHistoryRecipient;

/* One line of the trail: what a check made of the connection, the sender or a recipient. */
typedef struct
{
  gint64 time;           /* Unix microseconds */
  const char *stage;     /* (static) like @check and @outcome: our own words. "connect", "helo", "mail", "rcpt", "data" */
  const char *check;     /* "relay" */
  const char *outcome;   /* "pass", "refused", "watched", "exempt", "skipped", "trouble", "discarded", "quarantined" */
  const char *recipient; /* (nullable) whom it is about, when not about all */
  const char *reply;     /* (nullable) what was, or would have been, answered */
  const char *evidence;  /* (nullable) */
} PbHistoryLine;

/* A message, or what was refused before there was one. */
typedef struct
{
  guint64 id;           /* the queue id; of what never came so far another one of pb_store_next_id() */
  gint64 time;          /* Unix microseconds */
  guint64 size;         /* octets; 0 before there were any */
  PbHistoryEvent event; /* what happened to it as a whole; ACCEPTED leaves it to its recipients */
  char *client;         /* (owned) (nullable) "192.0.2.1"; "local" for our own notices */
  char *helo;           /* (owned) (nullable) */
  char *login;          /* (owned) (nullable) */
  char *sender;         /* (owned) (nullable) "" is the null sender, NULL: none was given */
  char *message_id;     /* (owned) (nullable) */
  const char *check;    /* (nullable) (static) what refused it */
  char *reply;          /* (owned) (nullable) the answer to it, or the first refusal */
  GArray *recipients;   /* (owned) (element-type PbHistoryRecipient); accepted ones first, in the envelope's order */
  GString *trail;       /* (owned) (nullable) private: the lines, packed */
  guint n_lines;        /* private */
  gint64 line_time;     /* private: of the last line */
} PbHistoryMessage;

PbHistoryMessage *pb_history_message_new (guint64 id);
void pb_history_message_free (PbHistoryMessage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbHistoryMessage, pb_history_message_free)

/** pb_history_message_add_recipient: strings are copied. */
void pb_history_message_add_recipient (PbHistoryMessage *self, const char *address, const char *original, PbHistoryEvent event, const char *check,
                                       const char *reply);

/** pb_history_message_add_line: copied. Beyond a bound lines are dropped: those that passed sooner than refusals. */
void pb_history_message_add_line (PbHistoryMessage *self, const PbHistoryLine *line);

/* What was said of one recipient in an attempt. */
typedef struct
{
  guint recipient;      /* index in the envelope */
  PbHistoryEvent event; /* DELIVERED, DEFERRED, BOUNCED */
  char status[12];      /* enhanced code, "2.0.0" */
  char *reply;          /* (owned) (nullable) */
} PbHistoryResult;

/* One attempt to deliver one message to some of its recipients. */
typedef struct
{
  guint64 id;            /* queue id */
  gint64 began, ended;   /* Unix microseconds */
  char *remote;          /* (owned) (nullable) "mx.example.org[192.0.2.1]:25", "mailbox" */
  char *transcript;      /* (owned) (nullable) redacted; cut to 8 KiB */
  PbHistoryResult *results; /* (owned) */
  guint n_results;
} PbHistoryAttempt;

PbHistoryAttempt *pb_history_attempt_new (guint64 id, guint n_results);
void pb_history_attempt_free (PbHistoryAttempt *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbHistoryAttempt, pb_history_attempt_free)

/* ---- its life ---- */

/** PbHistoryStateFunc: @dropped: records lost since the start; details dropped of kept records count too. */
typedef void (*PbHistoryStateFunc) (PbHistory *history, PbHistoryState state, guint64 dropped, gpointer user_data);

/**
 * pb_history_open:
 * @directory: state directory; history.db is made inside it
 * Never fails and does not block: what is wrong with the file is the state's, and is tried again. A damaged file is set aside as history.db.damaged.
 */
PbHistory *pb_history_open (const char *directory);

/** pb_history_close: writes what was handed in, unless the file does not take it, and joins the threads. Answers under way come before. */
void pb_history_close (PbHistory *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbHistory, pb_history_close)

/** pb_history_set_limits: what is older than @days or makes the file larger than @max_mib goes, now and hourly; 0: no bound. Any thread. */
void pb_history_set_limits (PbHistory *self, guint days, guint max_mib);

/** pb_history_set_paused: writes nothing, since the disk's last room is for mail: records wait in memory as they do on a full disk. Any thread. */
void pb_history_set_paused (PbHistory *self, gboolean paused);

/** pb_history_watch: @func in @reply_to's thread when the state changes, and at most once a second when records were lost. */
void pb_history_watch (PbHistory *self, PbMailbox *reply_to, PbHistoryStateFunc func, gpointer user_data);
/** pb_history_unwatch: in @reply_to's thread, where it is not called any more; what is on its way is dispatched there before pb_history_close(). */
void pb_history_unwatch (PbHistory *self);
PbHistoryState pb_history_state (PbHistory *self, guint64 *dropped); /* any thread */

/* ---- in; any thread, never blocks ---- */

/** pb_history_add_message: @message (transfer full). */
void pb_history_add_message (PbHistory *self, PbHistoryMessage *message);

/** pb_history_add_attempt: @attempt (transfer full). One of a message that the history does not know is kept nonetheless. */
void pb_history_add_attempt (PbHistory *self, PbHistoryAttempt *attempt);

/** pb_history_add_removed: these recipients (NULL: all that still wait) of message @id were removed from the queue by hand. */
void pb_history_add_removed (PbHistory *self, guint64 id, const guint *recipients, guint n_recipients);

/* ---- out; on a thread that never holds up the writing, with what was handed in before ---- */

/* Unset fields NULL or 0. Strings: letters of both cases alike. */
typedef struct
{
  char *text;      /* somewhere in an address, a client or a login; or a whole id */
  char *sender;    /* somewhere in it */
  char *recipient; /* likewise; of any recipient */
  char *client;    /* likewise */
  char *check;     /* the whole name of what refused it, or a recipient of it */
  gint64 since, until; /* Unix seconds: since <= time < until */
  guint events;    /* 1 << PbHistoryEvent: the message, or a recipient of it, is one of these */
} PbHistoryFilter;
void pb_history_filter_free (PbHistoryFilter *self);

#define PB_HISTORY_MAX_PAGE  500
#define PB_HISTORY_MAX_TOTAL 10000 /* with a filter, more are not counted, nor reached by an offset */

#define PB_HISTORY_MAX_SHORT_TOTAL 1000 /* likewise, when a text is shorter than three characters: nearly every message has it */

/** PbHistoryAnswer: @rows: (transfer none) (nullable) aa{sv} as History's Search, Trail and Queue's Attempts have them; NULL with @error. */
typedef void (*PbHistoryAnswer) (GVariant *rows, guint total, const GError *error, gpointer user_data);

/** pb_history_search: newest first. @filter (transfer full) (nullable). */
void pb_history_search (PbHistory *self, PbHistoryFilter *filter, guint offset, guint limit, PbMailbox *reply_to, PbHistoryAnswer func, gpointer user_data);

/** pb_history_trail: all lines of message @id, then its attempts, in order of time. PB_STORE_ERROR_NOT_FOUND: it is not known, or not any more. */
void pb_history_trail (PbHistory *self, guint64 id, PbMailbox *reply_to, PbHistoryAnswer func, gpointer user_data);

/**
 * pb_history_list_attempts:
 * The attempts at message @id, oldest first: Time t (Unix seconds), Duration u (milliseconds), Remote s, Transcript s, Results aa{sv} (Index u, Recipient s,
 * Event s, Status s, Reply s). Of an attempt at more than 100 recipients the first 100 results are shown.
 * None known is no error.
 */
void pb_history_list_attempts (PbHistory *self, guint64 id, PbMailbox *reply_to, PbHistoryAnswer func, gpointer user_data);

typedef enum
{
  PB_HISTORY_TOP_SENDERS,
  PB_HISTORY_TOP_RECIPIENTS,
  PB_HISTORY_TOP_HOSTS,
} PbHistoryTop;

/**
 * pb_history_top:
 * @since: Unix seconds
 * Who had most messages, among the latest 100,000 (for RECIPIENTS: of those): Name s, Messages t, Octets t, Refused t.
 */
void pb_history_top (PbHistory *self, PbHistoryTop kind, gint64 since, guint limit, PbMailbox *reply_to, PbHistoryAnswer func, gpointer user_data);
