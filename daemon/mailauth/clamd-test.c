/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A clamd tried step by step: whether it is there, what it knows, whether it finds the harmless file that every
 * scanner is to find, and how long a message it takes. Each step is a row of a table; the first that fails ends
 * the test, since nothing behind it can be told. Called on a thread that may wait; keeps nothing.
 */
#include "mailauth/clamd-test.h"

#include "mailauth/clamd-private.h"
#include "util/marked.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OLD_SIGNATURES (7 * 86400) /* seconds; ClamAV publishes new ones daily */

typedef struct
{
  const PbClamdCall *call;
  guint64 max_size;
  gint64 now;
  gboolean by_descriptor;
} Test;

static PbClamdStepState
say (PbClamdStep *step, PbClamdStepState state, const char *words)
{
  step->detail = g_strdup (words);
  return state;
}

static PbClamdStepState
test_connect (Test *self, PbClamdStep *step)
{
  g_auto (PbClamdLink) link = { .fd = -1 };
  g_autoptr (GError) error = NULL;

  if (!pb_clamd_link_connect (&link, self->call, &error))
    return say (step, PB_CLAMD_STEP_FAILED, error->message);
  return say (step, PB_CLAMD_STEP_OK, self->call->address);
}

static PbClamdStepState
test_ping (Test *self, PbClamdStep *step)
{
  g_autoptr (GError) error = NULL;

  if (!pb_clamd_ping (self->call, &error))
    return say (step, PB_CLAMD_STEP_FAILED, error->message);
  return say (step, PB_CLAMD_STEP_OK, "PONG");
}

static PbClamdStepState
test_version (Test *self, PbClamdStep *step)
{
  g_autoptr (GError) error = NULL;

  step->detail = pb_clamd_version (self->call, &error);
  if (step->detail == NULL)
    return say (step, PB_CLAMD_STEP_FAILED, error->message);
  step->signature_time = pb_clamd_signature_time (step->detail);
  return step->signature_time != 0 && step->signature_time < self->now - OLD_SIGNATURES
           ? PB_CLAMD_STEP_WARNING
           : PB_CLAMD_STEP_OK;
}

static PbClamdStepState
test_clean (Test *self, PbClamdStep *step)
{
  static const char text[] = "Subject: test\r\n\r\nNothing is wrong with this message.\r\n";
  const PbClamdMessage message = { text, sizeof text - 1, -1 };
  g_auto (PbClamdOutcome) outcome = { 0 };

  pb_clamd_scan (self->call, FALSE, &message, &outcome);
  if (outcome.result == PB_CLAMD_CLEAN)
    return say (step, PB_CLAMD_STEP_OK, N_ ("a harmless message passes"));
  if (outcome.result != PB_CLAMD_INFECTED)
    return say (step, PB_CLAMD_STEP_FAILED, outcome.why);
  step->detail = g_strdup_printf ("%s is found in a harmless message", outcome.signature);
  return PB_CLAMD_STEP_FAILED;
}

static PbClamdStepState
test_infected (Test *self, PbClamdStep *step)
{
  /* In two parts, so that no scanner takes offence at this program. */
  g_autofree char *text = g_strconcat ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$",
                                       "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*", NULL);
  const PbClamdMessage message = { text, strlen (text), -1 };
  g_auto (PbClamdOutcome) outcome = { 0 };

  pb_clamd_scan (self->call, FALSE, &message, &outcome);
  if (outcome.result == PB_CLAMD_INFECTED)
    return say (step, PB_CLAMD_STEP_OK, outcome.signature);
  if (outcome.result != PB_CLAMD_CLEAN)
    return say (step, PB_CLAMD_STEP_FAILED, outcome.why);
  return say (step, PB_CLAMD_STEP_WARNING,
              N_ ("the test string EICAR is not found: the scanner may have no signatures yet"));
}

static PbClamdStepState
test_descriptors (Test *self, PbClamdStep *step)
{
  if (!g_str_has_prefix (self->call->address, "unix:"))
    return say (step, PB_CLAMD_STEP_SKIPPED, N_ ("over the network messages are sent whole"));
  self->by_descriptor = pb_clamd_takes_descriptors (self->call);
  if (self->by_descriptor)
    return say (step, PB_CLAMD_STEP_OK, N_ ("large messages are handed over as files"));
  return say (step, PB_CLAMD_STEP_OK, N_ ("files are not taken: large messages are sent whole"));
}

static PbClamdStepState
test_size (Test *self, PbClamdStep *step)
{
  PbClamdMessage message = { NULL, 0, -1 };
  g_auto (PbClamdOutcome) outcome = { 0 };

  if (self->by_descriptor)
    return say (step, PB_CLAMD_STEP_SKIPPED, N_ ("files are not limited"));
  message.fd = memfd_create ("clamd-test", MFD_CLOEXEC);
  /* A hole reads as zeros and takes no memory. */
  if (message.fd < 0 || ftruncate (message.fd, (off_t) self->max_size) != 0)
    say (step, PB_CLAMD_STEP_SKIPPED, g_strerror (errno));
  else
    pb_clamd_scan (self->call, FALSE, &message, &outcome);
  if (message.fd >= 0)
    close (message.fd);
  if (step->detail != NULL)
    return PB_CLAMD_STEP_SKIPPED;
  if (outcome.result == PB_CLAMD_CLEAN)
    return say (step, PB_CLAMD_STEP_OK, N_ ("the largest message that is taken can be scanned"));
  step->detail = g_strdup_printf ("a message of %" G_GUINT64_FORMAT
                                  " MiB cannot be scanned: %s%s",
                                  self->max_size >> 20,
                                  outcome.why != NULL ? outcome.why : "malware is found in zeros",
                                  outcome.result == PB_CLAMD_TOO_LARGE ? "; raise StreamMaxLength in clamd.conf" : "");
  return PB_CLAMD_STEP_WARNING;
}

static const struct
{
  const char *name;
  PbClamdStepState (*run) (Test *self, PbClamdStep *step);
} rows[] = {
  [PB_CLAMD_STEP_CONNECT] = { "connect", test_connect },
  [PB_CLAMD_STEP_PING] = { "ping", test_ping },
  [PB_CLAMD_STEP_VERSION] = { "version", test_version },
  [PB_CLAMD_STEP_CLEAN] = { "clean", test_clean },
  [PB_CLAMD_STEP_INFECTED] = { "infected", test_infected },
  [PB_CLAMD_STEP_DESCRIPTORS] = { "descriptors", test_descriptors },
  [PB_CLAMD_STEP_SIZE] = { "size", test_size },
};
G_STATIC_ASSERT (G_N_ELEMENTS (rows) == PB_N_CLAMD_STEPS);

void
pb_clamd_test (const PbClamdCall *call, guint64 max_size, gint64 now, PbClamdTest *test)
{
  Test self = { call, max_size, now, FALSE };
  gboolean failed = FALSE;

  *test = (PbClamdTest){ 0 };
  for (guint i = 0; i < PB_N_CLAMD_STEPS; i++)
    {
      gint64 begun = g_get_monotonic_time ();

      test->steps[i].state =
        failed ? say (&test->steps[i], PB_CLAMD_STEP_SKIPPED, "") : rows[i].run (&self, &test->steps[i]);
      test->steps[i].duration = g_get_monotonic_time () - begun;
      failed = failed || test->steps[i].state == PB_CLAMD_STEP_FAILED;
    }
}

void
pb_clamd_test_clear (PbClamdTest *self)
{
  for (guint i = 0; i < PB_N_CLAMD_STEPS; i++)
    g_clear_pointer (&self->steps[i].detail, g_free);
}

const char *
pb_clamd_step_name (PbClamdStepKind kind)
{
  return rows[kind].name;
}

const char *
pb_clamd_step_state_name (PbClamdStepState state)
{
  static const char *const names[] = { "ok", "warning", "failed", "skipped" };

  return names[state];
}
