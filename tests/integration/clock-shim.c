/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lets days go by in a daemon while a test runs for seconds: preloaded, it adds to the clocks what the file named by
 * POSTBUS_CLOCK says, two 64-bit numbers of nanoseconds, for the wall clock and for the monotonic one. The test writes them;
 * a wait for the kernel ends early, so that they are soon seen. Straight to the kernel, so that sanitizers may be there too.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_WAIT 10 /* milliseconds */
#define NANO         1000000000

static const volatile int64_t *added; /* [0] wall, [1] monotonic */

__attribute__ ((constructor)) static void
on_load (void)
{
  const char *path = getenv ("POSTBUS_CLOCK");
  int fd = path != NULL ? open (path, O_RDONLY | O_CLOEXEC) : -1;
  void *map = fd >= 0 ? mmap (NULL, 2 * sizeof (int64_t), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

  if (map == MAP_FAILED)
    abort ();
  close (fd);
  added = map;
}

int clock_gettime (clockid_t id, struct timespec *now);
int gettimeofday (struct timeval *restrict now, void *restrict zone);
time_t time (time_t *now);

int
clock_gettime (clockid_t id, struct timespec *now)
{
  int status = (int) syscall (SYS_clock_gettime, id, now);
  int which = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE                            ? 0
              : id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_BOOTTIME ? 1
                                                                                              : -1;

  if (status == 0 && which >= 0 && added != NULL)
    {
      int64_t sum = now->tv_sec * INT64_C (1000000000) + now->tv_nsec + added[which];

      now->tv_sec = sum / NANO;
      now->tv_nsec = sum % NANO;
    }
  return status;
}

int
gettimeofday (struct timeval *restrict now, void *restrict zone)
{
  struct timespec exact;

  (void) zone;
  clock_gettime (CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t
time (time_t *now)
{
  struct timespec exact;

  clock_gettime (CLOCK_REALTIME, &exact);
  if (now != NULL)
    *now = exact.tv_sec;
  return exact.tv_sec;
}

static int
shorten (int timeout)
{
  return timeout < 0 || timeout > LONGEST_WAIT ? LONGEST_WAIT : timeout;
}

/* A wait may end with nothing for anybody who waits with a timeout; who has none waits on. */
int
poll (struct pollfd *fds, nfds_t n, int timeout)
{
  int ready;

  do
    ready = (int) syscall (SYS_poll, fds, n, shorten (timeout));
  while (ready == 0 && timeout < 0);
  return ready;
}

int
epoll_wait (int fd, struct epoll_event *events, int max, int timeout)
{
  int ready;

  do
    ready = (int) syscall (SYS_epoll_pwait, fd, events, max, shorten (timeout), NULL, _NSIG / 8);
  while (ready == 0 && timeout < 0);
  return ready;
}
