/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/server.h"
#include <adwaita.h>

G_BEGIN_DECLS

/*
 * The window that tests a relay as it is set on the server: runs at once, shows each step as it came out, and offers to pin a certificate that nobody vouches
 * for. Signal: "pin" (fingerprint s): the user trusts that key; the window closes.
 */
#define PBA_TYPE_RELAY_TEST_DIALOG (pba_relay_test_dialog_get_type ())
G_DECLARE_FINAL_TYPE (PbaRelayTestDialog, pba_relay_test_dialog, PBA, RELAY_TEST_DIALOG, AdwWindow)

/** pba_relay_test_dialog_supported: this service can. */
gboolean pba_relay_test_dialog_supported (PbaServer *server);
/** pba_relay_test_dialog_new: @relay: an exception's id or "general". */
GtkWidget *pba_relay_test_dialog_new (GtkWindow *parent, PbaServer *server, const char *relay);
/** pba_scanner_test_dialog_new: the same for the virus scanner as it is set on the server; it never emits "pin". */
GtkWidget *pba_scanner_test_dialog_new (GtkWindow *parent, PbaServer *server);
/** pba_relay_test_row_new: (transfer floating): a row with a button for it; "test" (GCallback with @user_data, swapped) is its click. */
GtkWidget *pba_relay_test_row_new (GCallback test, gpointer user_data, GtkWidget **button);

G_END_DECLS
