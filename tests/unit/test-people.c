/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of the system's users: asked once, kept for a while, and what addresses make of them. */
#include "settings/people.h"
#include "settings/registry.h"
#include "settings/snapshot.h"

#include <string.h>

/* A directory that answers when told to. */
typedef struct
{
  PbMailbox *mailbox;
  PbPeople *people;
  GPtrArray *asked; /* names */
  GString *heard;   /* one letter an answer: Known, Unknown, Trouble */
} Bed;

static void
on_ask (const char *name, gpointer data)
{
  g_ptr_array_add (((Bed *) data)->asked, g_strdup (name));
}

static void
on_found (const PbPerson *person, gpointer user_data)
{
  g_assert_cmpint (person->state, !=, PB_PERSON_UNASKED);
  g_string_append_c (user_data, "KU?T"[person->state]);
}

static void
bed_init (Bed *bed, guint max)
{
  bed->mailbox = pb_mailbox_new ();
  bed->people = pb_people_new (max, on_ask, bed);
  bed->asked = g_ptr_array_new_with_free_func (g_free);
  bed->heard = g_string_new (NULL);
}

static void
bed_clear (Bed *bed)
{
  pb_people_unref (bed->people);
  pb_mailbox_unref (bed->mailbox);
  g_ptr_array_unref (bed->asked);
  g_string_free (bed->heard, TRUE);
}

static void
find (Bed *bed, const char *name)
{
  pb_people_find (bed->people, name, bed->mailbox, on_found, bed->heard);
}

static void
answer (Bed *bed, const char *name, PbPersonState state, guint32 uid)
{
  const PbPerson person = { state, uid };

  pb_people_answer (bed->people, name, &person);
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

  bed_init (&bed, 100);
  g_assert_cmpint (pb_people_peek (bed.people, "anna").state, ==, PB_PERSON_UNASKED);
  /* Asked together, answered together. */
  find (&bed, "anna");
  find (&bed, "anna");
  expect (&bed, "", 1);
  answer (&bed, "anna", PB_PERSON_KNOWN, 1000);
  expect (&bed, "KK", 1);
  g_assert_cmpint (pb_people_peek (bed.people, "anna").state, ==, PB_PERSON_KNOWN);
  g_assert_cmpuint (pb_people_peek (bed.people, "anna").uid, ==, 1000);
  find (&bed, "anna");
  expect (&bed, "K", 1);
  /* A no is kept, trouble is not. */
  find (&bed, "ben");
  answer (&bed, "ben", PB_PERSON_UNKNOWN, 0);
  find (&bed, "ben");
  expect (&bed, "UU", 2);
  find (&bed, "cleo");
  answer (&bed, "cleo", PB_PERSON_TROUBLE, 0);
  expect (&bed, "T", 3);
  g_assert_cmpint (pb_people_peek (bed.people, "cleo").state, ==, PB_PERSON_UNASKED);
  find (&bed, "cleo");
  expect (&bed, "", 4);
  answer (&bed, "cleo", PB_PERSON_KNOWN, 1001);
  expect (&bed, "K", 4);
  /* What nobody asked for changes nothing. */
  answer (&bed, "anna", PB_PERSON_UNKNOWN, 0);
  answer (&bed, "eve", PB_PERSON_KNOWN, 0);
  g_assert_cmpint (pb_people_peek (bed.people, "anna").state, ==, PB_PERSON_KNOWN);
  g_assert_cmpint (pb_people_peek (bed.people, "eve").state, ==, PB_PERSON_UNASKED);
  bed_clear (&bed);
}

static void
test_bound (void)
{
  Bed bed;

  bed_init (&bed, 3);
  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *name = g_strdup_printf ("u%u", i);

      find (&bed, name);
      answer (&bed, name, PB_PERSON_UNKNOWN, 0);
      /* In use, so it stays. */
      if (i > 0)
        g_assert_cmpint (pb_people_peek (bed.people, "u0").state, ==, PB_PERSON_UNKNOWN);
    }
  expect (&bed, "UUUUUUUUUU", 10);
  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *name = g_strdup_printf ("u%u", i);

      g_assert_cmpint (pb_people_peek (bed.people, name).state, ==,
                       i == 0 || i > 7 ? PB_PERSON_UNKNOWN : PB_PERSON_UNASKED);
    }
  bed_clear (&bed);
}

static void
test_close (void)
{
  Bed bed;

  bed_init (&bed, 3);
  find (&bed, "anna");
  answer (&bed, "anna", PB_PERSON_KNOWN, 1000);
  find (&bed, "ben");
  find (&bed, "ben");
  pb_people_close (bed.people);
  expect (&bed, "KTT", 2);
  find (&bed, "cleo");
  expect (&bed, "T", 2);
  answer (&bed, "ben", PB_PERSON_KNOWN, 1);
  expect (&bed, "", 2);
  bed_clear (&bed);
}

static void
test_names (void)
{
  static const char *const good[] = { "anna", "a.b-c_d", "a+b", "j\xc3\xbcrgen", "1000" };
  static const char *const bad[] = { "", "-x", "a%b", "a!b", "a@b", "a/b", "..", "a:b", "a b", "a\"b", "a\nb", "\xff" };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (pb_people_name_is_possible (good[i]));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_cmpint (pb_people_name_is_possible (bad[i]), ==, g_str_equal (bad[i], ".."));
}

/* ---- addresses ---- */

static PbSnapshot *
new_snapshot (Bed *bed, const char *source)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);
  PbSnapshot *snapshot;

  g_free (values->mailboxes_account_source);
  values->mailboxes_account_source = g_strdup (source);
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'example.org'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL,
                               "{'Name': <'catch.example'>, 'CatchAll': <'anna@example.org'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, "id-anna", "{'Name': <'anna'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ALIASES, NULL,
                               "{'Address': <'wilma@example.org'>, 'Targets': "
                               "<['wilma@example.org', 'x@far.example']>}");
  snapshot = pb_snapshot_builder_build (builder);
  snapshot->people = pb_people_ref (bed->people);
  return snapshot;
}

static void
on_local_found (const PbLocal *found, gpointer user_data)
{
  *(PbLocal *) user_data = *found;
}

/* Answers every question from the two users that there are, till none is left. Returns: what was found. */
static PbLocal
find_local (Bed *bed, PbSnapshot *snapshot, const char *local, const char *domain)
{
  PbLocal found = { .kind = PB_LOCAL_NOT_LOCAL };

  g_ptr_array_set_size (bed->asked, 0);
  pb_snapshot_find_local (snapshot, TRUE, local, domain, bed->mailbox, on_local_found, &found);
  for (guint i = 0; i < bed->asked->len; i++)
    {
      const char *name = bed->asked->pdata[i];

      answer (bed, name,
              g_str_equal (name, "wilma") || g_str_equal (name, "a+b") || g_str_equal (name, "anna")
                ? PB_PERSON_KNOWN
                : PB_PERSON_UNKNOWN,
              1000 + (guint32) strlen (name));
      pb_mailbox_dispatch (bed->mailbox);
    }
  pb_mailbox_dispatch (bed->mailbox);
  return found;
}

static void
test_addresses (void)
{
  static const struct
  {
    const char *source, *local, *domain;
    PbLocalKind kind;
    guint32 uid;
    guint questions;
  } rows[] = {
    { "internal", "bob", "example.org", PB_LOCAL_UNKNOWN, 0, 0 },
    { "both", "anna", "example.org", PB_LOCAL_ACCOUNT, 0, 0 },
    { "both", "anna+x", "example.org", PB_LOCAL_ACCOUNT, 0, 0 },
    { "pam", "anna", "example.org", PB_LOCAL_SYSTEM_USER, 1004, 1 },
    { "both", "wilma", "example.org", PB_LOCAL_ALIAS, 0, 0 },
    { "both", "wilma", "host.localdomain", PB_LOCAL_SYSTEM_USER, 1005, 1 },
    { "both", "Wilma+x", "host.localdomain", PB_LOCAL_SYSTEM_USER, 1005, 2 },
    { "both", "wilma+x+y+z+v+w", "host.localdomain", PB_LOCAL_SYSTEM_USER, 1005, 3 },
    { "both", "A+b", "example.org", PB_LOCAL_SYSTEM_USER, 1003, 1 },
    { "both", "a+b+c", "example.org", PB_LOCAL_SYSTEM_USER, 1003, 2 },
    { "both", "bob+x", "example.org", PB_LOCAL_UNKNOWN, 0, 2 },
    { "both", "bob%x", "example.org", PB_LOCAL_UNKNOWN, 0, 0 },
    { "both", "bob", "catch.example", PB_LOCAL_ALIAS, 0, 1 },
    { "both", "wilma", "catch.example", PB_LOCAL_SYSTEM_USER, 1005, 1 },
    { "both", "postmaster", "example.org", PB_LOCAL_ACCOUNT, 0, 0 },
    { "both", "wilma", "far.example", PB_LOCAL_NOT_LOCAL, 0, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PbSnapshot) snapshot = NULL;
      PbLocal found;
      Bed bed;

      bed_init (&bed, 100);
      snapshot = new_snapshot (&bed, rows[i].source);
      g_test_message ("row %u: %s@%s", i, rows[i].local, rows[i].domain);
      g_assert_cmpint (
        pb_snapshot_resolve_local (snapshot, rows[i].local, rows[i].domain).kind, ==,
        rows[i].questions > 0 ? PB_LOCAL_PENDING : rows[i].kind);
      found = find_local (&bed, snapshot, rows[i].local, rows[i].domain);
      g_assert_cmpint (found.kind, ==, rows[i].kind);
      g_assert_cmpuint (found.uid, ==, rows[i].uid);
      g_assert_cmpuint (bed.asked->len, ==, rows[i].questions);
      /* What was found is known without asking. */
      g_assert_cmpint (pb_snapshot_resolve_local (snapshot, rows[i].local, rows[i].domain).kind, ==,
                       rows[i].kind);
      bed_clear (&bed);
    }
}

static void
test_expand (void)
{
  g_autoptr (PbSnapshot) snapshot = NULL;
  g_autoptr (GPtrArray) unasked = NULL, asked = NULL, caught = NULL;
  Bed bed;

  bed_init (&bed, 100);
  snapshot = new_snapshot (&bed, "both");
  /* An alias that names itself keeps the mailbox, also while it is not known whether there is one. */
  unasked = pb_snapshot_expand (snapshot, "wilma@example.org");
  g_assert_cmpuint (unasked->len, ==, 2);
  find_local (&bed, snapshot, "wilma", "host.localdomain");
  asked = pb_snapshot_expand (snapshot, "wilma@example.org");
  g_assert_cmpuint (asked->len, ==, 2);
  g_assert_cmpstr (asked->pdata[0], ==, "wilma@example.org");
  /* A user goes before the catch-all. */
  caught = pb_snapshot_expand (snapshot, "wilma@catch.example");
  g_assert_cmpuint (caught->len, ==, 1);
  g_assert_cmpstr (caught->pdata[0], ==, "wilma@catch.example");
  bed_clear (&bed);
}

static void
test_trouble (void)
{
  g_autoptr (PbSnapshot) snapshot = NULL;
  PbLocal found = { .kind = PB_LOCAL_NOT_LOCAL };
  Bed bed;

  bed_init (&bed, 100);
  snapshot = new_snapshot (&bed, "pam");
  pb_snapshot_find_local (snapshot, FALSE, "bob+x", "example.org", bed.mailbox, on_local_found, &found);
  answer (&bed, "bob+x", PB_PERSON_UNKNOWN, 0);
  pb_mailbox_dispatch (bed.mailbox);
  g_assert_cmpstr (bed.asked->pdata[1], ==, "bob");
  answer (&bed, "bob", PB_PERSON_TROUBLE, 0);
  pb_mailbox_dispatch (bed.mailbox);
  g_assert_cmpint (found.kind, ==, PB_LOCAL_PENDING);
  bed_clear (&bed);
}

static void
test_senders (void)
{
  static const struct
  {
    const char *source, *login, *local, *domain;
    gboolean may;
  } rows[] = {
    { "both", "wilma", "wilma", "example.org", TRUE },  { "both", "wilma", "Wilma", "catch.example", TRUE },
    { "both", "wilma", "wilma+x", "example.org", TRUE }, { "both", "wilma", "wilmax", "example.org", FALSE },
    { "both", "wilma", "wilm", "example.org", FALSE },  { "both", "wilma", "wilma", "far.example", FALSE },
    { "both", "wilma", "fred", "example.org", FALSE },  { "both", "anna", "anna", "example.org", FALSE },
    { "pam", "anna", "anna", "example.org", TRUE },     { "both", "wilma", "postmaster", "example.org", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PbSnapshot) snapshot = NULL;
      Bed bed;

      bed_init (&bed, 100);
      snapshot = new_snapshot (&bed, rows[i].source);
      g_test_message ("row %u", i);
      g_assert_cmpint (pb_snapshot_may_send_as (snapshot, "uid-1000", rows[i].login, rows[i].local,
                                                rows[i].domain),
                       ==, rows[i].may);
      bed_clear (&bed);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/people/cache", test_cache);
  g_test_add_func ("/people/bound", test_bound);
  g_test_add_func ("/people/close", test_close);
  g_test_add_func ("/people/names", test_names);
  g_test_add_func ("/people/addresses", test_addresses);
  g_test_add_func ("/people/expand", test_expand);
  g_test_add_func ("/people/trouble", test_trouble);
  g_test_add_func ("/people/senders", test_senders);
  return g_test_run ();
}
