/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Puts together what looks after the server itself, for the service, which makes and frees it. Decides
 * nothing: setup-check.c has the setup check, health-watch.c the
 * alerts of what is seen by looking.
 */
#include "service/health.h"

#include "service/health-watch.h"

struct _PbHealth
{
  PbHealthParts parts;
  PbSetupCheck *setup; /* (owned) */
  PbHealthWatch *watch; /* (owned) */
};

PbHealth *
pb_health_new (const PbHealthParts *parts)
{
  PbHealth *self = g_new0 (PbHealth, 1);

  self->parts = *parts;
  self->setup = pb_setup_check_new (&parts->setup);
  self->watch = pb_health_watch_new (parts->store, parts->alerts, parts->setup.certificate,
                                     pb_queue_daily (parts->queue), pb_queue_burst (parts->queue),
                                     parts->setup.registry, parts->setup.directory);
  return self;
}

void
pb_health_close (PbHealth *self)
{
  pb_setup_check_close (self->setup);
  pb_health_watch_close (self->watch);
}

void
pb_health_free (PbHealth *self)
{
  pb_setup_check_free (self->setup);
  pb_health_watch_free (self->watch);
  g_free (self);
}

void
pb_health_handle_check_setup (PbBusCall *call, PbHealth *self)
{
  pb_setup_check_handle (call, self->setup);
}
