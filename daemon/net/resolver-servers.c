/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The resolver's servers: libunbound's context made for them, remade when they change. They are given,
 * or read from resolv.conf and followed. Called by resolver.c on the resolver's own context; what is
 * under way when the servers change is asked again of the new ones, so no asker is lost.
 */
#include "net/resolv-conf.h"
#include "net/resolver-private.h"
#include "util/clock.h"
#include "util/log.h"

#include <glib-unix.h>
#include <string.h>

#define LOOK_AT_FILE_USEC (2 * G_USEC_PER_SEC)

static gboolean
on_unbound_readable (int fd, GIOCondition condition, gpointer user_data)
{
  ub_process (((PbResolver *) user_data)->unbound);
  return G_SOURCE_CONTINUE;
}

static void
set_option (struct ub_ctx *unbound, const char *name, const char *value)
{
  int error = ub_ctx_set_option (unbound, name, value);

  if (error != 0)
    pb_log (PB_LOG_WARNING, "resolver-option-refused", "option", name, "error", ub_strerror (error), NULL);
}

/* Names that no public zone knows, or that belong to whoever's network it is (RFC 6761, 6762, 8375, and what routers at
 * home are called): the root proves that most of them do not exist, so an answer from the network itself would be bogus. */
static const char *const private_zones[] = {
  "127.in-addr.arpa.", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
  "alt.",      "corp.", "domain.",   "fritz.box.", "home.",    "home.arpa.", "internal.", "intranet.", "invalid.",
  "ip.",       "lan.",  "local.",    "localdomain.", "localhost.", "mail.", "onion.",  "private.",  "test.",
};

struct ub_ctx *
pb_resolver_context_new (const PbResolver *self, gboolean validating)
{
  static const char *const options[][2] = {
    { "do-not-query-localhost:", "no" },
    /* A small NAS asks one forwarder; its replies are what counts, also for private networks. */
    { "unblock-lan-zones:", "yes" },
    /* And nobody has signed what those are called: many a router answers for their reverse zones by itself. */
    { "insecure-lan-zones:", "yes" },
    { "qname-minimisation:", "no" },
    /* What a zone above has proven is no answer where the network answers otherwise: bogus is waited for, "no such name" is final. */
    { "aggressive-nsec:", "no" },
    { "harden-below-nxdomain:", "no" },
    /* The library's defaults are for a shell tool: 16 questions at a time. */
    { "num-queries-per-thread:", "1024" },
    { "outgoing-range:", "128" },
    /* A forwarder that was away is asked again within a minute, not fifteen. */
    { "infra-host-ttl:", "60" },
    { "infra-keep-probing:", "yes" },
    /* Nobody but the servers' owners counts who knows which anchor. */
    { "trust-anchor-signaling:", "no" },
  };
  static const char *const open_zones[] = {
    "test.", "home.arpa.", "127.in-addr.arpa.",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
  };
  struct ub_ctx *unbound = ub_ctx_create ();
  int error = 0;

  if (unbound == NULL)
    g_error ("No memory for the resolver");
  ub_ctx_debugout (unbound, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    set_option (unbound, options[i][0], options[i][1]);
  for (guint i = 0; i < self->servers->len; i++)
    if (ub_ctx_set_fwd (unbound, g_ptr_array_index (self->servers, i)) != 0)
      pb_log (PB_LOG_WARNING, "name-server-refused", "server", g_ptr_array_index (self->servers, i), NULL);
  for (guint i = 0; validating && i < G_N_ELEMENTS (private_zones); i++)
    set_option (unbound, "domain-insecure:", private_zones[i]);
  if (validating)
    error = ub_ctx_add_ta_file (unbound, self->anchors);
  ub_ctx_async (unbound, 1);
  /* Last: this settles everything set before. */
  for (guint i = 0; error == 0 && i < G_N_ELEMENTS (open_zones); i++)
    error = ub_ctx_zone_add (unbound, open_zones[i], "transparent");
  if (error == 0 || !validating)
    return unbound;
  ub_ctx_delete (unbound);
  return NULL;
}

/* (Re)makes libunbound's context for the servers in hand: it takes no new ones once it has begun. */
void
pb_resolver_open (PbResolver *self)
{
  struct ub_ctx *unbound = pb_resolver_context_new (self, self->validating);

  if (unbound == NULL)
    {
      /* The anchors were good a moment ago. */
      pb_log (PB_LOG_ERROR, "trust-anchor-unusable", "file", self->anchors, NULL);
      self->validating = FALSE;
      unbound = pb_resolver_context_new (self, FALSE);
    }
  self->unbound = unbound;
  self->unbound_source = g_unix_fd_source_new (ub_fd (unbound), G_IO_IN);
  g_source_set_callback (self->unbound_source, G_SOURCE_FUNC (on_unbound_readable), self, NULL);
  g_source_set_static_name (self->unbound_source, "resolver");
  g_source_attach (self->unbound_source, self->context);
}

void
pb_resolver_shut (PbResolver *self)
{
  if (self->unbound == NULL)
    return;
  g_source_destroy (self->unbound_source);
  g_clear_pointer (&self->unbound_source, g_source_unref);
  g_clear_pointer (&self->unbound, ub_ctx_delete);
}

/* Reads the file if it is another than last time. Returns: whether the servers are others. */
gboolean
pb_resolver_look_at_file (PbResolver *self)
{
  g_autoptr (GPtrArray) servers = NULL;
  g_autofree char *text = NULL;
  struct stat status = { 0 };
  gboolean same;

  if (stat (self->file, &status) == 0 && status.st_ino == self->file_inode
      && memcmp (&status.st_mtim, &self->file_changed, sizeof self->file_changed) == 0)
    return FALSE;
  self->file_inode = status.st_ino;
  self->file_changed = status.st_mtim;
  if (!g_file_get_contents (self->file, &text, NULL, NULL))
    text = g_strdup ("");
  servers = pb_resolv_conf_parse (text);
  same = self->servers != NULL && self->servers->len == servers->len;
  for (guint i = 0; same && i < servers->len; i++)
    same = g_str_equal (g_ptr_array_index (servers, i), g_ptr_array_index (self->servers, i));
  if (same)
    return FALSE;
  g_clear_pointer (&self->servers, g_ptr_array_unref);
  self->servers = g_steal_pointer (&servers);
  return TRUE;
}

static void
take_file (PbResolver *self)
{
  self->file_looked = pb_clock_monotonic ();
  if (!pb_resolver_look_at_file (self))
    return;
  pb_log (PB_LOG_NOTICE, "name-servers-changed", "first", g_ptr_array_index (self->servers, 0), NULL);
  pb_resolver_begin (self);
}

/* Follows resolv.conf: a VPN or another network came or went. What is under way is asked again. */
void
pb_resolver_follow (PbResolver *self)
{
  if (self->file != NULL && pb_clock_monotonic () - self->file_looked >= LOOK_AT_FILE_USEC)
    take_file (self);
}

void
pb_resolver_reload (PbResolver *self)
{
  if (self->file == NULL)
    return;
  /* Whatever its times say. */
  self->file_inode = 0;
  take_file (self);
}

gboolean
pb_resolver_set_servers (PbResolver *self, const char *const *servers, GError **error)
{
  GPtrArray *texts = NULL;

  if (servers != NULL && servers[0] != NULL)
    {
      texts = pb_resolv_conf_parse_servers (servers, error);
      if (texts == NULL)
        return FALSE;
    }
  g_clear_pointer (&self->servers, g_ptr_array_unref);
  g_clear_pointer (&self->file, g_free);
  self->servers = texts;
  if (texts == NULL)
    {
      self->file = g_strdup (PB_RESOLV_CONF);
      self->file_looked = pb_clock_monotonic ();
      self->file_inode = 0;
      pb_resolver_look_at_file (self);
    }
  pb_resolver_begin (self);
  return TRUE;
}
