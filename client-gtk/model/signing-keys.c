/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keys that mail is signed with, as MailAuth.ListKeys tells them. Made by PbaServer, shown by the page
 * Mail Authentication. Nothing is asked before a page wants them; then every change of the service's
 * settings asks again, without a question to the user. Of a private key nothing ever comes here.
 */
#include "model/signing-keys.h"

#include "model/words.h"

#include <string.h>

#define INTERFACE "MailAuth"

struct _PbaSigningKeys
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  GPtrArray *keys;           /* (owned) (element-type PbaSigningKey) */
  char *error;               /* (owned) (nullable) */
  gboolean wanted, loaded, asking;
  gboolean again; /* when this answer is there */
};

G_DEFINE_FINAL_TYPE (PbaSigningKeys, pba_signing_keys, G_TYPE_OBJECT)

static guint changed_signal;

static void
key_free (gpointer data)
{
  PbaSigningKey *self = data;

  g_free (self->id);
  g_free (self->domain);
  g_free (self->selector);
  g_free (self->algorithm);
  g_free (self->name);
  g_free (self->value);
  g_free (self);
}

/* Returns: (transfer full) (nullable): NULL for a row that cannot be shown. */
static PbaSigningKey *
key_new (GVariant *row)
{
  PbaSigningKey *self = g_new0 (PbaSigningKey, 1);
  guint64 made = 0;

  if (!g_variant_lookup (row, "Id", "s", &self->id)
      || !g_variant_lookup (row, "Domain", "s", &self->domain)
      || !g_variant_lookup (row, "Selector", "s", &self->selector)
      || !g_variant_lookup (row, "Algorithm", "s", &self->algorithm)
      || !g_variant_lookup (row, "RecordName", "s", &self->name)
      || !g_variant_lookup (row, "Record", "s", &self->value)
      || !g_variant_lookup (row, "Active", "b", &self->active))
    {
      key_free (self);
      return NULL;
    }
  self->usable = TRUE;
  g_variant_lookup (row, "Usable", "b", &self->usable);
  g_variant_lookup (row, "Made", "t", &made);
  self->made = (gint64) MIN (made, G_MAXINT64);
  return self;
}

static int
compare_keys (gconstpointer a, gconstpointer b)
{
  const PbaSigningKey *first = *(PbaSigningKey *const *) a;
  const PbaSigningKey *second = *(PbaSigningKey *const *) b;
  int order = strcmp (first->domain, second->domain);

  if (order != 0)
    return order;
  if (first->made != second->made)
    return first->made > second->made ? -1 : 1;
  return strcmp (first->selector, second->selector);
}

static void
take (PbaSigningKeys *self, GVariant *rows)
{
  GVariantIter iter;
  GVariant *row;

  g_ptr_array_set_size (self->keys, 0);
  g_variant_iter_init (&iter, rows);
  while (g_variant_iter_loop (&iter, "@a{sv}", &row))
    {
      PbaSigningKey *key = key_new (row);

      if (key != NULL)
        g_ptr_array_add (self->keys, key);
    }
  g_ptr_array_sort (self->keys, compare_keys);
  self->loaded = TRUE;
}

static void ask (PbaSigningKeys *self, gboolean may_question);

static void
on_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaSigningKeys) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);
  g_autoptr (GVariant) rows = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  self->asking = FALSE;
  if (rows != NULL)
    take (self, rows);
  g_free (self->error);
  self->error = error != NULL ? pba_words_error (error) : NULL;
  g_signal_emit (self, changed_signal, 0);
  if (self->again)
    ask (self, FALSE);
}

/* @may_question: the user may be asked for a password. */
static void
ask (PbaSigningKeys *self, gboolean may_question)
{
  self->again = self->asking;
  if (self->asking || !pba_signing_keys_get_supported (self)
      || pba_connection_get_state (self->connection) != PBA_CONNECTION_CONNECTED)
    return;
  self->asking = TRUE;
  (may_question ? pba_connection_call : pba_connection_poll) (self->connection, INTERFACE,
                                                              "ListKeys", NULL, "(aa{sv})", NULL,
                                                              on_listed, g_object_ref (self));
}

static void
on_changed (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  PbaSigningKeys *self = user_data;

  if (self->wanted)
    ask (self, FALSE);
}

static void
pba_signing_keys_finalize (GObject *object)
{
  PbaSigningKeys *self = PBA_SIGNING_KEYS (object);

  g_ptr_array_unref (self->keys);
  g_free (self->error);
  g_object_unref (self->connection);
  G_OBJECT_CLASS (pba_signing_keys_parent_class)->finalize (object);
}

static void
pba_signing_keys_class_init (PbaSigningKeysClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_signing_keys_finalize;
  changed_signal = g_signal_new ("changed", PBA_TYPE_SIGNING_KEYS, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
}

static void
pba_signing_keys_init (PbaSigningKeys *self)
{
  self->keys = g_ptr_array_new_with_free_func (key_free);
}

PbaSigningKeys *
pba_signing_keys_new (PbaConnection *connection, PbaManager *manager)
{
  PbaSigningKeys *self = g_object_new (PBA_TYPE_SIGNING_KEYS, NULL);

  self->connection = g_object_ref (connection);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_changed), self, 0);
  /* A key made, switched or removed is a revision. */
  g_signal_connect_object (manager, "notify::revision", G_CALLBACK (on_changed), self, 0);
  return self;
}

gboolean
pba_signing_keys_get_supported (PbaSigningKeys *self)
{
  return pba_connection_has_method (self->connection, INTERFACE, "ListKeys");
}

void
pba_signing_keys_refresh (PbaSigningKeys *self)
{
  self->wanted = TRUE;
  ask (self, TRUE);
}

gboolean
pba_signing_keys_get_loaded (PbaSigningKeys *self)
{
  return self->loaded;
}

const char *
pba_signing_keys_get_error (PbaSigningKeys *self)
{
  return self->error;
}

GPtrArray *
pba_signing_keys_get_all (PbaSigningKeys *self)
{
  return self->keys;
}

/* ---- changes ---- */

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  ask (g_task_get_source_object (task), FALSE);
  if (reply != NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
call (PbaSigningKeys *self, const char *method, GVariant *parameters, GCancellable *cancellable,
      GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, call);
  pba_connection_call (self->connection, INTERFACE, method, parameters, NULL, cancellable, on_done,
                       task);
}

void
pba_signing_keys_create_async (PbaSigningKeys *self, const char *domain, const char *selector,
                               const char *algorithm, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
  call (self, "CreateKey", g_variant_new ("(sss)", domain, selector, algorithm), cancellable,
        callback, user_data);
}

void
pba_signing_keys_activate_async (PbaSigningKeys *self, const char *id, gboolean active,
                                 GCancellable *cancellable, GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  call (self, "ActivateKey", g_variant_new ("(sb)", id, active), cancellable, callback, user_data);
}

void
pba_signing_keys_remove_async (PbaSigningKeys *self, const char *id, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
  call (self, "RemoveKey", g_variant_new ("(s)", id), cancellable, callback, user_data);
}

gboolean
pba_signing_keys_finish (PbaSigningKeys *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

char *
pba_signing_keys_dup_field (const GError *error, char **sentence)
{
  g_autoptr (GError) stripped = g_error_copy (error);
  const char *place, *end, *quoted;

  g_dbus_error_strip_remote_error (stripped);
  place = strstr (stripped->message, INTERFACE ".CreateKey: ");
  place = place != NULL ? place + strlen (INTERFACE ".CreateKey: ") : NULL;
  end = place != NULL ? strchr (place, ':') : NULL;
  /* Words about the key as a whole begin with what is quoted. */
  if (end == NULL || place[0] == '"')
    return NULL;
  quoted = strstr (end, "\" ");
  *sentence = pba_words_problem (quoted != NULL ? quoted + 2 : end + 2);
  return g_strndup (place, (gsize) (end - place));
}
