/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SMTP client as a whole: the input is what a server says. Its first octet chooses the manner (LMTP, an 8-bit message, TLS), NULs cut it in pieces: the
 * next one is said when the client has spoken, or stays silent. Whatever comes, the delivery comes back once, each recipient with a status that fits; none is
 * delivered whose message has not left whole.
 */
#include "delivery/route-private.h"
#include "delivery/smtp-agent.h"
#include "settings/registry.h"
#include "util/log.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define N_RECIPIENTS 3
#define SILENCE_MS   1
#define PATIENCE_MS  20000

/* One for all inputs. */
static PbReactor *reactor;
static PbResolver *resolver;
static PbSmtpAgent *agent;
static PbMailbox *mailbox;
static PbSnapshot *snapshot;
static char *directory, *path;
static int listener;
static PbDelivery *answer; /* (owned) (nullable) */
static guint64 number;

static void
on_exit_free (void)
{
  pb_smtp_agent_free (agent);
  pb_resolver_free (resolver);
  pb_reactor_free (reactor);
  pb_mailbox_unref (mailbox);
  pb_snapshot_unref (snapshot);
  close (listener);
  g_unlink (path);
  g_rmdir (directory);
  g_free (path);
  g_free (directory);
}

static void
start (void)
{
  static const char *const servers[] = { "127.0.0.1:1", NULL };
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  pb_log_set_threshold (PB_LOG_ERROR);
  reactor = pb_reactor_new ("fuzz");
  resolver = pb_resolver_new (servers, NULL, NULL);
  mailbox = pb_mailbox_new ();
  agent = pb_smtp_agent_new (&reactor, 1, resolver, NULL, 25);
  snapshot = pb_snapshot_builder_build (pb_snapshot_builder_new ());
  directory = g_dir_make_tmp ("pb-fuzz-XXXXXX", NULL);
  path = g_build_filename (directory, "socket", NULL);
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (listener, 16), ==, 0);
  atexit (on_exit_free);
}

static void
on_delivered (PbDelivery *delivery, gpointer user_data)
{
  g_assert_null (answer);
  answer = delivery;
}

static PbRoute *
make_route (guint8 manner)
{
  PbRoute *route = pb_route_new ((manner & 1) != 0 ? PB_ROUTE_LMTP : PB_ROUTE_HOSTS,
                                 PB_ROUTE_REASON_LOCAL,
                                 g_strdup_printf ("fuzz:%" G_GUINT64_FORMAT, ++number));

  route->socket = g_strdup (path);
  route->tls = (manner & 4) != 0 ? PB_ROUTE_TLS_STARTTLS : PB_ROUTE_TLS_OFF;
  return route;
}

static void
deliver (guint8 manner)
{
  static const char text[] = "Subject: x\r\n\r\n.dot\r\n\303\274\r\n";
  static const guint recipients[N_RECIPIENTS] = { 0, 1, 2 };
  g_autoptr (PbEnvelope) envelope = pb_envelope_new (number + 1);
  g_autoptr (GBytes) bytes = g_bytes_new_static (text, strlen (text));
  g_autoptr (PbBody) body = pb_body_new_bytes (bytes);
  g_autoptr (PbRoute) route = make_route (manner);

  envelope->sender = g_strdup ("sender@example.org");
  envelope->client = g_strdup ("local");
  envelope->size = strlen (text);
  envelope->flags = (manner & 2) != 0 ? PB_ENVELOPE_8BIT : 0;
  envelope->n_recipients = N_RECIPIENTS;
  envelope->recipients = g_new0 (PbRecipient, N_RECIPIENTS);
  for (guint i = 0; i < N_RECIPIENTS; i++)
    envelope->recipients[i].address = g_strdup_printf ("r%u@far.example", i);
  pb_smtp_agent_deliver (agent, pb_delivery_new (envelope, body, route, snapshot, recipients, N_RECIPIENTS),
                         mailbox, on_delivered, NULL);
}

/* Reads what there is. Returns: FALSE at the client's end. */
static gboolean
hear (int fd, int wait_ms, GByteArray *heard)
{
  struct pollfd poller = { .fd = fd, .events = POLLIN };
  guint8 buffer[4096];
  ssize_t n;

  if (poll (&poller, 1, wait_ms) == 0)
    return TRUE;
  n = recv (fd, buffer, sizeof buffer, 0);
  /* Told before what the client said until it went away with something unread. */
  if (n < 0 && errno == ECONNRESET)
    n = recv (fd, buffer, sizeof buffer, 0);
  if (n > 0)
    g_byte_array_append (heard, buffer, (guint) n);
  return n > 0;
}

/* Says everything, then waits for the client to go. */
static void
serve (int fd, const char *at, const char *end, GByteArray *heard)
{
  gboolean there = TRUE;

  while (there && at < end)
    {
      const char *cut = memchr (at, '\0', (gsize) (end - at));
      const char *stop = cut != NULL ? cut : end;

      if (stop > at && send (fd, at, (gsize) (stop - at), MSG_NOSIGNAL) < 0)
        break;
      there = hear (fd, SILENCE_MS, heard);
      at = stop + (cut != NULL);
    }
  shutdown (fd, SHUT_WR);
  while (there)
    there = hear (fd, PATIENCE_MS, heard);
  close (fd);
}

static gboolean
has (const GByteArray *heard, const char *text)
{
  return heard->len > 0 && memmem (heard->data, heard->len, text, strlen (text)) != NULL;
}

static void
check (const GByteArray *heard)
{
  for (guint i = 0; i < N_RECIPIENTS; i++)
    {
      const PbResult *result = &answer->results[i];
      static const char classes[] = {
        [PB_RESULT_DELIVERED] = '2', [PB_RESULT_DEFERRED] = '4', [PB_RESULT_FAILED] = '5'
      };

      g_assert_cmpint (result->status[0], ==, classes[result->kind]);
      g_assert_true (result->reply != NULL && g_utf8_validate (result->reply, -1, NULL));
      if (result->kind == PB_RESULT_DELIVERED)
        g_assert_true (has (heard, "\r\n.\r\n") || has (heard, " LAST\r\n"));
    }
  g_assert_true (g_utf8_validate (answer->transcript, -1, NULL));
  g_assert_cmpuint (strlen (answer->transcript), <=, 8192);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GByteArray) heard = g_byte_array_new ();
  struct pollfd pollers[2];

  if (agent == NULL)
    start ();
  if (size == 0)
    return 0;
  deliver (data[0]);
  pollers[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
  pollers[1] = (struct pollfd){ .fd = pb_mailbox_fd (mailbox), .events = POLLIN };
  while (answer == NULL)
    {
      int fd, n = poll (pollers, 2, PATIENCE_MS);

      /* The fuzzer's own timer interrupts. */
      if (n < 0 && errno == EINTR)
        continue;
      g_assert_cmpint (n, >, 0);
      fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
      if (fd >= 0)
        serve (fd, (const char *) data + 1, (const char *) data + size, heard);
      pb_mailbox_dispatch (mailbox);
    }
  check (heard);
  g_clear_pointer (&answer, pb_delivery_free);
  return 0;
}
