/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/resolver.h"
#include "net/wheel.h"
#include "util/mailbox.h"
#include <glib.h>
#include <sys/stat.h>
#include <unbound.h>

#define PB_RESOLV_CONF "/etc/resolv.conf"

typedef enum
{
  PB_PROBE_SECURE,
  PB_PROBE_INSECURE, /* there is an answer, which cannot be validated */
  PB_PROBE_SILENT,   /* nobody knows */
} PbProbeOutcome;

typedef struct _PbResolverProbe PbResolverProbe;

/* Who waits for the end of a try. */
typedef struct
{
  PbResolverTold func;
  gpointer user_data;
} PbResolverAsked;

struct _PbResolver
{
  GMainContext *context; /* (owned) */
  PbMailbox *mailbox;    /* (owned) */
  GSource *mailbox_source, *timer_source; /* (owned) */
  char *file;            /* (owned) (nullable) NULL when the servers were given */
  GPtrArray *servers;    /* (owned) of char * */
  struct ub_ctx *unbound; /* (owned) (nullable) */
  GSource *unbound_source; /* (owned) (nullable) */
  GHashTable *lookups;   /* (owned) set of (owned) Lookup */
  PbWheel *wheel;        /* (owned) */
  gint64 file_looked, route_looked;
  struct timespec file_changed;
  ino_t file_inode;
  gboolean has_six;      /* a route into the IPv6 Internet, as of route_looked */
  gboolean closing;

  /* resolver-validation.c's */
  char *anchors;      /* (owned) (nullable) file of trust anchors; NULL: nothing is validated */
  char *zone;         /* (owned) (nullable) of the first of them */
  PbDnssec dnssec;
  char *dnssec_why;   /* (owned) (nullable) */
  gboolean validating; /* @unbound does */
  PbResolverProbe *probe; /* (owned) (nullable) under way */
  PbProbeOutcome probe_outcome;
  char *probe_why;    /* (owned) (nullable) */
  GSource *over_source, *again_source, *hold_source; /* (owned) (nullable) */
  gint64 probed_at;
  guint n_failures;
  gboolean seen_bogus; /* since the last try */
  GPtrArray *asked;   /* (owned) (element-type PbResolverAsked) */
  PbResolverTold dnssec_func; /* (nullable) */
  gpointer dnssec_data;
};

/* resolver-servers.c */

/** pb_resolver_context_new: (nullable): libunbound's context for the servers of @self, with threads of its own; @validating: by the anchors of @self. NULL: it cannot be had. */
struct ub_ctx *pb_resolver_context_new (const PbResolver *self, gboolean validating);

/** pb_resolver_open: makes libunbound's context for the servers in hand: it takes no new ones once it has begun. */
void pb_resolver_open (PbResolver *self);
void pb_resolver_shut (PbResolver *self);

/** pb_resolver_look_at_file: reads resolv.conf if it is another than last time. Returns: whether the servers are others. */
gboolean pb_resolver_look_at_file (PbResolver *self);

/** pb_resolver_follow: looks at resolv.conf every two seconds at the most, and takes its servers. */
void pb_resolver_follow (PbResolver *self);

/* resolver-probe.c */

/** PbResolverProbed: @why (nullable). */
typedef void (*PbResolverProbed) (PbProbeOutcome outcome, const char *why, gpointer user_data);

/** pb_resolver_probe_new: tries @zone out. (nullable): NULL when the anchors are none. @func must not free it. */
PbResolverProbe *pb_resolver_probe_new (const PbResolver *resolver, const char *zone, PbResolverProbed func, gpointer user_data);
void pb_resolver_probe_free (PbResolverProbe *self);

/* resolver-validation.c */

/** pb_resolver_begin: the servers, or the wish to validate, are new: everything is found out, and a context opened. */
void pb_resolver_begin (PbResolver *self);
void pb_resolver_end (PbResolver *self);

/** pb_resolver_met_bogus: an answer was. */
void pb_resolver_met_bogus (PbResolver *self);

/* resolver.c */

/** pb_resolver_ask_again: puts every question under way to the context now open. */
void pb_resolver_ask_again (PbResolver *self);
