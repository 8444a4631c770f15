/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* A row of DnsblZones, compiled. */
typedef struct
{
  char *zone;   /* (owned) lower case */
  char **codes; /* (owned) the answers that count; none: any */
  int score;
} PbBlocklist;
