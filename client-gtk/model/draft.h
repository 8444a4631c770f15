/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * Something edited beside the settings that the same Apply sends and the same Discard drops, such as a password. The settings
 * model counts it among the changes and sends it once the settings hold. Properties, both read-only:
 *   changed (b): there is something to send
 *   error (s, nullable): a sentence, why it would be refused as it is
 */
#define PBA_TYPE_DRAFT (pba_draft_get_type ())
G_DECLARE_INTERFACE (PbaDraft, pba_draft, PBA, DRAFT, GObject)

struct _PbaDraftInterface
{
  GTypeInterface parent_interface;

  /** key: where its row is, in the manner of a setting's: "Delivery.RelayPassword". */
  const char *key;
  void (*discard) (PbaDraft *self);
  /** send_async, send_finish: on success it is no longer changed. An error that is about what was typed is also in "error". */
  void (*send_async) (PbaDraft *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data);
  gboolean (*send_finish) (PbaDraft *self, GAsyncResult *result, GError **error);
};

const char *pba_draft_get_key (PbaDraft *self);
gboolean pba_draft_get_changed (PbaDraft *self);
/** pba_draft_dup_error: (transfer full) (nullable). */
char *pba_draft_dup_error (PbaDraft *self);
void pba_draft_discard (PbaDraft *self);
void pba_draft_send_async (PbaDraft *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer user_data);
gboolean pba_draft_send_finish (PbaDraft *self, GAsyncResult *result, GError **error);

G_END_DECLS
