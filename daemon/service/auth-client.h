/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "auth-helper/wire.h"
#include "util/secret.h"
#include <glib.h>

/* Asks postbus-auth-helper, over its unix socket, without blocking. Everything on the thread of the default main context. */
typedef struct _PbAuthClient PbAuthClient;

/** PbAuthAnswered: @answer (transfer none): TROUBLE also when the helper is not there, breaks off or takes more than 10 s. */
typedef void (*PbAuthAnswered) (const PbAuthAnswer *answer, gpointer user_data);

/** pb_auth_client_new: @path of the socket, which need not be there yet. */
PbAuthClient *pb_auth_client_new (const char *path);
/** pb_auth_client_free: what is under way is answered with TROUBLE. */
void pb_auth_client_free (PbAuthClient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbAuthClient, pb_auth_client_free)

/** pb_auth_client_authenticate: @user valid by pb_auth_name_is_valid(); @password at most PB_AUTH_MAX_PASSWORD octets, no NUL; @remote an address, or "". @func exactly once, perhaps before this returns. */
void pb_auth_client_authenticate (PbAuthClient *self, const char *user, PbSecret *password, const char *remote, PbAuthAnswered func, gpointer user_data);

/** pb_auth_client_look_up: likewise; what is known of @user. */
void pb_auth_client_look_up (PbAuthClient *self, const char *user, PbAuthAnswered func, gpointer user_data);
