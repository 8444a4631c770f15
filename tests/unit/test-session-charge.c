/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the recipients of one transaction cost, whatever becomes of them: each is charged to the budget as it comes, and each that a
 * watched check would have refused is counted, however long the list.
 */
#include "tests/session/rig.h"

#include "store/history.h"
#include "util/counters.h"
#include <glib/gstdio.h>
#include <unistd.h>

#define FULL  "421 4.3.0 Out of resources, try again later\r\n"
#define TAKEN "250 2.1.5 Recipient ok\r\n"

/* A rig with a history, for which notes are kept. */
typedef struct
{
  Rig *rig;
  PbHistory *history;
  char *directory;
} Place;

static Place
open_place (PbSnapshotBuilder *builder, gint64 budget)
{
  Place place = { .rig = rig_new (builder) };

  place.directory = g_dir_make_tmp ("postbus-charge-XXXXXX", NULL);
  place.history = pb_history_open (place.directory);
  place.rig->wiring.history = place.history;
  if (budget > 0)
    place.rig->wiring.budget = budget;
  rig_start (place.rig);
  return place;
}

static void
close_place (Place *place)
{
  g_autoptr (GDir) folder = NULL;
  const char *name;

  rig_free (place->rig);
  pb_history_close (place->history);
  folder = g_dir_open (place->directory, 0, NULL);
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (place->directory, name, NULL);

      g_unlink (path);
    }
  g_rmdir (place->directory);
  g_free (place->directory);
}

static gint64
used (const Place *place)
{
  return __atomic_load_n (&place->rig->server->budget.used, __ATOMIC_RELAXED);
}

static int
begin (const Place *place, const char *ip)
{
  int fd = rig_greeted (place->rig, ip);

  rig_say (fd, RIG_EHLO, 1);
  rig_say (fd, "MAIL FROM:<a@host>\r\n", 1);
  return fd;
}

/* Says RCPT for the @number-th of many. Returns: the reply. */
static char *
name_recipient (int fd, const char *format, guint number)
{
  g_autofree char *address = g_strdup_printf ("%s%u", format, number);
  g_autofree char *line = g_strdup_printf ("RCPT TO:<%s@example.test>\r\n", address);
  g_autoptr (GString) heard = g_string_new (NULL);

  g_assert_true (rig_send (fd, line, strlen (line), heard));
  rig_read_replies (fd, 1, heard);
  return g_string_free (g_steal_pointer (&heard), FALSE);
}

/* Each refused recipient is kept for the history, with its trail, and charged at once; with the transaction it is given back. */
static void
test_refused (void)
{
  Place place = open_place (rig_builder (), 0);
  int fd = begin (&place, RIG_TRUSTED);

  for (guint i = 0; i < 500; i++)
    {
      gint64 before = used (&place);
      g_autofree char *reply = name_recipient (fd, "nobody", i);

      g_assert_true (g_str_has_prefix (reply, "550 5.1.1 "));
      g_assert_cmpint (used (&place) - before, >, 100);
    }
  rig_say (fd, "RSET\r\n", 1);
  g_assert_cmpint (used (&place), ==, 0);
  close (fd);
  close_place (&place);
}

/* Likewise one that a rule drops: the client is told that it was taken. */
static void
test_discarded (void)
{
  PbSnapshotBuilder *builder = rig_builder ();
  Place place;
  int fd;

  pb_snapshot_builder_add_row (builder, PB_LIST_ACCESS_LIST, NULL,
                               "{'Name': <'r'>, 'Kind': <'sender'>, 'Value': <'a@host'>, "
                               "'List': <'blacklist'>, 'Action': <'discard'>}");
  place = open_place (builder, 0);
  fd = begin (&place, RIG_STRANGER);
  for (guint i = 0; i < 400; i++)
    {
      gint64 before = used (&place);
      g_autofree char *address = g_strdup_printf ("RCPT TO:<anna+%u@example.test>\r\n", i);

      rig_expect (fd, address, TAKEN);
      g_assert_cmpint (used (&place) - before, >, 80);
    }
  rig_say (fd, "RSET\r\n", 1);
  g_assert_cmpint (used (&place), ==, 0);
  close (fd);
  close_place (&place);
}

/* When that is all there is, the session ends and gives it back; refused or dropped. */
static void
test_full (void)
{
  for (guint discard = 0; discard < 2; discard++)
    {
      PbSnapshotBuilder *builder = rig_builder ();
      g_autofree char *reply = NULL;
      Place place;
      int fd;
      guint i = 0;

      if (discard)
        pb_snapshot_builder_add_row (builder, PB_LIST_ACCESS_LIST, NULL,
                                     "{'Name': <'r'>, 'Kind': <'sender'>, 'Value': <'a@host'>, "
                                     "'List': <'blacklist'>, 'Action': <'discard'>}");
      place = open_place (builder, 20000);
      fd = begin (&place, RIG_TRUSTED);
      /* The last refused one has its answer before the session has its own. */
      while (reply == NULL || !g_str_has_suffix (reply, FULL))
        {
          g_free (reply);
          reply = name_recipient (fd, discard ? "anna+" : "nobody", i);
          g_assert_cmpstr (reply, !=, "");
          g_assert_cmpuint (i++, <, 500);
        }
      close (fd);
      rig_wait_sessions (place.rig, 0);
      g_assert_cmpint (used (&place), ==, 0);
      close_place (&place);
    }
}

/* The trail of a transaction has an end, the count of what would have been refused has none. */
static void
test_watched (void)
{
  PbSnapshotBuilder *builder = rig_builder ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);
  guint fqdn = pb_counter_register ("watched.sender-fqdn");
  guint refused = pb_counter_register ("refused.sender-fqdn");
  guint64 before = pb_counter_get (fqdn), none = pb_counter_get (refused);
  g_autoptr (GString) group = g_string_new (NULL);
  g_autoptr (GString) heard = g_string_new (NULL);
  Place place;
  int fd;

  g_free (values->sender_policy_reject_non_fqdn_sender);
  values->sender_policy_reject_non_fqdn_sender = g_strdup ("watch");
  values->general_max_recipients = 10000;
  place = open_place (builder, 0);
  fd = begin (&place, RIG_STRANGER);
  for (guint i = 0; i < 2500; i++)
    g_string_append (group, "RCPT TO:<anna@example.test>\r\n");
  g_assert_true (rig_send (fd, group->str, group->len, heard));
  g_assert_true (rig_read_replies (fd, 2500, heard));
  g_assert_true (g_str_has_suffix (heard->str, TAKEN));
  g_assert_cmpuint (pb_counter_get (fqdn) - before, ==, 2500);
  g_assert_cmpuint (pb_counter_get (refused), ==, none);
  close (fd);
  close_place (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session-charge/refused", test_refused);
  g_test_add_func ("/session-charge/discarded", test_discarded);
  g_test_add_func ("/session-charge/full", test_full);
  g_test_add_func ("/session-charge/watched", test_watched);
  return g_test_run ();
}
