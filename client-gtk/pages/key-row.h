/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/signing-keys.h"
#include "widgets/page.h"

G_BEGIN_DECLS

/** pba_key_row_new: a signing key: whose it is and whether it signs; inside, what to do next, the record to publish and buttons to switch and to remove it.
 *  @keys: all of them, for which of several signs. Changes are told by toasts of @page. Returns: (transfer floating) an AdwExpanderRow. */
GtkWidget *pba_key_row_new (PbaPage *page, GPtrArray *keys, const PbaSigningKey *key);

G_END_DECLS
