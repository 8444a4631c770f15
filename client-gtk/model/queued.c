/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A row of Queue.List in the user's words: to whom, from whom, why it waits, when it is tried again.
 * Called by the queue page for its rows and its dialog. Pure, but for the clock.
 */
#include "model/queued.h"

#include "model/reply.h"
#include "model/words.h"

#include <glib/gi18n.h>

/* The worst state first, as the service judges a message. */
static const struct
{
  const char *state, *title;
} states[] = {
  { "held", N_ ("Held") },     { "deferred", N_ ("Deferred") },   { "active", N_ ("Active") },
  { "failed", N_ ("Failed") }, { "delivered", N_ ("Delivered") },
};

char *
pba_queued_state_title (const char *state)
{
  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    if (g_str_equal (states[i].state, state))
      return g_strdup (_ (states[i].title));
  return g_strdup (state);
}

static guint
rank_of (const char *state)
{
  guint i = 0;

  while (i < G_N_ELEMENTS (states) && !g_str_equal (states[i].state, state))
    i++;
  return i;
}

/* Of two that wait alike the one that was tried more often says more. */
static gboolean
is_worse (const PbaQueuedRecipient *a, const PbaQueuedRecipient *b)
{
  guint first = rank_of (a->state), second = rank_of (b->state);

  return first < second || (first == second && a->tries > b->tries);
}

static char *
next_words (const char *state, guint64 next)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;

  if (g_str_equal (state, "held"))
    return g_strdup (_ ("When released"));
  if ((gint64) next <= now)
    return g_strdup (_ ("Now"));
  return pba_words_time ((gint64) next);
}

static char *
lookup_text (GVariant *cells, const char *column)
{
  char *text = NULL;

  return g_variant_lookup (cells, column, "s", &text) ? text : g_strdup ("");
}

static void
recipient_free (gpointer data)
{
  PbaQueuedRecipient *self = data;

  g_free (self->address);
  g_free (self->state);
  g_free (self->reason);
  g_free (self->evidence);
  g_free (self->next);
  g_free (self->remote);
  g_free (self->route);
  g_free (self);
}

/* What was said last is no reason to wait for one that an administrator holds. */
static void
show_hold (PbaQueuedRecipient *self, GVariant *cells)
{
  g_autofree char *held_for = lookup_text (cells, "HeldFor");
  char *said;

  if (!g_str_equal (held_for, "administrator"))
    return;
  said = self->evidence[0] != '\0' ? g_strdup (self->evidence) : g_strdup (self->reason);
  g_free (self->evidence);
  g_free (self->reason);
  self->evidence = said;
  self->reason = g_strdup (_ ("Held by an administrator"));
}

static PbaQueuedRecipient *
recipient_new (GVariant *cells)
{
  PbaQueuedRecipient *self = g_new0 (PbaQueuedRecipient, 1);
  g_autofree char *reply = lookup_text (cells, "LastReply");
  guint64 next = 0;

  self->address = lookup_text (cells, "Address");
  self->state = lookup_text (cells, "State");
  g_variant_lookup (cells, "Attempts", "u", &self->tries);
  g_variant_lookup (cells, "NextAttempt", "t", &next);
  self->next = next_words (self->state, next);
  self->reason = pba_reply_explain (reply, &self->evidence);
  self->remote = lookup_text (cells, "Remote");
  self->route = lookup_text (cells, "Route");
  show_hold (self, cells);
  if (self->reason[0] == '\0' && g_str_equal (self->state, "active"))
    {
      g_free (self->reason);
      self->reason = g_strdup (_ ("On its way"));
    }
  return self;
}

static void
take_recipients (PbaQueued *self, GVariant *cells)
{
  g_autoptr (GVariant) list =
    g_variant_lookup_value (cells, "Recipients", G_VARIANT_TYPE ("aa{sv}"));

  for (gsize i = 0; list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (list, i);
      PbaQueuedRecipient *recipient = recipient_new (child);

      g_ptr_array_add (self->recipients, recipient);
      if (self->worst == NULL || is_worse (recipient, self->worst))
        self->worst = recipient;
    }
}

static char *
title_of (PbaQueued *self)
{
  guint n = self->n_recipients;

  if (n == 1 && self->worst != NULL)
    return g_strdup (self->worst->address);
  return g_strdup_printf (ngettext ("%u recipient", "%u recipients", n), n);
}

PbaQueued *
pba_queued_new (GVariant *cells)
{
  PbaQueued *self = g_new0 (PbaQueued, 1);
  g_autofree char *sender = lookup_text (cells, "Sender");
  guint64 arrival = 0, size = 0;

  self->recipients = g_ptr_array_new_with_free_func (recipient_free);
  take_recipients (self, cells);
  self->n_recipients = self->recipients->len;
  g_variant_lookup (cells, "RecipientCount", "u", &self->n_recipients);
  self->state = lookup_text (cells, "State");
  self->title = title_of (self);
  self->sender = sender[0] != '\0'
                   /* Translators: %s is an email address */
                   ? g_strdup_printf (_ ("from %s"), sender)
                   : g_strdup (_ ("a delivery report"));
  g_variant_lookup (cells, "Arrival", "t", &arrival);
  g_variant_lookup (cells, "Size", "t", &size);
  self->arrival = pba_words_time ((gint64) arrival);
  self->size = pba_words_size (size);
  return self;
}

void
pba_queued_free (PbaQueued *self)
{
  g_ptr_array_unref (self->recipients);
  g_free (self->state);
  g_free (self->title);
  g_free (self->sender);
  g_free (self->arrival);
  g_free (self->size);
  g_free (self);
}
