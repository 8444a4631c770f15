/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A message enters the queue: aliases are expanded, the store makes it safe, the submitter hears of it,
 * and then the queue takes it up with the body still in memory, so that nothing is read back from disk
 * on the straight way through. Sessions call pb_queue_submit() on their I/O threads; what is told to the
 * queue travels to the main thread in the closure that was made for the answer.
 */
#include "protocol/text.h"
#include "queue/queue-private.h"
#include "util/clock.h"
#include <string.h>

/* Recipients of one message that aliases may make of it; the aliases behind that stay as they are and are forwarded as messages of their own. */
#define MAX_EXPANDED 20000

typedef struct
{
  PbQueue *queue; /* (owned) */
  PbStoreSubmitted func;
  gpointer user_data;
  PbEnvelope *envelope; /* (owned) (nullable) */
  PbBody *body;         /* (owned) (nullable) */
} Submission;

/* A copy of @from that goes to @address; @original is where it was sent. */
static PbRecipient
recipient_copy (const PbRecipient *from, const char *address, const char *original)
{
  PbRecipient copy = { g_strdup (address), g_strdup (from->orcpt), from->notify };

  if (copy.orcpt != NULL || g_str_equal (address, original))
    return copy;
  if (pb_text_is_ascii (original, strlen (original)))
    {
      g_autofree char *xtext = pb_xtext_encode (original);

      copy.orcpt = g_strconcat ("rfc822;", xtext, NULL);
    }
  else
    {
      g_autofree char *encoded = pb_utf8_addr_encode (original);

      copy.orcpt = g_strconcat ("utf-8;", encoded, NULL); /* RFC 6533 3 */
    }
  return copy;
}

static void
add_recipient (GArray *out, GHashTable *seen, const PbRecipient *from, const char *address)
{
  PbRecipient copy;
  gpointer index;

  /* Two ways to one mailbox are one delivery. Of two wishes for notices the usual one wins, else both hold; to want
     none is no wish against another's. */
  if (g_hash_table_lookup_extended (seen, address, NULL, &index))
    {
      PbNotify *notify = &g_array_index (out, PbRecipient, GPOINTER_TO_UINT (index)).notify;

      *notify = *notify == PB_NOTIFY_UNSAID || from->notify == PB_NOTIFY_UNSAID
                  ? PB_NOTIFY_UNSAID
                  : *notify | from->notify;
      if (*notify != PB_NOTIFY_NEVER)
        *notify &= ~PB_NOTIFY_NEVER;
      return;
    }
  copy = recipient_copy (from, address, from->address);
  g_hash_table_insert (seen, copy.address, GUINT_TO_POINTER (out->len));
  g_array_append_val (out, copy);
}

/* Mail for other domains, which is most that leaves, needs no look at the aliases. */
static gboolean
may_be_alias (const char *address, const PbSnapshot *snapshot)
{
  const char *at = strrchr (address, '@');

  return at == NULL || pb_snapshot_is_local_domain (snapshot, at + 1);
}

void
pb_queue_expand (PbEnvelope *envelope, const PbSnapshot *snapshot)
{
  g_autoptr (GHashTable) seen = NULL;
  GArray *out;
  gboolean any = FALSE;

  pb_queue_add_copies (envelope, snapshot);
  for (guint i = 0; i < envelope->n_recipients && !any; i++)
    any = may_be_alias (envelope->recipients[i].address, snapshot);
  if (!any)
    return;
  seen = g_hash_table_new (g_str_hash, g_str_equal);
  out = g_array_sized_new (FALSE, FALSE, sizeof (PbRecipient), envelope->n_recipients);
  for (guint i = 0; i < envelope->n_recipients; i++)
    {
      PbRecipient *from = &envelope->recipients[i];
      g_autoptr (GPtrArray) targets = may_be_alias (from->address, snapshot)
                                        ? pb_snapshot_expand (snapshot, from->address)
                                        : NULL;

      gboolean fits =
        targets != NULL && targets->len > 0 && out->len + targets->len <= MAX_EXPANDED;

      /* The sender is to be told of it, which needs a recipient to tell of: pb_queue_forward() does both. */
      if (fits && targets->len > 1
          && pb_notice_is_wanted (envelope, i, PB_DSN_EXPANDED))
        fits = FALSE;

      for (guint j = 0; fits && j < targets->len; j++)
        add_recipient (out, seen, from, targets->pdata[j]);
      if (!fits)
        add_recipient (out, seen, from, from->address);
    }
  for (guint i = 0; i < envelope->n_recipients; i++)
    {
      g_free (envelope->recipients[i].address);
      g_free (envelope->recipients[i].orcpt);
    }
  g_free (envelope->recipients);
  envelope->n_recipients = out->len;
  envelope->recipients = (PbRecipient *) (void *) g_array_free (out, FALSE);
}

gboolean
pb_queue_leaves (const PbSnapshot *snapshot, const PbRecipient *recipients, guint n_recipients)
{
  for (guint i = 0; i < n_recipients; i++)
    {
      const char *address = recipients[i].address;
      g_autoptr (GPtrArray) targets = NULL;

      if (!may_be_alias (address, snapshot) || pb_snapshot_is_copied (snapshot, address))
        return TRUE;
      targets = pb_snapshot_expand (snapshot, address);
      for (guint k = 0; targets != NULL && k < targets->len; k++)
        if (!may_be_alias (targets->pdata[k], snapshot))
          return TRUE;
    }
  return FALSE;
}

static void
submission_free (Submission *self)
{
  g_clear_pointer (&self->envelope, pb_envelope_unref);
  g_clear_pointer (&self->body, pb_body_unref);
  g_atomic_int_add (&self->queue->n_submitting, -1);
  pb_queue_unref (self->queue);
  g_free (self);
}

/* On the main thread: safe in the store; now to be delivered. */
static void
on_taken (gpointer data)
{
  Submission *self = data;

  pb_queue_take_new (self->queue, self->envelope, self->body);
  submission_free (self);
}

/* On the submitter's thread. */
static void
on_submitted (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer user_data)
{
  Submission *self = user_data;

  self->func (envelope, body, error, self->user_data);
  if (error != NULL)
    {
      submission_free (self);
      return;
    }
  self->envelope = pb_envelope_ref (envelope);
  self->body = pb_body_ref (body);
  pb_mailbox_post_gathered (self->queue->parts.main_mailbox, on_taken, self);
}

/*
 * An account past its daily limit: the message is taken, and waits for somebody's hand. Counted as it was sent, before aliases. What is
 * held counts as part of a burst all the same, since whoever sends it goes on.
 */
static void
count_for_account (PbQueue *self, PbEnvelope *envelope, const PbSnapshot *snapshot)
{
  PbAccount account;

  if (envelope->login == NULL)
    return;
  pb_snapshot_find_account (snapshot, envelope->login, &account);
  if (account.id == NULL)
    return;
  pb_burst_count (self->burst, account.id, account.name, pb_clock_monotonic () / G_USEC_PER_SEC, pb_queue_now ());
  if (envelope->hold != NULL || (account.daily_messages == 0 && account.daily_recipients == 0)
      || pb_daily_take (self->daily, account.id, account.name, envelope->n_recipients, account.daily_messages,
                        account.daily_recipients, pb_queue_now ()))
    return;
  envelope->hold = g_strconcat (PB_HELD_DAILY, account.name, NULL);
}

void
pb_queue_submit (PbQueue *self, PbEnvelope *envelope, PbSpool *spool, const PbSnapshot *snapshot,
                 PbMailbox *reply_to, PbStoreSubmitted func, gpointer user_data)
{
  Submission *submission = g_new0 (Submission, 1);

  count_for_account (self, envelope, snapshot);
  pb_queue_expand (envelope, snapshot);
  submission->queue = pb_queue_ref (self);
  g_atomic_int_inc (&self->n_submitting);
  submission->func = func;
  submission->user_data = user_data;
  pb_store_submit (self->parts.store, envelope, spool, reply_to, on_submitted, submission);
  pb_envelope_unref (envelope);
}
