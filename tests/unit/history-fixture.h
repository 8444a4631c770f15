/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the history's tests share: a folder with a history, records to hand in, and searches that wait for their answer. */
#include "fault-vfs.h"
#include "store-fixture.h"
#include "store/history.h"
#include "util/clock.h"

#define DAY (86400 * (gint64) G_USEC_PER_SEC)

typedef struct
{
  char *directory;    /* (owned) */
  char *path;         /* (owned) */
  PbMailbox *mailbox; /* (owned) */
  PbHistory *history; /* (owned) (nullable) */
  PbHistoryState state;
} Bed;

typedef struct
{
  gboolean called;
  GVariant *rows; /* (owned) (nullable) */
  guint total;
  GError *error; /* (owned) (nullable) */
} Found;

static inline void
found_clear (Found *self)
{
  g_clear_pointer (&self->rows, g_variant_unref);
  g_clear_error (&self->error);
  self->called = FALSE;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Found, found_clear)

static inline void
on_found (GVariant *rows, guint total, const GError *error, gpointer data)
{
  Found *self = data;

  self->called = TRUE;
  self->rows = rows != NULL ? g_variant_ref (rows) : NULL;
  self->total = total;
  self->error = error != NULL ? g_error_copy (error) : NULL;
}

static inline void
on_state (PbHistory *history, PbHistoryState state, guint64 dropped, gpointer data)
{
  Bed *self = data;

  self->state = state;
}

static inline void
set_up (Bed *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_atomic_int_set (&fault_write_code, 0);
  self->directory = g_dir_make_tmp ("postbus-test-XXXXXX", &error);
  g_assert_no_error (error);
  self->path = g_build_filename (self->directory, "history.db", NULL);
  self->mailbox = pb_mailbox_new ();
  self->history = pb_history_open (self->directory);
  pb_history_watch (self->history, self->mailbox, on_state, self);
}

static inline void
tear_down (Bed *self, gconstpointer data)
{
  g_clear_pointer (&self->history, pb_history_close);
  pb_mailbox_dispatch (self->mailbox);
  pb_mailbox_unref (self->mailbox);
  remove_tree (self->directory);
  g_free (self->directory);
  g_free (self->path);
}

static inline PbHistoryMessage *
make_message (guint64 id, gint64 time, const char *sender, const char *recipient)
{
  PbHistoryMessage *message = pb_history_message_new (id);

  message->time = time;
  message->size = 4096;
  message->client = g_strdup ("192.0.2.7");
  message->helo = g_strdup ("mail.example.com");
  message->sender = g_strdup (sender);
  message->reply = g_strdup ("250 2.0.0 queued");
  if (recipient != NULL)
    pb_history_message_add_recipient (message, recipient, NULL, PB_HISTORY_ACCEPTED, NULL, NULL);
  return message;
}

static inline void
add_line (PbHistoryMessage *message, const char *check, const char *outcome, const char *evidence)
{
  PbHistoryLine line = {
    .time = message->time,
    .stage = "rcpt",
    .check = check,
    .outcome = outcome,
    .evidence = evidence,
  };

  pb_history_message_add_line (message, &line);
}

static inline PbHistoryAttempt *
make_attempt (guint64 id, PbHistoryEvent event, const char *reply)
{
  PbHistoryAttempt *attempt = pb_history_attempt_new (id, 1);

  attempt->began = pb_clock_wall ();
  attempt->ended = attempt->began + 1500000;
  attempt->remote = g_strdup ("mx.example.net[192.0.2.61]:25");
  attempt->transcript = g_strdup ("S: 220 ready\r\nC: EHLO x\r\n");
  attempt->results[0].event = event;
  g_strlcpy (attempt->results[0].status, "2.0.0", sizeof attempt->results[0].status);
  attempt->results[0].reply = g_strdup (reply);
  return attempt;
}

static inline void
search (Bed *self, PbHistoryFilter *filter, guint offset, guint limit, Found *found)
{
  found_clear (found);
  pb_history_search (self->history, filter, offset, limit, self->mailbox, on_found, found);
  wait_for (self->mailbox, &found->called);
}

static inline const char *
row_text (const Found *found, guint index, const char *key)
{
  g_autoptr (GVariant) row = g_variant_get_child_value (found->rows, index);
  const char *text = NULL;

  g_variant_lookup (row, key, "&s", &text);
  return text;
}

static inline guint64
row_id (const Found *found, guint index)
{
  guint64 id = 0;

  g_assert_true (pb_queue_id_parse (row_text (found, index, "Id"), &id));
  return id;
}

static inline PbHistoryFilter *
by_text (const char *text)
{
  PbHistoryFilter *filter = g_new0 (PbHistoryFilter, 1);

  filter->text = g_strdup (text);
  return filter;
}

static inline void
assert_texts (Bed *self, const char *text, guint total)
{
  g_auto (Found) found = { 0 };

  search (self, by_text (text), 0, 50, &found);
  g_assert_no_error (found.error);
  if (found.total != total)
    g_error ("“%s”: %u found, not %u", text, found.total, total);
  g_assert_cmpuint (g_variant_n_children (found.rows), ==, total);
}

/* A search waits for the writer, but not for ever: behind many records it is asked again. */
static inline void
wait_for_total (Bed *self, guint total)
{
  gint64 deadline = g_get_monotonic_time () + WAIT_US;
  g_auto (Found) found = { 0 };

  do
    {
      search (self, NULL, 0, 1, &found);
      g_assert_no_error (found.error);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    }
  while (found.total != total);
}

static inline gint64
file_octets (Bed *self)
{
  GStatBuf status;

  g_assert_cmpint (g_stat (self->path, &status), ==, 0);
  return status.st_size;
}

static inline void
add (const char *path, void (*test) (Bed *, gconstpointer))
{
  g_test_add (path, Bed, NULL, set_up, test, tear_down);
}
