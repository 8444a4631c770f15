/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"
#include <adwaita.h>

G_BEGIN_DECLS

/** pba_question_ask: a dialog with what ssh asks; answers @connection by itself. Returns: (transfer none): the dialog. */
GtkWindow *pba_question_ask (GtkWindow *parent, PbaConnection *connection, PbaQuestion kind, const char *text);

G_END_DECLS
