/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the service finds when it looks at itself from outside. Made by PbaServer, run by the page Setup
 * Check. A run that fails leaves the results of the last one and says why. Rows that lack a name or a state
 * are left out.
 */
#include "model/setup-check.h"

#include "model/said.h"
#include "model/words.h"

struct _PbaSetupCheck
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  GPtrArray *results;        /* (owned) (element-type PbaSetupResult) */
  gboolean running;
  char *error; /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE (PbaSetupCheck, pba_setup_check, G_TYPE_OBJECT)

static guint changed_signal;

static void
result_free (gpointer data)
{
  PbaSetupResult *self = data;

  g_free (self->name);
  g_free (self->subject);
  g_free (self->evidence);
  g_free (self->remedy);
  g_free (self->record);
  g_free (self);
}

static char *
take_text (GVariant *row, const char *key)
{
  char *text = NULL;

  return g_variant_lookup (row, key, "s", &text) ? text : g_strdup ("");
}

/* Returns: (transfer full) (nullable). */
static PbaSetupResult *
result_new (GVariant *row)
{
  g_autofree char *state = take_text (row, "State");
  PbaSetupResult *self = g_new0 (PbaSetupResult, 1);

  self->name = take_text (row, "Name");
  self->subject = take_text (row, "Subject");
  self->evidence = pba_said_dup (row, "Evidence");
  self->remedy = pba_said_dup (row, "Remedy");
  self->record = take_text (row, "Record");
  self->severity = g_str_equal (state, "ok")        ? PBA_SEVERITY_PASSED
                   : g_str_equal (state, "problem") ? PBA_SEVERITY_PROBLEM
                                                    : PBA_SEVERITY_WARNING;
  self->unknown = g_str_equal (state, "unknown");
  if (self->name[0] != '\0' && state[0] != '\0')
    return self;
  result_free (self);
  return NULL;
}

static void
on_checked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaSetupCheck) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);
  g_autoptr (GVariant) rows = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  self->running = FALSE;
  g_free (self->error);
  self->error = error != NULL ? pba_words_error (error) : NULL;
  if (rows != NULL)
    g_ptr_array_set_size (self->results, 0);
  for (gsize i = 0; rows != NULL && i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      PbaSetupResult *one = result_new (row);

      if (one != NULL)
        g_ptr_array_add (self->results, one);
    }
  g_signal_emit (self, changed_signal, 0);
}

static void
pba_setup_check_finalize (GObject *object)
{
  PbaSetupCheck *self = PBA_SETUP_CHECK (object);

  g_ptr_array_unref (self->results);
  g_free (self->error);
  g_object_unref (self->connection);
  G_OBJECT_CLASS (pba_setup_check_parent_class)->finalize (object);
}

static void
pba_setup_check_class_init (PbaSetupCheckClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_setup_check_finalize;
  changed_signal = g_signal_new ("changed", PBA_TYPE_SETUP_CHECK, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
}

static void
pba_setup_check_init (PbaSetupCheck *self)
{
  self->results = g_ptr_array_new_with_free_func (result_free);
}

PbaSetupCheck *
pba_setup_check_new (PbaConnection *connection)
{
  PbaSetupCheck *self = g_object_new (PBA_TYPE_SETUP_CHECK, NULL);

  self->connection = g_object_ref (connection);
  return self;
}

void
pba_setup_check_run (PbaSetupCheck *self)
{
  if (self->running || !pba_connection_has_method (self->connection, "Diagnostics", "CheckSetup")
      || pba_connection_get_state (self->connection) != PBA_CONNECTION_CONNECTED)
    return;
  self->running = TRUE;
  pba_connection_call (self->connection, "Diagnostics", "CheckSetup", NULL, "(aa{sv})", NULL,
                       on_checked, g_object_ref (self));
  g_signal_emit (self, changed_signal, 0);
}

gboolean
pba_setup_check_get_running (PbaSetupCheck *self)
{
  return self->running;
}

const char *
pba_setup_check_get_error (PbaSetupCheck *self)
{
  return self->error;
}

GPtrArray *
pba_setup_check_get_results (PbaSetupCheck *self)
{
  return self->results;
}

guint
pba_setup_check_count (PbaSetupCheck *self)
{
  guint n = 0;

  for (guint i = 0; i < self->results->len; i++)
    {
      const PbaSetupResult *result = self->results->pdata[i];

      n += result->severity != PBA_SEVERITY_PASSED && !result->unknown ? 1 : 0;
    }
  return n;
}
