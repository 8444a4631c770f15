/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages of the queue as rows for the bus: with every recipient's state, what was said last and by whom,
 * and the way its mail goes by today's settings.
 *
 * Called by the Queue object on the main thread; pure. What a remote server said need not be UTF-8; the bus
 * wants it. A message with very many recipients shows some of them, so that a page stays a page.
 */
#include "service/queue-rows.h"

#include "delivery/router.h"

#define MAX_RECIPIENTS       100
#define MAX_RECIPIENTS_ALONE 5000

static void
add_string (GVariantBuilder *builder, const char *key, const char *text)
{
  g_variant_builder_add (builder, "{sv}", key,
                         g_variant_new_take_string (g_utf8_make_valid (text != NULL ? text : "", -1)));
}

static const char *
recipient_state (const PbRecipientStatus *status)
{
  switch (status->state)
    {
    case PB_RECIPIENT_QUEUED:
      return pb_recipient_status_is_deferred (status) ? "deferred" : "active";
    case PB_RECIPIENT_HELD:
      return "held";
    case PB_RECIPIENT_DELIVERED:
      return "delivered";
    case PB_RECIPIENT_FAILED:
      break;
    }
  return "failed";
}

/* What is held for malware has been since it came; whatever held it later has written its own reason. */
static const char *
held_for (const PbRecipientStatus *status)
{
  if (status->by_hand != 0)
    return "administrator";
  if (status->last_reply != NULL && g_str_has_prefix (status->last_reply, PB_HELD_DAILY))
    return "daily-limit";
  return status->last_reply != NULL && g_str_has_prefix (status->last_reply, PB_HELD_INFECTED) ? "malware"
                                                                                              : "damage";
}

static void
add_recipient (GVariantBuilder *list, const PbQueued *queued, const PbRecipientStatus *status,
               const PbSnapshot *snapshot)
{
  const char *address = queued->envelope->recipients[status->recipient].address;
  g_autoptr (PbRoute) route = pb_route_find (snapshot, queued->envelope->sender, address, queued->target);
  g_autofree char *way = pb_route_describe (route);

  g_variant_builder_open (list, G_VARIANT_TYPE ("a{sv}"));
  add_string (list, "Address", address);
  add_string (list, "State", recipient_state (status));
  g_variant_builder_add (list, "{sv}", "Attempts", g_variant_new_uint32 (status->attempts));
  g_variant_builder_add (list, "{sv}", "NextAttempt", g_variant_new_uint64 ((guint64) MAX (status->next_attempt, 0)));
  add_string (list, "LastReply", status->last_reply);
  add_string (list, "Remote", status->last_remote);
  add_string (list, "Route", way);
  if (status->state == PB_RECIPIENT_HELD)
    add_string (list, "HeldFor", held_for (status));
  g_variant_builder_close (list);
}

/* A message is as its worst recipient: held, else deferred, else active. */
static const char *
message_state (const PbQueued *queued)
{
  const char *state = "active";

  for (guint i = 0; i < queued->n_statuses; i++)
    {
      if (queued->statuses[i].state == PB_RECIPIENT_HELD)
        return "held";
      if (pb_recipient_status_is_deferred (&queued->statuses[i]))
        state = "deferred";
    }
  return state;
}

static void
add_message (GVariantBuilder *rows, const PbQueued *queued, const PbSnapshot *snapshot, guint max_recipients)
{
  const PbEnvelope *envelope = queued->envelope;
  GVariantBuilder recipients;

  g_variant_builder_open (rows, G_VARIANT_TYPE ("a{sv}"));
  add_string (rows, "Id", envelope->id_text);
  add_string (rows, "Sender", envelope->sender);
  add_string (rows, "Client", envelope->client);
  add_string (rows, "Login", envelope->login);
  add_string (rows, "State", message_state (queued));
  g_variant_builder_add (rows, "{sv}", "Arrival", g_variant_new_uint64 ((guint64) envelope->arrival / G_USEC_PER_SEC));
  g_variant_builder_add (rows, "{sv}", "Size", g_variant_new_uint64 (envelope->size));
  if (queued->target != NULL)
    add_string (rows, "Target", queued->target);
  g_variant_builder_add (rows, "{sv}", "RecipientCount", g_variant_new_uint32 (queued->n_statuses));
  g_variant_builder_init (&recipients, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < MIN (queued->n_statuses, max_recipients); i++)
    add_recipient (&recipients, queued, &queued->statuses[i], snapshot);
  g_variant_builder_add (rows, "{sv}", "Recipients", g_variant_builder_end (&recipients));
  g_variant_builder_close (rows);
}

GVariant *
pb_queue_rows (GPtrArray *queued, const PbSnapshot *snapshot)
{
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < queued->len; i++)
    add_message (&rows, queued->pdata[i], snapshot, queued->len == 1 ? MAX_RECIPIENTS_ALONE : MAX_RECIPIENTS);
  return g_variant_builder_end (&rows);
}
