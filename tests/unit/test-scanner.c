/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scanner's threads, its queue, its rest and its ways to hand a message over, before a clamd that does as it is told. */
#include "store-fixture.h"

#include "policy/scanner.h"
#include <sys/socket.h>
#include <sys/un.h>

#define LARGE   (300 * 1024)
#define HUNG_UP "clamd closed in the middle of its answer"

/* What looks like clamd. One connection at a time a thread; all of them do alike. */
typedef struct
{
  int listener;
  char *address;    /* (owned) */
  GThread *thread;
  GMutex lock;
  GCond changed;
  GString *asked;   /* under lock: the first letter of each command behind its z */
  gboolean silent;  /* under lock: nothing is answered, until this ends */
  gboolean confined; /* under lock: no file is opened */
  gboolean curt;     /* under lock: it hangs up instead of answering */
  GPtrArray *peers; /* (element-type GThread) */
} Server;

typedef struct
{
  Server *server;
  int fd;
} Peer;

static void
take_stream (int fd)
{
  guint8 buffer[65536];
  guint32 length = 1;

  while (length > 0 && recv (fd, &length, sizeof length, MSG_WAITALL) == sizeof length)
    for (guint32 left = length = GUINT32_FROM_BE (length); left > 0;)
      {
        ssize_t n = recv (fd, buffer, MIN (left, sizeof buffer), 0);

        if (n <= 0)
          return;
        left -= (guint32) n;
      }
}

/* Takes a file that is handed over. Returns: its octets. */
static gint64
take_file (int fd)
{
  char octet;
  struct iovec part = { &octet, 1 };
  union
  {
    char octets[CMSG_SPACE (sizeof (int))];
    struct cmsghdr align;
  } control;
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.octets, .msg_controllen = sizeof control.octets
  };
  int file;
  gint64 size;

  g_assert_cmpint (recvmsg (fd, &message, 0), ==, 1);
  g_assert_nonnull (CMSG_FIRSTHDR (&message));
  memcpy (&file, CMSG_DATA (CMSG_FIRSTHDR (&message)), sizeof file);
  size = lseek (file, 0, SEEK_END);
  close (file);
  return size;
}

static const char *
answer_to (Server *server, char command, int fd)
{
  gboolean confined;

  g_mutex_lock (&server->lock);
  confined = server->confined;
  g_mutex_unlock (&server->lock);
  if (command == 'P')
    return "PONG";
  if (command == 'I')
    {
      take_stream (fd);
      return "stream: OK";
    }
  return take_file (fd) == LARGE && confined ? "fd[10]: Permission denied. ERROR" : "fd[10]: OK";
}

static gpointer
serve_one (gpointer data)
{
  g_autofree Peer *peer = data;
  Server *server = peer->server;
  char command[16] = "", *at = command;
  const char *answer;
  gboolean curt;

  do
    if (recv (peer->fd, at, 1, 0) != 1)
      break;
  while (*at++ != '\0' && at < command + sizeof command);
  if (command[0] == 'z')
    {
      g_mutex_lock (&server->lock);
      g_string_append_c (server->asked, command[1]);
      g_cond_broadcast (&server->changed);
      while (server->silent)
        g_cond_wait (&server->changed, &server->lock);
      curt = server->curt;
      g_mutex_unlock (&server->lock);
      answer = answer_to (server, command[1], peer->fd);
      /* Who gave up does not hear it. */
      if (!curt && send (peer->fd, answer, strlen (answer) + 1, MSG_NOSIGNAL) < 0)
        g_test_message ("nobody hears: %s", g_strerror (errno));
    }
  close (peer->fd);
  return NULL;
}

static gpointer
serve (gpointer data)
{
  Server *server = data;
  int fd;

  while ((fd = accept (server->listener, NULL, NULL)) >= 0)
    {
      Peer *peer = g_new (Peer, 1);

      *peer = (Peer){ server, fd };
      g_ptr_array_add (server->peers, g_thread_new ("peer", serve_one, peer));
    }
  return NULL;
}

static void
server_start (Server *self, const char *folder)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_snprintf (address.sun_path, sizeof address.sun_path, "%s/clamd.sock", folder);
  self->address = g_strconcat ("unix:", address.sun_path, NULL);
  self->asked = g_string_new (NULL);
  self->peers = g_ptr_array_new ();
  self->listener = socket (AF_UNIX, SOCK_STREAM, 0);
  g_assert_cmpint (bind (self->listener, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (self->listener, 64), ==, 0);
  self->thread = g_thread_new ("clamd", serve, self);
}

static void
server_set (Server *self, gboolean silent, gboolean confined)
{
  g_mutex_lock (&self->lock);
  self->silent = silent;
  self->confined = confined;
  self->curt = FALSE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

/* Whoever waits is hung up on. */
static void
server_hang_up (Server *self)
{
  g_mutex_lock (&self->lock);
  self->silent = FALSE;
  self->curt = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

static void
server_stop (Server *self)
{
  server_set (self, FALSE, FALSE);
  shutdown (self->listener, SHUT_RDWR);
  g_thread_join (self->thread);
  for (guint i = 0; i < self->peers->len; i++)
    g_thread_join (self->peers->pdata[i]);
  g_ptr_array_unref (self->peers);
  close (self->listener);
  g_free (self->address);
  g_string_free (self->asked, TRUE);
}

/* Waits until so many commands came. */
static void
server_wait (Server *self, guint n)
{
  g_mutex_lock (&self->lock);
  while (self->asked->len < n)
    g_cond_wait (&self->changed, &self->lock);
  g_mutex_unlock (&self->lock);
}

/* Returns: (transfer full): the commands so far, which are forgotten. */
static char *
server_take_asked (Server *self)
{
  char *asked;

  g_mutex_lock (&self->lock);
  asked = g_strdup (self->asked->str);
  g_string_truncate (self->asked, 0);
  g_mutex_unlock (&self->lock);
  return asked;
}

static void
assert_asked (Server *self, const char *wanted)
{
  g_autofree char *asked = server_take_asked (self);

  g_assert_cmpstr (asked, ==, wanted);
}

/* ---- scans ---- */

typedef struct
{
  gboolean called;
  PbSpool *spool; /* (owned) */
  PbScan *scan;
  PbScanResult result;
  char *words; /* (owned) (nullable) */
} Scan;

static void
on_scanned (PbScanOutcome *outcome, gpointer user_data)
{
  Scan *scan = user_data;

  g_assert_false (scan->called);
  scan->called = TRUE;
  scan->result = outcome->result;
  scan->words = g_steal_pointer (&outcome->words);
  /* The message is the session's alone again. */
  g_clear_pointer (&scan->spool, pb_spool_abort);
}

static void
on_resumed (gpointer data)
{
}

static void
begin (Fixture *self, PbScanner *scanner, const char *address, gsize octets, Scan *scan)
{
  *scan = (Scan){ .spool = pb_spool_new (self->store) };
  g_byte_array_set_size (pb_spool_buffer (scan->spool), (guint) octets);
  memset (pb_spool_buffer (scan->spool)->data, 'x', octets);
  pb_spool_flush (scan->spool, self->mailbox, on_resumed, NULL);
  scan->scan = pb_scanner_scan (scanner, address, scan->spool, self->mailbox, on_scanned, scan);
}

static void
assert_scan (Fixture *self, Scan *scan, PbScanResult result, const char *words)
{
  wait_for (self->mailbox, &scan->called);
  g_assert_cmpstr (scan->words, ==, words);
  g_assert_cmpint (scan->result, ==, result);
  g_free (scan->words);
}

typedef struct
{
  gboolean called;
  char *words; /* (owned) (nullable) */
} News;

static void
on_told (const char *address, const char *words, gpointer user_data)
{
  News *news = user_data;

  news->called = TRUE;
  g_free (news->words);
  news->words = g_strdup (words);
}

static void
await_news (Fixture *self, News *news, const char *words)
{
  wait_for (self->mailbox, &news->called);
  g_assert_cmpstr (news->words, ==, words);
  news->called = FALSE;
}

/* More than may wait fail at once; those that wait have their turn. */
static void
test_full (Fixture *self, gconstpointer data)
{
  const PbScannerLimits limits = { .threads = 1, .waiting = 2, .seconds = 60 };
  g_autoptr (PbScanner) scanner = pb_scanner_new (&limits, self->mailbox, NULL, NULL);
  Server server = { .silent = TRUE };
  Scan scans[6];

  server_start (&server, self->directory);
  begin (self, scanner, server.address, 100, &scans[0]);
  server_wait (&server, 1);
  for (guint i = 1; i < 5; i++)
    begin (self, scanner, server.address, 100, &scans[i]);
  assert_scan (self, &scans[3], PB_SCAN_FAILED, "the scanner is busy");
  assert_scan (self, &scans[4], PB_SCAN_FAILED, "the scanner is busy");
  g_assert_false (scans[0].called || scans[1].called || scans[2].called);
  /* Who goes away gives its place to others at once, though the thread is taken. */
  pb_scan_cancel (scans[1].scan);
  assert_scan (self, &scans[1], PB_SCAN_FAILED, "nobody waits for it any more");
  begin (self, scanner, server.address, 100, &scans[5]);
  g_assert_false (scans[0].called || scans[2].called);
  server_set (&server, FALSE, FALSE);
  assert_scan (self, &scans[0], PB_SCAN_CLEAN, NULL);
  assert_scan (self, &scans[2], PB_SCAN_CLEAN, NULL);
  assert_scan (self, &scans[5], PB_SCAN_CLEAN, NULL);
  assert_asked (&server, "III");
  server_stop (&server);
}

/* A scan whose time is over before its turn is not begun. */
static void
test_turn_too_late (Fixture *self, gconstpointer data)
{
  const PbScannerLimits limits = { .threads = 1, .waiting = 2, .seconds = 3 };
  g_autoptr (PbScanner) scanner = pb_scanner_new (&limits, self->mailbox, NULL, NULL);
  Server server = { .silent = TRUE };
  Scan scans[2];

  server_start (&server, self->directory);
  for (guint i = 0; i < 2; i++)
    begin (self, scanner, server.address, 100, &scans[i]);
  assert_scan (self, &scans[0], PB_SCAN_FAILED, "clamd took too long");
  wait_for (self->mailbox, &scans[1].called);
  g_assert_cmpint (scans[1].result, ==, PB_SCAN_FAILED);
  g_test_message ("the second: %s", scans[1].words);
  g_free (scans[1].words);
  server_stop (&server);
}

static gint64 hands; /* atomic: of a clock that stands still but for pass_time() */

static gint64
read_hands (void)
{
  return __atomic_load_n (&hands, __ATOMIC_SEQ_CST);
}

static void
pass_time (guint seconds)
{
  __atomic_add_fetch (&hands, (gint64) seconds * G_USEC_PER_SEC, __ATOMIC_SEQ_CST);
}

/* A scanner that is slow to fail is left alone for a while, then greeted before it gets a message. */
static void
test_rest (Fixture *self, gconstpointer data)
{
  const PbScannerLimits limits = { .threads = 2, .waiting = 8, .seconds = 60, .now = read_hands };
  News news = { 0 };
  g_autoptr (PbScanner) scanner = pb_scanner_new (&limits, self->mailbox, on_told, &news);
  Server server = { 0 };
  Scan scan;

  pass_time (1000);
  server_start (&server, self->directory);
  pb_scanner_probe (scanner, server.address);
  await_news (self, &news, NULL);
  assert_asked (&server, "IF");
  server_set (&server, TRUE, FALSE);
  begin (self, scanner, server.address, 100, &scan);
  server_wait (&server, 1);
  pass_time (2);
  server_hang_up (&server);
  assert_scan (self, &scan, PB_SCAN_FAILED, HUNG_UP);
  await_news (self, &news, HUNG_UP);
  assert_asked (&server, "I");
  server_set (&server, FALSE, FALSE);
  for (guint i = 0; i < 5; i++)
    {
      begin (self, scanner, server.address, 100, &scan);
      assert_scan (self, &scan, PB_SCAN_FAILED, "the scanner did not answer a moment ago");
      assert_asked (&server, "");
      pass_time (1);
    }
  begin (self, scanner, server.address, 100, &scan);
  assert_scan (self, &scan, PB_SCAN_CLEAN, NULL);
  await_news (self, &news, NULL);
  assert_asked (&server, "PI");
  begin (self, scanner, server.address, 100, &scan);
  assert_scan (self, &scan, PB_SCAN_CLEAN, NULL);
  assert_asked (&server, "I");
  g_free (news.words);
  server_stop (&server);
}

/* What fails at once is tried every time. */
static void
test_back_at_once (Fixture *self, gconstpointer data)
{
  News news = { 0 };
  g_autoptr (PbScanner) scanner = pb_scanner_new (&pb_scanner_limits, self->mailbox, on_told, &news);
  g_autofree char *address = g_strdup_printf ("unix:%s/clamd.sock", self->directory);
  Server server = { 0 };
  Scan scan;

  pb_scanner_probe (scanner, address);
  await_news (self, &news, "connecting to clamd: No such file or directory");
  begin (self, scanner, address, 100, &scan);
  assert_scan (self, &scan, PB_SCAN_FAILED, "connecting to clamd: No such file or directory");
  await_news (self, &news, "connecting to clamd: No such file or directory");
  server_start (&server, self->directory);
  begin (self, scanner, address, 100, &scan);
  assert_scan (self, &scan, PB_SCAN_CLEAN, NULL);
  await_news (self, &news, NULL);
  begin (self, scanner, "", 100, &scan);
  assert_scan (self, &scan, PB_SCAN_FAILED, "no scanner is set");
  g_free (news.words);
  server_stop (&server);
}

/* A large message is handed over as its file; a scanner that may not open it gets the octets, then and from then on. */
static void
test_files (Fixture *self, gconstpointer data)
{
  News news = { 0 };
  g_autoptr (PbScanner) scanner = pb_scanner_new (&pb_scanner_limits, self->mailbox, on_told, &news);
  Server server = { 0 };
  Scan scan;

  server_start (&server, self->directory);
  pb_scanner_probe (scanner, server.address);
  await_news (self, &news, NULL);
  assert_asked (&server, "IF");
  begin (self, scanner, server.address, LARGE, &scan);
  assert_scan (self, &scan, PB_SCAN_CLEAN, NULL);
  assert_asked (&server, "F");
  begin (self, scanner, server.address, 100, &scan);
  assert_scan (self, &scan, PB_SCAN_CLEAN, NULL);
  assert_asked (&server, "I");
  server_set (&server, FALSE, TRUE);
  begin (self, scanner, server.address, LARGE, &scan);
  assert_scan (self, &scan, PB_SCAN_CLEAN, NULL);
  assert_asked (&server, "FI");
  begin (self, scanner, server.address, LARGE, &scan);
  assert_scan (self, &scan, PB_SCAN_CLEAN, NULL);
  assert_asked (&server, "I");
  g_free (news.words);
  server_stop (&server);
}

/* The end does not wait for a silent scanner; a message that is given up meanwhile is answered for, too. */
static void
test_close (Fixture *self, gconstpointer data)
{
  const PbScannerLimits limits = { .threads = 1, .waiting = 8, .seconds = 600 };
  g_autoptr (PbScanner) scanner = pb_scanner_new (&limits, self->mailbox, NULL, NULL);
  Server server = { .silent = TRUE };
  Scan scans[4];

  server_start (&server, self->directory);
  begin (self, scanner, server.address, 100, &scans[0]);
  server_wait (&server, 1);
  begin (self, scanner, server.address, 100, &scans[1]);
  begin (self, scanner, server.address, LARGE, &scans[2]);
  g_clear_pointer (&scans[2].spool, pb_spool_abort);
  pb_scan_cancel (scans[2].scan);
  pb_scanner_close (scanner);
  begin (self, scanner, server.address, 100, &scans[3]);
  assert_scan (self, &scans[0], PB_SCAN_FAILED, "Operation was cancelled");
  assert_scan (self, &scans[1], PB_SCAN_FAILED, "nobody waits for it any more");
  wait_for (self->mailbox, &scans[2].called);
  g_assert_cmpint (scans[2].result, !=, PB_SCAN_CLEAN);
  g_free (scans[2].words);
  assert_scan (self, &scans[3], PB_SCAN_FAILED, "the scanner is busy");
  server_stop (&server);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fixture_add ("/scanner/full", test_full);
  fixture_add ("/scanner/turn-too-late", test_turn_too_late);
  fixture_add ("/scanner/rest", test_rest);
  fixture_add ("/scanner/back-at-once", test_back_at_once);
  fixture_add ("/scanner/files", test_files);
  fixture_add ("/scanner/close", test_close);
  return g_test_run ();
}
