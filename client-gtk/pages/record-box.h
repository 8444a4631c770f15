/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/** pba_record_box_new: a DNS record that is to be published: name, type and value as the forms of DNS providers ask for them, each with a button that copies it, and
 *  one that copies @line, the same for a zone file. Returns: (transfer floating). */
GtkWidget *pba_record_box_new (const char *name, const char *type, const char *value, const char *line);

G_END_DECLS
