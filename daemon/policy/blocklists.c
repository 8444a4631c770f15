/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The health of DNS blocklists. Looked at by every thread that judges, at each connection, so the table
 * stands behind a lock that is held for a look-up only; changed seldom. Owned by the service, which also has
 * them probed now and then. Nothing here refuses mail; it only keeps broken lists from doing so.
 */
#include "policy/blocklists.h"

#include <arpa/inet.h>

#define PROBE_SECONDS 10

struct _PbBlocklists
{
  gint references;       /* atomic: the owner's, and one a message or probe under way */
  GMutex lock;           /* of @ill alone */
  GHashTable *ill;       /* (owned) zone -> words */
  PbMailbox *mailbox;    /* (owned) */
  PbBlocklistsTold told; /* (nullable); main thread */
  gpointer user_data;
};

/* Something about a zone, on its way to the main thread. */
typedef struct
{
  PbBlocklists *blocklists;
  char *zone;
  char *words; /* (nullable) */
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
notice_new (PbBlocklists *self, const char *zone, const char *words)
{
  Notice *notice = g_new (Notice, 1);

  g_atomic_int_inc (&self->references);
  *notice = (Notice){ self, g_strdup (zone), g_strdup (words) };
  return notice;
}

static void
notice_free (Notice *notice)
{
  blocklists_unref (notice->blocklists);
  g_free (notice->zone);
  g_free (notice->words);
  g_free (notice);
}

PbBlocklists *
pb_blocklists_new (PbMailbox *main_mailbox, PbBlocklistsTold told, gpointer user_data)
{
  PbBlocklists *self = g_new0 (PbBlocklists, 1);

  self->references = 1;
  g_mutex_init (&self->lock);
  self->ill = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
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

/* Sets the state of @zone; NULL @words: it is well. Returns: whether that is another state than before. */
static gboolean
set_state (PbBlocklists *self, const char *zone, const char *words)
{
  gboolean was_ill;

  g_mutex_lock (&self->lock);
  was_ill = g_hash_table_contains (self->ill, zone);
  if (words != NULL && !was_ill)
    g_hash_table_insert (self->ill, g_strdup (zone), g_strdup (words));
  else if (words == NULL)
    g_hash_table_remove (self->ill, zone);
  g_mutex_unlock (&self->lock);
  return was_ill != (words != NULL);
}

static void
on_notice (gpointer data)
{
  Notice *notice = data;

  if (notice->blocklists->told != NULL)
    notice->blocklists->told (notice->zone, notice->words, notice->blocklists->user_data);
  notice_free (notice);
}

static char *
words_of_answer (const PbIp *answer)
{
  char text[INET6_ADDRSTRLEN];

  return g_strdup_printf ("%s: %s", pb_dnsbl_health_words (PB_DNSBL_HEALTH_ILL),
                          pb_ip_format (answer, text, sizeof text));
}

void
pb_blocklists_tell_ill (PbBlocklists *self, const char *zone, const PbIp *answer)
{
  g_autofree char *words = words_of_answer (answer);

  if (set_state (self, zone, words))
    pb_mailbox_post (self->mailbox, on_notice, notice_new (self, zone, words));
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
      notice->words = words_of_answer (answer);
      break;
    case PB_DNSBL_HEALTH_NAMES_ALL:
    case PB_DNSBL_HEALTH_NAMES_NONE:
      notice->words = g_strdup (pb_dnsbl_health_words (health));
      break;
    case PB_DNSBL_HEALTH_SILENT:
      notice_free (notice);
      return;
    }
  if (set_state (self, notice->zone, notice->words) && self->told != NULL)
    self->told (notice->zone, notice->words, self->user_data);
  notice_free (notice);
}

void
pb_blocklists_probe (PbBlocklists *self, const char *zone, const PbDnsSource *dns)
{
  pb_dnsbl_probe (zone, dns, PROBE_SECONDS, on_probed, notice_new (self, zone, NULL));
}

void
pb_blocklists_forget (PbBlocklists *self, const char *zone)
{
  if (set_state (self, zone, NULL) && self->told != NULL)
    self->told (zone, NULL, self->user_data);
}
