/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/manager.h"

G_BEGIN_DECLS

/* A key that mail of a domain is signed with. Constant. */
typedef struct
{
  char *id, *domain, *selector; /* (owned) */
  char *algorithm;              /* (owned): "rsa", "ed25519" */
  char *name, *value;           /* (owned): of the TXT record to publish */
  gboolean active;              /* mail is signed with it */
  gboolean usable;              /* the service can open it */
  gint64 made;                  /* Unix seconds */
} PbaSigningKey;

/*
 * The keys that mail is signed with. They are asked for while a page shows them, and again whenever the service's settings have changed. Signal: "changed": they,
 * or the reason why they cannot be had.
 */
#define PBA_TYPE_SIGNING_KEYS (pba_signing_keys_get_type ())
G_DECLARE_FINAL_TYPE (PbaSigningKeys, pba_signing_keys, PBA, SIGNING_KEYS, GObject)

PbaSigningKeys *pba_signing_keys_new (PbaConnection *connection, PbaManager *manager);
/** pba_signing_keys_get_supported: this service has keys. */
gboolean pba_signing_keys_get_supported (PbaSigningKeys *self);
/** pba_signing_keys_refresh: asks now, and the user for a password if it takes one; from then on they are followed. */
void pba_signing_keys_refresh (PbaSigningKeys *self);
/** pba_signing_keys_get_loaded: they have been told once. */
gboolean pba_signing_keys_get_loaded (PbaSigningKeys *self);
/** pba_signing_keys_get_error: (nullable): why they cannot be had. */
const char *pba_signing_keys_get_error (PbaSigningKeys *self);
/** pba_signing_keys_get_all: (transfer none) (element-type PbaSigningKey): by domain, the newest of each first; until the next "changed". */
GPtrArray *pba_signing_keys_get_all (PbaSigningKeys *self);

/* All finish with pba_signing_keys_finish(). */
/** pba_signing_keys_create_async: @selector "": the service chooses one. @algorithm: "rsa" or "ed25519". An error names its field, see
 *  pba_signing_keys_dup_field(). */
void pba_signing_keys_create_async (PbaSigningKeys *self, const char *domain, const char *selector, const char *algorithm, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data);
void pba_signing_keys_activate_async (PbaSigningKeys *self, const char *id, gboolean active, GCancellable *cancellable, GAsyncReadyCallback callback,
                                      gpointer user_data);
void pba_signing_keys_remove_async (PbaSigningKeys *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean pba_signing_keys_finish (PbaSigningKeys *self, GAsyncResult *result, GError **error);
/** pba_signing_keys_dup_field: (transfer full) (nullable): "selector" of the error "MailAuth.CreateKey: selector: ..."; @sentence (out) (transfer full): what is
 *  wrong with it, in the user's words. */
char *pba_signing_keys_dup_field (const GError *error, char **sentence);

G_END_DECLS
