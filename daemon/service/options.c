/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line: where the bus, the state and the ports are. All else is a setting on the bus.
 * Called once by main(); a bad option is an error that names the option, and nothing has been
 * touched by then.
 */
#include "service/options.h"

#include "config.h"

#include <string.h>

#define DEFAULT_MX_PORT 25
#define DEFAULT_MTA_STS_PORT 443
#define DEFAULT_STATE_DIRECTORY PB_LOCALSTATEDIR "/lib/postbus"

/* Debian's package dns-root-data. */
#define DEFAULT_TRUST_ANCHOR "/usr/share/dns/root.key"
#define DEFAULT_AUTH_HELPER "/run/postbus/auth-helper"

static const char *const default_listen[] = { "smtp:*:25", NULL };

/* GOption's own targets, before they are checked. */
typedef struct
{
  char *bus;
  char *state_directory;
  char **listen;
  char **dns_servers;
  char *trust_anchor;
  char *auth_helper;
  int mx_port;
  int mta_sts_port;
  gboolean version;
} PbRawOptions;

static void
raw_options_clear (PbRawOptions *raw)
{
  g_free (raw->bus);
  g_free (raw->state_directory);
  g_strfreev (raw->listen);
  g_strfreev (raw->dns_servers);
  g_free (raw->trust_anchor);
  g_free (raw->auth_helper);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbRawOptions, raw_options_clear)

static gboolean
parse_raw (int *argc, char ***argv, PbRawOptions *raw, GError **error)
{
  const GOptionEntry entries[] = {
    { "bus", 0, 0, G_OPTION_ARG_STRING, &raw->bus, "The bus to serve on (default: system)", "system|session|ADDRESS" },
    { "state-directory", 0, 0, G_OPTION_ARG_FILENAME, &raw->state_directory,
      "Where queue, settings and mail are kept (default: " DEFAULT_STATE_DIRECTORY ")", "DIR" },
    { "listen", 0, 0, G_OPTION_ARG_STRING_ARRAY, &raw->listen,
      "Take mail here; may be repeated; ROLE is smtp, submission or submissions (default: smtp:*:25)", "ROLE:ADDRESS:PORT" },
    { "dns-server", 0, 0, G_OPTION_ARG_STRING_ARRAY, &raw->dns_servers,
      "Ask this DNS server; may be repeated (default: the setting Dns.Servers, else resolv.conf)", "ADDRESS[:PORT]" },
    { "dns-trust-anchor", 0, 0, G_OPTION_ARG_FILENAME, &raw->trust_anchor,
      "Validate DNS answers by the keys in this file (default: " DEFAULT_TRUST_ANCHOR ")", "FILE" },
    { "auth-helper", 0, 0, G_OPTION_ARG_FILENAME, &raw->auth_helper,
      "Where postbus-auth-helper listens (default: " DEFAULT_AUTH_HELPER ")", "SOCKET" },
    { "mx-port", 0, 0, G_OPTION_ARG_INT, &raw->mx_port, "The port of other mail servers, for try-outs (default: 25)", "PORT" },
    { "mta-sts-port", 0, 0, G_OPTION_ARG_INT, &raw->mta_sts_port,
      "The port of other domains' web servers with MTA-STS policies, for try-outs (default: 443)", "PORT" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &raw->version, "Print the version and exit", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- the mail server that is steered over D-Bus");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "unexpected argument “%s”", (*argv)[1]);
      return FALSE;
    }
  return TRUE;
}

static gboolean
take_listen (PbOptions *self, const char *const *texts, GError **error)
{
  for (guint i = 0; texts[i] != NULL; i++)
    {
      PbEndpoint *endpoint = pb_endpoint_parse (texts[i], error);
      if (endpoint == NULL)
        {
          g_prefix_error (error, "--listen: ");
          return FALSE;
        }
      g_ptr_array_add (self->listen, endpoint);
    }
  return TRUE;
}

static char *
default_state_directory (void)
{
  /* systemd's StateDirectory=; of a list of directories the first is ours. */
  const char *given = g_getenv ("STATE_DIRECTORY");

  if (given != NULL && *given == '/')
    return g_strndup (given, strcspn (given, ":"));
  return g_strdup (DEFAULT_STATE_DIRECTORY);
}

static gboolean
check_port (int port, const char *option, GError **error)
{
  if (port >= 1 && port <= 65535)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: must be between 1 and 65535", option);
  return FALSE;
}

PbOptions *
pb_options_parse (int *argc, char ***argv, GError **error)
{
  g_auto (PbRawOptions) raw = { .mx_port = DEFAULT_MX_PORT, .mta_sts_port = DEFAULT_MTA_STS_PORT };
  g_autoptr (PbOptions) self = g_new0 (PbOptions, 1);

  self->listen = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_endpoint_free);
  if (!parse_raw (argc, argv, &raw, error))
    return NULL;
  if (!check_port (raw.mx_port, "--mx-port", error) || !check_port (raw.mta_sts_port, "--mta-sts-port", error))
    return NULL;
  if (raw.state_directory != NULL && *raw.state_directory == '\0')
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--state-directory: must name a directory");
      return NULL;
    }
  if (!take_listen (self, raw.listen != NULL ? (const char *const *) raw.listen : default_listen, error))
    return NULL;

  self->bus = raw.bus != NULL ? g_steal_pointer (&raw.bus) : g_strdup ("system");
  self->state_directory = raw.state_directory != NULL ? g_steal_pointer (&raw.state_directory) : default_state_directory ();
  self->dns_servers = g_steal_pointer (&raw.dns_servers);
  self->trust_anchor = raw.trust_anchor != NULL ? g_steal_pointer (&raw.trust_anchor) : g_strdup (DEFAULT_TRUST_ANCHOR);
  self->auth_helper = raw.auth_helper != NULL ? g_steal_pointer (&raw.auth_helper) : g_strdup (DEFAULT_AUTH_HELPER);
  self->mx_port = (guint16) raw.mx_port;
  self->mta_sts_port = (guint16) raw.mta_sts_port;
  self->show_version = raw.version;
  return g_steal_pointer (&self);
}

void
pb_options_free (PbOptions *self)
{
  g_free (self->bus);
  g_free (self->state_directory);
  g_ptr_array_unref (self->listen);
  g_strfreev (self->dns_servers);
  g_free (self->trust_anchor);
  g_free (self->auth_helper);
  g_free (self);
}
