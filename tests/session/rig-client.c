/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client's end of the rig: sends, reads replies, and checks what is said. See rig.h.
 */
#include "tests/session/rig.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static short
await (int fd, short events)
{
  struct pollfd wanted = { .fd = fd, .events = events };
  int n;

  /* The fuzzer's own timer interrupts. */
  do
    n = poll (&wanted, 1, RIG_PATIENCE / 1000);
  while (n < 0 && errno == EINTR);
  g_assert_cmpint (n, ==, 1);
  return wanted.revents;
}

/* Returns: FALSE at the end of the stream. */
static gboolean
read_some (int fd, GString *replies)
{
  char buffer[4096];
  ssize_t n = recv (fd, buffer, sizeof buffer, 0);

  if (n < 0 && errno == EAGAIN)
    return TRUE;
  if (n <= 0)
    return FALSE;
  if (replies != NULL)
    g_string_append_len (replies, buffer, n);
  return TRUE;
}

gboolean
rig_send (int fd, const void *data, gsize length, GString *replies)
{
  const char *next = data;

  while (length > 0)
    {
      ssize_t n = send (fd, next, length, MSG_NOSIGNAL);

      if (n < 0 && errno != EAGAIN)
        return FALSE;
      if (n > 0)
        {
          next += n;
          length -= (gsize) n;
          continue;
        }
      if ((await (fd, POLLIN | POLLOUT) & POLLIN) != 0 && !read_some (fd, replies))
        return FALSE;
    }
  return TRUE;
}

static guint
count_replies (const GString *replies)
{
  const char *line = replies->str;
  const char *end;
  guint n = 0;

  for (; (end = strstr (line, "\r\n")) != NULL; line = end + 2)
    n += end - line >= 3 && line[3] != '-';
  return n;
}

gboolean
rig_read_replies (int fd, guint n, GString *replies)
{
  while (count_replies (replies) < n)
    {
      await (fd, POLLIN);
      if (!read_some (fd, replies))
        return FALSE;
    }
  return TRUE;
}

void
rig_read_end (int fd, GString *replies)
{
  do
    await (fd, POLLIN);
  while (read_some (fd, replies));
}

void
rig_await_taken (int fd)
{
  gint64 until = g_get_monotonic_time () + RIG_PATIENCE;
  struct pollfd gone = { .fd = fd };
  int waiting = 1;

  while (ioctl (fd, SIOCOUTQ, &waiting) == 0 && waiting > 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      if (poll (&gone, 1, 0) == 1 && (gone.revents & POLLHUP) != 0)
        return;
    }
}

/* ---- whole steps ---- */

void
rig_say (int fd, const char *text, guint replies)
{
  g_autoptr (GString) heard = g_string_new (NULL);

  g_assert_true (rig_send (fd, text, strlen (text), heard));
  g_assert_true (rig_read_replies (fd, replies, heard));
  g_assert_true (heard->str[0] == '2' || heard->str[0] == '3');
  g_assert_null (strstr (heard->str, "\r\n4"));
  g_assert_null (strstr (heard->str, "\r\n5"));
}

int
rig_greeted (Rig *rig, const char *ip)
{
  int fd = rig_connect (rig, ip, PB_ROLE_SMTP, NULL, 0);

  rig_say (fd, "", 1);
  return fd;
}

int
rig_in_data (Rig *rig, const char *ip)
{
  int fd = rig_greeted (rig, ip);

  rig_say (fd, RIG_EHLO, 1);
  rig_say (fd, RIG_ENVELOPE, 3);
  return fd;
}

void
rig_expect (int fd, const char *text, const char *reply)
{
  g_autoptr (GString) heard = g_string_new (NULL);

  g_assert_true (rig_send (fd, text, strlen (text), heard));
  rig_read_replies (fd, 1, heard);
  g_assert_cmpstr (heard->str, ==, reply);
}

void
rig_expect_end (int fd, const char *last)
{
  g_autoptr (GString) heard = g_string_new (NULL);

  rig_read_end (fd, heard);
  g_assert_cmpstr (heard->str, ==, last);
  close (fd);
}

GString *
rig_make_message (gsize size)
{
  GString *message = g_string_sized_new (size + 80);

  while (message->len < size)
    g_string_append_printf (message, "line at %" G_GSIZE_FORMAT " of a message of some length\r\n",
                            message->len);
  g_string_truncate (message, size - 2);
  g_string_append (message, "\r\n");
  return message;
}

void
rig_trickle (Rig *rig, int fd, char octet, const char *last)
{
  gint64 deadline = 0;

  for (guint i = 0; i < 50; i++)
    {
      g_assert_true (rig_send (fd, &octet, 1, NULL));
      rig_await_taken (fd);
      if (i == 0)
        deadline = rig_deadline (rig);
      g_assert_cmpint (rig_deadline (rig), ==, deadline);
    }
  rig_run_out (rig);
  rig_expect_end (fd, last);
}
