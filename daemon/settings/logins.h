/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/verifier.h"
#include <glib.h>

/* The verifiers of the accounts' passwords and the key to the fakes: immutable, reference-counted, any thread. Part of every snapshot. */
typedef struct _PbLogins PbLogins;

/** pb_logins_new: @verifiers: (transfer full): account id -> GBytes of pb_verifier_pack(). Its fakes change with every start until it has a master key. */
PbLogins *pb_logins_new (GHashTable *verifiers);
PbLogins *pb_logins_ref (PbLogins *self);
void pb_logins_unref (PbLogins *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbLogins, pb_logins_unref)

/** pb_logins_with: (transfer full): the same, but for @changes: account id -> GBytes, or NULL where it is forgotten. */
PbLogins *pb_logins_with (PbLogins *self, GHashTable *changes);
/** pb_logins_with_key: (transfer full): the same, with fakes that are made from @master and so stay over restarts. */
PbLogins *pb_logins_with_key (PbLogins *self, const PbSecret *master);

gboolean pb_logins_has (const PbLogins *self, const char *account_id);

/** pb_logins_find: the verifier of @account_id (nullable), or a fake for @user. Returns: FALSE for a fake. */
gboolean pb_logins_find (const PbLogins *self, const char *account_id, const char *user, PbVerifier *verifier);
