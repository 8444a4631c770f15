/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Diagnostics.TestScanner behind its row in the table of methods: one test at a time, on a thread that may
 * wait, put together for the bus on the main thread. The steps are mailauth's; the scanner that is tried is
 * the one of the settings, whether or not mail is scanned.
 */
#include "service/scanner-test.h"

#include "dbus/errors.h"
#include "mailauth/clamd-test.h"
#include "util/clock.h"

#define STEP_SECONDS 15

struct _PbScannerTest
{
  PbRegistry *registry; /* (unowned) */
  PbMailbox *mailbox;   /* (owned) */
  GThread *thread;      /* (owned) (nullable) of the test under way */
  GCancellable *cancellable; /* (owned) (nullable) likewise */
  char *address;        /* (owned) (nullable) read by the thread */
  guint64 max_size;
  PbClamdTest outcome;  /* written by the thread */
  PbScannerTested func; /* (nullable) */
  gpointer user_data;
};

static void
put_text (GVariantBuilder *row, const char *name, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  g_variant_builder_add (row, "{sv}", name, g_variant_new_string (valid));
}

static GVariant *
make_steps (const PbClamdTest *test)
{
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < PB_N_CLAMD_STEPS; i++)
    {
      const PbClamdStep *step = &test->steps[i];

      g_variant_builder_open (&rows, G_VARIANT_TYPE_VARDICT);
      put_text (&rows, "Step", pb_clamd_step_name (i));
      put_text (&rows, "State", pb_clamd_step_state_name (step->state));
      put_text (&rows, "Detail", step->detail);
      g_variant_builder_add (&rows, "{sv}", "Seconds",
                             g_variant_new_double ((double) step->duration / (double) G_USEC_PER_SEC));
      if (step->signature_time > 0)
        g_variant_builder_add (&rows, "{sv}", "SignatureTime",
                               g_variant_new_uint64 ((guint64) step->signature_time));
      g_variant_builder_close (&rows);
    }
  return g_variant_ref_sink (g_variant_builder_end (&rows));
}

/* Waits for the thread, which has at least begun to end. */
static void
join (PbScannerTest *self)
{
  g_thread_join (g_steal_pointer (&self->thread));
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->address, g_free);
}

static void
on_tested (gpointer data)
{
  PbScannerTest *self = data;
  PbScannerTested func = g_steal_pointer (&self->func);
  g_auto (PbClamdTest) outcome = { 0 };
  g_autoptr (GVariant) steps = NULL;

  /* Freed meanwhile: the answer was given then. */
  if (func == NULL)
    {
      pb_mailbox_unref (self->mailbox);
      g_free (self);
      return;
    }
  join (self);
  outcome = self->outcome;
  self->outcome = (PbClamdTest){ 0 };
  steps = make_steps (&outcome);
  func (steps, NULL, self->user_data);
}

static gpointer
run_test (gpointer data)
{
  PbScannerTest *self = data;
  const PbClamdCall call = { self->address, STEP_SECONDS, self->cancellable };

  pb_clamd_test (&call, self->max_size, pb_clock_wall () / G_USEC_PER_SEC, &self->outcome);
  pb_mailbox_post (self->mailbox, on_tested, self);
  return NULL;
}

PbScannerTest *
pb_scanner_test_new (PbRegistry *registry, PbMailbox *mailbox)
{
  PbScannerTest *self = g_new0 (PbScannerTest, 1);

  self->registry = registry;
  self->mailbox = pb_mailbox_ref (mailbox);
  return self;
}

void
pb_scanner_test_free (PbScannerTest *self)
{
  g_autoptr (GError) error = NULL;
  PbScannerTested func = g_steal_pointer (&self->func);

  if (func == NULL)
    {
      pb_mailbox_unref (self->mailbox);
      g_free (self);
      return;
    }
  /* What the thread has posted, or still posts, frees us. */
  g_cancellable_cancel (self->cancellable);
  join (self);
  pb_clamd_test_clear (&self->outcome);
  error = g_error_new_literal (PB_ERROR, PB_ERROR_UNAVAILABLE,
                               "Diagnostics.TestScanner: the server is stopping");
  func (NULL, error, self->user_data);
}

void
pb_scanner_test_run (PbScannerTest *self, PbScannerTested func, gpointer user_data)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  g_autoptr (GError) error = NULL;

  if (self->func != NULL)
    g_set_error_literal (&error, PB_ERROR, PB_ERROR_BUSY,
                         "Diagnostics.TestScanner: the scanner is being tested, try again later");
  else if (snapshot->values.antivirus_address[0] == '\0')
    g_set_error_literal (&error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                         "Antivirus.Address: must be given to be tested");
  if (error != NULL)
    {
      func (NULL, error, user_data);
      return;
    }
  self->address = g_strdup (snapshot->values.antivirus_address);
  self->max_size = (guint64) snapshot->values.general_max_message_size << 20;
  self->cancellable = g_cancellable_new ();
  self->func = func;
  self->user_data = user_data;
  self->thread = g_thread_new ("pb-scan-test", run_test, self);
}
