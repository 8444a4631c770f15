/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which name servers to ask: what resolv.conf says, or what was given on the command line.
 *
 * Called by the resolver. Pure. Lines that make no sense are skipped, as the C library does.
 */
#include "net/resolv-conf.h"
#include "util/netblock.h"

#include <gio/gio.h>
#include <string.h>

#define MAX_SERVERS 8

/* An IP, or a link-local one with its interface. */
static gboolean
is_server (const char *text)
{
  const char *percent = strchr (text, '%');
  g_autofree char *bare = percent != NULL ? g_strndup (text, (gsize) (percent - text)) : g_strdup (text);
  PbIp ip;

  return pb_ip_parse (bare, &ip) && (percent == NULL || (!pb_ip_is_v4 (&ip) && percent[1] != '\0'));
}

GPtrArray *
pb_resolv_conf_parse (const char *text)
{
  g_autoptr (GPtrArray) servers = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    {
      g_auto (GStrv) words = g_strsplit_set (g_strstrip (*line), " \t", 2);
      char *server;

      if (words[0] == NULL || words[1] == NULL || !g_str_equal (words[0], "nameserver"))
        continue;
      server = g_strstrip (words[1]);
      server[strcspn (server, " \t")] = '\0';
      if (is_server (server) && servers->len < MAX_SERVERS)
        g_ptr_array_add (servers, g_strdup (server));
    }
  if (servers->len == 0)
    g_ptr_array_add (servers, g_strdup ("127.0.0.1"));
  return g_steal_pointer (&servers);
}

char *
pb_resolv_conf_parse_server (const char *text, GError **error)
{
  const char *colon = strrchr (text, ':');
  g_autofree char *address = NULL;
  gsize length;
  guint64 port;

  if (is_server (text))
    return g_strdup (text);
  if (colon == NULL)
    colon = text + strlen (text);
  address = g_strndup (text, (gsize) (colon - text));
  length = strlen (address);
  if (address[0] == '[' && length > 2 && address[length - 1] == ']')
    {
      memmove (address, address + 1, length - 2);
      address[length - 2] = '\0';
    }
  else if (strchr (address, ':') != NULL)
    address[0] = '\0';
  if (*colon == ':' && is_server (address) && g_ascii_string_to_unsigned (colon + 1, 10, 1, G_MAXUINT16, &port, NULL))
    return g_strdup_printf ("%s@%u", address, (guint) port);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "“%s” is not a name server: an IP address, or one with a port as 192.0.2.1:53 or [2001:db8::1]:53", text);
  return NULL;
}

GPtrArray *
pb_resolv_conf_parse_servers (const char *const *texts, GError **error)
{
  g_autoptr (GPtrArray) servers = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; texts[i] != NULL; i++)
    {
      char *server = pb_resolv_conf_parse_server (texts[i], error);

      if (server == NULL)
        return NULL;
      g_ptr_array_add (servers, server);
    }
  return g_steal_pointer (&servers);
}
