/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The application: command line, actions, shortcuts, the about window, one window a process start. Made
 * by main. --bus and --connect skip the connection page, --page says where to begin; they are for
 * try-outs, tests and desktop shortcuts.
 */
#include "client-gtk/application.h"

#include "client-gtk/window.h"
#include "config.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

struct _PbaApplication
{
  AdwApplication parent_instance;

  PbaHosts *hosts; /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE (PbaApplication, pba_application, ADW_TYPE_APPLICATION)

static const GOptionEntry options[] = {
  { "version", 0, 0, G_OPTION_ARG_NONE, NULL, N_ ("Print the version and exit"), NULL },
  { "bus", 0, 0, G_OPTION_ARG_STRING, NULL, N_ ("Connect to the service on this D-Bus address"),
    N_ ("ADDRESS") },
  { "connect", 0, 0, G_OPTION_ARG_STRING, NULL, N_ ("Connect to a host through SSH"),
    N_ ("USER@HOST") },
  { "page", 0, 0, G_OPTION_ARG_STRING, NULL, N_ ("Begin with this page, such as general"),
    N_ ("PAGE") },
  { NULL, 0, 0, 0, NULL, NULL, NULL },
};

static void
on_about (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  GtkWindow *window = gtk_application_get_active_window (user_data);

  adw_show_about_window (window, "application-name", _ ("Postbus Admin"), "application-icon",
                         "org.postbus.Admin", "developer-name", _ ("The Postbus developers"),
                         "version", PB_VERSION, "license-type", GTK_LICENSE_GPL_3_0, "comments",
                         _ ("Looks after the mail server of a NAS"),
                         /* Translators: put your name here */
                         "translator-credits", _ ("translator-credits"), NULL);
}

static void
on_quit (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  GtkWindow *window;
  g_autoptr (GList) windows = g_list_copy (gtk_application_get_windows (user_data));

  /* Each may want to ask about changes. */
  for (GList *l = windows; l != NULL; l = l->next)
    {
      window = l->data;
      gtk_window_close (window);
    }
}

/* Of a notification: the window and the page that it is about. */
static void
on_show_page (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  GtkWindow *window;
  const char *page;
  guint id;

  g_variant_get (parameter, "(u&s)", &id, &page);
  window = gtk_application_get_window_by_id (user_data, id);
  if (window == NULL)
    return;
  pba_window_go (PBA_WINDOW (window), page, NULL);
  gtk_window_present (window);
}

static const GActionEntry actions[] = {
  { .name = "about", .activate = on_about },
  { .name = "show-page", .activate = on_show_page, .parameter_type = "(us)" },
  { .name = "quit", .activate = on_quit },
};

static const struct
{
  const char *action;
  const char *keys[3];
} shortcuts[] = {
  { "app.quit", { "<Control>q" } },
  { "window.close", { "<Control>w" } },
  { "win.apply", { "<Control>s", "<Control>Return" } },
  { "win.discard", { "<Control><Shift>z" } },
  { "win.search", { "<Control>f" } },
  { "win.back", { "<Alt>Left" } },
  { "win.menu", { "F10" } },
  { "win.show-help-overlay", { "<Control>question" } },
};

static int
pba_application_handle_local_options (GApplication *application, GVariantDict *given)
{
  if (!g_variant_dict_contains (given, "version"))
    return -1;
  g_print ("postbus-admin %s\n", PB_VERSION);
  return 0;
}

static int
pba_application_command_line (GApplication *application, GApplicationCommandLine *line)
{
  PbaApplication *self = PBA_APPLICATION (application);
  GVariantDict *given = g_application_command_line_get_options_dict (line);
  const char *address = NULL, *page = NULL;
  PbaWindow *window = PBA_WINDOW (pba_window_new (ADW_APPLICATION (self), self->hosts));

  if (!g_variant_dict_lookup (given, "bus", "&s", &address))
    g_variant_dict_lookup (given, "connect", "&s", &address);
  g_variant_dict_lookup (given, "page", "&s", &page);
  if (page != NULL)
    pba_window_go (window, page, NULL);
  if (address != NULL)
    pba_window_connect (window, address);
  pba_window_present_connected (window);
  return 0;
}

static void
pba_application_startup (GApplication *application)
{
  PbaApplication *self = PBA_APPLICATION (application);

  G_APPLICATION_CLASS (pba_application_parent_class)->startup (application);
  pba_accessible_mend_buttons ();
  self->hosts = pba_hosts_new (NULL);
  g_action_map_add_action_entries (G_ACTION_MAP (self), actions, G_N_ELEMENTS (actions), self);
  for (guint i = 0; i < G_N_ELEMENTS (shortcuts); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (self), shortcuts[i].action,
                                           shortcuts[i].keys);
  gtk_window_set_default_icon_name ("org.postbus.Admin");
}

static void
pba_application_finalize (GObject *object)
{
  g_clear_object (&PBA_APPLICATION (object)->hosts);
  G_OBJECT_CLASS (pba_application_parent_class)->finalize (object);
}

static void
pba_application_class_init (PbaApplicationClass *klass)
{
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = pba_application_finalize;
  application_class->startup = pba_application_startup;
  application_class->handle_local_options = pba_application_handle_local_options;
  application_class->command_line = pba_application_command_line;
}

static void
pba_application_init (PbaApplication *self)
{
  g_application_add_main_option_entries (G_APPLICATION (self), options);
}

PbaApplication *
pba_application_new (void)
{
  return g_object_new (PBA_TYPE_APPLICATION, "application-id", "org.postbus.Admin",
                       "resource-base-path", "/org/postbus/Admin", "flags",
                       G_APPLICATION_HANDLES_COMMAND_LINE, NULL);
}
