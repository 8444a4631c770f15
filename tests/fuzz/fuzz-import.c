/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What may come as the text of Import: any bytes, given to a registry over a real store. Asking which
 * actions it needs is the whole way of an import but for the commit: parser, keys, types, checks of
 * settings and rows. It must be refused in one harmless line that begins with a place, or taken; and
 * either way nothing has changed.
 */
#include "dbus/errors.h"
#include "settings/registry.h"
#include "util/mailbox.h"

#include <glib/gstdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

typedef struct
{
  char *folder;         /* (owned) */
  PbMailbox *mailbox;   /* (owned) */
  PbConfigStore *store; /* (owned) */
  PbRegistry *registry; /* (owned) */
  char *before;         /* (owned) what it exports */
} Server;

static Server server;

/* The folder's files stay open, so that nothing is left behind wherever the run ends. */
static void
remove_files (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_remove (path);
    }
  g_rmdir (folder);
}

static void
server_stop (void)
{
  g_clear_pointer (&server.before, g_free);
  g_clear_object (&server.registry);
  g_clear_pointer (&server.store, pb_config_store_close);
  g_clear_pointer (&server.mailbox, pb_mailbox_unref);
  remove_files (server.folder);
  g_clear_pointer (&server.folder, g_free);
}

static void
server_start (void)
{
  g_autoptr (GError) error = NULL;

  server.folder = g_dir_make_tmp ("fuzz-import-XXXXXX", &error);
  g_assert_no_error (error);
  server.mailbox = pb_mailbox_new ();
  server.store = pb_config_store_open (server.folder, &error);
  g_assert_no_error (error);
  server.registry = pb_registry_new (server.store, server.mailbox, "nas.localdomain", &error);
  g_assert_no_error (error);
  server.before = pb_registry_export (server.registry);
  atexit (server_stop);
}

static void
assert_one_line (const char *text)
{
  g_assert (g_utf8_validate (text, -1, NULL));
  g_assert (strchr (text, ':') != NULL || strchr (text, '[') != NULL);
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    g_assert (!g_unichar_iscntrl (g_utf8_get_char (p)));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) actions = NULL;
  g_autofree char *after = NULL;

  /* On the bus a string is UTF-8: GDBus sees to that. */
  if (!g_utf8_validate (text, -1, NULL))
    return 0;
  if (server.registry == NULL)
    server_start ();
  actions = pb_registry_import_actions (server.registry, text, &error);
  g_assert ((actions == NULL) == (error != NULL));
  if (error != NULL)
    {
      g_assert (error->domain == PB_ERROR);
      assert_one_line (error->message);
    }
  after = pb_registry_export (server.registry);
  g_assert (strcmp (server.before, after) == 0);
  return 0;
}
