/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keeper of other domains' policies. All of it lives on the thread of its HTTPS client: the cache, the
 * searches under way, the file. The SMTP pools ask for a domain before they connect: its record is looked up
 * (the resolver caches), and only where that names a policy that is not known is anybody made to wait for
 * the web server. One search a domain, however many ask; each request is answered once, also at the end.
 */
#include "delivery/sts-private.h"

#include "store/store.h"
#include "util/clock.h"
#include "util/log.h"

#include <string.h>

#define MAX_ENTRIES   2000
#define MAX_OCTETS    (4 * 1024 * 1024)
#define RECORD_SECONDS  10
#define ADDRESS_SECONDS 10
#define FETCH_USEC    (60 * (gint64) G_USEC_PER_SEC) /* RFC 8461 3.3 */
#define WRITE_USEC    ((gint64) G_USEC_PER_SEC)      /* the file is not written more often */
#define REWRITE_USEC  (60 * (gint64) G_USEC_PER_SEC) /* nor so often while it cannot be */
#define REFRESH_USEC  (300 * (gint64) G_USEC_PER_SEC)
#define REFRESH_MAX   16 /* policies renewed at a time */
#define PATH          "/.well-known/mta-sts.txt"
#define MAX_NAME      253

struct _PbStsRequest
{
  PbStsPolicies *keeper;
  char *domain;        /* (owned) */
  PbMailbox *reply_to; /* (owned) */
  PbStsFound func;     /* NULL once cancelled; the asking thread's */
  gpointer user_data;
  PbStsVerdict verdict;
};

/* One domain that is being asked about. */
typedef struct
{
  PbStsPolicies *keeper;
  char *domain; /* (owned) */
  char *host;   /* (owned) its web server */
  char id[PB_STS_MAX_ID + 1];
  gboolean background; /* nobody waits, as long as a policy is known */
  GQueue requests; /* (element-type PbStsRequest) */
} Search;

/* ---- requests ---- */

static void
request_free (PbStsRequest *self)
{
  g_clear_pointer (&self->verdict.policy, pb_sts_policy_unref);
  g_free (self->verdict.why);
  pb_mailbox_unref (self->reply_to);
  g_free (self->domain);
  g_free (self);
}

static void
on_request_answer (gpointer data)
{
  PbStsRequest *self = data;

  if (self->func != NULL)
    self->func (&self->verdict, self->user_data);
  request_free (self);
}

static void
request_answer (PbStsRequest *self, PbStsPolicy *policy, const char *id, const char *why)
{
  self->verdict.policy = policy != NULL ? pb_sts_policy_ref (policy) : NULL;
  g_strlcpy (self->verdict.id, id, sizeof self->verdict.id);
  self->verdict.why = g_strdup (why);
  pb_mailbox_post (self->reply_to, on_request_answer, self);
}

static void
answer_known (PbStsPolicies *self, PbStsRequest *request)
{
  const PbStsEntry *entry = pb_sts_cache_find (self->cache, request->domain, pb_sts_now ());

  if (entry == NULL)
    request_answer (request, NULL, "", NULL);
  else
    request_answer (request, entry->policy, entry->id, entry->failed != 0 ? entry->failure : NULL);
}

/* ---- the file ---- */

static void on_timer (gpointer user_data);

/* What cannot be written, as on a full disk, stays to be: the next time is a while away, since somebody must do something first. */
static void
write_file (PbStsPolicies *self)
{
  g_autoptr (GPtrArray) entries = pb_sts_cache_entries (self->cache, pb_sts_now ());
  g_autoptr (GError) error = NULL;

  if (pb_sts_file_write (self->directory, entries, &error))
    {
      self->next_write = pb_clock_monotonic () + WRITE_USEC;
      return;
    }
  pb_log (PB_LOG_ERROR, "mta-sts-not-written", "reason", error->message, NULL);
  pb_sts_cache_set_changed (self->cache);
  self->next_write = pb_clock_monotonic () + REWRITE_USEC;
  pb_https_client_set_timer (self->client, MIN (self->next_write, self->next_refresh), on_timer, self);
}

/* What has changed is written now, or as soon as the last time is a little ago. */
void
pb_sts_policies_write (PbStsPolicies *self)
{
  gint64 now = pb_clock_monotonic ();

  if (now < self->next_write && !self->closing)
    {
      pb_https_client_set_timer (self->client, MIN (self->next_write, self->next_refresh), on_timer, self);
      return;
    }
  if (pb_sts_cache_take_changed (self->cache))
    write_file (self);
}

static void
read_file (PbStsPolicies *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) entries = pb_sts_file_read (self->directory, &error);
  gint64 now = pb_sts_now ();

  if (entries == NULL)
    {
      if (!g_error_matches (error, PB_STORE_ERROR, PB_STORE_ERROR_NOT_FOUND))
        pb_log (PB_LOG_ERROR, "mta-sts-not-read", "reason", error->message, NULL);
      return;
    }
  g_ptr_array_set_free_func (entries, NULL);
  for (guint i = 0; i < entries->len; i++)
    pb_sts_cache_restore (self->cache, entries->pdata[i], now);
  pb_sts_cache_take_changed (self->cache);
}

/* ---- searches ---- */

static Search *
search_new (PbStsPolicies *self, const char *domain)
{
  Search *search = g_new0 (Search, 1);

  search->keeper = self;
  search->domain = g_strdup (domain);
  search->host = g_strconcat ("mta-sts.", domain, NULL);
  g_hash_table_insert (self->searches, search->domain, search);
  return search;
}

/* The end: @policy: (nullable): just fetched; it answers who waited even if it holds no second (max_age 0). */
static void
search_end (Search *search, PbStsPolicy *policy)
{
  PbStsPolicies *self = search->keeper;
  PbStsRequest *request;

  g_hash_table_remove (self->searches, search->domain);
  while ((request = g_queue_pop_head (&search->requests)) != NULL)
    {
      pb_sts_cache_use (self->cache, search->domain, pb_sts_now ());
      if (policy != NULL)
        request_answer (request, policy, search->id, NULL);
      else
        answer_known (self, request);
    }
  pb_sts_policies_write (self);
  g_free (search->domain);
  g_free (search->host);
  g_free (search);
}

static void
search_fail (Search *search, const char *why)
{
  PbStsPolicies *self = search->keeper;
  const PbStsEntry *entry;

  if (!self->closing)
    {
      pb_sts_cache_fail (self->cache, search->domain, search->id, why, pb_sts_now ());
      entry = pb_sts_cache_find (self->cache, search->domain, pb_sts_now ());
      pb_log (PB_LOG_WARNING, "mta-sts-failed", "domain", search->domain, "id", search->id, "reason", why,
              "policy", entry != NULL && entry->policy != NULL ? pb_sts_mode_name (entry->policy->mode) : "unknown",
              NULL);
    }
  search_end (search, NULL);
}

static void
on_file (const char *body, gsize length, const char *why, gpointer user_data)
{
  Search *search = user_data;
  g_autoptr (PbStsPolicy) policy = NULL;
  g_autofree char *mx = NULL;

  if (body != NULL)
    policy = pb_sts_policy_parse (body, length, &why);
  if (policy == NULL)
    {
      g_autofree char *reason = g_strdup_printf ("https://%s" PATH ": %s", search->host, why);

      search_fail (search, reason);
      return;
    }
  mx = g_strjoinv (" ", policy->mx);
  pb_log (PB_LOG_INFO, "mta-sts-policy", "domain", search->domain, "id", search->id, "mode",
          pb_sts_mode_name (policy->mode), "mx", mx, NULL);
  pb_sts_cache_keep (search->keeper->cache, search->domain, search->id, policy, pb_sts_now ());
  search_end (search, policy);
}

static void
on_address (PbDnsAnswer *answer, gpointer user_data)
{
  Search *search = user_data;
  PbStsPolicies *self = search->keeper;
  PbHttpsRequest request = { search->host, self->port, PATH, answer->addresses, answer->n_addresses,
                             FETCH_USEC, PB_STS_MAX_POLICY, "text/plain" };
  g_autofree char *reason = NULL;

  if (answer->n_addresses > 0 && !self->closing)
    {
      pb_https_client_get (self->client, &request, on_file, search);
      return;
    }
  if (answer->status == PB_DNS_TROUBLE)
    reason = g_strdup_printf ("%s cannot be looked up now%s%s", search->host, answer->why != NULL ? ": " : "",
                              answer->why != NULL ? answer->why : "");
  else
    reason = g_strdup_printf ("%s has no address", search->host);
  search_fail (search, reason);
}

static void
search_fetch (Search *search)
{
  PbStsPolicies *self = search->keeper;

  if (strlen (search->host) > MAX_NAME)
    search_fail (search, "its web server's name would be too long");
  else
    pb_resolver_query_host (self->resolver, search->host, ADDRESS_SECONDS, self->mailbox, on_address, search);
}

static PbStsRecord
read_record (const PbDnsAnswer *answer, char id[PB_STS_MAX_ID + 1])
{
  return pb_sts_record_find (answer->status == PB_DNS_OK ? (const char *const *) answer->names : NULL, id);
}

/* Whoever waits has what is known; whoever comes later, too. */
static void
answer_ahead (Search *search)
{
  PbStsRequest *request;

  search->background = TRUE;
  while ((request = g_queue_pop_head (&search->requests)) != NULL)
    {
      pb_sts_cache_use (search->keeper->cache, search->domain, pb_sts_now ());
      answer_known (search->keeper, request);
    }
}

static void
on_record (PbDnsAnswer *answer, gpointer user_data)
{
  Search *search = user_data;
  PbStsPolicies *self = search->keeper;
  PbStsStep step = PB_STS_STEP_USE;
  PbStsRecord record = read_record (answer, search->id);

  if (!self->closing)
    step = pb_sts_cache_judge (self->cache, search->domain, record, search->id, pb_sts_now ());
  if (record == PB_STS_RECORD_SEVERAL || record == PB_STS_RECORD_BAD)
    pb_log (PB_LOG_NOTICE, "mta-sts-record", "domain", search->domain, "reason",
            record == PB_STS_RECORD_BAD ? "its syntax is wrong" : "there are several", NULL);
  switch (step)
    {
    case PB_STS_STEP_USE:
      /* What is not renewed must not be the next to be tried each time, before all others. */
      if (search->background && record != PB_STS_RECORD_OK)
        search_fail (search, "the domain's record cannot be had, or is none any more");
      else
        search_end (search, NULL);
      break;
    case PB_STS_STEP_REFRESH:
      answer_ahead (search);
      search_fetch (search);
      break;
    case PB_STS_STEP_FETCH:
      search_fetch (search);
      break;
    }
}

static void
search_start (Search *search)
{
  PbStsPolicies *self = search->keeper;
  g_autofree char *name = g_strconcat ("_mta-sts.", search->domain, NULL);

  if (strlen (name) > MAX_NAME)
    search_end (search, NULL);
  else
    pb_resolver_query (self->resolver, name, PB_DNS_TXT, RECORD_SECONDS, self->mailbox, on_record, search);
}

/* Renews what is old, so that it does not run out, nor a newer one go unseen, while nobody writes there. */
static void
refresh (PbStsPolicies *self)
{
  g_auto (GStrv) domains = pb_sts_cache_due (self->cache, REFRESH_MAX, pb_sts_now ());

  for (guint i = 0; domains[i] != NULL; i++)
    {
      Search *search = g_hash_table_lookup (self->searches, domains[i]);

      if (search != NULL)
        continue;
      search = search_new (self, domains[i]);
      search->background = TRUE;
      search_start (search);
    }
}

static void
on_timer (gpointer user_data)
{
  PbStsPolicies *self = user_data;
  gint64 now = pb_clock_monotonic ();

  if (self->closing)
    return;
  if (now >= self->next_refresh)
    {
      self->next_refresh = now + REFRESH_USEC;
      refresh (self);
    }
  pb_https_client_set_timer (self->client, self->next_refresh, on_timer, self);
  pb_sts_policies_write (self);
}

/* ---- what is asked, on the keeper's thread ---- */

static void
on_find (gpointer data)
{
  PbStsRequest *request = data;
  PbStsPolicies *self = request->keeper;
  Search *search = g_hash_table_lookup (self->searches, request->domain);
  const PbStsEntry *entry = pb_sts_cache_find (self->cache, request->domain, pb_sts_now ());

  if (self->closing || (search != NULL && search->background && entry != NULL && entry->policy != NULL))
    {
      pb_sts_cache_use (self->cache, request->domain, pb_sts_now ());
      answer_known (self, request);
      return;
    }
  if (search != NULL)
    {
      g_queue_push_tail (&search->requests, request);
      return;
    }
  search = search_new (self, request->domain);
  g_queue_push_tail (&search->requests, request);
  search_start (search);
}

static void
on_open (gpointer data)
{
  PbStsPolicies *self = data;

  read_file (self);
  self->next_refresh = pb_clock_monotonic () + REFRESH_USEC;
  pb_https_client_set_timer (self->client, self->next_refresh, on_timer, self);
}

static void
on_close (gpointer data)
{
  PbStsPolicies *self = data;

  self->closing = TRUE;
  pb_sts_policies_write (self);
  g_mutex_lock (&self->lock);
  self->is_closed = TRUE;
  g_cond_signal (&self->closed);
  g_mutex_unlock (&self->lock);
}

/* ---- public ---- */

PbStsPolicies *
pb_sts_policies_new (const PbStsParts *parts)
{
  PbStsPolicies *self = g_new0 (PbStsPolicies, 1);

  self->resolver = parts->resolver;
  self->directory = g_strdup (parts->directory);
  self->port = parts->https_port;
  self->cache = pb_sts_cache_new (MAX_ENTRIES, MAX_OCTETS);
  self->searches = g_hash_table_new (g_str_hash, g_str_equal);
  g_mutex_init (&self->lock);
  g_cond_init (&self->closed);
  self->client = pb_https_client_new ("pb-mta-sts");
  self->mailbox = pb_https_client_mailbox (self->client);
  pb_mailbox_post (self->mailbox, on_open, self);
  return self;
}

void
pb_sts_policies_close (PbStsPolicies *self)
{
  pb_mailbox_post (self->mailbox, on_close, self);
  g_mutex_lock (&self->lock);
  while (!self->is_closed)
    g_cond_wait (&self->closed, &self->lock);
  g_mutex_unlock (&self->lock);
}

void
pb_sts_policies_free (PbStsPolicies *self)
{
  pb_https_client_free (self->client);
  g_hash_table_unref (self->searches);
  pb_sts_cache_free (self->cache);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->closed);
  g_free (self->directory);
  g_free (self);
}

PbStsRequest *
pb_sts_policies_find (PbStsPolicies *self, const char *domain, PbMailbox *reply_to, PbStsFound func,
                      gpointer user_data)
{
  PbStsRequest *request = g_new0 (PbStsRequest, 1);
  g_autofree char *ascii = g_hostname_to_ascii (domain);

  request->keeper = self;
  request->domain = g_ascii_strdown (ascii != NULL ? ascii : domain, -1);
  request->reply_to = pb_mailbox_ref (reply_to);
  request->func = func;
  request->user_data = user_data;
  pb_mailbox_post (self->mailbox, on_find, request);
  return request;
}

void
pb_sts_request_cancel (PbStsRequest *self)
{
  self->func = NULL;
}
