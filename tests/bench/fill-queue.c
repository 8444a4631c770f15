/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fills a queue for a benchmark, by the store itself:
 *
 *     fill-queue DIRECTORY MESSAGES OCTETS DESTINATIONS DUE
 *
 * DESTINATIONS is the number of domains that the recipients are spread over, DUE in how many seconds the messages are to be
 * tried again, the last of them as much later again; with 0 they have not been tried yet.
 */
#include "store/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNDER_WAY 2000

typedef struct
{
  PbStore *store;
  PbMailbox *mailbox;
  guint messages, sent, under_way, destinations;
  guint64 octets;
  gint64 due;
  guint8 *text;
} Fill;

static void
on_marked (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer data)
{
  Fill *self = data;

  if (error != NULL)
    g_error ("%s", error->message);
  self->under_way--;
}

/* As if it had been tried once. */
static void
on_safe (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer data)
{
  Fill *self = data;
  PbSettlement *settlement;

  if (error != NULL)
    g_error ("%s", error->message);
  if (self->due == 0)
    {
      self->under_way--;
      return;
    }
  settlement = g_new0 (PbSettlement, 1);
  settlement->id = envelope->id;
  settlement->n_statuses = 1;
  settlement->statuses = g_new0 (PbRecipientStatus, 1);
  settlement->statuses[0].state = PB_RECIPIENT_QUEUED;
  settlement->statuses[0].attempts = 1;
  settlement->statuses[0].next_attempt =
    g_get_real_time () / G_USEC_PER_SEC + self->due + self->due * self->sent / self->messages;
  settlement->statuses[0].last_reply = g_strdup ("450 4.2.0 Later");
  pb_store_settle (self->store, settlement, self->mailbox, on_marked, self);
}

static void
send_next (Fill *self)
{
  g_autoptr (PbEnvelope) envelope = pb_envelope_new (pb_store_next_id (self->store));
  PbSpool *spool = pb_spool_new (self->store);

  envelope->sender = g_strdup ("someone@sender.example");
  envelope->client = g_strdup ("[192.0.2.1]");
  envelope->helo = g_strdup ("client.sender.example");
  envelope->message_id = g_strdup_printf ("<%u@sender.example>", self->sent);
  envelope->arrival = g_get_real_time ();
  envelope->size = self->octets;
  envelope->n_recipients = 1;
  envelope->recipients = g_new0 (PbRecipient, 1);
  envelope->recipients[0].address =
    g_strdup_printf ("user%u@d%u.example", self->sent, self->sent % self->destinations);
  pb_store_hint_incoming (self->store, 1);
  g_byte_array_append (pb_spool_buffer (spool), self->text, (guint) self->octets);
  self->sent++;
  self->under_way++;
  pb_store_submit (self->store, envelope, spool, self->mailbox, on_safe, self);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  Fill fill = { 0 };

  if (argc != 6)
    return fprintf (stderr, "usage: fill-queue DIRECTORY MESSAGES OCTETS DESTINATIONS DUE\n"), 2;
  fill.messages = (guint) strtoul (argv[2], NULL, 10);
  fill.octets = strtoul (argv[3], NULL, 10);
  fill.destinations = MAX ((guint) strtoul (argv[4], NULL, 10), 1);
  fill.due = (gint64) strtoul (argv[5], NULL, 10);
  fill.store = pb_store_open (argv[1], &error);
  if (fill.store == NULL)
    return fprintf (stderr, "%s\n", error->message), 1;
  fill.mailbox = pb_mailbox_new ();
  fill.text = g_malloc (MAX (fill.octets, 1));
  memset (fill.text, 'x', fill.octets);
  while (fill.sent < fill.messages || fill.under_way > 0)
    {
      struct pollfd ready = { pb_mailbox_fd (fill.mailbox), POLLIN, 0 };

      while (fill.sent < fill.messages && fill.under_way < UNDER_WAY)
        send_next (&fill);
      poll (&ready, 1, 1000);
      pb_mailbox_dispatch (fill.mailbox);
    }
  pb_store_close (g_steal_pointer (&fill.store));
  pb_mailbox_dispatch (fill.mailbox);
  pb_mailbox_unref (fill.mailbox);
  g_free (fill.text);
  return 0;
}
