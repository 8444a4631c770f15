/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "protocol/mta-sts.h"
#include <glib.h>

/* The file mta-sts: the policies of other domains that are known, so that they hold over a restart. Everything blocks. */
#define PB_STS_FILE_NAME "mta-sts"

/* What is known of a domain. */
typedef struct
{
  char *domain;          /* (owned) A-labels, lower case */
  PbStsPolicy *policy;   /* (owned) (nullable) */
  char id[PB_STS_MAX_ID + 1]; /* of @policy, as the domain's record had it */
  gint64 fetched;        /* Unix seconds */
  gint64 used;           /* Unix seconds: mail asked for it; 0 never */
  gint64 failed;         /* Unix seconds: the last try to fetch one went wrong; 0: none did since. Not kept in the file, nor what is below */
  char failed_id[PB_STS_MAX_ID + 1];
  char *failure;         /* (owned) (nullable) why */
} PbStsEntry;
void pb_sts_entry_free (PbStsEntry *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbStsEntry, pb_sts_entry_free)

/**
 * pb_sts_file_read: Returns: (transfer full) (element-type PbStsEntry): entries that make no sense are left out. Errors of PB_STORE_ERROR: NOT_FOUND; CORRUPT: it is
 * none of ours; FAILED: it cannot be read.
 */
GPtrArray *pb_sts_file_read (const char *directory, GError **error);

/** pb_sts_file_write: @entries (element-type PbStsEntry), those with a policy, whole or not at all. Errors of PB_STORE_ERROR: FULL, FAILED. */
gboolean pb_sts_file_write (const char *directory, GPtrArray *entries, GError **error);
