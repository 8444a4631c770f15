/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * postbus-admin: looks after a Postbus mail server, on this computer or through ssh. Everything is in
 * the application.
 */
#include "client-gtk/application.h"
#include "model/config.h"

#include <glib/gi18n.h>
#include <locale.h>

int
main (int argc, char **argv)
{
  g_autoptr (PbaApplication) application = NULL;
  const char *folder = g_getenv ("POSTBUS_ADMIN_LOCALEDIR");

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, folder != NULL ? folder : PB_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);

  application = pba_application_new ();
  return g_application_run (G_APPLICATION (application), argc, argv);
}
