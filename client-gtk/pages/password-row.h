/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/relay-password.h"
#include "widgets/entry-row.h"

G_BEGIN_DECLS

/** pba_password_row_new: (transfer floating): an entry row for @password: what is typed goes there, where the password is kept stands under it. */
GtkWidget *pba_password_row_new (PbaRelayPassword *password);
/** pba_password_refill_row_new: (transfer floating): seen while the server lacks a password that the keyring has; "refill" of it is emitted on its
 *  button. */
GtkWidget *pba_password_refill_row_new (PbaRelayPassword *password, GCallback refill, gpointer user_data);

G_END_DECLS
