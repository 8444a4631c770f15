/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* The live counters that Statistics.Snapshot shows. Fixed ones by enum; refused.<check> and watched.<check> by registration. */
typedef enum
{
  PB_COUNTER_CONNECTIONS,
  PB_COUNTER_ACCEPTED,
  PB_COUNTER_DELIVERED,
  PB_COUNTER_DEFERRED,
  PB_COUNTER_BOUNCED,
  PB_COUNTER_DISCARDED,
  PB_COUNTER_BYTES_IN,
  PB_COUNTER_BYTES_OUT,
  PB_COUNTER_TLS_IN,
  PB_COUNTER_AUTH_OK,
  PB_COUNTER_AUTH_FAILED,
  PB_N_FIXED_COUNTERS,
} PbCounter;

/** pb_counter_register: finds or makes the counter @name ("refused.relay"). Returns: its number, for pb_counter_add(). Any thread. */
guint pb_counter_register (const char *name);

/** pb_counter_add: relaxed atomic add; any thread. @counter is a PbCounter or a registered number. */
void pb_counter_add (guint counter, guint64 n);

/** pb_counter_get: the value now. */
guint64 pb_counter_get (guint counter);

typedef void (*PbCounterFunc) (const char *name, guint64 value, gpointer user_data);

/** pb_counter_foreach: every counter in order of registration, fixed ones first. */
void pb_counter_foreach (PbCounterFunc func, gpointer user_data);
