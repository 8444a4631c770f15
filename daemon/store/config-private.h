/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/config-store.h"
#include "store/database.h"
#include "store/writer.h"
#include "util/pool.h"
#include <glib.h>

#define PB_CONFIG_REVISIONS_KEPT 100

struct _PbConfigStore
{
  int lock_fd;         /* (owned) */
  PbWriter *writer;    /* (owned) */
  PbDatabase *reader;  /* (owned) the pool's one thread's */
  PbPool *reader_pool; /* (owned) */
};

/** pb_config_print: (transfer full) the column of a value. */
char *pb_config_print (GVariant *value);

/** pb_config_parse: (transfer full) (nullable) the value of a column; NULL with PB_STORE_ERROR_CORRUPT naming @key. */
GVariant *pb_config_parse (const char *text, const char *key, GError **error);
