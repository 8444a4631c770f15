/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/server.h"
#include <adwaita.h>

G_BEGIN_DECLS

/* The window that has a signing key made. Signal: "created": the service has one more; the window closes. */
#define PBA_TYPE_KEY_DIALOG (pba_key_dialog_get_type ())
G_DECLARE_FINAL_TYPE (PbaKeyDialog, pba_key_dialog, PBA, KEY_DIALOG, AdwWindow)

/** pba_key_dialog_new: @domains: NULL-terminated, at least one: those that may have a key. */
GtkWidget *pba_key_dialog_new (GtkWindow *parent, PbaServer *server, const char *const *domains);

G_END_DECLS
