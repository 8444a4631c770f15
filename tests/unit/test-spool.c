/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages on their way in: small ones in memory, large ones streamed, back-pressure, giving up.
 */
#include "store-fixture.h"

#include "store/body-private.h"
#include <fcntl.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void
on_resumed (gpointer data)
{
  gboolean *resumed = data;

  g_assert_false (*resumed);
  *resumed = TRUE;
}

/* Octets that differ everywhere, so that chunks out of order would show. */
static void
append_pattern (PbSpool *spool, guint64 from, gsize length)
{
  GByteArray *buffer = pb_spool_buffer (spool);
  guint start = buffer->len;

  g_byte_array_set_size (buffer, start + (guint) length);
  for (gsize i = 0; i < length; i++)
    buffer->data[start + i] = (guint8) (((from + i) * 2654435761u) >> 13);
}

static void
assert_pattern (PbBody *body)
{
  g_autofree guint8 *octets = g_malloc (65536);
  guint64 offset = 0;
  gssize n;

  while ((n = pb_body_read (body, offset, octets, 65536, NULL)) > 0)
    {
      for (gssize i = 0; i < n; i++)
        g_assert_cmpuint (octets[i], ==, (guint8) (((offset + (guint64) i) * 2654435761u) >> 13));
      offset += (guint64) n;
    }
  g_assert_cmpint (n, ==, 0);
  g_assert_cmpuint (offset, ==, pb_body_size (body));
}

/* Streams @size octets in pieces, waiting when told to, and submits them. */
static guint64
stream (Fixture *self, gsize size, gsize piece)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (PbEnvelope) envelope =
    make_envelope (self->store, "a@example.org", 1, "b@example.net", size);
  PbSpool *spool = pb_spool_new (self->store);

  for (gsize sent = 0; sent < size; sent += MIN (piece, size - sent))
    {
      gboolean resumed = FALSE;

      append_pattern (spool, sent, MIN (piece, size - sent));
      if (!pb_spool_flush (spool, self->mailbox, on_resumed, &resumed))
        wait_for (self->mailbox, &resumed);
    }
  g_assert_cmpuint (pb_spool_size (spool), ==, size);
  pb_store_submit (self->store, envelope, spool, self->mailbox, on_submitted, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_no_error (answer.error);
  return envelope->id;
}

static void
test_stream (Fixture *self, gconstpointer data)
{
  static const struct
  {
    gsize size, piece;
    gboolean in_file;
  } rows[] = {
    { 0, 1, FALSE },
    { 5000, 100, FALSE },
    { PB_BODY_INLINE_MAX, 4096, FALSE },
    { PB_BODY_INLINE_MAX + 1, 4096, TRUE },
    { 1000000, 1460, TRUE },
    { 5000000, 65536, TRUE },
    { 5000000, 5000000, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (Answer) answer = { 0 };
      guint64 id = stream (self, rows[i].size, rows[i].piece);

      read_body (self, id, &answer);
      g_assert_no_error (answer.error);
      g_assert_true ((pb_body_bytes (answer.body) == NULL) == rows[i].in_file);
      assert_pattern (answer.body);
    }
}

static void
test_body_descriptor (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 id = stream (self, 300000, 65536);
  g_autoptr (GError) error = NULL;
  guint8 octets[8];
  int fd;

  read_body (self, id, &answer);
  fd = pb_body_open (answer.body, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read (fd, octets, sizeof octets), ==, (gssize) sizeof octets);
  g_assert_cmpuint (octets[1], ==, (guint8) (2654435761u >> 13));
  close (fd);
  settle_one (self, id, 0, PB_RECIPIENT_DELIVERED, 1, 0);
  /* The file goes on a thread of its own; closing waits for it. */
  fixture_reopen (self);
  g_assert_cmpint (pb_body_open (answer.body, &error), ==, -1);
  g_assert_error (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND);
}

/* Over 1 MiB between session and disk stops the session until half of it is written. */
static void
test_back_pressure (Fixture *self, gconstpointer data)
{
  gboolean resumed = FALSE;
  PbSpool *spool = pb_spool_new (self->store);

  append_pattern (spool, 0, 64 * 1024);
  g_assert_true (pb_spool_flush (spool, self->mailbox, on_resumed, &resumed));
  append_pattern (spool, 0, 1024);
  g_assert_true (pb_spool_flush (spool, self->mailbox, on_resumed, &resumed));
  append_pattern (spool, 0, 2 * 1024 * 1024);
  g_assert_cmpuint (pb_spool_held (spool), >=, 2 * 1024 * 1024);
  g_assert_false (pb_spool_flush (spool, self->mailbox, on_resumed, &resumed));
  wait_for (self->mailbox, &resumed);
  g_assert_cmpuint (pb_spool_held (spool), <=, 512 * 1024);
  pb_spool_abort (spool);
}

static void
assert_spool_empty (Fixture *self)
{
  static const char *const folders[] = { "spool", "spool/tmp" };

  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *path = fixture_path (self, folders[i]);
      g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
      const char *name;

      while ((name = g_dir_read_name (directory)) != NULL)
        g_assert_cmpstr (name, ==, "tmp");
    }
}

typedef struct
{
  GMutex lock;
  GCond cond;
  gboolean called;
  GByteArray *memory;
  int fd;
} Shared;

static void
on_shared (GByteArray *memory, int fd, gpointer user_data)
{
  Shared *shared = user_data;

  g_mutex_lock (&shared->lock);
  g_assert_false (shared->called);
  shared->called = TRUE;
  shared->memory = memory;
  shared->fd = fd;
  g_cond_signal (&shared->cond);
  g_mutex_unlock (&shared->lock);
}

/* Others read a message as it stands, in memory or in its file, whole, also when it is given up meanwhile. */
static void
test_share (Fixture *self, gconstpointer data)
{
  static const gsize sizes[] = { 1000, 300000, 300000 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      PbSpool *spool = pb_spool_new (self->store);
      Shared shared = { .fd = -1 };
      gboolean resumed = FALSE;

      append_pattern (spool, 0, sizes[i]);
      if (i == 2)
        pb_spool_flush (spool, self->mailbox, on_resumed, &resumed);
      if (i == 1)
        {
          pb_spool_flush (spool, self->mailbox, on_resumed, &resumed);
          append_pattern (spool, sizes[i], 10);
        }
      pb_spool_share (spool, on_shared, &shared);
      if (i == 2)
        pb_spool_abort (g_steal_pointer (&spool));
      g_mutex_lock (&shared.lock);
      while (!shared.called)
        g_cond_wait (&shared.cond, &shared.lock);
      g_mutex_unlock (&shared.lock);
      g_assert_true ((shared.memory != NULL) == (i == 0));
      if (i == 0)
        g_assert_cmpuint (shared.memory->len, ==, sizes[i]);
      if (i == 1)
        {
          g_assert_cmpint (lseek (shared.fd, 0, SEEK_END), ==, sizes[i] + 10);
          g_assert_cmpuint (pb_spool_size (spool), ==, sizes[i] + 10);
        }
      g_clear_pointer (&shared.memory, g_byte_array_unref);
      if (shared.fd >= 0)
        close (shared.fd);
      g_clear_pointer (&spool, pb_spool_abort);
    }
}

static gint slow_open; /* atomic; 1: the next file that is opened to be read is opened slowly, 2: that has begun */

/* In place of the C library's. Slowly: not before the file is gone, or can be taken to stay. */
int
openat (int directory, const char *path, int flags, ...)
{
  mode_t mode = 0;
  va_list arguments;

  va_start (arguments, flags);
  if ((flags & O_CREAT) != 0)
    mode = va_arg (arguments, mode_t);
  va_end (arguments);
  if ((flags & (O_ACCMODE | O_DIRECTORY)) == O_RDONLY && g_atomic_int_compare_and_exchange (&slow_open, 1, 2))
    for (guint i = 0; i < 100 && faccessat (directory, path, F_OK, 0) == 0; i++)
      g_usleep (1000);
  return (int) syscall (SYS_openat, directory, path, flags, mode);
}

/* A message that is given up in the moment in which others begin to read it harms nobody: neither them, who have all of
   it, nor the store, for which that is no failure of the disk. */
static void
test_share_and_abort (Fixture *self, gconstpointer data)
{
  PbSpool *spool = pb_spool_new (self->store);
  Shared shared = { .fd = -1 };
  gboolean resumed = FALSE;

  append_pattern (spool, 0, 300000);
  pb_spool_flush (spool, self->mailbox, on_resumed, &resumed);
  g_atomic_int_set (&slow_open, 1);
  pb_spool_share (spool, on_shared, &shared);
  while (g_atomic_int_get (&slow_open) != 2)
    g_thread_yield ();
  pb_spool_abort (spool);
  g_mutex_lock (&shared.lock);
  while (!shared.called)
    g_cond_wait (&shared.cond, &shared.lock);
  g_mutex_unlock (&shared.lock);
  g_assert_cmpint (pb_store_state (self->store), ==, PB_STORE_OK);
  g_assert_cmpint (lseek (shared.fd, 0, SEEK_END), ==, 300000);
  close (shared.fd);
  g_clear_pointer (&self->store, pb_store_close);
  assert_spool_empty (self);
  self->store = open_store (self->directory);
}

/* Where nothing is left to open the file with, the message is not taken either: whoever was to look at it could not. */
static void
test_share_without_descriptors (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (PbEnvelope) envelope =
    make_envelope (self->store, "a@example.org", 1, "b@example.net", 300000);
  PbSpool *spool = pb_spool_new (self->store);
  Shared shared = { .fd = -1 };
  gboolean resumed = FALSE;
  struct rlimit limit, none;

  append_pattern (spool, 0, 300000);
  pb_spool_flush (spool, self->mailbox, on_resumed, &resumed);
  while (pb_spool_held (spool) > 0)
    g_usleep (1000);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  none = (struct rlimit){ 0, limit.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  pb_spool_share (spool, on_shared, &shared);
  g_mutex_lock (&shared.lock);
  while (!shared.called)
    g_cond_wait (&shared.cond, &shared.lock);
  g_mutex_unlock (&shared.lock);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_null (shared.memory);
  g_assert_cmpint (shared.fd, ==, -1);
  pb_store_submit (self->store, envelope, spool, self->mailbox, on_submitted, &answer);
  wait_for (self->mailbox, &answer.called);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_BUSY);
  g_assert_cmpint (pb_store_state (self->store), ==, PB_STORE_OK);
  assert_counts (self, 0, 0, 0);
}

/* A spool given up while its session waits: no call comes any more, no file stays. */
static void
test_abort (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 20; i++)
    {
      gboolean resumed = FALSE;
      PbSpool *spool = pb_spool_new (self->store);

      append_pattern (spool, 0, i % 2 == 0 ? 3 * 1024 * 1024 : 1000);
      g_assert_true (pb_spool_flush (spool, self->mailbox, on_resumed, &resumed) == (i % 2 != 0));
      pb_spool_abort (spool);
      pb_mailbox_dispatch (self->mailbox);
      g_assert_false (resumed);
    }
  g_clear_pointer (&self->store, pb_store_close);
  pb_mailbox_dispatch (self->mailbox);
  assert_spool_empty (self);
  self->store = open_store (self->directory);
  assert_counts (self, 0, 0, 0);
}

static void
test_many_at_once (Fixture *self, gconstpointer data)
{
  enum
  {
    N = 16
  };
  PbSpool *spools[N];
  Answer answers[N] = { { 0 } };

  for (guint i = 0; i < N; i++)
    spools[i] = pb_spool_new (self->store);
  for (guint round = 0; round < 10; round++)
    for (guint i = 0; i < N; i++)
      {
        append_pattern (spools[i], round * 70000, 70000);
        g_assert_true (pb_spool_flush (spools[i], self->mailbox, on_resumed, NULL));
      }
  for (guint i = 0; i < N; i++)
    {
      g_autoptr (PbEnvelope) envelope =
        make_envelope (self->store, "a@example.org", 1, "b@example.net", 700000);

      pb_store_submit (self->store, envelope, spools[i], self->mailbox, on_submitted, &answers[i]);
    }
  for (guint i = 0; i < N; i++)
    {
      wait_for (self->mailbox, &answers[i].called);
      g_assert_no_error (answers[i].error);
      assert_pattern (answers[i].body);
      answer_clear (&answers[i]);
    }
}

/* ---- a head that is known only behind the body ---- */

/* A message of @size octets of the pattern from @head on, whose first @head are put on top when it has ended. */
static guint64
submit_with_head (Fixture *self, gsize head, gsize size, Answer *answer)
{
  g_autoptr (PbEnvelope) envelope =
    make_envelope (self->store, "a@example.org", 1, "b@example.net", head + size);
  PbSpool *top = pb_spool_new (self->store), *spool = pb_spool_new (self->store);
  g_autoptr (GBytes) bytes = NULL;
  gboolean resumed = FALSE;

  append_pattern (top, 0, head);
  bytes = g_bytes_new (pb_spool_buffer (top)->data, head);
  pb_spool_abort (top);
  append_pattern (spool, head, size);
  if (!pb_spool_flush (spool, self->mailbox, on_resumed, &resumed))
    wait_for (self->mailbox, &resumed);
  if (!pb_spool_prepend (spool, bytes))
    envelope->head = g_bytes_ref (bytes);
  g_assert_true ((envelope->head != NULL) == (size > PB_BODY_INLINE_MAX));
  pb_store_submit (self->store, envelope, spool, self->mailbox, on_submitted, answer);
  wait_for (self->mailbox, &answer->called);
  g_assert_no_error (answer->error);
  g_assert_cmpuint (pb_body_size (answer->body), ==, head + size);
  return envelope->id;
}

/* Reads over the seam from wherever one may begin and end. */
static void
assert_seam (PbBody *body, gsize head)
{
  guint8 octets[64];

  for (gsize from = head > 20 ? head - 20 : 0; from < head + 20; from++)
    for (gsize length = 0; length <= sizeof octets; length++)
      {
        gssize n = pb_body_read (body, from, octets, length, NULL);

        g_assert_cmpint (n, ==, (gssize) MIN (length, pb_body_size (body) - from));
        for (gssize i = 0; i < n; i++)
          g_assert_cmpuint (octets[i], ==, (guint8) (((from + (guint64) i) * 2654435761u) >> 13));
      }
}

typedef struct
{
  gboolean called;
  GBytes *octets; /* (owned) (nullable) */
  guint64 size;
} Look;

static void
on_look (GBytes *octets, guint64 size, const GError *error, gpointer data)
{
  Look *look = data;

  g_assert_no_error (error);
  *look = (Look){ TRUE, g_bytes_ref (octets), size };
}

static void
assert_look (Fixture *self, guint64 id, gsize head, gsize whole)
{
  Look look = { 0 };
  const guint8 *octets;
  guint64 offset = head > 10 ? head - 10 : 0;
  gsize length;

  pb_store_read (self->store, id, offset, 100, self->mailbox, on_look, &look);
  wait_for (self->mailbox, &look.called);
  g_assert_cmpuint (look.size, ==, whole);
  octets = g_bytes_get_data (look.octets, &length);
  g_assert_cmpuint (length, ==, 100);
  for (gsize i = 0; i < length; i++)
    g_assert_cmpuint (octets[i], ==, (guint8) (((offset + i) * 2654435761u) >> 13));
  g_bytes_unref (look.octets);
}

static void
test_head (Fixture *self, gconstpointer data)
{
  static const struct
  {
    gsize head, size;
  } rows[] = {
    { 1, 5000 },
    { 300, PB_BODY_INLINE_MAX },
    { 1, 100000 },
    { 300, 100000 },
    { PB_ENVELOPE_HEAD_MAX, 100000 },
    { PB_ENVELOPE_HEAD_MAX, 3000000 },
  };
  guint64 ids[G_N_ELEMENTS (rows)];

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (Answer) answer = { 0 };

      ids[i] = submit_with_head (self, rows[i].head, rows[i].size, &answer);
      assert_pattern (answer.body);
      assert_seam (answer.body, rows[i].head);
    }
  fixture_reopen (self);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (Answer) answer = { 0 };

      read_body (self, ids[i], &answer);
      g_assert_no_error (answer.error);
      assert_pattern (answer.body);
      assert_seam (answer.body, rows[i].head);
      assert_look (self, ids[i], rows[i].head, rows[i].head + rows[i].size);
      settle_one (self, ids[i], 0, PB_RECIPIENT_DELIVERED, 1, 0);
    }
  assert_counts (self, 0, 0, 0);
}

/* The file alone is held against the digest, with the length that it should have. */
static void
test_head_over_damage (Fixture *self, gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  guint64 id = submit_with_head (self, 300, 100000, &answer);
  char name[PB_QUEUE_ID_TEXT];
  g_autofree char *path =
    g_build_filename (self->directory, "spool", pb_queue_id_format (id, name), NULL);
  int fd = open (path, O_WRONLY | O_APPEND);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, "x", 1), ==, 1);
  close (fd);
  read_body (self, id, &answer);
  g_assert_error (answer.error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT);
  fixture_reopen (self);
  assert_counts (self, 0, 0, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  fixture_add ("/spool/stream", test_stream);
  fixture_add ("/spool/body-descriptor", test_body_descriptor);
  fixture_add ("/spool/back-pressure", test_back_pressure);
  fixture_add ("/spool/share", test_share);
  fixture_add ("/spool/share-and-abort", test_share_and_abort);
  fixture_add ("/spool/share-without-descriptors", test_share_without_descriptors);
  fixture_add ("/spool/abort", test_abort);
  fixture_add ("/spool/many-at-once", test_many_at_once);
  fixture_add ("/spool/head", test_head);
  fixture_add ("/spool/head-over-damage", test_head_over_damage);
  return g_test_run ();
}
