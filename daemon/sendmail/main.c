/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /usr/sbin/sendmail, mailq and newaliases: how the programs of this machine send mail. Needs no privilege: the
 * service knows by the bus whose mail it is. Exit status as sysexits.h has them.
 */
#include "sendmail/sendmail-message.h"
#include "sendmail/sendmail-options.h"
#include "sendmail/sendmail-service.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Where a standard descriptor is closed, the next file would take its place, and errors would be written into the message. Standard input
 * stays unreadable, so that nobody sends an empty message without knowing. */
static void
keep_standard_descriptors (void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl (fd, F_GETFD) < 0 && errno == EBADF && open ("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDWR) != fd)
      _exit (EX_OSERR);
}

/* What the system knows of who runs us; both may be NULL. */
static void
find_user (char **name, char **full_name)
{
  const struct passwd *user = getpwuid (getuid ());

  *name = user != NULL ? g_strdup (user->pw_name) : g_strdup_printf ("uid-%u", (guint) getuid ());
  *full_name = user != NULL ? g_strndup (user->pw_gecos, strcspn (user->pw_gecos, ",")) : NULL;
}

/* Who wrote it, where it does not say so. */
static void
complete (GDBusConnection *bus, const PbSendmailOptions *options, PbSendmailMessage *message)
{
  g_autofree char *name = NULL;
  g_autofree char *known = NULL;
  g_autofree char *address = NULL;
  gboolean given = options->sender != NULL && strcmp (options->sender, "<>") != 0;

  if (message->header->has_from)
    return;
  find_user (&name, &known);
  if (given && strchr (options->sender, '@') != NULL)
    address = g_strdup (options->sender);
  else
    {
      g_autofree char *hostname = pb_sendmail_hostname (bus);

      address = g_strconcat (given ? options->sender : name, "@", hostname, NULL);
    }
  pb_sendmail_header_add_from (message->header, options->full_name != NULL ? options->full_name : known, address);
}

/* Recipients may stand on the command line as in a field: cron hands on "ann,bob@example.org". What cannot be read so is left for the
 * service to refuse with its words. */
static void
split_recipients (PbSendmailOptions *options)
{
  g_autoptr (GPtrArray) given = g_steal_pointer (&options->recipients);

  options->recipients = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < given->len; i++)
    {
      GPtrArray *found = pb_sendmail_header_split (given->pdata[i]);

      if (found != NULL)
        g_ptr_array_extend_and_steal (options->recipients, found);
      else
        g_ptr_array_add (options->recipients, g_strdup (given->pdata[i]));
    }
}

static int
send_message (GDBusConnection *bus, PbSendmailOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbSendmailMessage) message =
    pb_sendmail_message_read (STDIN_FILENO, options->ignore_dots, options->extract, &error);

  if (message == NULL)
    {
      fprintf (stderr, "sendmail: %s\n", error->message);
      return error->domain == G_FILE_ERROR ? EX_IOERR : EX_DATAERR;
    }
  split_recipients (options);
  for (guint i = 0; i < message->header->recipients->len; i++)
    g_ptr_array_add (options->recipients, g_strdup (message->header->recipients->pdata[i]));
  if (options->recipients->len == 0)
    {
      fprintf (stderr, "sendmail: no recipients%s\n",
               options->extract ? " in To, Cc or Bcc" : "; -t takes them from the message");
      return EX_USAGE;
    }
  complete (bus, options, message);
  return pb_sendmail_send (bus, options, message);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbSendmailOptions) options = NULL;
  g_autoptr (GDBusConnection) bus = NULL;

  keep_standard_descriptors ();
  options = pb_sendmail_options_parse (argc, argv, &error);
  setlocale (LC_ALL, "");
  signal (SIGPIPE, SIG_IGN);
  if (options == NULL)
    {
      fprintf (stderr, "sendmail: %s\n", error->message);
      return EX_USAGE;
    }
  bus = pb_sendmail_connect ();
  switch (options->mode)
    {
    case PB_SENDMAIL_SEND:
      return send_message (bus, options);
    case PB_SENDMAIL_SMTP:
      return pb_sendmail_smtp (bus);
    case PB_SENDMAIL_QUEUE:
      return pb_sendmail_list_queue (bus);
    case PB_SENDMAIL_RETRY:
      return pb_sendmail_retry (bus);
    case PB_SENDMAIL_ALIASES:
      /* Aliases are a list on the bus and hold at once. */
      return EX_OK;
    }
  return EX_SOFTWARE;
}
