/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clamd client against a server that behaves as each row says. The real one is asked in tests/mailauth. */
#include "mailauth/clamd.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef enum
{
  READ_ALL = 1 << 0,  /* up to the empty chunk, or the descriptor */
  STAY_OPEN = 1 << 1, /* until the client closes */
} Manner;

typedef struct
{
  int listener;
  Manner manner;
  const char *answer; /* with "|" for NUL */
  GByteArray *got;
} Server;

/* Reads until the request has ended. */
static void
read_request (Server *server, int fd)
{
  guint8 buffer[4096];
  ssize_t n;

  while ((n = recv (fd, buffer, sizeof buffer, 0)) > 0)
    {
      g_byte_array_append (server->got, buffer, (guint) n);
      if (server->got->len > 13
          && memcmp (server->got->data + server->got->len - 4, "\0\0\0\0", 4) == 0)
        return;
      if (memcmp (server->got->data, "zINSTREAM", MIN (server->got->len, 9)) != 0)
        return;
    }
}

static gpointer
serve (gpointer data)
{
  Server *server = data;
  int fd = accept (server->listener, NULL, NULL);
  g_autofree char *answer = g_strdup (server->answer);
  gsize length = strlen (answer);
  char octet;

  g_assert_cmpint (fd, >=, 0);
  if ((server->manner & READ_ALL) != 0)
    read_request (server, fd);
  for (gsize i = 0; i < length; i++)
    if (answer[i] == '|')
      answer[i] = '\0';
  if (length > 0)
    g_assert_cmpint (send (fd, answer, length, MSG_NOSIGNAL), ==, length);
  if ((server->manner & STAY_OPEN) != 0)
    while (recv (fd, &octet, 1, 0) > 0)
      ;
  close (fd);
  return NULL;
}

static char *
listen_on (Server *server, const char *folder)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *path = g_build_filename (folder, "clamd.sock", NULL);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_unlink (path);
  server->listener = socket (AF_UNIX, SOCK_STREAM, 0);
  g_assert_cmpint (bind (server->listener, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (server->listener, 1), ==, 0);
  return g_strconcat ("unix:", path, NULL);
}

static void
scan (const char *folder, Server *server, const PbClamdMessage *message, guint seconds,
      PbClamdOutcome *outcome)
{
  g_autofree char *address = listen_on (server, folder);
  const PbClamdCall call = { address, seconds, NULL };
  GThread *thread = g_thread_new ("clamd", serve, server);

  server->got = g_byte_array_new ();
  pb_clamd_scan (&call, FALSE, message, outcome);
  g_thread_join (thread);
  close (server->listener);
}

static void
test_answers (void)
{
  static const struct
  {
    Manner manner;
    const char *answer;
    guint seconds;
    PbClamdResult result;
    const char *told;
  } rows[] = {
    { READ_ALL, "stream: OK|", 10, PB_CLAMD_CLEAN, NULL },
    { READ_ALL | STAY_OPEN, "stream: OK|", 10, PB_CLAMD_CLEAN, NULL },
    { READ_ALL, "stream: Eicar-Test FOUND|", 10, PB_CLAMD_INFECTED, "Eicar-Test" },
    { READ_ALL, "stream: bad\r\nX: y\x01 FOUND|", 10, PB_CLAMD_INFECTED, "bad??X: y?" },
    { READ_ALL, "INSTREAM size limit exceeded. ERROR|", 10, PB_CLAMD_TOO_LARGE,
      "clamd says: INSTREAM size limit exceeded. ERROR" },
    { READ_ALL, "stream: FOUND|", 10, PB_CLAMD_INFECTED, "" },
    { READ_ALL, "stream:  FOUND|", 10, PB_CLAMD_INFECTED, "" },
    { READ_ALL, "INSTREAM: Can't write to temporary file. ERROR|", 10, PB_CLAMD_FAILED,
      "clamd says: INSTREAM: Can't write to temporary file. ERROR" },
    { READ_ALL, "OK|", 10, PB_CLAMD_FAILED, "clamd says: OK" },
    { READ_ALL, "stream: OK FOUNDED|", 10, PB_CLAMD_FAILED, "clamd says: stream: OK FOUNDED" },
    { READ_ALL, "|", 10, PB_CLAMD_FAILED, "clamd says: " },
    { READ_ALL, "stream: O", 10, PB_CLAMD_FAILED, "clamd closed in the middle of its answer" },
    { READ_ALL, "", 10, PB_CLAMD_FAILED, "clamd closed in the middle of its answer" },
    { READ_ALL | STAY_OPEN, "", 1, PB_CLAMD_FAILED, "clamd took too long" },
    { READ_ALL | STAY_OPEN, "stream: O", 1, PB_CLAMD_FAILED, "clamd took too long" },
  };
  g_autofree char *folder = g_dir_make_tmp ("test-clamd-XXXXXX", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      Server server = { .manner = rows[i].manner, .answer = rows[i].answer };
      PbClamdMessage message = { "hello", 5, -1 };
      g_auto (PbClamdOutcome) outcome = { 0 };

      scan (folder, &server, &message, rows[i].seconds, &outcome);
      g_test_message ("row %u: %s %s", i, outcome.signature, outcome.why);
      g_assert_cmpint (outcome.result, ==, rows[i].result);
      g_assert_cmpstr (outcome.signature != NULL ? outcome.signature : outcome.why, ==,
                       rows[i].told);
      g_byte_array_unref (server.got);
    }
}

/* What arrives is the head and the file, in chunks, whatever the file's offset is; and it stays. */
static void
test_message (void)
{
  g_autofree char *folder = g_dir_make_tmp ("test-clamd-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "file", NULL);
  g_autofree char *big = g_strnfill (200000, 'x');
  Server server = { .manner = READ_ALL, .answer = "stream: OK|" };
  PbClamdMessage message = { "head", 4, -1 };
  g_auto (PbClamdOutcome) outcome = { 0 };
  gsize at = sizeof "zINSTREAM", total = 0;
  guint32 size = 1;

  g_assert_true (g_file_set_contents (path, big, -1, NULL));
  message.fd = g_open (path, O_RDONLY | O_CLOEXEC, 0);
  g_assert_cmpint (lseek (message.fd, 1000, SEEK_SET), ==, 1000);
  scan (folder, &server, &message, 10, &outcome);
  g_assert_cmpint (outcome.result, ==, PB_CLAMD_CLEAN);
  g_assert_cmpint (lseek (message.fd, 0, SEEK_CUR), ==, 1000);
  close (message.fd);
  while (size > 0)
    {
      memcpy (&size, server.got->data + at, sizeof size);
      size = GUINT32_FROM_BE (size);
      at += sizeof size + size;
      total += size;
    }
  g_assert_cmpuint (at, ==, server.got->len);
  g_assert_cmpuint (total, ==, 200004);
  g_byte_array_unref (server.got);
}

/* clamd says at once that it will not, and closes, while the client still sends. */
static void
test_refused_early (void)
{
  g_autofree char *folder = g_dir_make_tmp ("test-clamd-XXXXXX", NULL);
  g_autofree char *big = g_strnfill (4 * 1024 * 1024, 'x');
  Server server = { .manner = 0, .answer = "stream: OK|" };
  PbClamdMessage message = { big, 4 * 1024 * 1024, -1 };
  g_auto (PbClamdOutcome) outcome = { 0 };

  scan (folder, &server, &message, 10, &outcome);
  g_assert_cmpint (outcome.result, ==, PB_CLAMD_FAILED);
  g_byte_array_unref (server.got);
}

static gpointer
cancel_when_asked (gpointer data)
{
  g_usleep (50000);
  g_cancellable_cancel (data);
  return NULL;
}

/* A silent clamd is not waited for once nobody wants the answer any more, be it before or amid the wait. */
/* Where no descriptor is left the scan fails in words, and nothing else does. */
static void
test_no_descriptors (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const PbClamdCall call = { "unix:/nowhere", 10, cancellable };
  const PbClamdMessage message = { "x", 1, -1 };
  g_auto (PbClamdOutcome) outcome = { 0 };
  struct rlimit limit, none;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  none = (struct rlimit){ 0, limit.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  pb_clamd_scan (&call, FALSE, &message, &outcome);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_cmpint (outcome.result, ==, PB_CLAMD_FAILED);
  g_assert_cmpstr (outcome.why, ==, "socket: Too many open files");
}

static void
test_cancelled (void)
{
  g_autofree char *folder = g_dir_make_tmp ("test-clamd-XXXXXX", NULL);

  for (guint before = 0; before < 2; before++)
    {
      Server server = { 0 };
      g_autofree char *address = listen_on (&server, folder);
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      const PbClamdCall call = { address, 600, cancellable };
      PbClamdMessage message = { "hello", 5, -1 };
      g_auto (PbClamdOutcome) outcome = { 0 };
      GThread *thread = NULL;

      if (before)
        g_cancellable_cancel (cancellable);
      else
        thread = g_thread_new ("cancel", cancel_when_asked, cancellable);
      pb_clamd_scan (&call, FALSE, &message, &outcome);
      g_assert_cmpint (outcome.result, ==, PB_CLAMD_FAILED);
      g_assert_cmpstr (outcome.why, ==, "Operation was cancelled");
      g_clear_pointer (&thread, g_thread_join);
      close (server.listener);
    }
}

static void
test_signature_time (void)
{
  static const struct
  {
    const char *version;
    gint64 time;
  } rows[] = {
    { "ClamAV 1.0.9/27000/Mon Nov 10 09:12:33 2003", 1068455553 },
    { "ClamAV 1.0.9/27000/Sat Feb  1 00:00:00 2025", 1738368000 },
    { "ClamAV 1.0.9", 0 },
    { "ClamAV 1.0.9/27000", 0 },
    { "ClamAV 1.0.9/27000/", 0 },
    { "/Mon Nov 10 09:12:33 2003x", 0 },
    { "/Mon Nov 10 09:12:33", 0 },
    { "/Mon Nov 10 09:12:99 2003", 0 },
    { "/Mon Feb 30 09:12:33 2003", 0 },
    { "/Mon ovD 10 09:12:33 2003", 0 },
    { "/Mon Nov 99999999999999999999 09:12:33 2003", 0 },
    { "/Mon Nov 10 09:12:33 99999", 0 },
    { "/Mon               ", 0 },
    { "", 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpint (pb_clamd_signature_time (rows[i].version), ==, rows[i].time);
}

static void
test_nobody (void)
{
  static const char *const addresses[] = { "unix:/nowhere/clamd.sock",  "127.0.0.1:1", "[::1]:1",
                                           "no.such.host.invalid:3310", ":::",         "" };
  PbClamdMessage message = { "hello", 5, -1 };

  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      g_auto (PbClamdOutcome) outcome = { 0 };
      g_autoptr (GError) error = NULL;
      const PbClamdCall call = { addresses[i], 5, NULL };

      pb_clamd_scan (&call, FALSE, &message, &outcome);
      g_test_message ("%s: %s", addresses[i], outcome.why);
      g_assert_cmpint (outcome.result, ==, PB_CLAMD_FAILED);
      g_assert_nonnull (outcome.why);
      g_assert_null (pb_clamd_version (&call, &error));
      g_assert_nonnull (error);
      g_assert_false (pb_clamd_takes_descriptors (&call));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/clamd/answers", test_answers);
  g_test_add_func ("/clamd/message", test_message);
  g_test_add_func ("/clamd/refused-early", test_refused_early);
  g_test_add_func ("/clamd/no-descriptors", test_no_descriptors);
  g_test_add_func ("/clamd/cancelled", test_cancelled);
  g_test_add_func ("/clamd/signature-time", test_signature_time);
  g_test_add_func ("/clamd/nobody", test_nobody);
  return g_test_run ();
}
