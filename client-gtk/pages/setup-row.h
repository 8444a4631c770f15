/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/setup-check.h"
#include "widgets/page.h"

G_BEGIN_DECLS

/** pba_setup_row_new: state, what, what was found; inside, open where something is to be done: what to do, the record to publish, and a button that goes from
 *  @page to where it is mended. Returns: (transfer floating). */
GtkWidget *pba_setup_row_new (PbaPage *page, const PbaSetupResult *result);

G_END_DECLS
