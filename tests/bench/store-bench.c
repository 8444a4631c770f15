/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the queue's store alone can take: as many messages under way as there would be sessions, each submitted, marked as
 * delivered and followed by the next, all from one thread, as an I/O thread does it.
 *
 *     store-bench DIRECTORY [MESSAGES [UNDER-WAY [OCTETS]]]
 *
 * DIRECTORY is made and filled; use one on the disk to be measured. Prints messages a second, CPU of the process and
 * octets of block I/O a message.
 */
#include "store/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

typedef struct
{
  PbStore *store;
  PbMailbox *mailbox;
  guint left, under_way;
  gsize octets;
  guint8 *text;
} Bench;

static double
cpu_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
         + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Octets this process had written to the disk; 0 where the kernel does not count. */
static guint64
octets_written (void)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/self/io", &text, NULL, NULL))
    return 0;
  line = strstr (text, "\nwrite_bytes: ");
  return line != NULL ? g_ascii_strtoull (line + strlen ("\nwrite_bytes: "), NULL, 10) : 0;
}

static void
send_next (Bench *self, PbStoreSubmitted func)
{
  g_autoptr (PbEnvelope) envelope = pb_envelope_new (pb_store_next_id (self->store));
  PbSpool *spool = pb_spool_new (self->store);

  envelope->sender = g_strdup ("someone@sender.example");
  envelope->client = g_strdup ("[192.0.2.1]");
  envelope->helo = g_strdup ("client.sender.example");
  envelope->message_id = g_strdup ("<20261124.0123456789@sender.example>");
  envelope->arrival = g_get_real_time ();
  envelope->size = self->octets;
  envelope->n_recipients = 1;
  envelope->recipients = g_new0 (PbRecipient, 1);
  envelope->recipients[0].address = g_strdup ("somebody@recipient.example");
  pb_store_hint_incoming (self->store, 1);
  g_byte_array_append (pb_spool_buffer (spool), self->text, (guint) self->octets);
  self->left--;
  self->under_way++;
  pb_store_submit (self->store, envelope, spool, self->mailbox, func, self);
}

static void
on_safe (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer data)
{
  Bench *self = data;
  PbSettlement *settlement = g_new0 (PbSettlement, 1);

  if (error != NULL)
    g_error ("%s", error->message);
  settlement->id = envelope->id;
  settlement->n_statuses = 1;
  settlement->statuses = g_new0 (PbRecipientStatus, 1);
  settlement->statuses[0].state = PB_RECIPIENT_DELIVERED;
  pb_store_settle (self->store, settlement, NULL, NULL, NULL);
  self->under_way--;
  if (self->left > 0)
    send_next (self, on_safe);
}

static guint
argument (int argc, char **argv, int index, guint otherwise)
{
  return argc > index ? (guint) strtoul (argv[index], NULL, 10) : otherwise;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  guint messages = argument (argc, argv, 2, 20000), at_once = argument (argc, argv, 3, 10);
  Bench bench = { .left = messages, .octets = argument (argc, argv, 4, 4096) };
  gint64 start;
  double cpu, seconds;
  guint64 octets;

  if (argc < 2)
    return fprintf (stderr, "usage: store-bench DIRECTORY [MESSAGES [UNDER-WAY [OCTETS]]]\n"), 2;
  bench.store = pb_store_open (argv[1], &error);
  if (bench.store == NULL)
    return fprintf (stderr, "%s\n", error->message), 1;
  bench.mailbox = pb_mailbox_new ();
  bench.text = g_malloc (MAX (bench.octets, 1));
  memset (bench.text, 'x', bench.octets);
  start = g_get_monotonic_time ();
  cpu = cpu_seconds ();
  octets = octets_written ();
  for (guint i = 0; i < MIN (at_once, messages); i++)
    send_next (&bench, on_safe);
  while (bench.under_way > 0)
    {
      struct pollfd fd = { .fd = pb_mailbox_fd (bench.mailbox), .events = POLLIN };

      poll (&fd, 1, -1);
      pb_mailbox_dispatch (bench.mailbox);
    }
  seconds = (double) (g_get_monotonic_time () - start) / 1e6;
  printf (
    "%u messages of %zu octets, %u under way: %.0f a second, %.1f us CPU, %.0f octets to the disk each\n",
    messages, bench.octets, at_once, messages / seconds, (cpu_seconds () - cpu) * 1e6 / messages,
    (double) (octets_written () - octets) / messages);
  pb_store_close (bench.store);
  pb_mailbox_unref (bench.mailbox);
  g_free (bench.text);
  return 0;
}
