/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "session/server.h"
#include "settings/registry.h"
#include <glib.h>

/* The system's users as accounts: their passwords for the sessions, their names, as PbPeople, for all who resolve addresses. Made and freed on the main thread. */
typedef struct _PbSystemAccounts PbSystemAccounts;

/** pb_system_accounts_new: @path of postbus-auth-helper's socket; gives @registry (borrowed) its people; @mailbox is the main thread's. */
PbSystemAccounts *pb_system_accounts_new (const char *path, PbRegistry *registry, PbMailbox *mailbox);

/** pb_system_accounts_close: all that is under way, and all that is asked from now on, is answered with TROUBLE. */
void pb_system_accounts_close (PbSystemAccounts *self);

/** pb_system_accounts_free: once no thread is left that asks. */
void pb_system_accounts_free (PbSystemAccounts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSystemAccounts, pb_system_accounts_free)

/** pb_system_accounts_check_password: a PbCheckPassword; @data is the PbSystemAccounts. */
void pb_system_accounts_check_password (const char *user, PbSecret *password, const char *client, PbMailbox *reply_to, PbPasswordChecked func,
                                        gpointer user_data, gpointer data);
