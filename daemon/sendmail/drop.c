/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * postbus-drop: puts what comes on standard input into the drop directory, for postbusd to take in.
 *
 * Started by sendmail when the service does not answer. It is installed set-group-id postbus-drop, and that is
 * all it may do: make a new file in a folder that nobody can list. So it is linked to the C library alone,
 * reads neither options nor environment, and takes its input for octets. The file belongs to whoever runs it,
 * which tells postbusd whose mail it is. It is whole and on disk, or it is not there: exit status 0 or one of
 * sysexits.h with a line on standard error.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define FOLDER    PB_LOCALSTATEDIR "/lib/postbus/drop"
#define RESERVE   (64ull << 20) /* octets that stay free on the disk */
#define ASK_AGAIN (4ull << 20)  /* octets between two looks at that */
#define MAX_INPUT (2048ull << 20)

static char temporary[96];

static int
fail (int status, const char *what)
{
  int code = errno;

  if (temporary[0] != '\0')
    unlink (temporary);
  fprintf (stderr, "postbus-drop: %s: %s\n", what, strerror (code));
  return status;
}

static void
on_signal (int number)
{
  if (temporary[0] != '\0')
    unlink (temporary);
  _exit (EX_TEMPFAIL);
}

/* Whoever runs us may send any signal, or has had an alarm set or a limit low before: nothing half stays behind. */
static void
set_signals (void)
{
  static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2, SIGXCPU };

  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
    signal (ends[i], on_signal);
  /* Told by write() instead. */
  signal (SIGPIPE, SIG_IGN);
  signal (SIGXFSZ, SIG_IGN);
}

/* Only who is not raised by the set-group-id bit may name the folder: a test. */
static const char *
find_folder (int argc, char **argv)
{
  return argc == 2 && getegid () == getgid () && geteuid () == getuid () ? argv[1] : FOLDER;
}

static int
write_all (int fd, const char *data, size_t length)
{
  while (length > 0)
    {
      ssize_t n = write (fd, data, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return -1;
      data += n;
      length -= (size_t) n;
    }
  return 0;
}

static int
has_room (void)
{
  struct statvfs status;

  return statvfs (".", &status) == 0
         && (unsigned long long) status.f_bavail * status.f_frsize >= RESERVE
         && (status.f_files == 0 || status.f_favail > 100);
}

static int
copy (int fd)
{
  static char room[65536];
  unsigned long long copied = 0, asked = 0;

  for (;;)
    {
      ssize_t n = read (STDIN_FILENO, room, sizeof room);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return (int) n;
      copied += (unsigned long long) n;
      if (copied > MAX_INPUT)
        {
          errno = EFBIG;
          return -1;
        }
      /* One message may be larger than what is left. */
      if (copied - asked > ASK_AGAIN)
        {
          asked = copied;
          if (!has_room ())
            {
              errno = ENOSPC;
              return -1;
            }
        }
      if (write_all (fd, room, (size_t) n) != 0)
        return -1;
    }
}

int
main (int argc, char **argv)
{
  char name[96];
  struct timespec now;
  int fd;

  umask (0);
  set_signals ();
  if (chdir (find_folder (argc, argv)) != 0)
    return fail (EX_UNAVAILABLE, "the drop directory");
  if (!has_room ())
    {
      errno = ENOSPC;
      return fail (EX_TEMPFAIL, "the drop directory");
    }
  clock_gettime (CLOCK_REALTIME, &now);
  snprintf (name, sizeof name, "new-%lld-%09ld-%ld", (long long) now.tv_sec, now.tv_nsec,
            (long) getpid ());
  snprintf (temporary, sizeof temporary, "tmp-%s", name + 4);
  fd = open (temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0440);
  if (fd < 0)
    {
      temporary[0] = '\0';
      return fail (EX_CANTCREAT, "the drop directory");
    }
  if (copy (fd) != 0 || fsync (fd) != 0)
    return fail (errno == ENOSPC || errno == EDQUOT ? EX_TEMPFAIL : EX_IOERR, "the message");
  if (rename (temporary, name) != 0)
    return fail (EX_IOERR, "the message");
  /* From here on a failure takes the whole message back; a signal that ends us may leave it, which is twice at worst. */
  memcpy (temporary, name, sizeof name);
  /* The folder's own entry: it cannot be opened for reading here, so its file system is synced. */
  if (syncfs (fd) != 0 || close (fd) != 0)
    return fail (EX_IOERR, "the message");
  temporary[0] = '\0';
  return EX_OK;
}
