/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/command.h"
#include <glib.h>

#define PB_QUEUE_ID_TEXT 14 /* 13 Crockford base-32 digits and NUL */
#define PB_ENVELOPE_HEAD_MAX (64 * 1024) /* octets of PbEnvelope.head */

typedef struct
{
  char *address;  /* (owned) canonical text, A-label domain; domain NULL-free: bare postmaster has Hostname added */
  char *orcpt;    /* (owned) (nullable) */
  PbNotify notify;
} PbRecipient;

typedef enum
{
  PB_ENVELOPE_SMTPUTF8 = 1 << 0, /* asked for and needed: an address or header has UTF-8 */
  PB_ENVELOPE_8BIT = 1 << 1,     /* BODY=8BITMIME or 8-bit octets seen */
  PB_ENVELOPE_BOUNCE = 1 << 2,   /* one of our own DSNs */
  PB_ENVELOPE_TELL_POSTMASTER = 1 << 4, /* one that told of a failure: if it fails itself the postmaster is told */
  PB_ENVELOPE_JUNK = 1 << 5,     /* to be delivered aside from other mail: its author's domain asks for that */
  PB_ENVELOPE_COPIED = 1 << 3,   /* the external postmasters have their copies, or this is one: no more are made */
  PB_ENVELOPE_INFECTED = 1 << 6, /* malware was found in it: no notice quotes it */
} PbEnvelopeFlags;

/*
 * One message's envelope: immutable once built, reference-counted, crosses threads. The recipients' delivery states are the store's, keyed by
 * their index here, which never changes in a message's life.
 */
typedef struct
{
  guint64 id;                      /* queue id */
  char id_text[PB_QUEUE_ID_TEXT];  /* as logs, replies and the bus show it */
  char *sender;                    /* (owned) "" is the null sender */
  PbRecipient *recipients;         /* (owned) (array length=n_recipients) */
  guint n_recipients;
  PbEnvelopeFlags flags;
  PbRet ret;
  char *envid;        /* (owned) (nullable) */
  gint64 arrival;     /* wall clock, microseconds */
  guint64 size;       /* octets of the stored message, CRLF lines, our Received and the head included */
  char *client;       /* (owned) "[192.0.2.1]" text of the IP, or "local" */
  char *helo;         /* (owned) (nullable) */
  char *login;        /* (owned) (nullable) */
  char *message_id;   /* (owned) (nullable) for the log */
  GBytes *head;       /* (owned) (nullable) whole fields that stand on top of a body which was in its file before they were known; see pb_spool_prepend() */
  char *hold;         /* (owned) (nullable) while it is submitted: why it is held at once, for the store; not a part of what is stored */
} PbEnvelope;

/** pb_envelope_new: all fields zero but @id and its text; the maker fills it in, then never changes it again. */
PbEnvelope *pb_envelope_new (guint64 id);
PbEnvelope *pb_envelope_ref (PbEnvelope *self);
void pb_envelope_unref (PbEnvelope *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbEnvelope, pb_envelope_unref)

/** pb_recipient_original: where the mail was sent, when an alias led it elsewhere. Returns: (transfer full) (nullable). */
char *pb_recipient_original (const PbRecipient *self);

/** pb_queue_id_format: 13 digits, sortable, upper case, no I L O U. @buffer: PB_QUEUE_ID_TEXT bytes. */
char *pb_queue_id_format (guint64 id, char *buffer);

/** pb_queue_id_parse: Returns: FALSE when @text is no queue id. */
gboolean pb_queue_id_parse (const char *text, guint64 *id);

/** pb_envelope_serialize: compact form for the store's one column. */
GBytes *pb_envelope_serialize (const PbEnvelope *self);

/** pb_envelope_deserialize: Returns: (nullable) NULL when @data is no envelope (a damaged row). */
PbEnvelope *pb_envelope_deserialize (guint64 id, const void *data, gsize length);

/** pb_envelope_read_head: the head alone out of what pb_envelope_deserialize() takes. Returns: (transfer full) (nullable). */
GBytes *pb_envelope_read_head (const void *data, gsize length);
