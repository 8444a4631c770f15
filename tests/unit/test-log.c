/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Log lines as they come out of stderr: their form, escaping, threshold, batching, and a reader that hangs. */
#include "util/log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS 4
#define LINES   500
#define FLOOD   4000

static int saved_stderr;
static int reading_end;

/* From here to capture_end() stderr goes into a pipe. */
static void
capture_begin (void)
{
  int ends[2];

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  fcntl (ends[1], F_SETPIPE_SZ, 1024 * 1024);
  saved_stderr = dup (STDERR_FILENO);
  dup2 (ends[1], STDERR_FILENO);
  close (ends[1]);
  reading_end = ends[0];
}

static char *
capture_end (void)
{
  GString *got = g_string_new (NULL);
  char buffer[4096];
  ssize_t n;

  dup2 (saved_stderr, STDERR_FILENO);
  close (saved_stderr);
  while ((n = read (reading_end, buffer, sizeof buffer)) > 0)
    g_string_append_len (got, buffer, n);
  close (reading_end);
  return g_string_free (got, FALSE);
}

static void
test_form (void)
{
  static const struct
  {
    const char *value, *expected;
  } rows[] = {
    { "plain", "event name=plain\n" },
    { "a@b.example", "event name=a@b.example\n" },
    { "", "event name=\"\"\n" },
    { "two words", "event name=\"two words\"\n" },
    { "quote\"d", "event name=\"quote\\\"d\"\n" },
    { "back\\slash", "event name=\"back\\\\slash\"\n" },
    { "k=v", "event name=\"k=v\"\n" },
    { "line\r\nforged level=3", "event name=\"line\\r\\nforged level=3\"\n" },
    { "tab\tbell\a\x7f", "event name=\"tab\\tbell\\x07\\x7f\"\n" },
    { "gr\xc3\xbc\xc3\x9f"
      "e",
      "event name=\"gr\xc3\xbc\xc3\x9f"
      "e\"\n" },
    { "c1\xc2\x9b""31m", "event name=\"c1\\xc2\\x9b31m\"\n" },
    { "turn\xe2\x80\xaexe\xe2\x81\xa6", "event name=\"turn\\xe2\\x80\\xaexe\\xe2\\x81\\xa6\"\n" },
    { "line\xe2\x80\xa8two", "event name=\"line\\xe2\\x80\\xa8two\"\n" },
    { "bad\xff\xc3", "event name=\"bad\\xff\\xc3\"\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *got = NULL;

      capture_begin ();
      pb_log (PB_LOG_INFO, "event", "name", rows[i].value, NULL);
      got = capture_end ();
      g_assert_cmpstr (got, ==, rows[i].expected);
    }
}

static void
test_fields (void)
{
  g_autofree char *got = NULL;

  capture_begin ();
  pb_log (PB_LOG_INFO, "accepted", "queue-id", "4XY", "left-out", NULL, "sender", "<>", NULL);
  pb_log (PB_LOG_INFO, "ready", NULL);
  got = capture_end ();
  g_assert_cmpstr (got, ==, "accepted queue-id=4XY sender=<>\nready\n");
}

static void
test_long_value (void)
{
  g_autofree char *long_value = g_strnfill (100000, 'x');
  g_autofree char *got = NULL;

  capture_begin ();
  pb_log (PB_LOG_INFO, "event", "name", long_value, "after", "y", NULL);
  got = capture_end ();
  g_assert_true (g_str_has_suffix (got, "\" after=y\n"));
  g_assert_cmpuint (strlen (got), <, 5000);
}

static void
test_threshold (void)
{
  g_autofree char *got = NULL;

  g_assert_cmpint (pb_log_threshold (), ==, PB_LOG_INFO);
  capture_begin ();
  pb_log (PB_LOG_DEBUG, "hidden", NULL);
  pb_log_set_threshold (PB_LOG_DEBUG);
  pb_log (PB_LOG_DEBUG, "shown", NULL);
  pb_log_set_threshold (PB_LOG_INFO);
  pb_log (PB_LOG_DEBUG, "hidden", NULL);
  got = capture_end ();
  g_assert_cmpstr (got, ==, "shown\n");
}

static gpointer
log_main (gpointer data)
{
  for (guint i = 0; i < LINES; i++)
    {
      char number[16];

      g_snprintf (number, sizeof number, "%u", i);
      pb_log (PB_LOG_INFO, data, "n", number, NULL);
    }
  return NULL;
}

static void
test_threads (void)
{
  static const char *const names[THREADS] = { "one", "two", "three", "four" };
  g_autofree char *got = NULL;
  g_auto (GStrv) lines = NULL;
  guint next[THREADS] = { 0 }, total = 0;
  GThread *threads[THREADS];

  capture_begin ();
  pb_log_start (PB_LOG_INFO);
  for (guint i = 0; i < THREADS; i++)
    threads[i] = g_thread_new ("log", log_main, (gpointer) names[i]);
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  pb_log_stop ();
  pb_log (PB_LOG_INFO, "after", NULL);
  got = capture_end ();
  lines = g_strsplit (got, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    for (guint i = 0; i < THREADS; i++)
      {
        g_autofree char *expected = g_strdup_printf ("%s n=%u", names[i], next[i]);

        if (!g_str_equal (*line, expected))
          continue;
        next[i]++;
        total++;
      }
  /* Whole lines, each thread's in order, none missing; what is said after the end is written at once. */
  g_assert_cmpuint (total, ==, THREADS * LINES);
  g_assert_true (g_str_has_suffix (got, "\nafter\n"));
}

static gpointer
read_main (gpointer data)
{
  GString *got = g_string_new (NULL);
  char buffer[65536];
  ssize_t n;

  while ((n = read (reading_end, buffer, sizeof buffer)) > 0)
    g_string_append_len (got, buffer, n);
  return got;
}

/* Nobody reads stderr: callers do not wait, and how many lines were lost is said once somebody does. */
static void
test_hanging_reader (void)
{
  g_autofree char *value = g_strnfill (2000, 'v');
  guint64 written = 0, dropped = 0;
  GThread *reader;
  GString *got;

  capture_begin ();
  pb_log_start (PB_LOG_INFO);
  for (guint i = 0; i < FLOOD; i++)
    pb_log (PB_LOG_INFO, "flood", "value", value, NULL);
  reader = g_thread_new ("read", read_main, NULL);
  pb_log_stop ();
  dup2 (saved_stderr, STDERR_FILENO);
  close (saved_stderr);
  got = g_thread_join (reader);
  close (reading_end);
  for (const char *line = got->str; *line != '\0';
       line = (const char *) memchr (line, '\n', (gsize) (got->str + got->len - line)) + 1)
    {
      written += g_str_has_prefix (line, "flood ");
      if (g_str_has_prefix (line, "log-lines-dropped count="))
        dropped += g_ascii_strtoull (line + strlen ("log-lines-dropped count="), NULL, 10);
    }
  g_assert_cmpuint (dropped, >, 0);
  g_assert_cmpuint (written + dropped, ==, FLOOD);
  g_string_free (got, TRUE);
}

/* The journal's own field, not one of ours; nothing for readers of text. */
static void
test_kind (void)
{
  g_autofree char *got = NULL;

  capture_begin ();
  pb_log_start (PB_LOG_INFO);
  pb_log (PB_LOG_INFO, "test-event", PB_LOG_KIND, "0123456789abcdef0123456789abcdef", "a", "b", NULL);
  pb_log_stop ();
  got = capture_end ();
  g_assert_cmpstr (got, ==, "test-event a=b\n");
}

/* When stderr is the journal's stream lines go to the journal by its own protocol, and none to stderr as text. */
static void
test_journal_stream (void)
{
  g_autofree char *stream = NULL;
  g_autofree char *got = NULL;
  struct stat status;

  capture_begin ();
  g_assert_cmpint (fstat (STDERR_FILENO, &status), ==, 0);
  stream = g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64) status.st_dev,
                            (guint64) status.st_ino);
  g_setenv ("JOURNAL_STREAM", stream, TRUE);
  pb_log_start (PB_LOG_INFO);
  pb_log (PB_LOG_INFO, "test-event", "queue-id", "4XY", "left-out", NULL, "text", "a \"b\"\n", NULL);
  pb_log (PB_LOG_INFO, "test-event", NULL);
  pb_log_stop ();
  g_unsetenv ("JOURNAL_STREAM");
  pb_log_start (PB_LOG_INFO);
  pb_log (PB_LOG_INFO, "text-again", NULL);
  pb_log_stop ();
  got = capture_end ();
  g_assert_cmpstr (got, ==, "text-again\n");
}

int
main (int argc, char *argv[])
{
  g_unsetenv ("JOURNAL_STREAM");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/log/form", test_form);
  g_test_add_func ("/log/fields", test_fields);
  g_test_add_func ("/log/long-value", test_long_value);
  g_test_add_func ("/log/threshold", test_threshold);
  g_test_add_func ("/log/threads", test_threads);
  g_test_add_func ("/log/hanging-reader", test_hanging_reader);
  g_test_add_func ("/log/kind", test_kind);
  g_test_add_func ("/log/journal-stream", test_journal_stream);
  return g_test_run ();
}
