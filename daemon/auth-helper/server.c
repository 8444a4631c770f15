/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The helper's life. The parent accepts, asks the kernel who the peer is, and forks: it reads not one
 * octet of what a peer says, touches neither PAM nor NSS, and so cannot be confused or held up by either.
 * Each connection is a child's, which reads one request, answers, and ends; one that does not end in time
 * is killed, and its peer sees the connection close. With MAX_CHILDREN under way nothing more is accepted.
 */
#include "auth-helper/server.h"

#include "auth-helper/attempt.h"
#include "auth-helper/person.h"
#include "auth-helper/wire.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CHILDREN   40
#define CHILD_MS       10000 /* of a child's life: as long as postbusd waits for it */
#define REQUEST_MS     5000  /* until a request must be whole */
#define REST_MS        100   /* when nothing can be accepted or forked */

typedef struct
{
  pid_t pid;        /* 0: free */
  int64_t deadline; /* monotonic ms */
  bool killed;
} Child;

typedef struct
{
  int fd, signals;
  uid_t client;
  int64_t rest_until; /* monotonic ms */
  unsigned n_children;
  Child children[MAX_CHILDREN];
} Server;

static int64_t
now_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- in the child ---- */

static PbAuthParse
read_request (int fd, PbAuthRequest *request)
{
  /* One octet more than a frame has, to see what stands behind it. */
  uint8_t octets[PB_AUTH_MAX_FRAME + 1];
  size_t length = 0;
  int64_t deadline = now_ms () + REQUEST_MS;
  PbAuthParse parse = PB_AUTH_PARSE_MORE;

  mlock (octets, sizeof octets);
  while (parse == PB_AUTH_PARSE_MORE)
    {
      struct pollfd wait = { fd, POLLIN, 0 };
      int64_t left = deadline - now_ms ();
      ssize_t got;

      if (left <= 0 || poll (&wait, 1, (int) left) < 1)
        break;
      got = recv (fd, octets + length, sizeof octets - length, 0);
      if (got <= 0)
        break;
      length += (size_t) got;
      parse = pb_auth_request_parse (octets, length, request);
    }
  explicit_bzero (octets, sizeof octets);
  return parse;
}

static void
serve_peer (int fd)
{
  static PbAuthRequest request;
  PbAuthAnswer answer = { 0 };
  uint8_t frame[PB_AUTH_MAX_FRAME];
  PbAuthParse parse;

  mlock (&request, sizeof request);
  parse = read_request (fd, &request);
  if (parse == PB_AUTH_PARSE_OK)
    switch (request.kind)
      {
      case PB_AUTH_AUTHENTICATE:
        pb_attempt_authenticate (&request, &answer);
        break;
      case PB_AUTH_LOOKUP:
        pb_person_find (request.user, &answer);
        break;
      }
  explicit_bzero (&request, sizeof request);
  if (parse == PB_AUTH_PARSE_OK)
    send (fd, frame, pb_auth_answer_write (&answer, frame), MSG_NOSIGNAL);
  else if (parse == PB_AUTH_PARSE_BAD)
    fputs ("<4>what came is no request, closing the connection\n", stderr);
}

static void
run_child (Server *self, int fd, pid_t parent)
{
  sigset_t none;

  /* Modules expect the usual signals. */
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () == parent)
    {
      close (self->fd);
      close (self->signals);
      serve_peer (fd);
    }
  /* No exit handler of a module's is of use to anyone. */
  _exit (EXIT_SUCCESS);
}

/* ---- in the parent ---- */

static bool
may_ask (Server *self, int fd)
{
  struct ucred peer;
  socklen_t length = sizeof peer;

  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return false;
  if (peer.uid == 0 || peer.uid == geteuid () || peer.uid == self->client)
    return true;
  fprintf (stderr, "<4>refused a peer of uid %u\n", (unsigned) peer.uid);
  return false;
}

/* Descriptors or processes have run out: what waits, waits in the socket's backlog. */
static void
rest (Server *self, const char *what)
{
  fprintf (stderr, "<3>%s: %s\n", what, strerror (errno));
  self->rest_until = now_ms () + REST_MS;
}

static void
start_child (Server *self, int fd)
{
  pid_t parent = getpid (), pid = fork ();

  if (pid == 0)
    run_child (self, fd, parent);
  if (pid < 0)
    {
      rest (self, "fork");
      return;
    }
  for (unsigned i = 0; i < MAX_CHILDREN; i++)
    if (self->children[i].pid == 0)
      {
        self->children[i] = (Child){ pid, now_ms () + CHILD_MS, false };
        self->n_children++;
        return;
      }
}

static void
accept_one (Server *self)
{
  int fd = accept4 (self->fd, NULL, NULL, SOCK_CLOEXEC);

  if (fd < 0)
    {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        rest (self, "accept");
      return;
    }
  if (may_ask (self, fd))
    start_child (self, fd);
  close (fd);
}

static void
reap (Server *self)
{
  pid_t pid;
  int status;

  while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
    for (unsigned i = 0; i < MAX_CHILDREN; i++)
      if (self->children[i].pid == pid)
        {
          if (WIFSIGNALED (status) && !self->children[i].killed)
            fprintf (stderr, "<3>a module ended its process with signal %d\n", WTERMSIG (status));
          self->children[i] = (Child){ 0 };
          self->n_children--;
        }
}

/* Kills what is late. Returns: how long to wait for the next, ms; -1: nothing to wait for. */
static int
kill_late (Server *self)
{
  int64_t now = now_ms (), next = INT64_MAX;

  for (unsigned i = 0; i < MAX_CHILDREN; i++)
    {
      Child *child = &self->children[i];

      if (child->pid == 0 || child->killed)
        continue;
      if (child->deadline > now)
        next = child->deadline < next ? child->deadline : next;
      else
        {
          fputs ("<4>no answer in time, giving up\n", stderr);
          child->killed = true;
          kill (child->pid, SIGKILL);
        }
    }
  if (self->rest_until > now && self->rest_until < next)
    next = self->rest_until;
  return next == INT64_MAX ? -1 : (int) (next - now) + 1;
}

/* Returns: FALSE at the end. */
static bool
take_signal (Server *self)
{
  struct signalfd_siginfo info;

  if (read (self->signals, &info, sizeof info) != sizeof info || info.ssi_signo == SIGCHLD)
    {
      reap (self);
      return true;
    }
  return false;
}

static void
end_children (Server *self)
{
  for (unsigned i = 0; i < MAX_CHILDREN; i++)
    if (self->children[i].pid != 0)
      {
        kill (self->children[i].pid, SIGKILL);
        waitpid (self->children[i].pid, NULL, 0);
      }
}

int
pb_helper_serve (int fd, uid_t client)
{
  Server self = { .fd = fd, .client = client };
  bool going = true;
  sigset_t taken;

  sigemptyset (&taken);
  sigaddset (&taken, SIGCHLD);
  sigaddset (&taken, SIGTERM);
  sigaddset (&taken, SIGINT);
  sigprocmask (SIG_BLOCK, &taken, NULL);
  self.signals = signalfd (-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
  if (self.signals < 0)
    {
      fprintf (stderr, "<3>signalfd: %s\n", strerror (errno));
      return EXIT_FAILURE;
    }
  while (going)
    {
      struct pollfd waits[] = { { self.signals, POLLIN, 0 }, { fd, POLLIN, 0 } };
      int wait = kill_late (&self);

      if (self.n_children == MAX_CHILDREN || self.rest_until > now_ms ())
        waits[1].fd = -1;
      if (poll (waits, 2, wait) < 1)
        continue;
      if (waits[0].revents != 0)
        going = take_signal (&self);
      if (going && waits[1].revents != 0)
        accept_one (&self);
    }
  end_children (&self);
  close (self.signals);
  return EXIT_SUCCESS;
}
