/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/*
 * One budget for the octets that all sessions hold in memory at once: message bodies on their way in, recipients. Its holders charge what they hold; nobody blocks on
 * it. Any thread.
 */
typedef struct
{
  gint64 limit; /* octets */
  gint64 used;  /* private: atomic */
} PbBudget;

typedef enum
{
  PB_BUDGET_EASY,
  PB_BUDGET_TIGHT,  /* at 80 %: read no more of messages */
  PB_BUDGET_SCARCE, /* at 90 %: begin no message: 452 */
  PB_BUDGET_FULL,   /* 421 */
} PbBudgetState;

/** pb_budget_default_limit: an eighth of the machine's memory, at most 256 MiB, at least 16 MiB. */
gint64 pb_budget_default_limit (void);

/** pb_budget_charge: @self holds @octets more (or fewer, when negative). */
void pb_budget_charge (PbBudget *self, gint64 octets);
PbBudgetState pb_budget_state (PbBudget *self);
