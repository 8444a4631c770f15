/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

G_BEGIN_DECLS

/* What a password leaves behind in this process's memory, taken away. */

/** pba_wipe_free: @text (nullable) (transfer full): overwritten, then freed. */
void pba_wipe_free (char *text);
/** pba_wipe_octets: (transfer floating): an "ay" of @text without its NUL, for a message; overwritten when its last reference goes. Must be
 *  followed by pba_wipe_message_buffers(). */
GVariant *pba_wipe_octets (const char *text);
/** pba_wipe_message_buffers: to be called when a message with a secret was answered: GDBus wrote that into buffers of its own, which it frees as
 *  they are, in this thread and in its own. */
void pba_wipe_message_buffers (PbaConnection *connection);

G_END_DECLS
