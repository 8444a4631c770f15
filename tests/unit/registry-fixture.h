/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the tests of the registry share: one over a real store in a folder of its own, and its answers awaited. */
#include "dbus/errors.h"
#include "settings/registry.h"
#include "util/mailbox.h"

#include <glib/gstdio.h>
#include <string.h>

#define WAIT_SECONDS 60

typedef struct
{
  char *folder;
  PbMailbox *mailbox;
  GSource *source;
  PbConfigStore *store;
  PbRegistry *registry;
  GString *told; /* signals as text */
} Fixture;

G_GNUC_UNUSED static void
on_settings_changed (PbRegistry *registry, const char *interface, GStrv names, Fixture *fixture)
{
  g_autofree char *joined = g_strjoinv (",", names);

  g_string_append_printf (fixture->told, "%s:%s ", interface, joined);
}

G_GNUC_UNUSED static void
on_list_changed (PbRegistry *registry, int kind, guint64 revision, Fixture *fixture)
{
  g_assert_cmpuint (revision, ==, pb_registry_revision (registry));
  g_string_append_printf (fixture->told, "%s ", pb_list_spec (kind)->name);
}

G_GNUC_UNUSED static void
start (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  fixture->store = pb_config_store_open (fixture->folder, &error);
  g_assert_no_error (error);
  fixture->registry = pb_registry_new (fixture->store, fixture->mailbox, "nas.localdomain", &error);
  g_assert_no_error (error);
  g_signal_connect (fixture->registry, "settings-changed", G_CALLBACK (on_settings_changed),
                    fixture);
  g_signal_connect (fixture->registry, "list-changed", G_CALLBACK (on_list_changed), fixture);
}

G_GNUC_UNUSED static void
stop (Fixture *fixture)
{
  g_clear_object (&fixture->registry);
  g_clear_pointer (&fixture->store, pb_config_store_close);
}

G_GNUC_UNUSED static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->folder = g_dir_make_tmp ("postbus-registry-XXXXXX", NULL);
  fixture->mailbox = pb_mailbox_new ();
  fixture->source = pb_mailbox_attach (fixture->mailbox, NULL);
  fixture->told = g_string_new (NULL);
  start (fixture);
}

G_GNUC_UNUSED static void
remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_assert_cmpint (g_remove (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

G_GNUC_UNUSED static void
tear_down (Fixture *fixture, gconstpointer data)
{
  stop (fixture);
  g_source_destroy (fixture->source);
  g_source_unref (fixture->source);
  pb_mailbox_unref (fixture->mailbox);
  g_string_free (fixture->told, TRUE);
  remove_folder (fixture->folder);
  g_free (fixture->folder);
}

/* One answer of the registry, awaited. */
typedef struct
{
  gboolean done;
  GVariant *result;
  GError *error;
} Answer;

G_GNUC_UNUSED static void
on_done (GVariant *result, const GError *error, gpointer user_data)
{
  Answer *answer = user_data;

  g_assert_false (answer->done);
  g_assert_true ((result != NULL) != (error != NULL));
  answer->done = TRUE;
  answer->result = result ? g_variant_ref (result) : NULL;
  answer->error = error ? g_error_copy (error) : NULL;
}

G_GNUC_UNUSED static gboolean
on_too_late (gpointer data)
{
  g_error ("no answer in %d s", WAIT_SECONDS);
  return G_SOURCE_REMOVE;
}

G_GNUC_UNUSED static void
await (Answer *answer)
{
  guint timer = g_timeout_add_seconds (WAIT_SECONDS, on_too_late, NULL);

  while (!answer->done)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
}

G_GNUC_UNUSED static void
answer_clear (Answer *answer)
{
  g_clear_pointer (&answer->result, g_variant_unref);
  g_clear_error (&answer->error);
  answer->done = FALSE;
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

G_GNUC_UNUSED static GVariant *
parse (const char *type, const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (G_VARIANT_TYPE (type), text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

G_GNUC_UNUSED static void
apply (Fixture *fixture, const char *text, const PbApplyOptions *options, Answer *answer)
{
  g_autoptr (GVariant) changes = parse ("a{sa{sv}}", text);

  answer_clear (answer);
  pb_registry_apply (fixture->registry, changes, options, on_done, answer);
  await (answer);
}

G_GNUC_UNUSED static void
assert_refused (const Answer *answer, PbError code, const char *words)
{
  g_assert_error (answer->error, PB_ERROR, (int) code);
  g_assert_cmpstr (answer->error->message, ==, words);
}

static const PbApplyOptions as_root = { .who = "uid 0" };

G_GNUC_UNUSED static char *
add (Fixture *fixture, PbListKind kind, const char *text)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GVariant) row = parse ("a{sv}", text);

  pb_registry_list_add (fixture->registry, kind, row, "uid 0", on_done, &answer);
  await (&answer);
  g_assert_no_error (answer.error);
  return g_variant_dup_string (answer.result, NULL);
}

G_GNUC_UNUSED static char *
add_network (Fixture *fixture, const char *name)
{
  g_autofree char *text = g_strdup_printf ("{'Name': <'%s'>, 'Network': <'10.0.0.1'>}", name);

  return add (fixture, PB_LIST_TRUSTED_LIST, text);
}

/* The names of the Trusted List in order; Position must count them. */
G_GNUC_UNUSED static void
assert_names (Fixture *fixture, const char *expected)
{
  g_autoptr (GVariant) filter = parse ("a{sv}", "{}");
  g_autoptr (GVariant) page =
    pb_registry_list_page (fixture->registry, PB_LIST_TRUSTED_LIST, filter, 0, 500, NULL);
  g_autoptr (GVariant) rows = g_variant_get_child_value (page, 2);
  g_autoptr (GString) names = g_string_new (NULL);

  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      const char *name;
      guint32 position;

      g_assert_true (g_variant_lookup (row, "Name", "&s", &name));
      g_assert_true (g_variant_lookup (row, "Position", "u", &position));
      g_assert_cmpuint (position, ==, i);
      g_string_append (names, name);
    }
  g_assert_cmpstr (names->str, ==, expected);
}

G_GNUC_UNUSED static void
update (Fixture *fixture, PbListKind kind, const char *id, const char *text, Answer *answer)
{
  g_autoptr (GVariant) row = parse ("a{sv}", text);

  answer_clear (answer);
  pb_registry_list_update (fixture->registry, kind, id, row, "uid 0", on_done, answer);
  await (answer);
}

typedef struct
{
  const char *path;
  void (*func) (Fixture *fixture, gconstpointer data);
} Test;

G_GNUC_UNUSED static int
run_tests (int argc, char **argv, const Test *tests, guint n_tests)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < n_tests; i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].func, tear_down);
  return g_test_run ();
}
