/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/body.h"
#include <glib.h>

/* The folder of large bodies, shared by the store and every body that is a file. Immutable, reference-counted, any thread. */
typedef struct
{
  gint ref_count; /* atomic */
  char *path;     /* (owned) */
  int fd;         /* (owned) spool/ */
  int tmp_fd;     /* (owned) spool/tmp/ */
} PbSpoolDir;

/** pb_spool_dir_open: makes @path and its tmp/ when missing. */
PbSpoolDir *pb_spool_dir_open (const char *path, GError **error);
PbSpoolDir *pb_spool_dir_ref (PbSpoolDir *self);
void pb_spool_dir_unref (PbSpoolDir *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSpoolDir, pb_spool_dir_unref)

/** pb_body_new_file: the body in @directory's file @name. */
PbBody *pb_body_new_file (PbSpoolDir *directory, const char *name, guint64 size);

/** pb_store_set_error_from_errno: PB_STORE_ERROR of what a file operation met: FULL, BUSY (descriptors, memory) or FAILED. */
void pb_store_set_error_from_errno (GError **error, int system_errno, const char *what, const char *path);
