/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One structured line an event, written by a thread of its own.
 *
 * Any thread calls pb_log(): it formats into a shared buffer under a short lock and goes on. The log
 * thread gathers for 20 ms, or until an error is logged, then writes all lines to stderr by one call, or
 * hands each to the journal with its fields when stderr is the journal's stream. When the reader of stderr
 * hangs and the buffer is full, lines are dropped and counted, and the count is logged: mail goes on.
 */
#include "util/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define GATHER_USEC (20 * 1000)
#define MAX_WAITING (4 * 1024 * 1024)
#define MAX_FIELDS  32
#define WRITE_AHEAD (64 * 1024)
#define MAX_VALUE   4096

typedef struct
{
  GMutex lock;
  GCond wake;
  GThread *thread;  /* (owned) (nullable) */
  gboolean ending;  /* under lock */
  gboolean asleep;  /* under lock: the thread waits for a first line */
  gboolean urgent;  /* under lock: do not gather */
  guint64 dropped;  /* under lock: lines lost since last told */
  GString *waiting; /* (owned) (nullable) under lock: text lines, or framed journal entries */
  gboolean framed;  /* under lock: which of them @waiting has; settled by its first line */
} LogState;

static LogState state;
static gint threshold = PB_LOG_INFO; /* atomic */
static gint to_journal = -1;         /* atomic; -1: not looked yet */
static gint target = PB_LOG_AUTO;    /* atomic */

static gboolean
stderr_is_journal (void)
{
  const char *stream = g_getenv ("JOURNAL_STREAM");
  guint64 device, inode;
  struct stat status;

  if (stream == NULL
      || sscanf (stream, "%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, &device, &inode) != 2)
    return FALSE;
  return fstat (STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

static gboolean
use_journal (void)
{
  gint known = g_atomic_int_get (&to_journal);

  if (g_atomic_int_get (&target) != PB_LOG_AUTO)
    return g_atomic_int_get (&target) == PB_LOG_JOURNAL;
  if (known < 0)
    {
      known = stderr_is_journal ();
      g_atomic_int_set (&to_journal, known);
    }
  return known;
}

static void
append_escape (GString *out, guchar c)
{
  char code[8];

  if (c == '"' || c == '\\')
    g_snprintf (code, sizeof code, "\\%c", c);
  else if (c == '\n' || c == '\r' || c == '\t')
    g_snprintf (code, sizeof code, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
  else
    g_snprintf (code, sizeof code, "\\x%02x", c);
  g_string_append (out, code);
}

/* Of the UTF-8 character at @at: controls, line separators, and what changes the order in which a terminal shows a line. */
static gboolean
is_control (const char *at)
{
  gunichar c;

  if ((guchar) *at < 0x80)
    return (guchar) *at < ' ' || *at == 0x7f;
  c = g_utf8_get_char (at);
  return c < 0xa0 || c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e)
         || (c >= 0x2066 && c <= 0x2069);
}

/* How many octets at @value, which is UTF-8 up to @end, stand for themselves. */
static gsize
clean_length (const char *value, const char *end, gboolean quote)
{
  const char *at = value;

  while (at < end && !is_control (at) && !(quote && (*at == '"' || *at == '\\')))
    at = g_utf8_next_char (at);
  return (gsize) (at - value);
}

/* Returns: what follows the character at @value. */
static const char *
append_escaped_character (GString *out, const char *value)
{
  const char *next = g_utf8_next_char (value);

  while (value < next)
    append_escape (out, (guchar) *value++);
  return next;
}

/* Appends @value without control characters and bytes that are no UTF-8: they come out as \n, \r, \t or \xHH. */
static void
append_escaped (GString *out, const char *value, gboolean quote)
{
  const char *end = value + strnlen (value, MAX_VALUE);

  while (value < end)
    {
      const char *valid;

      g_utf8_validate_len (value, (gsize) (end - value), &valid);
      while (value < valid)
        {
          gsize clean = clean_length (value, valid, quote);

          g_string_append_len (out, value, (gssize) clean);
          value += clean;
          if (value < valid)
            value = append_escaped_character (out, value);
        }
      if (value < end)
        append_escape (out, (guchar) *value++);
    }
}

static gboolean
is_plain (const char *value)
{
  if (*value == '\0')
    return FALSE;
  for (; *value != '\0'; value++)
    if (!g_ascii_isgraph (*value) || *value == '"' || *value == '\\' || *value == '=')
      return FALSE;
  return TRUE;
}

static void
append_text (GString *out, const char *event, va_list fields)
{
  const char *name;

  append_escaped (out, event, FALSE);
  while ((name = va_arg (fields, const char *)) != NULL)
    {
      const char *value = va_arg (fields, const char *);

      if (value == NULL || strcmp (name, PB_LOG_KIND) == 0)
        continue;
      g_string_append_c (out, ' ');
      g_string_append (out, name);
      g_string_append_c (out, '=');
      if (is_plain (value) && strlen (value) <= MAX_VALUE)
        {
          g_string_append (out, value);
          continue;
        }
      g_string_append_c (out, '"');
      append_escaped (out, value, TRUE);
      g_string_append_c (out, '"');
    }
}

/* A framed entry is a guint32 count, then for each field a guint32 length and "NAME=value". */
static void
frame_begin (GString *out, gsize *mark)
{
  guint32 unknown = 0;

  *mark = out->len;
  g_string_append_len (out, (const char *) &unknown, sizeof unknown);
}

static void
frame_end (GString *out, gsize mark)
{
  guint32 length = (guint32) (out->len - mark - sizeof length);

  memcpy (out->str + mark, &length, sizeof length);
}

static void
append_field_name (GString *out, const char *name)
{
  if (strcmp (name, PB_LOG_KIND) != 0)
    g_string_append (out, "POSTBUS_");
  for (; *name != '\0'; name++)
    g_string_append_c (out, *name == '-' ? '_' : g_ascii_toupper (*name));
  g_string_append_c (out, '=');
}

static void
append_journal (GString *out, PbLogLevel level, const char *event, va_list fields)
{
  gsize entry = out->len, mark;
  guint32 n_fields = 3;
  va_list again;
  const char *name;

  g_string_append_len (out, (const char *) &n_fields, sizeof n_fields);
  frame_begin (out, &mark);
  g_string_append_printf (out, "PRIORITY=%d", level);
  frame_end (out, mark);
  frame_begin (out, &mark);
  g_string_append (out, "SYSLOG_IDENTIFIER=postbusd");
  frame_end (out, mark);
  frame_begin (out, &mark);
  g_string_append (out, "MESSAGE=");
  va_copy (again, fields);
  append_text (out, event, again);
  va_end (again);
  frame_end (out, mark);
  while ((name = va_arg (fields, const char *)) != NULL)
    {
      const char *value = va_arg (fields, const char *);

      if (value == NULL || n_fields == MAX_FIELDS)
        continue;
      frame_begin (out, &mark);
      append_field_name (out, name);
      append_escaped (out, value, FALSE);
      frame_end (out, mark);
      n_fields++;
    }
  memcpy (out->str + entry, &n_fields, sizeof n_fields);
}

static guint32
read_number (const char **at)
{
  guint32 number;

  memcpy (&number, *at, sizeof number);
  *at += sizeof number;
  return number;
}

static void
write_journal (const GString *entries)
{
  const char *at = entries->str, *end = at + entries->len;
  struct iovec fields[MAX_FIELDS];

  while (at < end)
    {
      guint32 n = read_number (&at);

      for (guint32 i = 0; i < n; i++)
        {
          fields[i].iov_len = read_number (&at);
          fields[i].iov_base = (char *) at;
          at += fields[i].iov_len;
        }
      sd_journal_sendv (fields, (int) n);
    }
}

static void
write_text (const GString *lines)
{
  const char *at = lines->str, *end = at + lines->len;

  while (at < end)
    {
      ssize_t written = write (STDERR_FILENO, at, (gsize) (end - at));
      struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };

      if (written > 0)
        at += written;
      else if (written < 0 && errno == EAGAIN)
        poll (&ready, 1, 1000);
      else if (written == 0 || errno != EINTR)
        return; /* stderr is gone; there is nobody left to tell */
    }
}

static void
write_out (const GString *waiting, gboolean framed)
{
  if (framed)
    write_journal (waiting);
  else
    write_text (waiting);
}

static void
append_line (GString *out, gboolean framed, PbLogLevel level, const char *event, va_list fields)
{
  if (framed)
    {
      append_journal (out, level, event, fields);
      return;
    }
  append_text (out, event, fields);
  g_string_append_c (out, '\n');
}

static void G_GNUC_NULL_TERMINATED
append_event (GString *out, gboolean framed, PbLogLevel level, const char *event, ...)
{
  va_list fields;

  va_start (fields, event);
  append_line (out, framed, level, event, fields);
  va_end (fields);
}

/* Under lock; waits for a first line, then a little for more. Returns: FALSE when it is time to end. */
static gboolean
gather (void)
{
  gint64 until;

  while (state.waiting->len == 0 && !state.ending)
    {
      state.asleep = TRUE;
      g_cond_wait (&state.wake, &state.lock);
    }
  state.asleep = FALSE;
  until = g_get_monotonic_time () + GATHER_USEC;
  while (!state.ending && !state.urgent && state.waiting->len < WRITE_AHEAD)
    if (!g_cond_wait_until (&state.wake, &state.lock, until))
      break;
  state.urgent = FALSE;
  return state.waiting->len > 0 || !state.ending;
}

static gpointer
log_main (gpointer data)
{
  GString *writing = g_string_new (NULL);

  g_mutex_lock (&state.lock);
  while (gather ())
    {
      GString *full = state.waiting;
      gboolean framed = state.framed;

      state.waiting = writing;
      writing = full;
      if (state.dropped > 0)
        {
          char count[24];

          g_snprintf (count, sizeof count, "%" G_GUINT64_FORMAT, state.dropped);
          state.framed = use_journal ();
          append_event (state.waiting, state.framed, PB_LOG_WARNING, "log-lines-dropped", "count", count, NULL);
          state.dropped = 0;
        }
      g_mutex_unlock (&state.lock);
      write_out (writing, framed);
      if (writing->allocated_len > WRITE_AHEAD * 4)
        g_string_free (g_steal_pointer (&writing), TRUE);
      if (writing == NULL)
        writing = g_string_new (NULL);
      g_string_truncate (writing, 0);
      g_mutex_lock (&state.lock);
    }
  g_mutex_unlock (&state.lock);
  g_string_free (writing, TRUE);
  return NULL;
}

void
pb_log_start (PbLogLevel level)
{
  pb_log_set_threshold (level);
  g_mutex_lock (&state.lock);
  if (state.thread == NULL)
    {
      state.ending = FALSE;
      state.waiting = g_string_new (NULL);
      g_atomic_int_set (&to_journal, -1);
      state.thread = g_thread_new ("log", log_main, NULL);
    }
  g_mutex_unlock (&state.lock);
}

void
pb_log_stop (void)
{
  GThread *thread;

  g_mutex_lock (&state.lock);
  thread = g_steal_pointer (&state.thread);
  state.ending = TRUE;
  g_cond_signal (&state.wake);
  g_mutex_unlock (&state.lock);
  if (thread == NULL)
    return;
  g_thread_join (thread);
  /* Lines logged while the thread ended were still written by it or lie here. */
  g_mutex_lock (&state.lock);
  write_out (state.waiting, state.framed);
  g_string_free (g_steal_pointer (&state.waiting), TRUE);
  g_mutex_unlock (&state.lock);
}

void
pb_log_set_threshold (PbLogLevel level)
{
  g_atomic_int_set (&threshold, (gint) level);
}

PbLogLevel
pb_log_threshold (void)
{
  return (PbLogLevel) g_atomic_int_get (&threshold);
}

void
pb_log_set_target (PbLogTarget to)
{
  g_atomic_int_set (&target, (gint) to);
}

PbLogTarget
pb_log_target (void)
{
  PbLogTarget set = (PbLogTarget) g_atomic_int_get (&target);

  if (set != PB_LOG_AUTO)
    return set;
  return use_journal () ? PB_LOG_JOURNAL : PB_LOG_CONSOLE;
}

void
pb_log (PbLogLevel level, const char *event, ...)
{
  va_list fields;

  if ((gint) level > g_atomic_int_get (&threshold) || g_atomic_int_get (&target) == PB_LOG_NOWHERE)
    return;
  va_start (fields, event);
  g_mutex_lock (&state.lock);
  if (state.waiting == NULL)
    {
      g_autoptr (GString) line = g_string_new (NULL);

      gboolean framed = use_journal ();

      append_line (line, framed, level, event, fields);
      write_out (line, framed);
    }
  else if (state.waiting->len > MAX_WAITING)
    state.dropped++;
  else
    {
      if (state.waiting->len == 0)
        state.framed = use_journal ();
      append_line (state.waiting, state.framed, level, event, fields);
      state.urgent |= level <= PB_LOG_ERROR;
      if (state.asleep || state.urgent || state.waiting->len >= WRITE_AHEAD)
        g_cond_signal (&state.wake);
      state.asleep = FALSE;
    }
  g_mutex_unlock (&state.lock);
  va_end (fields);
}
