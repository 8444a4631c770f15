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

/** pb_body_add_head: @head stands on top of the file's octets from now on; before anybody else sees the body. */
void pb_body_add_head (PbBody *self, GBytes *head);

/** pb_body_file_size: octets of a large body that are in its file. */
guint64 pb_body_file_size (const PbBody *self);

/** pb_body_open: a new descriptor of a large body's file, O_RDONLY at offset 0; -1 with @error. Blocks shortly: workers only. */
int pb_body_open (const PbBody *self, GError **error);

/** pb_store_set_error_from_errno: PB_STORE_ERROR of what a file operation met: FULL, BUSY (descriptors, memory) or FAILED. */
void pb_store_set_error_from_errno (GError **error, int system_errno, const char *what, const char *path);
