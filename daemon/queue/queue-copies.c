/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies for the external postmasters (General.ExternalPostmasters) of what is sent to postmaster and
 * mailer-daemon. They are recipients like the others, safe in the same transaction, but for notices: a
 * copy that cannot be delivered is logged and nobody is told, since the sender knows nothing of it and a
 * notice to ourselves would be the next message to be copied. The message bears PB_TRACE_COPY_MARK, put
 * there by whoever wrote its top, and what comes in with that mark is copied by nobody: a copy that is
 * forwarded back to us ends in our own mailbox. Any thread.
 */
#include "queue/queue-private.h"
#include <string.h>

static gboolean
has_recipient (const PbEnvelope *envelope, const char *address)
{
  for (guint i = 0; i < envelope->n_recipients; i++)
    if (g_ascii_strcasecmp (envelope->recipients[i].address, address) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
is_wanted (const PbEnvelope *envelope, const PbSnapshot *snapshot)
{
  if ((envelope->flags & PB_ENVELOPE_COPIED) != 0)
    return FALSE;
  for (guint i = 0; i < envelope->n_recipients; i++)
    if (pb_snapshot_is_copied (snapshot, envelope->recipients[i].address))
      return TRUE;
  return FALSE;
}

void
pb_queue_add_copies (PbEnvelope *envelope, const PbSnapshot *snapshot)
{
  char **external = snapshot->values.general_external_postmasters;

  if (!is_wanted (envelope, snapshot))
    return;
  envelope->flags |= PB_ENVELOPE_COPIED;
  envelope->recipients =
    g_renew (PbRecipient, envelope->recipients, envelope->n_recipients + g_strv_length (external));
  for (guint i = 0; external[i] != NULL; i++)
    if (!has_recipient (envelope, external[i]))
      envelope->recipients[envelope->n_recipients++] =
        (PbRecipient){ g_strdup (external[i]), NULL, PB_NOTIFY_NEVER };
}
