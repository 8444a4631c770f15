/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The health of DNS blocklists. Looked at by every thread that judges, at each connection, so the table
 * stands behind a lock that is held for a look-up only; changed seldom. Owned by the service, which also has
 * them probed now and then. Nothing here refuses mail; it only keeps broken lists from doing so.
 */
#include "policy/blocklists.h"

#include "dbus/say.h"

#include <arpa/inet.h>

#define PROBE_SECONDS 10

struct _PbBlocklists
{
  gint references;       /* atomic: the owner's, and one a message or probe under way */
  GMutex lock;           /* of @ill alone */
  GHashTable *ill;       /* (owned) a set of zones */
  PbMailbox *mailbox;    /* (owned) */
  PbBlocklistsTold told; /* (nullable); main thread */
  gpointer user_data;
};

/* Something about a zone, on its way to the main thread. */
typedef struct
{
  PbBlocklists *blocklists;
  char *zone;
  GVariant *trouble; /* (owned) (nullable) */
} Notice;

static void
blocklists_unref (PbBlocklists *self)
{
  if (!g_atomic_int_dec_and_test (&self->references))
    return;
  g_hash_table_unref (self->ill);
  g_mutex_clear (&self->lock);
  pb_mailbox_unref (self->mailbox);
  g_free (self);
}

static Notice *
notice_new (PbBlocklists *self, const char *zone)
{
  Notice *notice = g_new (Notice, 1);

  g_atomic_int_inc (&self->references);
  *notice = (Notice){ self, g_strdup (zone), NULL };
  return notice;
}

static void
notice_free (Notice *notice)
{
  blocklists_unref (notice->blocklists);
  g_free (notice->zone);
  g_clear_pointer (&notice->trouble, g_variant_unref);
  g_free (notice);
}

PbBlocklists *
pb_blocklists_new (PbMailbox *main_mailbox, PbBlocklistsTold told, gpointer user_data)
{
  PbBlocklists *self = g_new0 (PbBlocklists, 1);

  self->references = 1;
  g_mutex_init (&self->lock);
  self->ill = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->mailbox = pb_mailbox_ref (main_mailbox);
  self->told = told;
  self->user_data = user_data;
  return self;
}

void
pb_blocklists_free (PbBlocklists *self)
{
  self->told = NULL;
  blocklists_unref (self);
}

gboolean
pb_blocklists_is_ill (PbBlocklists *self, const char *zone)
{
  gboolean ill;

  g_mutex_lock (&self->lock);
  ill = g_hash_table_contains (self->ill, zone);
  g_mutex_unlock (&self->lock);
  return ill;
}

/* Returns: whether that is another state than before. */
static gboolean
set_state (PbBlocklists *self, const char *zone, gboolean ill)
{
  gboolean was_ill;

  g_mutex_lock (&self->lock);
  was_ill = g_hash_table_contains (self->ill, zone);
  if (ill && !was_ill)
    g_hash_table_add (self->ill, g_strdup (zone));
  else if (!ill)
    g_hash_table_remove (self->ill, zone);
  g_mutex_unlock (&self->lock);
  return was_ill != ill;
}

static void
on_notice (gpointer data)
{
  Notice *notice = data;

  if (notice->blocklists->told != NULL)
    notice->blocklists->told (notice->zone, notice->trouble, notice->blocklists->user_data);
  notice_free (notice);
}

/* Returns: (transfer full) */
static GVariant *
say_answer (const PbIp *answer)
{
  char text[INET6_ADDRSTRLEN];

  return g_variant_ref_sink (pb_say ("{trouble}: {address}", "trouble",
                                     pb_say_words (pb_dnsbl_health_words (PB_DNSBL_HEALTH_ILL)), "address",
                                     pb_say_text (pb_ip_format (answer, text, sizeof text))));
}

void
pb_blocklists_tell_ill (PbBlocklists *self, const char *zone, const PbIp *answer)
{
  Notice *notice;

  if (!set_state (self, zone, TRUE))
    return;
  notice = notice_new (self, zone);
  notice->trouble = say_answer (answer);
  pb_mailbox_post (self->mailbox, on_notice, notice);
}

static void
on_probed (PbDnsblHealth health, const PbIp *answer, gpointer user_data)
{
  Notice *notice = user_data;
  PbBlocklists *self = notice->blocklists;

  switch (health)
    {
    case PB_DNSBL_HEALTH_WELL:
      break;
    case PB_DNSBL_HEALTH_ILL:
      notice->trouble = say_answer (answer);
      break;
    case PB_DNSBL_HEALTH_NAMES_ALL:
    case PB_DNSBL_HEALTH_NAMES_NONE:
      notice->trouble = g_variant_ref_sink (pb_say_words (pb_dnsbl_health_words (health)));
      break;
    case PB_DNSBL_HEALTH_SILENT:
      notice_free (notice);
      return;
    }
  if (set_state (self, notice->zone, notice->trouble != NULL) && self->told != NULL)
    self->told (notice->zone, notice->trouble, self->user_data);
  notice_free (notice);
}

void
pb_blocklists_probe (PbBlocklists *self, const char *zone, const PbDnsSource *dns)
{
  pb_dnsbl_probe (zone, dns, PROBE_SECONDS, on_probed, notice_new (self, zone));
}

void
pb_blocklists_forget (PbBlocklists *self, const char *zone)
{
  if (set_state (self, zone, FALSE) && self->told != NULL)
    self->told (zone, NULL, self->user_data);
}
