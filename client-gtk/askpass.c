/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * postbus-admin-askpass: run by ssh as SSH_ASKPASS with the question as its argument. Sends it to the
 * socket that postbus-admin named in the environment, and prints the answer. Exits 1, which ssh takes
 * for a refusal, when the user gave up or nobody listens. Keeps nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_ANSWER 4096

static int
connect_to (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0 || path == NULL || strlen (path) >= sizeof address.sun_path)
    return -1;
  strcpy (address.sun_path, path);
  return connect (fd, (struct sockaddr *) &address, sizeof address) == 0 ? fd : -1;
}

static int
send_all (int fd, const char *text)
{
  size_t left = strlen (text);

  while (left > 0)
    {
      ssize_t n = send (fd, text, left, MSG_NOSIGNAL);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return -1;
      text += n;
      left -= n;
    }
  return shutdown (fd, SHUT_WR);
}

int
main (int argc, char **argv)
{
  char answer[MAX_ANSWER];
  size_t length = 0;
  int fd = connect_to (getenv ("POSTBUS_ASKPASS_SOCKET"));

  if (argc < 2 || fd < 0 || send_all (fd, argv[1]) < 0)
    return 1;
  while (length < sizeof answer - 1)
    {
      ssize_t n = read (fd, answer + length, sizeof answer - 1 - length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      length += n;
    }
  answer[length] = '\0';
  if (answer[0] != '+')
    return 1;
  puts (answer + 1);
  explicit_bzero (answer, sizeof answer);
  return 0;
}
