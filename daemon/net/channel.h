/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/reactor.h"
#include "net/tls.h"
#include "util/secret.h"
#include <glib.h>
#include <sys/socket.h>

/*
 * A byte stream on one reactor: non-blocking line and block I/O with absolute deadlines. Pull style: the handler is told that
 * input waits and takes what it wants; whatever it leaves is kept. An idle channel owns no buffer. After pb_channel_start_tls()
 * the same functions read and write through OpenSSL. Everything here is called on the channel's reactor thread.
 */
typedef struct _PbChannel PbChannel;

typedef enum
{
  PB_CHANNEL_EOF,      /* the peer closed its side and all input was taken */
  PB_CHANNEL_ERROR,    /* reset, refused, unreachable, no TLS: pb_channel_error() has errno, pb_channel_error_text() the words */
  PB_CHANNEL_TIMEOUT,  /* the deadline passed */
} PbChannelEnd;

typedef struct
{
  void (*connected) (PbChannel *channel, gpointer user_data); /* outgoing only */
  void (*readable) (PbChannel *channel, gpointer user_data);  /* new input waits; called again only when more arrives or pb_channel_resume() */
  void (*drained) (PbChannel *channel, gpointer user_data);   /* (nullable) output fell to nothing after having been blocked */
  void (*ended) (PbChannel *channel, PbChannelEnd end, gpointer user_data); /* at most once; the handler then frees the channel */
  void (*secured) (PbChannel *channel, gpointer user_data);   /* (nullable) the TLS handshake stands */
} PbChannelHandler;

/** pb_channel_new: over a connected, non-blocking socket @fd (taken). Input starts paused; pb_channel_resume() starts it. */
PbChannel *pb_channel_new (PbReactor *reactor, int fd, const PbChannelHandler *handler, gpointer user_data);

/** pb_channel_connect: a non-blocking connect; ends in connected() or ended(). Never calls back before returning. Input starts as soon as it stands: no pb_channel_resume() is needed. */
PbChannel *pb_channel_connect (PbReactor *reactor, const struct sockaddr *address, socklen_t length, const PbChannelHandler *handler, gpointer user_data);

/** pb_channel_free: closes at once; unsent output is lost. Safe inside any of its own callbacks. */
void pb_channel_free (PbChannel *self);

/**
 * pb_channel_finish: stops reading, sends what is pending, then closes and frees by itself (at most 5 s); no more callbacks. From ended() with
 * EOF or TIMEOUT what was written last is offered once.
 */
void pb_channel_finish (PbChannel *self);

/** pb_channel_set_deadline: absolute, monotonic microseconds; 0 clears. Passing it calls ended (TIMEOUT). */
void pb_channel_set_deadline (PbChannel *self, gint64 deadline);

/** pb_channel_pause: no readable() until resume; the descriptor is disarmed lazily, only when input actually arrives (spares an epoll_ctl). */
void pb_channel_pause (PbChannel *self);

/** pb_channel_resume: readable() is called (later, from the reactor) if input already waits. */
void pb_channel_resume (PbChannel *self);

/**
 * pb_channel_tell_reset: whether a reset by the peer is told, by ended() with an error, also while the channel is paused and has nothing to send; what was received before
 * it is lost then. That the peer closed its side is told when input is taken again, as ever: it may still read.
 */
void pb_channel_tell_reset (PbChannel *self, gboolean tell);

typedef enum
{
  PB_LINE_OK,
  PB_LINE_MORE,     /* no whole line yet */
  PB_LINE_TOO_LONG, /* reported once; the rest up to the next LF is dropped */
} PbLine;

/**
 * pb_channel_take_line:
 * @max: most octets of a line without its CRLF
 * @line: (out): points into the channel's buffer, NUL-terminated in place of CR (or LF), valid until the next call on this channel
 * A line ends at LF; one CR before it is cut. @bare_lf (out, nullable) tells that there was none.
 */
PbLine pb_channel_take_line (PbChannel *self, gsize max, char **line, gsize *length, gboolean *bare_lf);

/** pb_channel_peek: what waits, without taking it; valid until the next call. Returns: length. */
gsize pb_channel_peek (PbChannel *self, const char **data);
void pb_channel_consume (PbChannel *self, gsize length);

/** pb_channel_has_input: whether bytes were received and not taken, or wait in the kernel when @look_in_kernel (FIONREAD/MSG_PEEK). */
gboolean pb_channel_has_input (PbChannel *self, gboolean look_in_kernel);

/** pb_channel_write: copies to the output buffer; sent by one system call at the end of the current callback, or at pb_channel_flush(). */
void pb_channel_write (PbChannel *self, const void *data, gsize length);

/** pb_channel_write_bytes: as above without copying large @bytes (a reference is kept until sent). */
void pb_channel_write_bytes (PbChannel *self, GBytes *bytes);

/** pb_channel_write_secret: likewise never copied here; a reference is kept until it is sent. What goes over TLS leaves no trace of it in the heap. */
void pb_channel_write_secret (PbChannel *self, PbSecret *secret);

/** pb_channel_flush: sends now what the socket takes; needed when writing from outside a channel callback (a mailbox closure). */
void pb_channel_flush (PbChannel *self);

/** pb_channel_pending: octets written and not yet taken by the kernel. */
gsize pb_channel_pending (PbChannel *self);

/** pb_channel_error: errno of the failure behind PB_CHANNEL_ERROR; EPROTO when TLS itself failed. */
int pb_channel_error (PbChannel *self);

/** pb_channel_error_text: the same in words: "Connection reset by peer", "TLS: no shared cipher". (transfer none) until the channel is freed. */
const char *pb_channel_error_text (PbChannel *self);

/** pb_channel_octets: totals since the start, for counters. */
void pb_channel_octets (PbChannel *self, guint64 *in, guint64 *out);

/* ---- TLS ---- */

/**
 * pb_channel_start_tls: begins a handshake as the server; @context is not kept beyond the call. Ends in secured() or ended(), never before returning, and
 * by the deadline that is set. What is written meanwhile leaves after the handshake, never in the clear; pausing has no effect on it.
 * Returns: FALSE, with nothing begun, when input or output of the plain stream is still there (an attack, or too early), when TLS has been started
 * before, or when memory is short: the caller then closes.
 */
gboolean pb_channel_start_tls (PbChannel *self, PbTlsContext *context);

/** pb_channel_start_tls_client: likewise, as the client. @host: (nullable) for SNI and, where @context verifies, the name that the certificate must bear. */
gboolean pb_channel_start_tls_client (PbChannel *self, PbTlsContext *context, const char *host);

/* What a client expects of the server. Nothing of it is kept. */
typedef struct
{
  const char *server_name;  /* (nullable) for SNI */
  const char *const *names; /* (nullable) one of which the certificate must bear, where the context verifies */
  const PbTlsa *records;    /* (nullable) for a context made for DANE: one of which it must match; @server_name is their base domain */
  guint n_records;
  gboolean no_common_name;  /* a certificate without names of its own kind bears none */
} PbTlsExpectation;

/** pb_channel_start_tls_expecting: likewise, for whom more than one name, or a TLSA record, tells the server. FALSE too when none of the records can be used. */
gboolean pb_channel_start_tls_expecting (PbChannel *self, PbTlsContext *context, const PbTlsExpectation *expected);

/**
 * pb_channel_tls_look: right after pb_channel_start_tls_client() with a context that verifies: a certificate that is not to be trusted does not end the
 * handshake; the caller finds that by pb_channel_tls_peer(), and decides.
 */
void pb_channel_tls_look (PbChannel *self);

/** pb_channel_tls_peer: (transfer full) (nullable): the server's certificate as a context that verifies finds it. NULL in the clear and where there is none. */
PbTlsPeer *pb_channel_tls_peer (PbChannel *self);

/** pb_channel_tls_version: (nullable) (static): NULL in the clear and during the handshake; else "TLSv1.2", "TLSv1.3". */
const char *pb_channel_tls_version (PbChannel *self);

/** pb_channel_tls_cipher: (nullable) (static): the suite by its name in OpenSSL: "TLS_AES_256_GCM_SHA384". */
const char *pb_channel_tls_cipher (PbChannel *self);

/**
 * pb_channel_tls_binding: (transfer full) (nullable): what ties a login to this connection (RFC 5929 4, RFC 9266). NULL in the clear, and for the exporter
 * where it would not be unique: TLS 1.2 without the extended master secret (RFC 9266 4.2).
 */
GBytes *pb_channel_tls_binding (PbChannel *self, PbTlsBinding type);

/**
 * pb_channel_tls_peer_fingerprint: (transfer full) (nullable): SHA-256 of the peer's public key info, 64 lower-case hex digits, as "openssl x509 -pubkey"
 * through "openssl pkey -pubin -outform der" gives it. NULL in the clear and where the peer showed no certificate.
 */
char *pb_channel_tls_peer_fingerprint (PbChannel *self);
