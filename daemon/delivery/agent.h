/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/router.h"
#include "delivery/smtp-watch.h"
#include "protocol/envelope.h"
#include "store/body.h"
#include "util/mailbox.h"
#include <glib.h>

typedef enum
{
  PB_RESULT_DELIVERED,
  PB_RESULT_DEFERRED,
  PB_RESULT_FAILED,
} PbResultKind;

typedef struct
{
  guint recipient;    /* index into the envelope */
  PbResultKind kind;
  char status[12];    /* enhanced code: "2.0.0", "4.4.1", "5.1.1" */
  char *reply;        /* (owned) (nullable) "550 5.1.1 no such user", or our own reason in words */
  gboolean reply_is_smtp;
  gboolean at_rcpt;   /* @reply answered this recipient's RCPT, no other command */
  char *remote;       /* (owned) (nullable) host that said so: "mx.example.org[192.0.2.1]:25", or "mailbox" */
  gboolean dsn_passed_on; /* DELIVERED, and the host was told what notices are wanted: it makes them, we do not (RFC 3461 5.2) */
} PbResult;

/* One attempt: some recipients of one message to one route. Made by the queue, filled in by an agent, handed back. */
typedef struct
{
  PbEnvelope *envelope;  /* (owned) */
  PbBody *body;          /* (owned) */
  PbRoute *route;        /* (owned) */
  PbSnapshot *snapshot;  /* (owned) */
  guint *recipients;     /* (owned) indices */
  guint n_recipients;
  PbResult *results;     /* (owned) (array length=n_recipients): one a recipient; status "" until set, and then 4.4.0 by pb_delivery_close() */
  gboolean destination_dead; /* out: no host answered at all: the scheduler backs the destination off */
  gint64 began;          /* wall clock, Unix microseconds */
  gint64 ended;          /* by pb_delivery_close() */
  const char *tls;       /* (nullable) static: "TLSv1.3": the version on the connection that was used last; NULL in the clear */
  char *transcript;      /* (owned) (nullable) what was said, redacted, at most 8 KiB: delivery/transcript.h */
  gboolean verify_only;  /* only asks whether the recipients would be taken: no message is sent, @body may be NULL; DELIVERED means that RCPT was accepted */
  PbSmtpWatch *watch;    /* (nullable) (unowned) is told how its connection is opened */
  gpointer user_data;    /* the queue's */
} PbDelivery;

PbDelivery *pb_delivery_new (PbEnvelope *envelope, PbBody *body, PbRoute *route, PbSnapshot *snapshot, const guint *recipients, guint n_recipients);
void pb_delivery_free (PbDelivery *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbDelivery, pb_delivery_free)

/** pb_delivery_set_all: the same result for every recipient that has none yet. */
void pb_delivery_set_all (PbDelivery *self, PbResultKind kind, const char *status, const char *reply, gboolean reply_is_smtp, const char *remote);
void pb_delivery_set (PbDelivery *self, guint position, PbResultKind kind, const char *status, const char *reply, gboolean reply_is_smtp, const char *remote);

/** pb_delivery_close: recipients without a result become DEFERRED 4.4.0; what an agent does last. */
void pb_delivery_close (PbDelivery *self);

/** PbDelivered: @delivery (transfer full) with its results. */
typedef void (*PbDelivered) (PbDelivery *delivery, gpointer user_data);
