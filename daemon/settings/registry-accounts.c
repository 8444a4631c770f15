/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Passwords of accounts: checked, prepared, turned into a verifier on a worker, which takes
 * milliseconds, and then a change like any other: queued, committed, told. The plain octets are wiped
 * as soon as the verifier stands. Revisions hold only that there was a change, so that Revert neither
 * brings a password back nor loses one. Main thread.
 */
#include "settings/registry-private.h"

#include "dbus/errors.h"
#include "util/saslprep.h"

#include <string.h>

#define MAX_WAITING 64 /* passwords at once: each takes a worker some milliseconds */

/* A password on its way to the worker and back. */
typedef struct
{
  PbRegistry *registry; /* (owned) */
  char *id;             /* (owned) */
  char *who;            /* (owned) */
  PbSecret *password;   /* (owned) (nullable) */
  PbVerifier verifier;
  PbRegistryDone func;
  gpointer user_data;
} PasswordWork;

static const PbRow *
find_account (PbRegistry *self, const char *id, GError **error)
{
  const PbRow *row = g_hash_table_lookup (self->by_id[PB_LIST_ACCOUNTS], id);

  if (row == NULL)
    g_set_error (error, PB_ERROR, PB_ERROR_NOT_FOUND, "Accounts[%s]: there is no such row",
                 g_uuid_string_is_valid (id) ? id : "?");
  return row;
}

/* (transfer full) (nullable): as it is compared. */
static PbSecret *
prepare_password (const PbSecret *given, GError **error)
{
  PbSecret *prepared = NULL;

  if (given->length > PB_ACCOUNT_PASSWORD_MAX)
    {
      g_set_error (error, PB_ERROR, PB_ERROR_TOO_LARGE,
                   "SetPassword: the password must have at most %u octets", PB_ACCOUNT_PASSWORD_MAX);
      return NULL;
    }
  if (memchr (given->data, '\0', given->length) == NULL)
    prepared = pb_saslprep (given, TRUE);
  if (prepared == NULL)
    g_set_error_literal (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                         "SetPassword: the password must be UTF-8 text without control characters "
                         "and signs that no keyboard has (RFC 4013)");
  return prepared;
}

static gboolean
prepare_set_verifier (PbRegistry *self, PbOperation *operation, PbDraft *draft, GError **error)
{
  const PbRow *row = find_account (self, operation->id, error);

  if (row == NULL)
    return FALSE;
  if (operation->packed == NULL && !pb_logins_has (self->logins, row->id))
    return TRUE;
  draft->what = g_strdup_printf ("Accounts: password of %s %s", row->id,
                                 operation->packed != NULL ? "set" : "forgotten");
  pb_draft_set_verifier (draft, row->id, operation->packed);
  return TRUE;
}

static void
work_free (PasswordWork *self)
{
  g_object_unref (self->registry);
  g_clear_pointer (&self->password, pb_secret_unref);
  explicit_bzero (&self->verifier, sizeof self->verifier);
  g_free (self->id);
  g_free (self->who);
  g_free (self);
}

/* On a worker. */
static void
run_work (gpointer data)
{
  PasswordWork *self = data;

  pb_verifier_init (&self->verifier, self->password);
  g_clear_pointer (&self->password, pb_secret_unref);
}

static void
commit (PbRegistry *self, const char *id, GBytes *packed, const char *who, PbRegistryDone func,
        gpointer user_data)
{
  PbOperation *operation = pb_operation_new (prepare_set_verifier, who, func, user_data);

  operation->id = g_strdup (id);
  operation->packed = packed;
  pb_registry_run (self, operation);
}

static void
on_work_done (gpointer data)
{
  PasswordWork *self = data;

  self->registry->passwords_waiting--;
  commit (self->registry, self->id, pb_verifier_pack (&self->verifier), self->who, self->func,
          self->user_data);
  work_free (self);
}

void
pb_registry_set_password (PbRegistry *self, const char *id, PbSecret *password, PbPool *workers,
                          const char *who, PbRegistryDone func, gpointer user_data)
{
  g_autoptr (PbSecret) prepared = NULL;
  g_autoptr (GError) error = NULL;
  PasswordWork *work;

  if (find_account (self, id, &error) != NULL && password->length == 0)
    {
      commit (self, id, NULL, who, func, user_data);
      return;
    }
  if (error == NULL)
    prepared = prepare_password (password, &error);
  if (error == NULL && self->passwords_waiting >= MAX_WAITING)
    g_set_error_literal (&error, PB_ERROR, PB_ERROR_BUSY,
                         "SetPassword: too many passwords are being set, try again");
  if (error != NULL)
    {
      func (NULL, error, user_data);
      return;
    }
  work = g_new0 (PasswordWork, 1);
  work->registry = g_object_ref (self);
  work->id = g_strdup (id);
  work->who = g_strdup (who);
  work->password = g_steal_pointer (&prepared);
  work->func = func;
  work->user_data = user_data;
  self->passwords_waiting++;
  pb_pool_run (workers, run_work, self->reply_to, on_work_done, work);
}
