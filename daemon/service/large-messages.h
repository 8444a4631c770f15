/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

/**
 * pb_large_messages_watch: from now on what a large message on @connection took in memory goes back to
 * the system soon after it was answered. Lives as long as the connection.
 */
void pb_large_messages_watch (GDBusConnection *connection);
