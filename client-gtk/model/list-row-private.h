/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/list-row.h"

PbaListRow *pba_list_row_new (guint position);
/** pba_list_row_fill: @cells a{sv}; announces what differs. */
void pba_list_row_fill (PbaListRow *self, guint position, GVariant *cells);
