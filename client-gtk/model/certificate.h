/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/* The certificate that the server shows its clients. Signal: "changed", when it is known, or known to be another. */
#define PBA_TYPE_CERTIFICATE (pba_certificate_get_type ())
G_DECLARE_FINAL_TYPE (PbaCertificate, pba_certificate, PBA, CERTIFICATE, GObject)

PbaCertificate *pba_certificate_new (PbaConnection *connection);
/** pba_certificate_get_known: the service has one and has said so. */
gboolean pba_certificate_get_known (PbaCertificate *self);
/** pba_certificate_get_text: (transfer none): "Subject", "Issuer", "Fingerprint" or "Source"; "" when not known. */
const char *pba_certificate_get_text (PbaCertificate *self, const char *property);
/** pba_certificate_dup_names: (transfer full): in one line. */
char *pba_certificate_dup_names (PbaCertificate *self);
/** pba_certificate_get_end: when it expires, Unix seconds. */
gint64 pba_certificate_get_end (PbaCertificate *self);

/** pba_certificate_can_import: this service takes one over the bus. */
gboolean pba_certificate_can_import (PbaCertificate *self);
/** pba_certificate_import_async: @chain, @key: PEM files; they are read here, and the key is wiped afterwards. */
void pba_certificate_import_async (PbaCertificate *self, GFile *chain, GFile *key, GCancellable *cancellable, GAsyncReadyCallback callback,
                                   gpointer user_data);
gboolean pba_certificate_import_finish (PbaCertificate *self, GAsyncResult *result, GError **error);

G_END_DECLS
