/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where listening sockets come from: systemd's socket activation, else the command line. Called once
 * at start by service.c, before anything is written; all or nothing.
 */
#include "service/sockets.h"

#include <gio/gio.h>
#include <systemd/sd-daemon.h>

static PbListener *
adopt (int fd, const char *name, GError **error)
{
  PbRole role;

  if (!pb_role_parse (name, &role))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "socket “%s” passed by systemd: FileDescriptorName= must be smtp, submission or submissions", name);
      return NULL;
    }
  return pb_listener_adopt (fd, role, error);
}

static GPtrArray *
adopt_all (int n_fds, char **names, GError **error)
{
  g_autoptr (GPtrArray) listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_listener_free);

  for (int i = 0; i < n_fds; i++)
    {
      PbListener *listener = adopt (SD_LISTEN_FDS_START + i, names[i], error);
      if (listener == NULL)
        return NULL;
      g_ptr_array_add (listeners, listener);
    }
  return g_steal_pointer (&listeners);
}

GPtrArray *
pb_sockets_open (GPtrArray *endpoints, GError **error)
{
  g_autoptr (GPtrArray) listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_listener_free);
  g_auto (GStrv) names = NULL;
  int n_fds = sd_listen_fds_with_names (1, &names);

  if (n_fds > 0)
    return adopt_all (n_fds, names, error);
  for (guint i = 0; i < endpoints->len; i++)
    {
      const PbEndpoint *endpoint = endpoints->pdata[i];
      PbListener *listener = pb_listener_open (endpoint, error);
      if (listener == NULL)
        return NULL;
      g_ptr_array_add (listeners, listener);
    }
  return g_steal_pointer (&listeners);
}
