/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recipients of Domain List domains: asked once, kept for a while, and never more than so many. */
#include "settings/registry.h"
#include "settings/remote-recipients.h"
#include <string.h>

typedef struct
{
  PbMailbox *mailbox;
  PbSnapshot *snapshot;
  PbRemoteRecipients *recipients;
  GPtrArray *asked; /* keys */
  GString *heard;   /* one letter an answer: Known, Unknown, unTold */
} Bed;

static void
on_ask (PbSnapshot *snapshot, const char *key, const char *recipient, gpointer data)
{
  g_assert_true (g_str_has_suffix (key, recipient));
  g_ptr_array_add (((Bed *) data)->asked, g_strdup (key));
}

static void
on_found (PbRemoteState state, gpointer user_data)
{
  g_string_append_c (user_data, "KUT"[state]);
}

static PbSnapshot *
make_snapshot (Bed *bed, const char *target)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  g_autofree char *row = g_strdup_printf ("{'Name': <'d'>, 'Domain': <'d.example'>, 'Target': <'%s'>}", target);
  PbSnapshot *snapshot;

  pb_snapshot_builder_add_row (builder, PB_LIST_DOMAIN_LIST, NULL, row);
  pb_snapshot_builder_add_row (builder, PB_LIST_DOMAIN_LIST, NULL,
                               "{'Name': <'u'>, 'Domain': <'unasked.example'>, 'VerifyRecipients': <false>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_DOMAIN_LIST, NULL,
                               "{'Name': <'o'>, 'Domain': <'other.example'>}");
  snapshot = pb_snapshot_builder_build (builder);
  snapshot->remote_recipients = pb_remote_recipients_ref (bed->recipients);
  return snapshot;
}

static void
bed_init (Bed *bed, guint max, guint max_asked)
{
  bed->mailbox = pb_mailbox_new ();
  bed->recipients = pb_remote_recipients_new (max, max_asked, on_ask, bed);
  bed->snapshot = make_snapshot (bed, "10.0.0.5");
  bed->asked = g_ptr_array_new_with_free_func (g_free);
  bed->heard = g_string_new (NULL);
}

static void
bed_clear (Bed *bed)
{
  pb_snapshot_unref (bed->snapshot);
  pb_remote_recipients_unref (bed->recipients);
  pb_mailbox_unref (bed->mailbox);
  g_ptr_array_unref (bed->asked);
  g_string_free (bed->heard, TRUE);
}

/* As the policy does. */
static void
find (Bed *bed, const char *recipient)
{
  const char *domain = strchr (recipient, '@') + 1;
  PbRemoteState state;

  if (pb_snapshot_peek_remote_recipient (bed->snapshot, domain, recipient, &state))
    on_found (state, bed->heard);
  else
    pb_snapshot_find_remote_recipient (bed->snapshot, domain, recipient, bed->mailbox, on_found,
                                       bed->heard);
}

static void
answer (Bed *bed, guint asked, PbRemoteState state, gboolean silent)
{
  pb_remote_recipients_answer (bed->recipients, bed->asked->pdata[asked], state, silent);
}

static void
expect (Bed *bed, const char *heard, guint n_asked)
{
  pb_mailbox_dispatch (bed->mailbox);
  g_assert_cmpstr (bed->heard->str, ==, heard);
  g_assert_cmpuint (bed->asked->len, ==, n_asked);
  g_string_truncate (bed->heard, 0);
}

static void
test_cache (void)
{
  Bed bed;

  bed_init (&bed, 100, 100);
  /* Asked together, answered together. */
  find (&bed, "a@d.example");
  find (&bed, "a@d.example");
  find (&bed, "b@d.example");
  expect (&bed, "", 2);
  answer (&bed, 0, PB_REMOTE_KNOWN, FALSE);
  answer (&bed, 1, PB_REMOTE_UNKNOWN, FALSE);
  expect (&bed, "KKU", 2);
  find (&bed, "a@d.example");
  find (&bed, "b@d.example");
  expect (&bed, "KU", 2);
  /* Local parts are the other server's to compare. */
  find (&bed, "A@d.example");
  expect (&bed, "", 3);
  answer (&bed, 2, PB_REMOTE_UNTOLD, FALSE);
  find (&bed, "A@d.example");
  expect (&bed, "TT", 3);
  /* What is found out after all counts. */
  answer (&bed, 2, PB_REMOTE_KNOWN, FALSE);
  find (&bed, "A@d.example");
  expect (&bed, "K", 3);
  bed_clear (&bed);
}

static void
test_unwanted (void)
{
  Bed bed;

  bed_init (&bed, 100, 100);
  find (&bed, "a@unasked.example");
  find (&bed, "a@nowhere.example");
  expect (&bed, "TT", 0);
  bed_clear (&bed);
}

/* Another target is another server: what the first said holds no more. */
static void
test_target (void)
{
  Bed bed;

  bed_init (&bed, 100, 100);
  find (&bed, "a@d.example");
  answer (&bed, 0, PB_REMOTE_UNKNOWN, FALSE);
  expect (&bed, "U", 1);
  pb_snapshot_unref (bed.snapshot);
  bed.snapshot = make_snapshot (&bed, "10.0.0.6");
  find (&bed, "a@d.example");
  answer (&bed, 1, PB_REMOTE_KNOWN, FALSE);
  expect (&bed, "K", 2);
  bed_clear (&bed);
}

/* A server that is silent is left alone; what is known of it still counts, and others are asked. */
static void
test_silence (void)
{
  Bed bed;

  bed_init (&bed, 100, 100);
  find (&bed, "known@d.example");
  answer (&bed, 0, PB_REMOTE_KNOWN, FALSE);
  find (&bed, "a@d.example");
  answer (&bed, 1, PB_REMOTE_UNTOLD, TRUE);
  expect (&bed, "KT", 2);
  find (&bed, "b@d.example");
  find (&bed, "known@d.example");
  expect (&bed, "TK", 2);
  find (&bed, "a@other.example");
  expect (&bed, "", 3);
  answer (&bed, 2, PB_REMOTE_KNOWN, FALSE);
  expect (&bed, "K", 3);
  bed_clear (&bed);
}

static void
test_bounds (void)
{
  Bed bed;

  bed_init (&bed, 3, 2);
  find (&bed, "a@d.example");
  find (&bed, "b@d.example");
  find (&bed, "c@d.example"); /* one too many at one time */
  expect (&bed, "T", 2);
  answer (&bed, 0, PB_REMOTE_KNOWN, FALSE);
  answer (&bed, 1, PB_REMOTE_KNOWN, FALSE);
  expect (&bed, "KK", 2);
  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *recipient = g_strdup_printf ("n%u@d.example", i);

      find (&bed, recipient);
      answer (&bed, 2 + i, PB_REMOTE_UNKNOWN, FALSE);
      find (&bed, "n0@d.example"); /* used, so it stays */
    }
  expect (&bed, "UUUUUUUUUUUUUUUUUUUU", 12);
  find (&bed, "a@d.example"); /* pushed out */
  expect (&bed, "", 13);
  answer (&bed, 12, PB_REMOTE_KNOWN, FALSE);
  expect (&bed, "K", 13);
  bed_clear (&bed);
}

static void
test_close (void)
{
  Bed bed;

  bed_init (&bed, 100, 100);
  find (&bed, "a@d.example");
  pb_remote_recipients_close (bed.recipients);
  answer (&bed, 0, PB_REMOTE_UNKNOWN, FALSE);
  find (&bed, "a@d.example");
  find (&bed, "b@d.example");
  expect (&bed, "TTT", 1);
  bed_clear (&bed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/remote-recipients/cache", test_cache);
  g_test_add_func ("/remote-recipients/unwanted", test_unwanted);
  g_test_add_func ("/remote-recipients/target", test_target);
  g_test_add_func ("/remote-recipients/silence", test_silence);
  g_test_add_func ("/remote-recipients/bounds", test_bounds);
  g_test_add_func ("/remote-recipients/close", test_close);
  return g_test_run ();
}
