/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Maildir delivery in a directory of the test's own: content, names, hostile mailboxes, loops, redo, disk trouble. */
#include "delivery/maildir-private.h"
#include "delivery/maildir.h"
#include "settings/registry.h"
#include "store-fixture.h"
#include "store/body-private.h"
#include <errno.h>
#include <sys/stat.h>

#define ACCOUNT "7b1d4c1e-6a46-4a0f-9a56-0c6b3a2f9e01"

typedef struct
{
  Fixture base;
  PbMaildir *maildir;
  PbSnapshot *snapshot;
  GPtrArray *answers; /* (element-type PbDelivery) */
} MaildirFixture;

static void
set_up (MaildirFixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  fixture_set_up (&self->base, NULL);
  self->maildir = pb_maildir_new (self->base.directory, &error);
  g_assert_no_error (error);
  g_free (values->general_hostname);
  values->general_hostname = g_strdup ("mail.example.org");
  self->snapshot = pb_snapshot_builder_build (builder);
  self->answers = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_delivery_free);
}

static void
tear_down (MaildirFixture *self, gconstpointer data)
{
  g_clear_pointer (&self->maildir, pb_maildir_free);
  pb_mailbox_dispatch (self->base.mailbox);
  g_ptr_array_unref (self->answers);
  pb_snapshot_unref (self->snapshot);
  fixture_tear_down (&self->base, NULL);
}

static void
on_delivered (PbDelivery *delivery, gpointer user_data)
{
  g_ptr_array_add (user_data, delivery);
}

static void
wait_answers (MaildirFixture *self, guint n)
{
  gint64 deadline = g_get_monotonic_time () + WAIT_US;

  while (self->answers->len < n)
    {
      struct pollfd fd = { .fd = pb_mailbox_fd (self->base.mailbox), .events = POLLIN };

      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      poll (&fd, 1, 1000);
      pb_mailbox_dispatch (self->base.mailbox);
    }
}

/* A LOCAL route to any mailbox name, as a damaged or hostile settings store could give it. */
static PbRoute *
make_route (const char *mailbox)
{
  PbRoute *route = g_atomic_rc_box_new0 (PbRoute);

  route->kind = PB_ROUTE_LOCAL;
  route->key = g_strconcat ("local:", mailbox, NULL);
  route->mailbox = g_strdup (mailbox);
  return route;
}

static void
deliver_body (MaildirFixture *self, guint64 id, const char *mailbox, guint n_recipients,
              PbBody *body)
{
  g_autoptr (PbEnvelope) envelope = pb_envelope_new (id);
  g_autoptr (PbRoute) route = make_route (mailbox);
  g_autofree guint *recipients = g_new (guint, n_recipients);

  envelope->sender = g_strdup ("s@far.example");
  envelope->client = g_strdup ("local");
  envelope->arrival = (gint64) 1700000000 * G_USEC_PER_SEC;
  envelope->n_recipients = n_recipients;
  envelope->recipients = g_new0 (PbRecipient, n_recipients);
  for (guint i = 0; i < n_recipients; i++)
    {
      envelope->recipients[i].address = g_strdup_printf ("anna%u@example.org", i);
      recipients[i] = i;
    }
  pb_maildir_deliver (self->maildir,
                      pb_delivery_new (envelope, body, route, self->snapshot, recipients,
                                       n_recipients),
                      self->base.mailbox, on_delivered, self->answers);
}

static void
deliver (MaildirFixture *self, guint64 id, const char *mailbox, guint n_recipients,
         const char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  g_autoptr (PbBody) body = pb_body_new_bytes (bytes);

  deliver_body (self, id, mailbox, n_recipients, body);
}

static const PbResult *
result (MaildirFixture *self, guint answer, guint position)
{
  return &((PbDelivery *) self->answers->pdata[answer])->results[position];
}

static guint
count_files (MaildirFixture *self, const char *subdirectory)
{
  g_autofree char *path = g_build_filename (self->base.directory, "mail", subdirectory, NULL);
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (directory != NULL && g_dir_read_name (directory) != NULL)
    n++;
  return n;
}

static char *
read_file (MaildirFixture *self, guint64 id, guint recipient)
{
  char id_text[PB_QUEUE_ID_TEXT];
  g_autofree char *name = g_strdup_printf ("1700000000.Q%sR%u.mail.example.org",
                                           pb_queue_id_format (id, id_text), recipient);
  g_autofree char *path =
    g_build_filename (self->base.directory, "mail", ACCOUNT, "new", name, NULL);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

#define TOP "Return-Path: <s@far.example>\nDelivered-To: anna0@example.org\n"

static void
test_content (MaildirFixture *self, gconstpointer data)
{
  static const struct
  {
    const char *body, *file;
  } rows[] = {
    { "Subject: x\r\n\r\none\r\ntwo\r\n", TOP "Subject: x\n\none\ntwo\n" },
    { "Subject: x\r\n\r\n.dot\r\n..\r\n", TOP "Subject: x\n\n.dot\n..\n" },
    { "Subject: x\r\n\r\nno end", TOP "Subject: x\n\nno end" },
    { "Subject: x\r\n\r\na\r\rb\rc\r", TOP "Subject: x\n\na\r\rb\rc\r" },
    { "Subject: x\r\n\r\nFrom here\r\n", TOP "Subject: x\n\nFrom here\n" },
    { "\r\n", TOP "\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = NULL;

      deliver (self, 1 + i, ACCOUNT, 1, rows[i].body);
      wait_answers (self, i + 1);
      g_assert_cmpint (result (self, i, 0)->kind, ==, PB_RESULT_DELIVERED);
      g_assert_cmpstr (result (self, i, 0)->status, ==, "2.0.0");
      text = read_file (self, 1 + i, 0);
      g_assert_cmpstr (text, ==, rows[i].file);
    }
  g_assert_cmpuint (count_files (self, ACCOUNT "/tmp"), ==, 0);
  g_assert_cmpuint (count_files (self, ACCOUNT "/cur"), ==, 0);
}

/* A body in a file, with a CRLF on every block's edge at some offset. */
static void
test_large (MaildirFixture *self, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new ("Subject: x\r\n\r\n");
  g_autoptr (GString) expected = g_string_new (TOP "Subject: x\n\n");
  g_autoptr (PbEnvelope) envelope = NULL;
  g_auto (Answer) answer = { 0 };
  PbSpool *spool = pb_spool_new (self->base.store);
  g_autofree char *file = NULL;

  for (guint i = 0; i < 300000; i++)
    {
      g_string_append (text, i % 5 == 0 ? "xy\r\n" : "\r\n");
      g_string_append (expected, i % 5 == 0 ? "xy\n" : "\n");
    }
  g_byte_array_append (pb_spool_buffer (spool), (const guint8 *) text->str, (guint) text->len);
  envelope = make_envelope (self->base.store, "s@far.example", 1, "a@b.example", text->len);
  pb_store_submit (self->base.store, envelope, spool, self->base.mailbox, on_submitted, &answer);
  wait_for (self->base.mailbox, &answer.called);
  g_assert_no_error (answer.error);
  g_assert_null (pb_body_bytes (answer.body));
  deliver_body (self, 5, ACCOUNT, 1, answer.body);
  wait_answers (self, 1);
  g_assert_cmpint (result (self, 0, 0)->kind, ==, PB_RESULT_DELIVERED);
  file = read_file (self, 5, 0);
  g_assert_true (g_str_equal (file, expected->str));
}

/* Done again, a delivery replaces itself. */
static void
test_redo (MaildirFixture *self, gconstpointer data)
{
  g_autofree char *text = NULL;

  deliver (self, 9, ACCOUNT, 1, "Subject: first\r\n\r\n");
  wait_answers (self, 1);
  deliver (self, 9, ACCOUNT, 1, "Subject: first\r\n\r\nagain\r\n");
  wait_answers (self, 2);
  g_assert_cmpuint (count_files (self, ACCOUNT "/new"), ==, 1);
  text = read_file (self, 9, 0);
  g_assert_cmpstr (text, ==, TOP "Subject: first\n\nagain\n");
}

static void
test_many (MaildirFixture *self, gconstpointer data)
{
  const guint n = 100;

  for (guint i = 0; i < n; i++)
    deliver (self, 1 + i, i % 3 == 0 ? "other" : ACCOUNT, 1 + i % 2, "Subject: x\r\n\r\n");
  wait_answers (self, n);
  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < ((PbDelivery *) self->answers->pdata[i])->n_recipients; j++)
      g_assert_cmpint (result (self, i, j)->kind, ==, PB_RESULT_DELIVERED);
  g_assert_cmpuint (count_files (self, ACCOUNT "/new") + count_files (self, "other/new"), ==,
                    n + n / 2);
  g_assert_cmpuint (count_files (self, ACCOUNT "/tmp") + count_files (self, "other/tmp"), ==, 0);
}

/* No name of a mailbox leads anywhere but to a directory of its own in mail/. */
static void
test_hostile_names (MaildirFixture *self, gconstpointer data)
{
  static const char *const names[] = {
    "",        ".",    "..",
    "../x",    "a/b",  "/etc",
    ".hidden", "a\nb", "a:b",
    "a b",     "ä",    "0123456789012345678901234567890123456789012345678901234567890123456789"
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      deliver (self, 1 + i, names[i], 1, "Subject: x\r\n\r\n");
      wait_answers (self, i + 1);
      g_assert_cmpint (result (self, i, 0)->kind, ==, PB_RESULT_DEFERRED);
      g_assert_cmpstr (result (self, i, 0)->status, ==, "4.3.0");
      g_assert_true (((PbDelivery *) self->answers->pdata[i])->destination_dead);
    }
  g_assert_cmpuint (count_files (self, "."), ==, 0);
}

/* A mailbox that is a link elsewhere is not followed. */
static void
test_link (MaildirFixture *self, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (self->base.directory, "elsewhere", NULL);
  g_autofree char *link = g_build_filename (self->base.directory, "mail", ACCOUNT, NULL);
  g_autofree char *inside = g_build_filename (elsewhere, "new", NULL);

  g_assert_cmpint (g_mkdir_with_parents (inside, 0700), ==, 0);
  g_assert_cmpint (symlink (elsewhere, link), ==, 0);
  deliver (self, 1, ACCOUNT, 1, "Subject: x\r\n\r\n");
  wait_answers (self, 1);
  g_assert_cmpint (result (self, 0, 0)->kind, ==, PB_RESULT_DEFERRED);
  g_assert_cmpuint (count_files (self, "../elsewhere/new"), ==, 0);
}

static void
test_loop (MaildirFixture *self, gconstpointer data)
{
  deliver (
    self, 1, ACCOUNT, 2,
    "Received: x\r\nDelivered-To: ANNA1@example.org\r\nSubject: x\r\n\r\nDelivered-To: anna0@example.org\r\n");
  wait_answers (self, 1);
  g_assert_cmpint (result (self, 0, 0)->kind, ==, PB_RESULT_DELIVERED);
  g_assert_cmpint (result (self, 0, 1)->kind, ==, PB_RESULT_FAILED);
  g_assert_cmpstr (result (self, 0, 1)->status, ==, "5.4.6");
  g_assert_cmpuint (count_files (self, ACCOUNT "/new"), ==, 1);
}

/* What stands in the way defers, and leaves nothing half done; once it is gone the delivery succeeds. */
static void
test_trouble (MaildirFixture *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (self->base.directory, "mail", ACCOUNT, NULL);

  g_assert_true (g_file_set_contents (path, "a file", -1, NULL));
  deliver (self, 1, ACCOUNT, 1, "Subject: x\r\n\r\n");
  wait_answers (self, 1);
  g_assert_cmpint (result (self, 0, 0)->kind, ==, PB_RESULT_DEFERRED);
  g_assert_cmpstr (result (self, 0, 0)->remote, ==, "mailbox");
  g_assert_cmpint (g_unlink (path), ==, 0);
  deliver (self, 1, ACCOUNT, 1, "Subject: x\r\n\r\n");
  wait_answers (self, 2);
  g_assert_cmpint (result (self, 1, 0)->kind, ==, PB_RESULT_DELIVERED);
}

/* What the sender and the log are told of a disk that takes no more. */
static void
test_status (MaildirFixture *self, gconstpointer data)
{
  static const struct
  {
    int system_errno;
    const char *status, *words;
  } rows[] = {
    { EDQUOT, "4.2.2", "the mailbox is full: x" },
    { ENOSPC, "4.3.1", "mailbox cannot be written: x" },
    { EACCES, "4.3.0", "mailbox cannot be written: x" },
  };

  deliver (self, 1, ACCOUNT, 1, "Subject: x\r\n\r\n");
  wait_answers (self, 1);
  for (guint i = 0; i < 2 * G_N_ELEMENTS (rows); i++)
    {
      PbDelivery *delivery = self->answers->pdata[0];
      PbMaildirFile *file = pb_maildir_file_new (delivery, 0);
      g_autoptr (GError) error = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_FAILED, "x");
      int system_errno = rows[i / 2].system_errno;

      delivery->destination_dead = FALSE;
      file->system_errno = system_errno;
      if (i % 2 == 0)
        file->error = g_steal_pointer (&error);
      pb_maildir_file_report (file, error, system_errno);
      g_assert_cmpint (result (self, 0, 0)->kind, ==, PB_RESULT_DEFERRED);
      g_assert_cmpstr (result (self, 0, 0)->status, ==, rows[i / 2].status);
      g_assert_cmpstr (result (self, 0, 0)->reply, ==, rows[i / 2].words);
      g_assert_true (delivery->destination_dead);
      pb_maildir_file_free (file);
    }
}

/* A stored message that is gone is its own trouble, not the mailbox's. */
static void
test_lost_body (MaildirFixture *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (self->base.directory, "spool", NULL);
  PbSpoolDir *directory = pb_spool_dir_open (path, NULL);
  g_autoptr (PbBody) body = pb_body_new_file (directory, "gone", 100000);

  deliver_body (self, 1, ACCOUNT, 1, body);
  wait_answers (self, 1);
  g_assert_cmpint (result (self, 0, 0)->kind, ==, PB_RESULT_DEFERRED);
  g_assert_cmpstr (result (self, 0, 0)->status, ==, "4.3.0");
  g_assert_nonnull (strstr (result (self, 0, 0)->reply, "the stored message cannot be read"));
  g_assert_false (((PbDelivery *) self->answers->pdata[0])->destination_dead);
  g_assert_cmpuint (count_files (self, ACCOUNT "/tmp"), ==, 0);
  pb_spool_dir_unref (directory);
}

/* Freeing waits for what was handed in. */
static void
test_free_waits (MaildirFixture *self, gconstpointer data)
{
  for (guint i = 0; i < 20; i++)
    deliver (self, 1 + i, ACCOUNT, 1, "Subject: x\r\n\r\n");
  g_clear_pointer (&self->maildir, pb_maildir_free);
  pb_mailbox_dispatch (self->base.mailbox);
  g_assert_cmpuint (self->answers->len, ==, 20);
  g_assert_cmpuint (count_files (self, ACCOUNT "/new"), ==, 20);
}

/* Names of links: nothing that could lead elsewhere, hide, or be cut short. */
static void
test_addresses (void)
{
  static const char *const good[] = { "anna@example.org", "a+b@x", "\303\274@x", "-rf@x", "a..b@x", "%2f@x", "*" };
  static const char *const bad[] = { "", ".", "..", ".hidden@x", "../x@y", "a/b@x", "/etc/passwd", "a\nb@x", "a\177@x", "a\001@x" };
  g_autofree char *longest = g_strnfill (255, 'a');
  g_autofree char *longer = g_strnfill (256, 'a');

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (pb_maildir_address_is_safe (good[i]));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (pb_maildir_address_is_safe (bad[i]));
  g_assert_true (pb_maildir_address_is_safe (longest));
  g_assert_false (pb_maildir_address_is_safe (longer));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/maildir/" name, MaildirFixture, NULL, set_up, func, tear_down)
  ADD ("content", test_content);
  ADD ("large", test_large);
  ADD ("redo", test_redo);
  ADD ("many", test_many);
  ADD ("hostile-names", test_hostile_names);
  ADD ("link", test_link);
  ADD ("loop", test_loop);
  ADD ("trouble", test_trouble);
  ADD ("status", test_status);
  ADD ("lost-body", test_lost_body);
  ADD ("free-waits", test_free_waits);
#undef ADD
  g_test_add_func ("/maildir/addresses", test_addresses);
  return g_test_run ();
}
