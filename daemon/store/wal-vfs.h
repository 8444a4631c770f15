/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/** pb_wal_vfs_name: (transfer none) the SQLite VFS that gathers what is written to a log until it is synced; made at the first call, around the default VFS. */
const char *pb_wal_vfs_name (void);
