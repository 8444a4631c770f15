/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/queue.h"

G_BEGIN_DECLS

/* Shared by queue.c (what is there) and queue-act.c (what is done). */
struct _PbaQueue
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  PbaListModel *messages;    /* (owned) */
  gboolean watched, asking;
  gboolean told;    /* the service tells of changes */
  gboolean changed; /* and has, since the list was asked */
  guint timer;
  guint64 counts[5];
};

/** pba_queue_refresh: asks again at once, counts and list. */
void pba_queue_refresh (PbaQueue *self);

G_END_DECLS
