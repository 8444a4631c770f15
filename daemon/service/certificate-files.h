/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/tls.h"
#include "settings/registry.h"
#include "util/secret.h"
#include <glib.h>

/* What blocks about certificates: reading, writing and watching their files. On a worker, or at start. */

/* The largest file that is taken for a certificate or a key, in octets. */
#define PB_CERTIFICATE_MAX (256 * 1024)

/** pb_certificate_is_named: whether the settings name a file, of the two. */
gboolean pb_certificate_is_named (const PbSettingValues *values);

/**
 * pb_certificate_read: the pair in @chain_path and @key_path, which may be the same file; one of them empty: the other alone is checked, and there is no pair.
 * Errors: PB_TLS_ERROR, behind "Tls.CertificateFile: " or "Tls.KeyFile: ". Returns: FALSE on error. @pair (out) (transfer full) (nullable).
 */
gboolean pb_certificate_read (const char *chain_path, const char *key_path, PbTlsPair **pair, GError **error);

/** pb_certificate_check: whether @pair can be served now. Errors: PB_TLS_ERROR. */
gboolean pb_certificate_check (PbTlsPair *pair, GError **error);

/** pb_certificate_write: @pair into @path, mode 0600, synced, in place of what was there. Missing folders are made. Errors: G_FILE_ERROR, PB_TLS_ERROR. */
gboolean pb_certificate_write (const char *path, PbTlsPair *pair, GError **error);

/** pb_certificate_prune: forgets imported pairs in @folder, but those in @keep (NULL-terminated paths). */
void pb_certificate_prune (const char *folder, const char *const *keep);

/** pb_certificate_own: the self-signed pair of this server in @path: as it is there if it names @hostname and lasts; else made anew, with the same key. */
PbTlsPair *pb_certificate_own (const char *path, const char *hostname, GError **error);

/* An inotify descriptor and what to look for in its events. */
typedef struct _PbFileWatch PbFileWatch;

/** pb_file_watch_new: watches every folder in which looking up one of @paths passes, through symbolic links too. What cannot be watched is left out. */
PbFileWatch *pb_file_watch_new (const char *const *paths);
void pb_file_watch_free (PbFileWatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbFileWatch, pb_file_watch_free)
/** pb_file_watch_fd: readable when something happened; -1 when nothing could be watched. */
int pb_file_watch_fd (PbFileWatch *self);
/** pb_file_watch_read: takes the events; never blocks. Returns: TRUE when one was about a watched name. */
gboolean pb_file_watch_read (PbFileWatch *self);
