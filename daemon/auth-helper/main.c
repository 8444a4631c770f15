/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * postbus-auth-helper: tells postbusd whether a password is that of a user of the system, and who is one.
 * The one program of Postbus that runs as uid 0, and as little else as can be: no capability, no network,
 * no GLib. systemd hands it the listening socket (Accept=no: one process can bound what runs at once, and
 * a connection costs a fork instead of a unit); by hand --socket makes one. Fails with one line on stderr.
 */
#include "auth-helper/server.h"

#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENT        "postbus" /* the user that postbusd runs as */
#define FIRST_FD      3         /* sd_listen_fds(3) */
#define BACKLOG       256

/* Passwords pass through: no core image, and nobody looks in. */
static void
protect_memory (void)
{
  const struct rlimit none = { 0, 0 };

  if (setrlimit (RLIMIT_CORE, &none) != 0 || prctl (PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    fprintf (stderr, "<4>memory is not protected: %s\n", strerror (errno));
}

/* Returns: -1 when systemd passed none. */
static int
passed_socket (void)
{
  const char *pid = getenv ("LISTEN_PID"), *count = getenv ("LISTEN_FDS");
  int listening = 0;
  socklen_t length = sizeof listening;

  if (pid == NULL || count == NULL || strtol (pid, NULL, 10) != getpid ()
      || strcmp (count, "1") != 0)
    return -1;
  if (getsockopt (FIRST_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0 || !listening)
    return -1;
  fcntl (FIRST_FD, F_SETFD, FD_CLOEXEC);
  fcntl (FIRST_FD, F_SETFL, fcntl (FIRST_FD, F_GETFL) | O_NONBLOCK);
  return FIRST_FD;
}

/* A socket left behind by a run before is replaced; anything else of that name stays. */
static int
own_socket (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  struct stat there;
  int fd;

  if (strlen (path) >= sizeof address.sun_path)
    {
      errno = ENAMETOOLONG;
      return -1;
    }
  strcpy (address.sun_path, path);
  if (lstat (path, &there) == 0 && S_ISSOCK (there.st_mode))
    unlink (path);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -1;
  umask (0117); /* 0660 */
  if (bind (fd, (struct sockaddr *) &address, sizeof address) == 0 && listen (fd, BACKLOG) == 0)
    return fd;
  close (fd);
  return -1;
}

/* NULL: the options are wrong, or asked for no more. */
static const char *
parse_options (int argc, char **argv, int *status)
{
  static const struct option options[] = {
    { "socket", required_argument, NULL, 's' },
    { "version", no_argument, NULL, 'v' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
  };
  const char *path = "";
  int option;

  *status = EXIT_SUCCESS;
  while ((option = getopt_long (argc, argv, "", options, NULL)) != -1)
    if (option == 's')
      path = optarg;
    else if (option == 'v')
      {
        printf ("postbus-auth-helper %s\n", PB_VERSION);
        return NULL;
      }
    else
      {
        fputs ("usage: postbus-auth-helper [--socket=PATH] [--version]\n",
               option == 'h' ? stdout : stderr);
        *status = option == 'h' ? EXIT_SUCCESS : EXIT_FAILURE;
        return NULL;
      }
  if (optind < argc)
    {
      fprintf (stderr, "<3>unexpected argument %s\n", argv[optind]);
      *status = EXIT_FAILURE;
      return NULL;
    }
  return path;
}

int
main (int argc, char **argv)
{
  const struct passwd *client;
  const char *path;
  int status, fd;

  path = parse_options (argc, argv, &status);
  if (path == NULL)
    return status;
  protect_memory ();
  fd = path[0] != '\0' ? own_socket (path) : passed_socket ();
  if (fd < 0)
    {
      if (path[0] != '\0')
        fprintf (stderr, "<3>%s: %s\n", path, strerror (errno));
      else
        fputs ("<3>no socket was passed by systemd, and --socket was not given\n", stderr);
      return EXIT_FAILURE;
    }
  client = getpwnam (CLIENT);
  status = pb_helper_serve (fd, client != NULL ? client->pw_uid : 0);
  if (path[0] != '\0')
    unlink (path);
  /* AddressSanitizer's search for leaks wants to look into the memory, which is forbidden. */
  _exit (status);
}
