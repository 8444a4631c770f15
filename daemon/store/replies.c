/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Callbacks of a batch, one closure a mailbox.
 *
 * The writer thread fills and posts them; each pile runs on its mailbox's thread and frees itself there. A
 * batch has one or two mailboxes, so they are looked up by walking a short array.
 */
#include "store/replies.h"

typedef struct
{
  PbMailFunc func;
  gpointer data;
} Reply;

typedef struct
{
  PbMailbox *mailbox; /* (owned) */
  GArray *replies;    /* (owned) of Reply */
} Pile;

struct _PbReplies
{
  GArray *piles; /* (owned) of Pile */
};

static void
on_pile_arrived (gpointer data)
{
  GArray *replies = data;

  for (guint i = 0; i < replies->len; i++)
    {
      Reply *reply = &g_array_index (replies, Reply, i);

      reply->func (reply->data);
    }
  g_array_unref (replies);
}

PbReplies *
pb_replies_new (void)
{
  PbReplies *self = g_new0 (PbReplies, 1);

  self->piles = g_array_new (FALSE, FALSE, sizeof (Pile));
  return self;
}

void
pb_replies_add (PbReplies *self, PbMailbox *mailbox, PbMailFunc func, gpointer data)
{
  Reply reply = { func, data };
  Pile pile;

  for (guint i = 0; i < self->piles->len; i++)
    if (g_array_index (self->piles, Pile, i).mailbox == mailbox)
      {
        g_array_append_val (g_array_index (self->piles, Pile, i).replies, reply);
        return;
      }
  pile.mailbox = pb_mailbox_ref (mailbox);
  pile.replies = g_array_sized_new (FALSE, FALSE, sizeof (Reply), 16);
  g_array_append_val (pile.replies, reply);
  g_array_append_val (self->piles, pile);
}

void
pb_replies_post (PbReplies *self)
{
  for (guint i = 0; i < self->piles->len; i++)
    {
      Pile *pile = &g_array_index (self->piles, Pile, i);

      pb_mailbox_post (pile->mailbox, on_pile_arrived, pile->replies);
      pb_mailbox_unref (pile->mailbox);
    }
  g_array_set_size (self->piles, 0);
}

void
pb_reply_now (PbMailbox *mailbox, PbMailFunc func, gpointer data)
{
  g_autoptr (PbMailbox) kept = pb_mailbox_ref (mailbox);

  pb_mailbox_post (kept, func, data);
}

void
pb_replies_free (PbReplies *self)
{
  if (self == NULL)
    return;
  pb_replies_post (self);
  g_array_unref (self->piles);
  g_free (self);
}
