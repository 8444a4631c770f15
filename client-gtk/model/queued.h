/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A recipient that waits, in words. */
typedef struct
{
  char *address;  /* (owned) */
  char *state;    /* (owned): "active", "deferred", "held", ... */
  char *reason;   /* (owned): why it waits, "" when nobody said so */
  char *evidence; /* (owned): codes and words as they were said, "" when there are none */
  char *next;     /* (owned): "in 4 min", "Now", "When released" */
  char *remote;   /* (owned): who said so, "" when nobody did */
  char *route;    /* (owned): where its mail goes and why, in the service's words, "" when it does not say */
  guint tries;
} PbaQueuedRecipient;

/* A message of the queue, in words: what it says is of the recipient that is worst off. */
typedef struct
{
  GPtrArray *recipients; /* (owned) (element-type PbaQueuedRecipient): those not done yet */
  guint n_recipients;              /* of which the service may show some only */
  const PbaQueuedRecipient *worst; /* (unowned) (nullable): one of them */
  char *state;           /* (owned): "active", "deferred", "held", or a newer service's */
  char *title;           /* (owned): the recipient, or "2 recipients" */
  char *sender;          /* (owned): "from anna@example.org" */
  char *arrival;         /* (owned): "11:40" */
  char *size;            /* (owned): "14 kB" */
} PbaQueued;

/** pba_queued_new: @cells: a row of Queue.List; what is missing in it reads as nothing. */
PbaQueued *pba_queued_new (GVariant *cells);
void pba_queued_free (PbaQueued *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbaQueued, pba_queued_free)

/** pba_queued_state_title: (transfer full): "Deferred"; a state that this program does not know as it is. */
char *pba_queued_state_title (const char *state);

G_END_DECLS
