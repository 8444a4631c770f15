/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/tls.h"
#include "settings/registry.h"
#include "util/mailbox.h"
#include "util/secret.h"
#include <glib.h>

/*
 * This server's certificate: which pair is in force, where it is from, and what makes it another. Main thread; files are read by a thread of its own.
 */
typedef struct _PbCertificate PbCertificate;

/** pb_certificate_new: blocks (start-up): something is in force when it returns, or the log says why not. @registry and @mailbox (main thread's) are borrowed. */
PbCertificate *pb_certificate_new (PbRegistry *registry, PbMailbox *mailbox, const char *state_directory);
void pb_certificate_free (PbCertificate *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbCertificate, pb_certificate_free)

/** pb_certificate_slot: (transfer none): where sessions take what is in force. */
PbTlsSlot *pb_certificate_slot (PbCertificate *self);

/** pb_certificate_identity: (transfer none) (nullable): of what is in force. */
const PbTlsIdentity *pb_certificate_identity (PbCertificate *self);

/** pb_certificate_source: (static): "self-signed", "file", "imported", or "none". */
const char *pb_certificate_source (PbCertificate *self);

/** pb_certificate_reload: reads the files that the settings name now, and says again what is wrong with them. */
void pb_certificate_reload (PbCertificate *self);

/** pb_certificate_watch: @func is called whenever another pair is in force. One watcher. */
void pb_certificate_watch (PbCertificate *self, void (*func) (gpointer user_data), gpointer user_data);

/**
 * pb_certificate_import: @chain and @key (PEM), checked, kept in the state directory, then in force by the settings CertificateFile and KeyFile.
 * @func: as of pb_registry_apply(); errors: PB_ERROR_INVALID_VALUE and those of pb_registry_apply().
 */
void pb_certificate_import (PbCertificate *self, PbSecret *chain, PbSecret *key, const char *who, PbRegistryDone func, gpointer user_data);
