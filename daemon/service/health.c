/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Puts together what looks after the server itself, for the service, which makes and frees it. Decides
 * nothing: setup-check.c has the setup check.
 */
#include "service/health.h"

struct _PbHealth
{
  PbHealthParts parts;
  PbSetupCheck *setup; /* (owned) */
};

PbHealth *
pb_health_new (const PbHealthParts *parts)
{
  PbHealth *self = g_new0 (PbHealth, 1);

  self->parts = *parts;
  self->setup = pb_setup_check_new (&parts->setup);
  return self;
}

void
pb_health_close (PbHealth *self)
{
  pb_setup_check_close (self->setup);
}

void
pb_health_free (PbHealth *self)
{
  pb_setup_check_free (self->setup);
  g_free (self);
}

void
pb_health_handle_check_setup (PbBusCall *call, PbHealth *self)
{
  pb_setup_check_handle (call, self->setup);
}
