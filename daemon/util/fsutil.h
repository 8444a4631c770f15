/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* All of these block; never on the main or an I/O thread. Errors are G_FILE_ERROR with the path in the message. */

/** pb_fs_ensure_dir: makes @path (mode @mode) and its missing parents; returns FALSE when it is no directory or cannot be made. */
gboolean pb_fs_ensure_dir (const char *path, mode_t mode, GError **error);

/** pb_fs_write_all: writes every byte, over short writes and EINTR. */
gboolean pb_fs_write_all (int fd, const void *data, gsize length, GError **error);

/**
 * pb_fs_is_on_disk: whether @fd is of a file system that the kernel itself answers for, on a disk or in memory. Others ask a
 * program of who mounted them, or another machine, which may never answer (FUSE, NFS, an overlay of those); or they judge
 * anew at each read who reads (proc). So a file of somebody who is not trusted is read only if this is TRUE. Does not block: of a FUSE file system that is
 * not ours the kernel tells the kind by itself.
 */
gboolean pb_fs_is_on_disk (int fd);

/** pb_fs_has_descriptors: whether a few can be had now. Where none can, GLib ends the process in calls that wait for something. */
gboolean pb_fs_has_descriptors (void);

/** pb_fs_sync_dir: fsync of a directory, after a rename in it. */
gboolean pb_fs_sync_dir (int dir_fd, GError **error);

/**
 * pb_fs_open_beneath: openat2 (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), CLOEXEC; where that is not to be had (some sandboxes hide it), the
 * same step by step, and without "..". Returns: fd, or -1 with @error.
 */
int pb_fs_open_beneath (int dir_fd, const char *path, int flags, mode_t mode, GError **error);
