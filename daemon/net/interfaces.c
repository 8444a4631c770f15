/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps the local network up to date. One netlink socket gets the kernel's notices and the answers to our
 * questions; a notice is only a reason to ask again, links, addresses and routes in turn, so that what was
 * missed (a full socket, a dump that changed under way) is never wrong for long. Made and freed by the
 * service, on the main thread; nothing here waits once it is made.
 */
#include "net/interfaces.h"

#include "util/log.h"
#include <errno.h>
#include <glib-unix.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS                                                                                     \
  (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)
#define BUFFER_SIZE   (64 * 1024)
#define FIRST_WAIT_MS 1000
#define REST_MS       500 /* between one reading of all and the next */

static const guint16 questions[] = { RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE };

struct _PbInterfaces
{
  PbInterfacesFunc func;
  gpointer user_data;
  PbLocalNetworks *networks; /* (owned) */
  PbInterfaceTables tables;  /* (owned) being filled */
  guint8 *buffer;            /* (owned) */
  int fd;                    /* (owned) -1: none */
  guint source, rest;        /* ids; 0: none */
  guint32 sequence;
  guint question; /* that waits for its answer; G_N_ELEMENTS (questions): none */
  gboolean again; /* something changed meanwhile */
};

static gboolean
is_reading (const PbInterfaces *self)
{
  return self->question < G_N_ELEMENTS (questions);
}

static gboolean
ask (PbInterfaces *self)
{
  struct
  {
    struct nlmsghdr head;
    struct rtgenmsg body;
  } message = { 0 };

  message.head.nlmsg_len = NLMSG_LENGTH (sizeof message.body);
  message.head.nlmsg_type = questions[self->question];
  message.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  /* Not 0, which notices bear. */
  self->sequence = self->sequence == G_MAXUINT32 ? 1 : self->sequence + 1;
  message.head.nlmsg_seq = self->sequence;
  message.body.rtgen_family = AF_UNSPEC;
  return send (self->fd, &message, message.head.nlmsg_len, 0) >= 0;
}

static void
begin_reading (PbInterfaces *self)
{
  pb_interface_tables_clear (&self->tables);
  pb_interface_tables_init (&self->tables);
  self->again = FALSE;
  self->question = 0;
  if (!ask (self))
    {
      self->question = G_N_ELEMENTS (questions);
      self->again = TRUE;
    }
}

static gboolean
on_rested (gpointer user_data)
{
  PbInterfaces *self = user_data;

  self->rest = 0;
  begin_reading (self);
  return G_SOURCE_REMOVE;
}

static void
read_again_later (PbInterfaces *self)
{
  if (self->rest == 0)
    self->rest = g_timeout_add (REST_MS, on_rested, self);
}

/* All three answers are there. Returns: whether the networks are others now. */
static gboolean
take_tables (PbInterfaces *self)
{
  PbLocalNetworks *fresh = pb_local_networks_new (&self->tables);

  if (self->networks != NULL && pb_local_networks_equal (fresh, self->networks))
    {
      pb_local_networks_unref (fresh);
      return FALSE;
    }
  g_clear_pointer (&self->networks, pb_local_networks_unref);
  self->networks = fresh;
  return TRUE;
}

/* Returns: whether a reading of all has come to its end. */
static gboolean
take_datagram (PbInterfaces *self, gsize length)
{
  switch (pb_netlink_parse (self->buffer, length, is_reading (self) ? self->sequence : 0,
                            &self->tables, &self->again))
    {
    case PB_NETLINK_MORE:
      return FALSE;
    case PB_NETLINK_DONE:
      self->question++;
      if (!is_reading (self))
        return TRUE;
      if (ask (self))
        return FALSE;
      break;
    case PB_NETLINK_FAILED:
      break;
    }
  self->question = G_N_ELEMENTS (questions);
  self->again = TRUE;
  return FALSE;
}

/* Takes one datagram. Returns: FALSE when none waits. @complete: (inout): a reading of all has ended. */
static gboolean
receive (PbInterfaces *self, gboolean *complete)
{
  struct sockaddr_nl from = { 0 };
  socklen_t size = sizeof from;
  gssize length = recvfrom (self->fd, self->buffer, BUFFER_SIZE, MSG_DONTWAIT | MSG_TRUNC,
                            (struct sockaddr *) &from, &size);

  if (length < 0 && errno == ENOBUFS)
    {
      /* Notices were lost, and so may an answer's end be. */
      self->question = G_N_ELEMENTS (questions);
      self->again = TRUE;
      return TRUE;
    }
  if (length < 0)
    return errno == EINTR;
  if (from.nl_pid != 0)
    return TRUE;
  if (length > BUFFER_SIZE)
    self->again = TRUE;
  if (take_datagram (self, (gsize) MIN (length, BUFFER_SIZE)))
    *complete = TRUE;
  return TRUE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  PbInterfaces *self = user_data;
  gboolean complete = FALSE;

  while (receive (self, &complete))
    ;
  if (self->again && !is_reading (self))
    read_again_later (self);
  if (complete && take_tables (self))
    self->func (self->networks, self->user_data);
  return G_SOURCE_CONTINUE;
}

/* The first reading, for which the start of the service waits. */
static gboolean
read_first (PbInterfaces *self)
{
  gint64 end = g_get_monotonic_time () + FIRST_WAIT_MS * 1000;
  gboolean complete = FALSE;

  begin_reading (self);
  while (!complete && is_reading (self))
    {
      struct pollfd poller = { .fd = self->fd, .events = POLLIN };
      gint64 left = (end - g_get_monotonic_time ()) / 1000;

      if (left <= 0 || (poll (&poller, 1, (int) left) < 0 && errno != EINTR))
        return FALSE;
      while (!complete && receive (self, &complete))
        ;
    }
  return complete;
}

static int
open_socket (void)
{
  struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = GROUPS };
  int fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

  if (fd >= 0 && bind (fd, (struct sockaddr *) &address, sizeof address) != 0)
    {
      close (fd);
      return -1;
    }
  return fd;
}

PbInterfaces *
pb_interfaces_new (PbInterfacesFunc func, gpointer user_data)
{
  PbInterfaces *self = g_new0 (PbInterfaces, 1);

  self->func = func;
  self->user_data = user_data;
  self->question = G_N_ELEMENTS (questions);
  /* Notices of what others did bear their numbers. */
  self->sequence = g_random_int ();
  self->buffer = g_malloc (BUFFER_SIZE);
  pb_interface_tables_init (&self->tables);
  self->fd = open_socket ();
  if (self->fd < 0 || !read_first (self))
    {
      pb_log (PB_LOG_WARNING, "interfaces unknown", "reason",
              self->fd < 0 ? g_strerror (errno) : "the kernel did not answer", "advice",
              "no network counts as local until LocalNetworks names one", NULL);
      pb_interface_tables_clear (&self->tables);
      pb_interface_tables_init (&self->tables);
    }
  take_tables (self);
  if (self->fd < 0)
    return self;
  self->source = g_unix_fd_add (self->fd, G_IO_IN, on_readable, self);
  if (self->again && !is_reading (self))
    read_again_later (self);
  return self;
}

void
pb_interfaces_free (PbInterfaces *self)
{
  g_clear_handle_id (&self->source, g_source_remove);
  g_clear_handle_id (&self->rest, g_source_remove);
  if (self->fd >= 0)
    close (self->fd);
  pb_interface_tables_clear (&self->tables);
  g_clear_pointer (&self->networks, pb_local_networks_unref);
  g_free (self->buffer);
  g_free (self);
}

PbLocalNetworks *
pb_interfaces_networks (PbInterfaces *self)
{
  return self->networks;
}
