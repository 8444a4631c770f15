/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * postbusd, the mail server. Reads the command line, starts the service, runs it. Whatever prevents
 * the start is one line on stderr (and in the journal) and an exit status other than 0.
 */
#include "service/options.h"
#include "service/service.h"
#include "util/log.h"

#include "config.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

static int
fail (const char *what, const GError *error)
{
  pb_log (PB_LOG_ERROR, what, "reason", error->message, NULL);
  pb_log_stop ();
  return EXIT_FAILURE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  setlocale (LC_CTYPE, "");
  g_autoptr (PbOptions) options = pb_options_parse (&argc, &argv, &error);
  if (options == NULL)
    return fail ("bad-option", error);
  if (options->show_version)
    {
      printf ("postbusd %s\n", PB_VERSION);
      return EXIT_SUCCESS;
    }

  pb_log_start (PB_LOG_INFO);
  PbService *service = pb_service_new (options, &error);
  if (service == NULL)
    return fail ("cannot-start", error);
  int status = pb_service_run (service);
  pb_service_free (service);
  pb_log_stop ();
  return status;
}
