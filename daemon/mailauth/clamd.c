/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clamd client: its commands. Called on a thread that may wait; the connection sees to the deadline. One
 * connection a command, as clamd wants it. Whatever clamd does, closing in the middle, silence, endless or
 * senseless answers, comes out as a failure in words, and what to do then is a setting.
 */
#include "mailauth/clamd-private.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK (64 * 1024)

static gboolean
send_chunk (PbClamdLink *link, const void *data, gsize length, GError **error)
{
  guint32 size = GUINT32_TO_BE ((guint32) length);

  return pb_clamd_link_send (link, &size, sizeof size, error)
         && pb_clamd_link_send (link, data, length, error);
}

/* The message as INSTREAM wants it: chunks with their lengths, the last one empty. */
static gboolean
send_message (PbClamdLink *link, const PbClamdMessage *message, GError **error)
{
  g_autofree char *buffer = g_malloc (CHUNK);
  gsize at = 0;
  off_t offset = 0;

  for (gsize n; at < message->head_length; at += n)
    {
      n = MIN (CHUNK, message->head_length - at);
      if (!send_chunk (link, (const char *) message->head + at, n, error))
        return FALSE;
    }
  while (message->fd >= 0)
    {
      ssize_t n = pread (message->fd, buffer, CHUNK, offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "reading the message: %s",
                       g_strerror (errno));
          return FALSE;
        }
      if (n == 0)
        break;
      if (!send_chunk (link, buffer, (gsize) n, error))
        return FALSE;
      offset += n;
    }
  return send_chunk (link, "", 0, error);
}

static gboolean
send_request (PbClamdLink *link, gboolean by_descriptor, const PbClamdMessage *message,
              GError **error)
{
  if (by_descriptor)
    return pb_clamd_link_send (link, "zFILDES", sizeof "zFILDES", error)
           && pb_clamd_link_send_descriptor (link, message->fd, error);
  return pb_clamd_link_send (link, "zINSTREAM", sizeof "zINSTREAM", error)
         && send_message (link, message, error);
}

void
pb_clamd_scan (const PbClamdCall *call, gboolean by_descriptor, const PbClamdMessage *message,
               PbClamdOutcome *outcome)
{
  g_auto (PbClamdLink) link = { .fd = -1 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) sending = NULL;
  g_autofree char *text = NULL;
  gboolean sent, over;

  *outcome = (PbClamdOutcome){ .result = PB_CLAMD_FAILED };
  if (!pb_clamd_link_connect (&link, call, &error))
    {
      outcome->why = g_strdup (error->message);
      return;
    }
  /* clamd may answer before it has read all, and close: a message over its limit; what it said is why. */
  sent = send_request (&link, by_descriptor, message, &sending);
  over = g_error_matches (sending, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
         || g_error_matches (sending, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  if (!over)
    text = pb_clamd_link_read (&link, &error);
  if (text != NULL)
    pb_clamd_read_answer (text, outcome);
  else
    outcome->why = g_strdup (sent ? error->message : sending->message);
  if (!sent && outcome->result == PB_CLAMD_CLEAN)
    {
      outcome->result = PB_CLAMD_FAILED;
      outcome->why = g_strdup ("clamd answered before it had the message");
    }
}

/* @command's length has its NUL in it. Returns: (transfer full) (nullable): what clamd said. */
static char *
ask (const PbClamdCall *call, const char *command, gsize length, GError **error)
{
  g_auto (PbClamdLink) link = { .fd = -1 };
  g_autofree char *text = NULL;

  if (!pb_clamd_link_connect (&link, call, error)
      || !pb_clamd_link_send (&link, command, length, error))
    return NULL;
  text = pb_clamd_link_read (&link, error);
  return text != NULL ? pb_clamd_clean (text, strlen (text)) : NULL;
}

gboolean
pb_clamd_ping (const PbClamdCall *call, GError **error)
{
  g_autofree char *text = ask (call, "zPING", sizeof "zPING", error);

  if (text == NULL)
    return FALSE;
  if (strcmp (text, "PONG") == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "this is not clamd, it says: %s", text);
  return FALSE;
}

char *
pb_clamd_version (const PbClamdCall *call, GError **error)
{
  return ask (call, "zVERSION", sizeof "zVERSION", error);
}

gboolean
pb_clamd_takes_descriptors (const PbClamdCall *call)
{
  g_auto (PbClamdOutcome) outcome = { .result = PB_CLAMD_FAILED };
  PbClamdMessage probe = { .fd = -1 };

  if (!g_str_has_prefix (call->address, "unix:"))
    return FALSE;
  /* A file without a name. Whether clamd may open our spool's is not known by that: the scanner sees when it cannot. */
  probe.fd = memfd_create ("clamd-probe", MFD_CLOEXEC);
  if (probe.fd < 0)
    return FALSE;
  if (write (probe.fd, "probe\r\n", 7) == 7)
    pb_clamd_scan (call, TRUE, &probe, &outcome);
  close (probe.fd);
  return outcome.result == PB_CLAMD_CLEAN;
}
