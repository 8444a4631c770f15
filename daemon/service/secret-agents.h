/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/secret.h"
#include <gio/gio.h>

/* The clients that offered to say passwords of relays, as long as they are on the bus, and asking them. Main thread. */
typedef struct _PbSecretAgents PbSecretAgents;

PbSecretAgents *pb_secret_agents_new (void);
/** pb_secret_agents_free: questions under way are answered NULL first. */
void pb_secret_agents_free (PbSecretAgents *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSecretAgents, pb_secret_agents_free)

/** pb_secret_agents_watch: @came is called when a client has registered. */
void pb_secret_agents_watch (PbSecretAgents *self, void (*came) (gpointer user_data), gpointer user_data);

/**
 * pb_secret_agents_register: @sender, unique name of a client on @connection that may; once is enough, a second time makes it the first to be asked.
 * Errors: PB_ERROR_BUSY when there are too many.
 */
gboolean pb_secret_agents_register (PbSecretAgents *self, GDBusConnection *connection, const char *sender, GError **error);
/** pb_secret_agents_unregister: nothing where @sender is none. */
void pb_secret_agents_unregister (PbSecretAgents *self, GDBusConnection *connection, const char *sender);
guint pb_secret_agents_count (const PbSecretAgents *self);

/** PbSecretSaid: @secret: (transfer full) (nullable): NULL: nobody said it. */
typedef void (*PbSecretSaid) (PbSecret *secret, gpointer user_data);

/**
 * pb_secret_agents_ask: asks one client after the other, the last registered first, until one says a password that can be one.
 * @details: a{sv} (transfer floating), as the interface SecretAgent has it
 * @milliseconds: that each has for its answer
 * @func: once; never before this returns
 */
void pb_secret_agents_ask (PbSecretAgents *self, const char *relay, GVariant *details, guint milliseconds, PbSecretSaid func, gpointer user_data);
