/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What clamd answers, read: foreign octets, so nothing here knows of connections, and each is a pure function.
 * Called by the clamd client and by whoever tests it. Nothing fails: an answer that is none of those known is a
 * failure in words; what is kept of one is clean text of one line.
 */
#include "mailauth/clamd.h"
#include "protocol/text.h"

#include <string.h>

#define MAX_WORDS 200 /* octets kept of an answer */

char *
pb_clamd_clean (const char *text, gsize length)
{
  GString *out = g_string_new (NULL);

  pb_text_append_safe (out, text, (gssize) length, MAX_WORDS, TRUE);
  return g_string_free (out, FALSE);
}

void
pb_clamd_outcome_clear (PbClamdOutcome *self)
{
  g_clear_pointer (&self->signature, g_free);
  g_clear_pointer (&self->why, g_free);
}

void
pb_clamd_read_answer (const char *text, PbClamdOutcome *outcome)
{
  const char *colon = strstr (text, ": ");
  g_autofree char *shown = NULL;

  *outcome = (PbClamdOutcome){ .result = PB_CLAMD_FAILED };
  if (colon != NULL && strcmp (colon, ": OK") == 0)
    {
      outcome->result = PB_CLAMD_CLEAN;
      return;
    }
  if (colon != NULL && g_str_has_suffix (colon + 1, " FOUND"))
    {
      gsize length = strlen (colon + 1) - strlen (" FOUND");

      outcome->result = PB_CLAMD_INFECTED;
      outcome->signature = pb_clamd_clean (colon + 2, length > 0 ? length - 1 : 0);
      return;
    }
  if (strcmp (text, "INSTREAM size limit exceeded. ERROR") == 0)
    outcome->result = PB_CLAMD_TOO_LARGE;
  shown = pb_clamd_clean (text, strlen (text));
  outcome->why = g_strdup_printf ("clamd says: %s", shown);
}

/* Reads digits. Returns: FALSE without any, or with too many. */
static gboolean
read_number (const char **at, int *value)
{
  const char *from = *at;

  *value = 0;
  while (**at == ' ')
    (*at)++;
  for (from = *at; g_ascii_isdigit (**at) && *at - from < 5; (*at)++)
    *value = *value * 10 + g_ascii_digit_value (**at);
  return *at > from && !g_ascii_isdigit (**at);
}

static gboolean
skip (const char **at, char wanted)
{
  if (**at != wanted)
    return FALSE;
  (*at)++;
  return TRUE;
}

gint64
pb_clamd_signature_time (const char *version)
{
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const char *at = strrchr (version, '/'), *month;
  int day, hour, minute, second, year;
  g_autoptr (GDateTime) time = NULL;
  char name[4] = "";

  /* "ClamAV 1.0.9/27000/Mon Nov 10 09:12:33 2025", as ctime(3) has it. */
  if (at == NULL || strlen (at) < strlen ("/Mon Nov 1 0:0:0 1"))
    return 0;
  memcpy (name, at + 5, 3);
  month = strstr (months, name);
  if (month == NULL || (month - months) % 3 != 0)
    return 0;
  at += 8;
  if (!read_number (&at, &day) || !read_number (&at, &hour) || !skip (&at, ':')
      || !read_number (&at, &minute) || !skip (&at, ':') || !read_number (&at, &second)
      || !read_number (&at, &year) || *at != '\0')
    return 0;
  time = g_date_time_new_utc (year, (int) (month - months) / 3 + 1, day, hour, minute, second);
  return time != NULL ? g_date_time_to_unix (time) : 0;
}
