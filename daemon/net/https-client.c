/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTPS for what must be fetched from web servers, by libcurl's multi interface on one thread: a server
 * that never answers holds up nobody else, and a handshake or a file costs no I/O thread. Made and used by
 * the keeper of MTA-STS policies. libcurl is begun with the first transfer: who sends no mail to such
 * domains pays nothing. Verification is OpenSSL's own, set up here, since libcurl would fall back on the
 * subject's common name. Each transfer is answered once, also at the end.
 */
#include "net/https-client.h"

#include "util/clock.h"
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>

#define MAX_AT_ONCE  100 /* some 100 KiB each; the others wait for their turn, so few must not be enough to fill it */
#define KEEP_USEC    ((gint64) 3600 * G_USEC_PER_SEC) /* then the authorities are read anew */
#define MAX_WAIT_MS  60000

typedef struct
{
  PbHttpsClient *client; /* (not owned) */
  CURL *easy;       /* (owned) (nullable) NULL until its turn */
  CURLSH *share;    /* (owned) its own addresses */
  struct curl_slist *addresses; /* (owned) */
  char *host, *url, *type;      /* (owned) */
  gint64 deadline;
  gsize max;
  GByteArray *body; /* (owned) */
  gboolean too_large;
  char words[CURL_ERROR_SIZE];
  PbHttpsDone func;
  gpointer user_data;
} Transfer;

struct _PbHttpsClient
{
  GThread *thread;
  PbMailbox *mailbox; /* (owned) */
  CURLM *multi;       /* (owned) (nullable) */
  X509_STORE *authorities; /* (owned) (nullable) */
  gint64 authorities_until;
  GQueue running;     /* (element-type Transfer) */
  GQueue waiting;     /* (element-type Transfer) those whose turn has not come */
  PbHttpsTimer timer;
  gpointer timer_data;
  gint64 timer_deadline; /* 0: none */
  gboolean ending;
};

static void
transfer_free (Transfer *self)
{
  if (self->easy != NULL)
    {
      curl_multi_remove_handle (self->client->multi, self->easy);
      curl_easy_cleanup (self->easy);
    }
  if (self->share != NULL)
    curl_share_cleanup (self->share);
  curl_slist_free_all (self->addresses);
  g_byte_array_unref (self->body);
  g_free (self->host);
  g_free (self->url);
  g_free (self->type);
  g_free (self);
}

static void
transfer_fail (Transfer *self, const char *why)
{
  self->func (NULL, 0, why, self->user_data);
  transfer_free (self);
}

/* ---- what libcurl calls ---- */

static size_t
on_body (char *data, size_t size, size_t n, void *user_data)
{
  Transfer *self = user_data;
  gsize length = size * n;

  if (length > self->max - self->body->len)
    {
      self->too_large = TRUE;
      return 0;
    }
  g_byte_array_append (self->body, (const guint8 *) data, (guint) length);
  return length;
}

/* A DNS name of the certificate must be @host; its common name says nothing (RFC 8461 3.3, RFC 6125 6.4.4). */
static CURLcode
on_ssl_context (CURL *easy, void *context, void *user_data)
{
  Transfer *self = user_data;
  SSL_CTX *ctx = context;
  X509_VERIFY_PARAM *param = SSL_CTX_get0_param (ctx);

  X509_VERIFY_PARAM_set_hostflags (param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
                                            | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_host (param, self->host, 0) != 1)
    return CURLE_SSL_CERTPROBLEM;
  SSL_CTX_set1_cert_store (ctx, self->client->authorities);
  SSL_CTX_set_verify (ctx, SSL_VERIFY_PEER, NULL);
  return CURLE_OK;
}

/* ---- a transfer's way ---- */

/* Blocks for some files; this thread may. */
static gboolean
load_authorities (PbHttpsClient *self)
{
  gint64 now = pb_clock_monotonic ();

  if (self->authorities != NULL && now < self->authorities_until)
    return TRUE;
  g_clear_pointer (&self->authorities, X509_STORE_free);
  self->authorities = X509_STORE_new ();
  if (self->authorities == NULL || X509_STORE_set_default_paths (self->authorities) != 1)
    {
      g_clear_pointer (&self->authorities, X509_STORE_free);
      return FALSE;
    }
  self->authorities_until = now + KEEP_USEC;
  return TRUE;
}

static gboolean
begin (PbHttpsClient *self)
{
  if (self->multi != NULL)
    return TRUE;
  if (curl_global_init (CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return FALSE;
  self->multi = curl_multi_init ();
  return self->multi != NULL;
}

/* Everything that is not as libcurl has it by itself. Returns: FALSE when libcurl cannot do what must be. */
static gboolean
set_options (Transfer *self, gint64 left_ms)
{
  CURL *easy = self->easy;
  CURLcode wrong = CURLE_OK;

#define SET(option, value)                                                                         \
  if (wrong == CURLE_OK)                                                                           \
  wrong = curl_easy_setopt (easy, option, value)
  SET (CURLOPT_URL, self->url);
  SET (CURLOPT_PROTOCOLS_STR, "https");
  SET (CURLOPT_SHARE, self->share);
  SET (CURLOPT_RESOLVE, self->addresses);
  SET (CURLOPT_PROXY, "");
  SET (CURLOPT_FOLLOWLOCATION, 0L);
  SET (CURLOPT_NOSIGNAL, 1L);
  SET (CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  SET (CURLOPT_FRESH_CONNECT, 1L);
  SET (CURLOPT_FORBID_REUSE, 1L);
  SET (CURLOPT_USERAGENT, "Postbus");
  SET (CURLOPT_TIMEOUT_MS, (long) left_ms);
  SET (CURLOPT_CONNECTTIMEOUT_MS, (long) left_ms);
  SET (CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) self->max);
  SET (CURLOPT_BUFFERSIZE, 16384L);
  SET (CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
  SET (CURLOPT_SSL_VERIFYPEER, 1L);
  SET (CURLOPT_SSL_VERIFYHOST, 2L);
  SET (CURLOPT_CAINFO, NULL);
  SET (CURLOPT_CAPATH, NULL);
  SET (CURLOPT_SSL_CTX_FUNCTION, on_ssl_context);
  SET (CURLOPT_SSL_CTX_DATA, self);
  SET (CURLOPT_ERRORBUFFER, self->words);
  SET (CURLOPT_WRITEFUNCTION, on_body);
  SET (CURLOPT_WRITEDATA, self);
  SET (CURLOPT_PRIVATE, self);
#undef SET
  return wrong == CURLE_OK;
}

/* Returns: FALSE when it cannot even begin. */
static gboolean
transfer_start (Transfer *self, gint64 now)
{
  PbHttpsClient *client = self->client;

  if (!begin (client) || !load_authorities (client))
    return FALSE;
  self->easy = curl_easy_init ();
  self->share = curl_share_init ();
  if (self->easy == NULL || self->share == NULL
      || curl_share_setopt (self->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK
      || !set_options (self, MAX ((self->deadline - now) / 1000, 1))
      || curl_multi_add_handle (client->multi, self->easy) != CURLM_OK)
    {
      g_clear_pointer (&self->easy, curl_easy_cleanup);
      return FALSE;
    }
  g_queue_push_tail (&client->running, self);
  return TRUE;
}

static void
start_waiting (PbHttpsClient *self)
{
  gint64 now = pb_clock_monotonic ();

  while (self->waiting.length > 0 && (self->running.length < MAX_AT_ONCE || self->ending))
    {
      Transfer *transfer = g_queue_pop_head (&self->waiting);

      if (self->ending)
        transfer_fail (transfer, "this server is shutting down");
      else if (now >= transfer->deadline)
        transfer_fail (transfer, "too many others are fetched at the same time");
      else if (!transfer_start (transfer, now))
        transfer_fail (transfer, "HTTPS cannot be had here");
    }
}

static gboolean
is_type (const char *found, const char *wanted)
{
  gsize length = strlen (wanted);

  if (found == NULL || g_ascii_strncasecmp (found, wanted, length) != 0)
    return FALSE;
  found += length;
  found += strspn (found, " \t");
  return *found == '\0' || *found == ';';
}

/* Returns: (transfer full) (nullable): why there is no body to be had. */
static char *
find_trouble (Transfer *self, CURLcode result)
{
  const char *type = NULL;
  long status = 0;

  if (self->too_large || result == CURLE_FILESIZE_EXCEEDED)
    return g_strdup_printf ("it is longer than %" G_GSIZE_FORMAT " octets", self->max);
  if (result == CURLE_OPERATION_TIMEDOUT)
    return g_strdup ("the server takes too long");
  if (result != CURLE_OK)
    return g_strdup (self->words[0] != '\0' ? self->words : curl_easy_strerror (result));
  curl_easy_getinfo (self->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo (self->easy, CURLINFO_CONTENT_TYPE, &type);
  if (status / 100 == 3)
    return g_strdup_printf ("the server answers %ld, and redirects are not followed", status);
  if (status != 200)
    return g_strdup_printf ("the server answers %ld", status);
  if (!is_type (type, self->type))
    return g_strdup_printf ("it is no %s", self->type);
  return NULL;
}

static void
transfer_end (Transfer *self, CURLcode result)
{
  g_autofree char *why = find_trouble (self, result);

  g_queue_remove (&self->client->running, self);
  if (why != NULL)
    {
      transfer_fail (self, why);
      return;
    }
  /* Nothing is a body too. */
  self->func (self->body->len > 0 ? (const char *) self->body->data : "", self->body->len, NULL, self->user_data);
  transfer_free (self);
}

static void
run_transfers (PbHttpsClient *self)
{
  CURLMsg *message;
  int n;

  if (self->multi == NULL)
    return;
  curl_multi_perform (self->multi, &n);
  while ((message = curl_multi_info_read (self->multi, &n)) != NULL)
    {
      Transfer *transfer = NULL;
      CURLcode result = message->data.result;

      if (message->msg != CURLMSG_DONE)
        continue;
      curl_easy_getinfo (message->easy_handle, CURLINFO_PRIVATE, (char **) &transfer);
      transfer_end (transfer, result);
    }
}

/* ---- the thread ---- */

static void
run_timer (PbHttpsClient *self)
{
  if (self->timer_deadline == 0 || pb_clock_monotonic () < self->timer_deadline || self->ending)
    return;
  self->timer_deadline = 0;
  self->timer (self->timer_data);
}

static int
wait_ms (const PbHttpsClient *self)
{
  gint64 left;

  if (self->waiting.length > 0 && self->running.length < MAX_AT_ONCE)
    return 0;
  if (self->timer_deadline == 0)
    return MAX_WAIT_MS;
  left = (self->timer_deadline - pb_clock_monotonic ()) / 1000 + 1;
  return (int) CLAMP (left, 0, MAX_WAIT_MS);
}

static void
wait_for_work (PbHttpsClient *self)
{
  if (self->multi == NULL)
    {
      struct pollfd fd = { .fd = pb_mailbox_fd (self->mailbox), .events = POLLIN };

      poll (&fd, 1, wait_ms (self));
    }
  else
    {
      struct curl_waitfd fd = { .fd = pb_mailbox_fd (self->mailbox), .events = CURL_WAIT_POLLIN };

      curl_multi_poll (self->multi, &fd, 1, wait_ms (self), NULL);
    }
}

static void
end_all (PbHttpsClient *self)
{
  Transfer *transfer;

  start_waiting (self);
  while ((transfer = g_queue_pop_head (&self->running)) != NULL)
    transfer_fail (transfer, "this server is shutting down");
  /* What the last ones were told may have led to something more. */
  pb_mailbox_dispatch (self->mailbox);
  start_waiting (self);
  if (self->multi != NULL)
    {
      curl_multi_cleanup (self->multi);
      curl_global_cleanup ();
    }
  g_clear_pointer (&self->authorities, X509_STORE_free);
}

static gpointer
run (gpointer data)
{
  PbHttpsClient *self = data;

  while (!self->ending)
    {
      pb_mailbox_dispatch (self->mailbox);
      run_transfers (self);
      start_waiting (self);
      run_timer (self);
      if (!self->ending)
        wait_for_work (self);
    }
  end_all (self);
  return NULL;
}

static void
on_end (gpointer data)
{
  PbHttpsClient *self = data;

  self->ending = TRUE;
}

PbHttpsClient *
pb_https_client_new (const char *name)
{
  PbHttpsClient *self = g_new0 (PbHttpsClient, 1);

  self->mailbox = pb_mailbox_new ();
  self->thread = g_thread_new (name, run, self);
  return self;
}

void
pb_https_client_free (PbHttpsClient *self)
{
  pb_mailbox_post (self->mailbox, on_end, self);
  g_thread_join (self->thread);
  pb_mailbox_unref (self->mailbox);
  g_free (self);
}

PbMailbox *
pb_https_client_mailbox (PbHttpsClient *self)
{
  return self->mailbox;
}

void
pb_https_client_set_timer (PbHttpsClient *self, gint64 deadline, PbHttpsTimer func, gpointer user_data)
{
  self->timer_deadline = deadline;
  self->timer = func;
  self->timer_data = user_data;
}

/* "host:port:address,[address]", so that nobody is asked where it is. */
static struct curl_slist *
list_addresses (const PbHttpsRequest *request)
{
  g_autoptr (GString) line = g_string_new (NULL);
  char text[64];

  g_string_printf (line, "%s:%u:", request->host, request->port);
  for (guint i = 0; i < request->n_addresses; i++)
    {
      gboolean six;

      pb_ip_format (&request->addresses[i], text, sizeof text);
      six = strchr (text, ':') != NULL;
      g_string_append_printf (line, six ? "%s[%s]" : "%s%s", i > 0 ? "," : "", text);
    }
  return curl_slist_append (NULL, line->str);
}

void
pb_https_client_get (PbHttpsClient *self, const PbHttpsRequest *request, PbHttpsDone func, gpointer user_data)
{
  Transfer *transfer = g_new0 (Transfer, 1);

  transfer->client = self;
  transfer->host = g_strdup (request->host);
  transfer->url = g_strdup_printf ("https://%s:%u%s", request->host, request->port, request->path);
  transfer->type = g_strdup (request->type);
  transfer->addresses = list_addresses (request);
  transfer->deadline = pb_clock_monotonic () + request->timeout;
  transfer->max = request->max;
  transfer->body = g_byte_array_new ();
  transfer->func = func;
  transfer->user_data = user_data;
  g_queue_push_tail (&self->waiting, transfer);
}
