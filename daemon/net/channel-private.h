/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/channel.h"
#include "net/reactor.h"
#include <glib.h>

/* A piece of output: bytes copied behind the struct, or a reference to somebody's. */
typedef struct _PbSegment PbSegment;
struct _PbSegment
{
  PbSegment *next; /* (owned) (nullable) */
  GBytes *bytes;   /* (owned) (nullable) then data points into them */
  char *data;
  gsize start, end; /* what of @data is unsent */
  gsize room;       /* octets of copied data that fit */
};

typedef struct _PbChannelTls PbChannelTls;

struct _PbChannel
{
  PbReactor *reactor;              /* (not owned) */
  const PbChannelHandler *handler; /* (not owned) static */
  gpointer user_data;              /* (not owned) */
  PbWatch watch;                   /* its fd is owned */
  PbTimer timer;
  PbTask task;
  char *in; /* (nullable) owned, or the reactor's scratch while input_borrowed */
  guint32 in_start, in_end;
  guint32 in_scanned;  /* up to here no LF was found */
  guint32 in_capacity; /* of an owned buffer */
  PbSegment *out, *out_last;
  PbChannelTls *tls; /* (owned) (nullable) */
  gsize out_pending;
  guint64 octets_in, octets_out;
  int error;
  guint32 linger_budget; /* how much more input is thrown away before closing */
  guint busy : 1;        /* inside a callback: freeing and sending wait for its end */
  guint freed : 1;       /* while busy */
  guint ended : 1;       /* ended() was called */
  guint connecting : 1;
  guint handshaking : 1; /* @tls is there and does not stand yet */
  guint connected : 1; /* at once; connected() is to be called from the task */
  guint paused : 1;
  guint eof : 1;         /* the peer has closed its side */
  guint failed : 1;      /* error is set, ended() is to be called from the task */
  guint blocked : 1;     /* the socket took less than offered */
  guint full : 1;        /* too much untaken input to read more */
  guint input_waits : 1; /* readable() is to be called from the task */
  guint input_borrowed : 1;
  guint skipping : 1;  /* dropping the rest of a too long line */
  guint streaming : 1; /* the last read was large: more may be on its way */
  guint finishing : 1;
  guint tells_reset : 1;
  guint lingering : 1;
};

/* channel-input.c */

/** pb_channel_receive: one recv into the reactor's scratch behind what is left over; tells of EOF and errors by the flags. */
void pb_channel_receive (PbChannel *self, guint32 epoll_events);

/** pb_channel_settle_input: after a callback: gives the scratch back and keeps only what was left over. */
void pb_channel_settle_input (PbChannel *self);

/** pb_channel_drop_input: frees what was not taken. */
void pb_channel_drop_input (PbChannel *self);

/* channel-output.c */

/** pb_channel_transmit: offers all pending output to the socket once; sets blocked or failed. @closes: the socket is shut or closed next, which sends what the kernel keeps back for that. */
void pb_channel_transmit (PbChannel *self, gboolean closes);

/** pb_channel_drop_output: frees what was not sent. */
void pb_channel_drop_output (PbChannel *self);

/* channel-tls.c: for a channel with @tls */

/** pb_channel_tls_handshake: takes it a step on; sets blocked or failed. Returns: TRUE when it stands. */
gboolean pb_channel_tls_handshake (PbChannel *self);

/** pb_channel_tls_has_more: input may wait that epoll knows nothing of. */
gboolean pb_channel_tls_has_more (const PbChannel *self);

/** pb_channel_tls_is_broken: nothing can be read any more, or yet. */
gboolean pb_channel_tls_is_broken (const PbChannel *self);

/** pb_channel_tls_receive: all that is there and fits; sets eof, blocked or failed. Returns: octets. */
gsize pb_channel_tls_receive (PbChannel *self, char *to, gsize room);

/** pb_channel_tls_has_input: asks the kernel too. */
gboolean pb_channel_tls_has_input (PbChannel *self);

/** pb_channel_tls_send: Returns: octets taken, 0 when blocked, -1 when failed, which is set. */
gssize pb_channel_tls_send (PbChannel *self, const char *data, gsize length);

/** pb_channel_tls_close: sends close_notify, once. Returns: FALSE when blocked. */
gboolean pb_channel_tls_close (PbChannel *self);

/** pb_channel_tls_failure: (nullable): what failed, in words. */
const char *pb_channel_tls_failure (const PbChannel *self);

void pb_channel_tls_free (PbChannel *self);

/* channel.c */

/** pb_channel_arm: brings the epoll registration in line; @exact: also take away what is no longer wanted. */
void pb_channel_arm (PbChannel *self, gboolean exact);

/** pb_channel_fail: notes @error; ended() follows from the task, never from inside the call that failed. */
void pb_channel_fail (PbChannel *self, int error);
