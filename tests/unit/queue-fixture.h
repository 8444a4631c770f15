/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the queue's tests share: a whole queue over real stores in a folder of its own, with settings and accounts. */
#include "queue/queue.h"
#include "smtp-script.h"
#include "util/clock.h"
#include "util/log.h"
#include <ftw.h>
#include <glib/gstdio.h>
#include <stdio.h>

#define WAIT_SECONDS 60

typedef struct
{
  char *directory;
  PbMailbox *mailbox;
  GSource *source;
  PbReactor *reactor;
  PbResolver *resolver;
  PbStore *store;
  PbConfigStore *config;
  PbRegistry *registry;
  PbMaildir *maildir;
  PbSmtpAgent *smtp;
  PbQueue *queue;
  char *anna, *bob; /* account ids */
  guint n_submitted;
} Fixture;

static inline int
remove_entry (const char *path, const struct stat *status, int type, struct FTW *walk)
{
  return remove (path);
}

static inline gboolean
on_tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

typedef gboolean (*Condition) (Fixture *self, gpointer data);

/* Runs the main loop until @condition holds; fails after a minute. */
static inline void
wait_until (Fixture *self, Condition condition, gpointer data)
{
  gint64 deadline = g_get_monotonic_time () + WAIT_SECONDS * G_USEC_PER_SEC;
  guint tick = g_timeout_add (20, on_tick, NULL);

  while (!condition (self, data))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (NULL, TRUE);
    }
  g_source_remove (tick);
}

typedef struct
{
  gboolean called;
  char *id;
} Reply;

static inline void
on_registry_done (GVariant *answer, const GError *error, gpointer user_data)
{
  Reply *reply = user_data;

  g_assert_no_error (error);
  if (answer != NULL && g_variant_is_of_type (answer, G_VARIANT_TYPE_STRING))
    reply->id = g_variant_dup_string (answer, NULL);
  reply->called = TRUE;
}

static inline gboolean
is_called (Fixture *self, gpointer data)
{
  return ((Reply *) data)->called;
}

/* Returns: (transfer full): the row's id. */
static inline char *
add_row (Fixture *self, PbListKind kind, const char *row)
{
  g_autoptr (GVariant) value = g_variant_parse (G_VARIANT_TYPE_VARDICT, row, NULL, NULL, NULL);
  Reply reply = { FALSE, NULL };

  g_assert_nonnull (value);
  pb_registry_list_add (self->registry, kind, value, "test", on_registry_done, &reply);
  wait_until (self, is_called, &reply);
  return reply.id;
}

/* @changes as text: "{'Delivery': {'Mode': <'relay'>}}". */
static inline void
apply (Fixture *self, const char *changes)
{
  g_autoptr (GVariant) value =
    g_variant_parse (G_VARIANT_TYPE ("a{sa{sv}}"), changes, NULL, NULL, NULL);
  PbApplyOptions options = { .who = "test" };
  Reply reply = { FALSE, NULL };

  g_assert_nonnull (value);
  pb_registry_apply (self->registry, value, &options, on_registry_done, &reply);
  wait_until (self, is_called, &reply);
  g_free (reply.id);
}

static inline void
make_queue (Fixture *self)
{
  PbQueueParts parts = { self->store, self->registry, self->maildir, self->smtp, self->mailbox };

  self->queue = pb_queue_new (&parts);
}

static inline void
set_up (Fixture *self, gconstpointer data)
{
  static const char *const servers[] = { "127.0.0.1:1", NULL };
  g_autoptr (GError) error = NULL;

  pb_log_set_threshold (PB_LOG_ERROR);
  self->directory = g_dir_make_tmp ("postbus-test-XXXXXX", NULL);
  self->mailbox = pb_mailbox_new ();
  self->source = pb_mailbox_attach (self->mailbox, NULL);
  self->reactor = pb_reactor_new ("test");
  self->resolver = pb_resolver_new (servers, NULL, &error);
  g_assert_no_error (error);
  self->store = pb_store_open (self->directory, &error);
  g_assert_no_error (error);
  self->config = pb_config_store_open (self->directory, &error);
  g_assert_no_error (error);
  self->registry = pb_registry_new (self->config, self->mailbox, "mail.example.org", &error);
  g_assert_no_error (error);
  self->maildir = pb_maildir_new (self->directory, &error);
  g_assert_no_error (error);
  self->smtp = pb_smtp_agent_new (&self->reactor, 1, self->resolver, NULL, 25);
  g_free (add_row (self, PB_LIST_LOCAL_DOMAINS, "{'Name': <'example.org'>}"));
  self->anna =
    add_row (self, PB_LIST_ACCOUNTS, "{'Name': <'anna'>, 'Addresses': <['anna@example.org']>}");
  self->bob =
    add_row (self, PB_LIST_ACCOUNTS, "{'Name': <'bob'>, 'Addresses': <['bob@example.org']>}");
  apply (
    self,
    "{'Delivery': {'Mode': <'relay'>}, 'Queueing': {'MinBackoff': <uint32 1>, 'MaxBackoff': <uint32 2>}}");
  make_queue (self);
}

static inline gboolean
is_idle (Fixture *self, gpointer data)
{
  return pb_queue_is_idle (self->queue);
}

static inline void
stop_queue (Fixture *self)
{
  pb_queue_stop (self->queue);
  wait_until (self, is_idle, NULL);
  g_clear_pointer (&self->queue, pb_queue_free);
}

static inline void
tear_down (Fixture *self, gconstpointer data)
{
  stop_queue (self);
  pb_smtp_agent_free (self->smtp);
  pb_maildir_free (self->maildir);
  g_clear_object (&self->registry);
  pb_config_store_close (self->config);
  pb_store_close (self->store);
  pb_mailbox_dispatch (self->mailbox);
  pb_resolver_free (self->resolver);
  pb_reactor_free (self->reactor);
  g_source_destroy (self->source);
  g_source_unref (self->source);
  pb_mailbox_unref (self->mailbox);
  nftw (self->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  g_free (self->anna);
  g_free (self->bob);
  g_free (self->directory);
}

static inline void
on_submitted (PbEnvelope *envelope, PbBody *body, const GError *error, gpointer user_data)
{
  Fixture *self = user_data;

  g_assert_no_error (error);
  self->n_submitted++;
}

/* A new envelope; @recipients blank-separated. */
static inline PbEnvelope *
make_envelope (Fixture *self, const char *sender, const char *recipients)
{
  PbEnvelope *envelope = pb_envelope_new (pb_store_next_id (self->store));
  g_auto (GStrv) words = g_strsplit (recipients, " ", -1);

  envelope->sender = g_strdup (sender);
  envelope->client = g_strdup ("[192.0.2.1]");
  envelope->arrival = pb_clock_wall ();
  envelope->n_recipients = g_strv_length (words);
  envelope->recipients = g_new0 (PbRecipient, envelope->n_recipients);
  for (guint i = 0; i < envelope->n_recipients; i++)
    envelope->recipients[i].address = g_strdup (words[i]);
  return envelope;
}

static inline gboolean
all_submitted (Fixture *self, gpointer data)
{
  return self->n_submitted == GPOINTER_TO_UINT (data);
}

#define MESSAGE "From: s@example.org\r\nSubject: the subject\r\n\r\nthe text\r\n"

/* @envelope (transfer full). Waits until the message is safe. */
static inline void
submit (Fixture *self, PbEnvelope *envelope)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  PbSpool *spool = pb_spool_new (self->store);
  guint expected = self->n_submitted + 1;

  envelope->size = strlen (MESSAGE);
  g_byte_array_append (pb_spool_buffer (spool), (const guint8 *) MESSAGE, strlen (MESSAGE));
  pb_queue_submit (self->queue, envelope, spool, snapshot, self->mailbox, on_submitted, self);
  wait_until (self, all_submitted, GUINT_TO_POINTER (expected));
}

static inline void
send_message (Fixture *self, const char *sender, const char *recipients)
{
  submit (self, make_envelope (self, sender, recipients));
}

static inline int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The text of the n-th file in an account's new/, in order of their names. Returns: (transfer full) (nullable). */
static inline char *
mailbox_file (Fixture *self, const char *account, guint n)
{
  g_autofree char *path = g_build_filename (self->directory, "mail", account, "new", NULL);
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *file = NULL;
  const char *name;
  char *text = NULL;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  if (n >= names->len)
    return NULL;
  g_ptr_array_sort (names, compare_names);
  file = g_build_filename (path, names->pdata[n], NULL);
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  return text;
}

typedef struct
{
  const char *account;
  guint n;
} Wanted;

static inline gboolean
has_files (Fixture *self, gpointer data)
{
  Wanted *wanted = data;
  g_autofree char *text = mailbox_file (self, wanted->account, wanted->n - 1);

  return text != NULL;
}

/* Waits for the n-th message of an account. Returns: (transfer full). */
static inline char *
wait_mail (Fixture *self, const char *account, guint n)
{
  Wanted wanted = { account, n };

  wait_until (self, has_files, &wanted);
  return mailbox_file (self, account, n - 1);
}

static inline void
get_counts (Fixture *self, PbQueueCounts *counts)
{
  pb_store_counts (self->store, counts);
}

static inline gboolean
is_store_empty (Fixture *self, gpointer data)
{
  PbQueueCounts counts;

  get_counts (self, &counts);
  return counts.active + counts.deferred + counts.held == 0;
}

static inline gboolean
is_deferred (Fixture *self, gpointer data)
{
  PbQueueCounts counts;

  get_counts (self, &counts);
  return counts.deferred == GPOINTER_TO_UINT (data);
}

static inline void
use_relay (Fixture *self, PbScriptServer *server)
{
  g_autofree char *changes =
    g_strdup_printf ("{'Delivery': {'RelayServer': <'127.0.0.1'>, 'RelayPort': <uint32 %u>}}",
                     pb_script_server_port (server));

  apply (self, changes);
}
