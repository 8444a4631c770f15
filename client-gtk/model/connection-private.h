/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/agent.h"
#include "model/connection.h"
#include "model/tunnel.h"

/* Shared by connection.c (states) and connection-call.c (what is said over it). */
struct _PbaConnection
{
  GObject parent_instance;

  char *address; /* (owned) */
  PbaConnectionState state;
  char *host;    /* (owned) */
  char *login;   /* (owned) */
  char *error;   /* (owned) (nullable) */
  char *detail;  /* (owned) (nullable) */

  gboolean wanted;    /* between open and close */
  gboolean probing;   /* one look, nothing started, nobody asked, no second try */
  gboolean had_link;  /* was connected since open: a failure is a lost link */
  gboolean by_itself; /* this attempt was not asked for: it may not ask anything */
  guint failures;     /* in a row */
  guint retry_source;

  GCancellable *cancellable; /* (owned) (nullable): of everything on this link */
  PbaTunnel *tunnel;         /* (owned) (nullable) */
  GDBusConnection *bus;      /* (owned) (nullable) */
  PbaAgent *agent;           /* (owned) (nullable): of a far bus */
  gulong closed_handler;
  guint signal_subscription, owner_subscription;
  GDBusNodeInfo *node; /* (owned) (nullable) */
};

gboolean pba_connection_is_ssh (PbaConnection *self);
/** pba_connection_begin: a new attempt; whatever was there is dropped. */
void pba_connection_begin (PbaConnection *self);
/** pba_connection_drop: takes the link down, whatever of it there is. Its callbacks find their cancellable cancelled. */
void pba_connection_drop (PbaConnection *self);
/** pba_connection_end: of an attempt or a link. @sentence, @detail (nullable). */
void pba_connection_end (PbaConnection *self, PbaConnectionState state, const char *sentence, const char *detail);
/** pba_connection_subscribe: begins to follow the service's signals on self->bus. */
void pba_connection_subscribe (PbaConnection *self);
void pba_connection_unsubscribe (PbaConnection *self);
