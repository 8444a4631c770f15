/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory budget of the SMTP server side. Charging is one relaxed atomic add, so that the mail
 * path pays nothing for it; the state is advice, acted on by each session between two reads. It may
 * be overdrawn by what one read of each session brings, never by more.
 */
#include "session/budget.h"

#include <unistd.h>

#define MIB (G_GINT64_CONSTANT (1) << 20)

gint64
pb_budget_default_limit (void)
{
  gint64 memory = (gint64) sysconf (_SC_PHYS_PAGES) * sysconf (_SC_PAGESIZE);

  return CLAMP (memory / 8, 16 * MIB, 256 * MIB);
}

void
pb_budget_charge (PbBudget *self, gint64 octets)
{
  if (octets != 0)
    __atomic_fetch_add (&self->used, octets, __ATOMIC_RELAXED);
}

PbBudgetState
pb_budget_state (PbBudget *self)
{
  gint64 used = __atomic_load_n (&self->used, __ATOMIC_RELAXED);

  if (used < self->limit / 10 * 8)
    return PB_BUDGET_EASY;
  if (used < self->limit / 10 * 9)
    return PB_BUDGET_TIGHT;
  return used < self->limit ? PB_BUDGET_SCARCE : PB_BUDGET_FULL;
}
