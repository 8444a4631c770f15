/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line: what is taken, what is refused, and in which words. */
#include "service/options.h"

#include <glib.h>

static PbOptions *
parse (const char *line, GError **error)
{
  g_auto (GStrv) argv = NULL;
  g_autofree char **shifting = NULL;
  int argc;

  g_assert_true (g_shell_parse_argv (line, &argc, &argv, NULL));
  /* GOption moves the pointers about: the strings stay with @argv. */
  shifting = g_memdup2 (argv, sizeof (char *) * (argc + 1));
  char **given = shifting;
  return pb_options_parse (&argc, &given, error);
}

static void
test_defaults (void)
{
  g_autoptr (GError) error = NULL;

  g_unsetenv ("STATE_DIRECTORY");
  g_autoptr (PbOptions) options = parse ("postbusd", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (options->bus, ==, "system");
  g_assert_true (g_str_has_suffix (options->state_directory, "/lib/postbus"));
  g_assert_cmpuint (options->mx_port, ==, 25);
  g_assert_cmpuint (options->mta_sts_port, ==, 443);
  g_assert_cmpuint (options->listen->len, ==, 1);
  g_assert_null (options->dns_servers);
  g_assert_cmpstr (options->auth_helper, ==, "/run/postbus/auth-helper");
  g_assert_cmpstr (options->trust_anchor, ==, "/usr/share/dns/root.key");
  g_assert_false (options->show_version);
}

static void
test_all (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbOptions) options =
    parse ("postbusd --bus=unix:path=/run/x --state-directory=/srv/p --listen=smtp:127.0.0.1:2525 "
           "--listen=submission:[::1]:2587 --dns-server=127.0.0.1:5353 --mx-port=2526 "
           "--mta-sts-port=2443",
           &error);

  g_assert_no_error (error);
  g_assert_cmpstr (options->bus, ==, "unix:path=/run/x");
  g_assert_cmpstr (options->state_directory, ==, "/srv/p");
  g_assert_cmpuint (options->mx_port, ==, 2526);
  g_assert_cmpuint (options->mta_sts_port, ==, 2443);
  g_assert_cmpuint (options->listen->len, ==, 2);
  const PbEndpoint *second = options->listen->pdata[1];
  g_assert_cmpint (second->role, ==, PB_ROLE_SUBMISSION);
  g_assert_cmpstr (second->address, ==, "::1");
  g_assert_cmpuint (second->port, ==, 2587);
  g_assert_cmpstr (options->dns_servers[0], ==, "127.0.0.1:5353");
}

static void
test_systemd_state_directory (void)
{
  g_autoptr (GError) error = NULL;

  g_setenv ("STATE_DIRECTORY", "/var/lib/postbus:/var/lib/other", TRUE);
  g_autoptr (PbOptions) options = parse ("postbusd", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (options->state_directory, ==, "/var/lib/postbus");
  g_unsetenv ("STATE_DIRECTORY");
}

static void
test_refused (void)
{
  static const struct
  {
    const char *line, *names;
  } rows[] = {
    { "postbusd --mx-port=0", "--mx-port" },
    { "postbusd --mx-port=65536", "--mx-port" },
    { "postbusd --mx-port=x", "--mx-port" },
    { "postbusd --mta-sts-port=0", "--mta-sts-port" },
    { "postbusd --mta-sts-port=65536", "--mta-sts-port" },
    { "postbusd --listen=pop3:127.0.0.1:25", "--listen" },
    { "postbusd --listen=smtp:127.0.0.1", "--listen" },
    { "postbusd --listen=smtp:127.0.0.1:99999", "--listen" },
    { "postbusd --nonsense", "--nonsense" },
    { "postbusd start", "start" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      PbOptions *options = parse (rows[i].line, &error);
      g_assert_null (options);
      g_assert_nonnull (error);
      g_assert_nonnull (strstr (error->message, rows[i].names));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/options/defaults", test_defaults);
  g_test_add_func ("/options/all", test_all);
  g_test_add_func ("/options/systemd-state-directory", test_systemd_state_directory);
  g_test_add_func ("/options/refused", test_refused);
  return g_test_run ();
}
