/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the service says of its certificate, asked at every connection and whenever it says that something
 * in it is another now, and the way of a new one to it. Made by PbaServer, shown by the general page. A
 * private key is read, handed over and overwritten; it goes nowhere else.
 */
#include "model/certificate.h"

#include "dbus/names.h"
#include "model/wipe.h"

#include <glib/gi18n.h>
#include <string.h>

#define INTERFACE "Certificate"
#define MAX_FILE  (1024 * 1024) /* octets */

struct _PbaCertificate
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  GVariant *values;          /* (owned) (nullable): a{sv} */
};

G_DEFINE_FINAL_TYPE (PbaCertificate, pba_certificate, G_TYPE_OBJECT)

static guint changed_signal;

static void
on_values (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaCertificate) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);

  if (reply == NULL)
    return;
  g_clear_pointer (&self->values, g_variant_unref);
  self->values = g_variant_get_child_value (reply, 0);
  g_signal_emit (self, changed_signal, 0);
}

static gboolean
has_interface (PbaCertificate *self)
{
  GDBusNodeInfo *node = pba_connection_get_node (self->connection);

  return node != NULL
         && g_dbus_node_info_lookup_interface (node, PB_INTERFACE_PREFIX INTERFACE) != NULL;
}

static void
ask (PbaCertificate *self)
{
  if (pba_connection_get_state (self->connection) == PBA_CONNECTION_CONNECTED
      && has_interface (self))
    pba_connection_get_all (self->connection, INTERFACE, NULL, on_values, g_object_ref (self));
}

static void
on_properties_changed (PbaConnection *connection, const char *interface, GVariant *changed,
                       const char *const *invalidated, gpointer user_data)
{
  if (g_str_has_suffix (interface, INTERFACE))
    ask (user_data);
}

static void
pba_certificate_finalize (GObject *object)
{
  PbaCertificate *self = PBA_CERTIFICATE (object);

  g_clear_pointer (&self->values, g_variant_unref);
  g_object_unref (self->connection);
  G_OBJECT_CLASS (pba_certificate_parent_class)->finalize (object);
}

static void
pba_certificate_class_init (PbaCertificateClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_certificate_finalize;
  changed_signal = g_signal_new ("changed", PBA_TYPE_CERTIFICATE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
}

static void
pba_certificate_init (PbaCertificate *self)
{
}

PbaCertificate *
pba_certificate_new (PbaConnection *connection)
{
  PbaCertificate *self = g_object_new (PBA_TYPE_CERTIFICATE, NULL);

  self->connection = g_object_ref (connection);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (ask), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (connection, "properties-changed", G_CALLBACK (on_properties_changed),
                           self, 0);
  ask (self);
  return self;
}

gboolean
pba_certificate_get_known (PbaCertificate *self)
{
  return self->values != NULL && pba_certificate_get_text (self, "Subject")[0] != '\0';
}

const char *
pba_certificate_get_text (PbaCertificate *self, const char *property)
{
  const char *text = "";

  if (self->values != NULL)
    g_variant_lookup (self->values, property, "&s", &text);
  return text;
}

char *
pba_certificate_dup_names (PbaCertificate *self)
{
  g_autofree const char **names = NULL;

  if (self->values == NULL || !g_variant_lookup (self->values, "Names", "^a&s", &names))
    return g_strdup ("");
  return g_strjoinv (", ", (char **) names);
}

gint64
pba_certificate_get_end (PbaCertificate *self)
{
  guint64 end = 0;

  if (self->values != NULL)
    g_variant_lookup (self->values, "NotAfter", "t", &end);
  return (gint64) MIN (end, (guint64) G_MAXINT64);
}

/* ---- a new one ---- */

typedef struct
{
  GFile *key;  /* (owned) */
  char *chain; /* (owned) (nullable) */
} Import;

static void
import_free (gpointer data)
{
  Import *import = data;

  g_object_unref (import->key);
  g_free (import->chain);
  g_free (import);
}

gboolean
pba_certificate_can_import (PbaCertificate *self)
{
  return pba_connection_has_method (self->connection, "Tls", "Import");
}

static void
on_imported (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);

  pba_wipe_message_buffers (PBA_CONNECTION (source));
  ask (g_task_get_source_object (task));
  if (reply != NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* Returns: (transfer full) (nullable): the text of a file that is small enough. */
static char *
take_file (GObject *source, GAsyncResult *result, GError **error)
{
  g_autofree char *name = g_file_get_basename (G_FILE (source));
  g_autofree char *shown = g_filename_display_name (name);
  char *text = NULL;
  gsize length = 0;

  if (!g_file_load_contents_finish (G_FILE (source), result, &text, &length, NULL, error))
    return NULL;
  if (length <= MAX_FILE && strlen (text) == length)
    return text;
  explicit_bzero (text, length);
  g_free (text);
  /* Translators: %s is a file's name */
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("“%s” is no PEM file"), shown);
  return NULL;
}

static void
on_key_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaCertificate *self = g_task_get_source_object (task);
  Import *import = g_task_get_task_data (task);
  GError *error = NULL;
  char *key = take_file (source, result, &error);

  if (key == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  pba_connection_call (self->connection, "Tls", "Import",
                       g_variant_new ("(@ay@ay)", pba_wipe_octets (import->chain),
                                      pba_wipe_octets (key)),
                       NULL, g_task_get_cancellable (task), on_imported, g_object_ref (task));
  pba_wipe_free (key);
}

static void
on_chain_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Import *import = g_task_get_task_data (task);
  GError *error = NULL;

  import->chain = take_file (source, result, &error);
  if (import->chain == NULL)
    g_task_return_error (task, error);
  else
    g_file_load_contents_async (import->key, g_task_get_cancellable (task), on_key_read,
                                g_object_ref (task));
}

void
pba_certificate_import_async (PbaCertificate *self, GFile *chain, GFile *key,
                              GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Import *import = g_new0 (Import, 1);

  import->key = g_object_ref (key);
  g_task_set_source_tag (task, pba_certificate_import_async);
  g_task_set_task_data (task, import, import_free);
  g_file_load_contents_async (chain, cancellable, on_chain_read, task);
}

gboolean
pba_certificate_import_finish (PbaCertificate *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
