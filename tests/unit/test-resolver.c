/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The resolver against a small name server of the test's own: every kind of answer, silence, joining, hosts, closing, resolv.conf. */
#include "net/dns-answer.h"
#include "net/resolv-conf.h"
#include "net/resolver.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the server knows. rdata in wire form; no row for a known name: NODATA. */
typedef struct
{
  const char *name;
  guint type;
  int rcode;
  const char *rdata;
  gsize length;
} Row;

#define DATA(text)  text, sizeof text - 1
#define SILENCE     -1
#define CNAME       5

static const Row zone[] = {
  { "host.test", PB_DNS_A, 0, DATA ("\x7f\x00\x00\x09") },
  { "host.test", PB_DNS_A, 0, DATA ("\xc0\x00\x02\x01") },
  { "host.test", PB_DNS_AAAA, 0, DATA ("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01") },
  { "four.test", PB_DNS_A, 0, DATA ("\x7f\x00\x00\x04") },
  { "half.test", PB_DNS_A, 0, DATA ("\x7f\x00\x00\x05") },
  { "half.test", PB_DNS_AAAA, 2, NULL, 0 },
  { "broken.test", PB_DNS_A, 0, DATA ("") },
  { "domain.test", PB_DNS_MX, 0, DATA ("\x00\x14\x02Mx\x03two\x04test\x00") },
  { "domain.test", PB_DNS_MX, 0, DATA ("\x00\x0a\x02MX\x03one\x04test\x00") },
  { "nullmx.test", PB_DNS_MX, 0, DATA ("\x00\x00\x00") },
  { "alias.test", CNAME, 0, DATA ("\x04host\x04test\x00") },
  { "text.test", PB_DNS_TXT, 0, DATA ("\x07v=spf1 \x04-all") },
  { "9.0.0.127.in-addr.arpa", PB_DNS_PTR, 0, DATA ("\x04Name\x04test\x00") },
  { "7.1.168.192.in-addr.arpa", PB_DNS_PTR, 0, DATA ("\x03nas\x04test\x00") },
  { "fail.test", PB_DNS_A, 2, NULL, 0 },
  { "refused.test", PB_DNS_A, 5, NULL, 0 },
  { "silent.test", PB_DNS_A, SILENCE, NULL, 0 },
  { "silent.test", PB_DNS_AAAA, SILENCE, NULL, 0 },
  { "silent.test", PB_DNS_MX, SILENCE, NULL, 0 },
  { "mute.test", PB_DNS_A, SILENCE, NULL, 0 },
};

typedef struct
{
  int fd;
  guint16 port;
  GThread *thread;
  gint asked; /* atomic */
} Server;

typedef struct
{
  Server server;
  GMainContext *context;
  PbMailbox *mailbox;
  GSource *source;
  PbResolver *resolver;
  GPtrArray *answers; /* of PbDnsAnswer, in order of arrival */
} Fixture;

/* Returns: where the question ends in the packet, 0 for nonsense. */
static gsize
read_question (const guint8 *packet, gsize length, GString *name, guint *type)
{
  gsize at = 12;

  while (at < length && packet[at] != 0)
    {
      if (name->len > 0)
        g_string_append_c (name, '.');
      g_string_append_len (name, (const char *) packet + at + 1, packet[at]);
      at += 1u + packet[at];
    }
  if (at + 5 > length)
    return 0;
  g_string_ascii_down (name);
  *type = (guint) packet[at + 1] << 8 | packet[at + 2];
  return at + 5;
}

static void
append_record (GByteArray *reply, const Row *row)
{
  guint8 head[12] = { 0xc0, 12, 0, (guint8) row->type, 0, 1, 0, 0, 1, 44, 0, (guint8) row->length };

  g_byte_array_append (reply, head, sizeof head);
  g_byte_array_append (reply, (const guint8 *) row->rdata, (guint) row->length);
  reply->data[7]++;
}

/* Returns: FALSE to say nothing. */
static gboolean
answer_question (GByteArray *reply, const char *name, guint type)
{
  gboolean known = FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (zone); i++)
    {
      if (!g_str_equal (zone[i].name, name))
        continue;
      known = TRUE;
      if (zone[i].type != type && zone[i].type != CNAME)
        continue;
      if (zone[i].rcode == SILENCE)
        return FALSE;
      reply->data[3] |= (guint8) zone[i].rcode;
      if (zone[i].rdata != NULL)
        append_record (reply, &zone[i]);
    }
  if (!known)
    reply->data[3] |= 3;
  return TRUE;
}

static gpointer
server_main (gpointer data)
{
  Server *self = data;
  struct sockaddr_in client;
  guint8 packet[1500];

  for (;;)
    {
      socklen_t size = sizeof client;
      ssize_t n = recvfrom (self->fd, packet, sizeof packet, 0, (struct sockaddr *) &client, &size);
      g_autoptr (GByteArray) reply = g_byte_array_new ();
      g_autoptr (GString) name = g_string_new (NULL);
      guint type;
      gsize end;

      if (n == 1 && packet[0] == 'q')
        return NULL;
      end = n > 12 ? read_question (packet, (gsize) n, name, &type) : 0;
      if (end == 0)
        continue;
      g_atomic_int_inc (&self->asked);
      g_byte_array_append (reply, packet, (guint) end);
      reply->data[2] = 0x81;
      reply->data[3] = 0x80;
      memset (reply->data + 6, 0, 6);
      if (answer_question (reply, name->str, type))
        sendto (self->fd, reply->data, reply->len, 0, (struct sockaddr *) &client, size);
    }
}

static void
server_start (Server *self)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;

  self->fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (self->fd, (struct sockaddr *) &address, size), ==, 0);
  g_assert_cmpint (getsockname (self->fd, (struct sockaddr *) &address, &size), ==, 0);
  self->port = ntohs (address.sin_port);
  self->thread = g_thread_new ("server", server_main, self);
}

static void
server_stop (Server *self)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };

  address.sin_port = htons (self->port);
  g_assert_cmpint (sendto (self->fd, "q", 1, 0, (struct sockaddr *) &address, sizeof address), ==, 1);
  g_thread_join (self->thread);
  close (self->fd);
}

static PbResolver *
resolver_for (Fixture *self, guint16 port)
{
  g_autofree char *server = g_strdup_printf ("127.0.0.1:%u", port);
  const char *const servers[] = { server, NULL };
  g_autoptr (GError) error = NULL;
  PbResolver *resolver = pb_resolver_new (servers, self->context, &error);

  g_assert_no_error (error);
  return resolver;
}

static void
set_up (Fixture *self, gconstpointer data)
{
  server_start (&self->server);
  self->context = g_main_context_new ();
  self->mailbox = pb_mailbox_new ();
  self->source = pb_mailbox_attach (self->mailbox, self->context);
  self->answers = g_ptr_array_new_with_free_func ((GDestroyNotify) pb_dns_answer_unref);
  self->resolver = resolver_for (self, self->server.port);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  pb_resolver_free (self->resolver);
  g_source_destroy (self->source);
  g_source_unref (self->source);
  pb_mailbox_unref (self->mailbox);
  g_main_context_unref (self->context);
  g_ptr_array_unref (self->answers);
  server_stop (&self->server);
}

static void
on_answer (PbDnsAnswer *answer, gpointer user_data)
{
  g_ptr_array_add (((Fixture *) user_data)->answers, pb_dns_answer_ref (answer));
}

static gboolean
on_too_late (gpointer data)
{
  g_assert_not_reached ();
  return G_SOURCE_REMOVE;
}

/* Runs the loop until @count answers are there. Returns: the last of them. */
static PbDnsAnswer *
wait_answers (Fixture *self, guint count)
{
  g_autoptr (GSource) bound = g_timeout_source_new_seconds (30);

  g_source_set_callback (bound, on_too_late, NULL, NULL);
  g_source_attach (bound, self->context);
  while (self->answers->len < count)
    g_main_context_iteration (self->context, TRUE);
  g_source_destroy (bound);
  g_assert_cmpuint (self->answers->len, ==, count);
  return g_ptr_array_index (self->answers, count - 1);
}

static PbDnsAnswer *
ask (Fixture *self, const char *name, PbDnsType type)
{
  pb_resolver_query (self->resolver, name, type, 20, self->mailbox, on_answer, self);
  return wait_answers (self, self->answers->len + 1);
}

static PbDnsAnswer *
ask_host (Fixture *self, const char *name, guint timeout)
{
  pb_resolver_query_host (self->resolver, name, timeout, self->mailbox, on_answer, self);
  return wait_answers (self, self->answers->len + 1);
}

static gboolean
has_address (const PbDnsAnswer *answer, const char *text)
{
  for (guint i = 0; i < answer->n_addresses; i++)
    {
      char buffer[INET6_ADDRSTRLEN];

      if (g_str_equal (pb_ip_format (&answer->addresses[i], buffer, sizeof buffer), text))
        return TRUE;
    }
  return FALSE;
}

static void
test_statuses (Fixture *self, gconstpointer data)
{
  static const struct
  {
    const char *name;
    PbDnsType type;
    PbDnsStatus status;
  } rows[] = {
    { "host.test", PB_DNS_A, PB_DNS_OK },          { "HOST.Test", PB_DNS_AAAA, PB_DNS_OK },
    { "host.test.", PB_DNS_A, PB_DNS_OK },         { "host.test", PB_DNS_MX, PB_DNS_NODATA },
    { "none.test", PB_DNS_MX, PB_DNS_NXDOMAIN },   { "none.example.net", PB_DNS_A, PB_DNS_NXDOMAIN },
    { "fail.test", PB_DNS_A, PB_DNS_TROUBLE },     { "refused.test", PB_DNS_A, PB_DNS_TROUBLE },
    { "broken.test", PB_DNS_A, PB_DNS_TROUBLE },   { "a..b", PB_DNS_A, PB_DNS_NXDOMAIN },
    { "alias.test", PB_DNS_A, PB_DNS_OK },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PbDnsAnswer *answer = ask (self, rows[i].name, rows[i].type);

      g_test_message ("%s: %d (%s)", rows[i].name, answer->status, answer->why);
      g_assert_cmpint (answer->status, ==, rows[i].status);
      g_assert_false (answer->secure);
      g_assert_cmpint (answer->why != NULL, ==, answer->status == PB_DNS_TROUBLE || i == 9);
    }
}

static void
test_records (Fixture *self, gconstpointer data)
{
  PbDnsAnswer *answer = ask (self, "domain.test", PB_DNS_MX);

  g_assert_cmpuint (answer->n_mx, ==, 2);
  g_assert_cmpstr (answer->mx[0].exchange, ==, "mx.one.test");
  g_assert_cmpuint (answer->mx[0].preference, ==, 10);
  g_assert_cmpstr (answer->mx[1].exchange, ==, "mx.two.test");
  g_assert_cmpuint (answer->ttl, ==, 300);
  answer = ask (self, "nullmx.test", PB_DNS_MX);
  g_assert_cmpuint (answer->n_mx, ==, 1);
  g_assert_cmpstr (answer->mx[0].exchange, ==, "");
  answer = ask (self, "text.test", PB_DNS_TXT);
  g_assert_cmpstr (answer->names[0], ==, "v=spf1 -all");
  g_assert_null (answer->names[1]);
  answer = ask (self, "9.0.0.127.in-addr.arpa", PB_DNS_PTR);
  g_assert_cmpstr (answer->names[0], ==, "name.test");
  answer = ask (self, "7.1.168.192.in-addr.arpa", PB_DNS_PTR);
  g_assert_cmpstr (answer->names[0], ==, "nas.test");
}

static void
test_hosts (Fixture *self, gconstpointer data)
{
  PbDnsAnswer *answer = ask_host (self, "host.test", 20);

  g_assert_cmpint (answer->status, ==, PB_DNS_OK);
  g_assert_cmpuint (answer->n_addresses, ==, 3);
  g_assert_true (has_address (answer, "127.0.0.9"));
  g_assert_true (has_address (answer, "192.0.2.1"));
  g_assert_true (has_address (answer, "2001:db8::1"));
  answer = ask_host (self, "alias.test", 20);
  g_assert_cmpuint (answer->n_addresses, ==, 3);
  answer = ask_host (self, "four.test", 20);
  g_assert_cmpint (answer->status, ==, PB_DNS_OK);
  g_assert_cmpuint (answer->n_addresses, ==, 1);
  answer = ask_host (self, "half.test", 20);
  g_assert_cmpint (answer->status, ==, PB_DNS_OK);
  g_assert_true (has_address (answer, "127.0.0.5"));
  g_assert_cmpint (ask_host (self, "none.test", 20)->status, ==, PB_DNS_NXDOMAIN);
  g_assert_cmpint (ask_host (self, "domain.test", 20)->status, ==, PB_DNS_NODATA);
  g_assert_cmpint (ask_host (self, "fail.test", 20)->status, ==, PB_DNS_TROUBLE);
  g_assert_cmpint (ask_host (self, "a..b", 20)->status, ==, PB_DNS_NXDOMAIN);
}

static void
test_silence (Fixture *self, gconstpointer data)
{
  PbDnsAnswer *answer;

  for (guint i = 0; i < 50; i++)
    pb_resolver_query (self->resolver, "silent.test", PB_DNS_MX, 1, self->mailbox, on_answer, self);
  pb_resolver_query_host (self->resolver, "silent.test", 1, self->mailbox, on_answer, self);
  answer = wait_answers (self, 51);
  g_assert_cmpint (answer->status, ==, PB_DNS_TROUBLE);
  g_assert_cmpstr (answer->why, ==, "no answer in time");
  /* Others are served in spite of it, also after it. */
  g_assert_cmpint (ask (self, "host.test", PB_DNS_A)->status, ==, PB_DNS_OK);
}

static void
test_joining (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 100; i++)
    pb_resolver_query (self->resolver, i % 2 ? "four.test" : "Four.TEST", PB_DNS_A, 20, self->mailbox, on_answer, self);
  wait_answers (self, 100);
  for (guint i = 1; i < 100; i++)
    g_assert_true (g_ptr_array_index (self->answers, i) == g_ptr_array_index (self->answers, 0));
  g_assert_cmpint (g_atomic_int_get (&self->server.asked), ==, 1);
}

static void
test_free_under_way (Fixture *self, gconstpointer data)
{
  pb_resolver_query (self->resolver, "silent.test", PB_DNS_MX, 20, self->mailbox, on_answer, self);
  pb_resolver_query_host (self->resolver, "silent.test", 20, self->mailbox, on_answer, self);
  ask (self, "host.test", PB_DNS_A);
  pb_resolver_query (self->resolver, "four.test", PB_DNS_A, 20, self->mailbox, on_answer, self);
  pb_resolver_free (self->resolver);
  self->resolver = NULL;
  wait_answers (self, 4);
  for (guint i = 1; i < 4; i++)
    g_assert_cmpint (((PbDnsAnswer *) g_ptr_array_index (self->answers, i))->status, ==, PB_DNS_TROUBLE);
}

static gpointer
ask_main (gpointer data)
{
  Fixture *self = data;

  for (guint i = 0; i < 200; i++)
    {
      pb_resolver_query (self->resolver, "host.test", PB_DNS_A, 20, self->mailbox, on_answer, self);
      pb_resolver_query_host (self->resolver, "four.test", 20, self->mailbox, on_answer, self);
    }
  return NULL;
}

static void
test_threads (Fixture *self, gconstpointer data)
{
  GThread *threads[3];

  for (guint i = 0; i < 3; i++)
    threads[i] = g_thread_new ("ask", ask_main, self);
  wait_answers (self, 1200);
  for (guint i = 0; i < 3; i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < 1200; i++)
    g_assert_cmpint (((PbDnsAnswer *) g_ptr_array_index (self->answers, i))->status, ==, PB_DNS_OK);
}

static void
test_bad_server (Fixture *self, gconstpointer data)
{
  static const char *const servers[] = { "127.0.0.1", "localhost:53", NULL };
  g_autoptr (GError) error = NULL;

  g_assert_null (pb_resolver_new (servers, self->context, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "localhost:53"));
}

static void
test_server_texts (void)
{
  static const char *const good[][2] = {
    { "127.0.0.1", "127.0.0.1" },       { "127.0.0.1:5353", "127.0.0.1@5353" },
    { "::1", "::1" },                   { "[::1]:53", "::1@53" },
    { "fe80::1%eth0", "fe80::1%eth0" }, { "[fe80::1%eth0]:53", "fe80::1%eth0@53" },
  };
  static const char *const bad[] = {
    "", ":53", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", "[::1", "[::1]", "[]:53", "host", "1.2.3.4%eth0",
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *text = pb_resolv_conf_parse_server (good[i][0], NULL);

      g_assert_cmpstr (text, ==, good[i][1]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (pb_resolv_conf_parse_server (bad[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
    }
}

static void
test_resolv_conf (void)
{
  static const char *const files[][2] = {
    { "", "127.0.0.1" },
    { "# nameserver 192.0.2.9\nsearch lan\nnameserver 192.0.2.1\n", "192.0.2.1" },
    { "nameserver\t192.0.2.1  # first\r\n  nameserver fe80::1%eth0\nnameserver junk\nnameservers 192.0.2.3\nnameserver\n",
      "192.0.2.1 fe80::1%eth0" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GPtrArray) servers = pb_resolv_conf_parse (files[i][0]);
      g_autofree char *joined = NULL;

      g_ptr_array_add (servers, NULL);
      joined = g_strjoinv (" ", (char **) servers->pdata);
      g_assert_cmpstr (joined, ==, files[i][1]);
    }
}

/* resolv.conf has no ports, so this one needs to be let onto port 53 of an address of its own. */
static gboolean
server_start_on_53 (Server *self)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (53) };

  inet_pton (AF_INET, "127.0.0.77", &address.sin_addr);
  self->fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (bind (self->fd, (struct sockaddr *) &address, sizeof address) == 0)
    {
      self->thread = g_thread_new ("server", server_main, self);
      return TRUE;
    }
  close (self->fd);
  return FALSE;
}

static void
test_following (Fixture *self, gconstpointer data)
{
  g_autofree char *dir = g_dir_make_tmp ("test-resolver-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (dir, "resolv.conf", NULL);
  gint64 deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (53) };
  Server named = { 0 };

  if (!server_start_on_53 (&named))
    {
      g_test_skip ("no permission for port 53");
      g_rmdir (dir);
      return;
    }
  g_assert_true (g_file_set_contents (file, "nameserver 127.0.0.78\n", -1, NULL));
  pb_resolver_free (self->resolver);
  self->resolver = pb_resolver_new_following (file, self->context);
  /* Nobody is at the first address; once the file names another, the next question finds it. */
  pb_resolver_query (self->resolver, "four.test", PB_DNS_A, 1, self->mailbox, on_answer, self);
  g_assert_cmpint (wait_answers (self, 1)->status, ==, PB_DNS_TROUBLE);
  g_assert_true (g_file_set_contents (file, "nameserver 127.0.0.77\n", -1, NULL));
  do
    {
      pb_resolver_query (self->resolver, "four.test", PB_DNS_A, 1, self->mailbox, on_answer, self);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    }
  while (wait_answers (self, self->answers->len + 1)->status != PB_DNS_OK);
  /* Asked to, it looks at once. */
  g_assert_true (g_file_set_contents (file, "nameserver 127.0.0.78\n", -1, NULL));
  pb_resolver_reload (self->resolver);
  g_assert_true (g_file_set_contents (file, "nameserver 127.0.0.77\n", -1, NULL));
  pb_resolver_reload (self->resolver);
  pb_resolver_query (self->resolver, "four.test", PB_DNS_A, 20, self->mailbox, on_answer, self);
  g_assert_cmpint (wait_answers (self, self->answers->len + 1)->status, ==, PB_DNS_OK);
  inet_pton (AF_INET, "127.0.0.77", &address.sin_addr);
  g_assert_cmpint (sendto (named.fd, "q", 1, 0, (struct sockaddr *) &address, sizeof address), ==, 1);
  g_thread_join (named.thread);
  close (named.fd);
  g_remove (file);
  g_rmdir (dir);
}

/* Other servers by a setting: what is under way is asked again of them, and a bad list changes nothing. */
static void
test_set_servers (Fixture *self, gconstpointer data)
{
  const char *const nobody[] = { "127.0.0.78:9", NULL };
  const char *const bad[] = { "nonsense", NULL };
  g_autofree char *good_text = g_strdup_printf ("127.0.0.1:%u", self->server.port);
  const char *const good[] = { good_text, NULL };
  g_autoptr (GError) error = NULL;

  g_assert_true (pb_resolver_set_servers (self->resolver, nobody, &error));
  g_assert_no_error (error);
  pb_resolver_query (self->resolver, "four.test", PB_DNS_A, 20, self->mailbox, on_answer, self);
  /* Under way: the request has been read, and nobody is there to answer it. */
  g_main_context_iteration (self->context, FALSE);
  g_assert_false (pb_resolver_set_servers (self->resolver, bad, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_true (pb_resolver_set_servers (self->resolver, good, &error));
  g_assert_no_error (error);
  g_assert_cmpint (wait_answers (self, 1)->status, ==, PB_DNS_OK);
}

#define ADD(name, func) g_test_add ("/resolver/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("statuses", test_statuses);
  ADD ("records", test_records);
  ADD ("hosts", test_hosts);
  ADD ("silence", test_silence);
  ADD ("joining", test_joining);
  ADD ("free-under-way", test_free_under_way);
  ADD ("threads", test_threads);
  ADD ("bad-server", test_bad_server);
  g_test_add_func ("/resolver/server-texts", test_server_texts);
  g_test_add_func ("/resolver/resolv-conf", test_resolv_conf);
  ADD ("following", test_following);
  ADD ("set-servers", test_set_servers);
  return g_test_run ();
}
