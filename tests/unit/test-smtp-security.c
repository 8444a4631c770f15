/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a route and what TLSA records make of a host's security, as tables. */
#include "delivery/route-private.h"
#include "delivery/smtp-security.h"
#include "net/dns-answer.h"
#include "net/tls.h"

#include <string.h>

#define NONE  PB_SMTP_SECURITY_NONE
#define OPPO  PB_SMTP_SECURITY_OPPORTUNISTIC
#define CRYPT PB_SMTP_SECURITY_ENCRYPTED
#define NAME  PB_SMTP_SECURITY_NAME
#define PRINT PB_SMTP_SECURITY_FINGERPRINT
#define DANE  PB_SMTP_SECURITY_DANE
#define REFUSED PB_SMTP_SECURITY_REFUSED

static const struct
{
  PbRouteTls tls;
  PbRouteVerify verify;
  gboolean auth, socket;
  PbSmtpSecurityKind kind;
  gboolean heeds_dane;
} routes[] = {
  { PB_ROUTE_TLS_OPPORTUNISTIC, PB_ROUTE_VERIFY_NONE, FALSE, FALSE, OPPO, TRUE },
  { PB_ROUTE_TLS_OPPORTUNISTIC, PB_ROUTE_VERIFY_NONE, FALSE, TRUE, NONE, TRUE },
  { PB_ROUTE_TLS_OPPORTUNISTIC, PB_ROUTE_VERIFY_NAME, FALSE, FALSE, NAME, FALSE },
  { PB_ROUTE_TLS_OPPORTUNISTIC, PB_ROUTE_VERIFY_FINGERPRINT, FALSE, FALSE, PRINT, FALSE },
  { PB_ROUTE_TLS_OFF, PB_ROUTE_VERIFY_NONE, FALSE, FALSE, NONE, FALSE },
  { PB_ROUTE_TLS_OFF, PB_ROUTE_VERIFY_NONE, TRUE, FALSE, CRYPT, FALSE },
  { PB_ROUTE_TLS_STARTTLS, PB_ROUTE_VERIFY_NONE, FALSE, FALSE, CRYPT, FALSE },
  { PB_ROUTE_TLS_STARTTLS, PB_ROUTE_VERIFY_NAME, TRUE, FALSE, NAME, FALSE },
  { PB_ROUTE_TLS_IMPLICIT, PB_ROUTE_VERIFY_NONE, FALSE, FALSE, CRYPT, FALSE },
  { PB_ROUTE_TLS_IMPLICIT, PB_ROUTE_VERIFY_FINGERPRINT, FALSE, FALSE, PRINT, FALSE },
};

static void
test_routes (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (routes); i++)
    {
      g_autoptr (PbRoute) route = pb_route_new (PB_ROUTE_HOSTS, PB_ROUTE_REASON_RELAY, NULL);
      g_autoptr (PbSmtpSecurity) security = NULL;

      route->tls = routes[i].tls;
      route->verify = routes[i].verify;
      route->auth = routes[i].auth;
      route->socket = routes[i].socket ? g_strdup ("/x") : NULL;
      route->fingerprint = g_strdup ("ab");
      security = pb_smtp_security_from_route (route, "a.example");
      g_test_message ("route %u", i);
      g_assert_cmpint (security->kind, ==, routes[i].kind);
      g_assert_cmpint (pb_route_heeds_dane (route), ==, routes[i].heeds_dane);
      g_assert_cmpint (pb_smtp_security_wants_tls (security), ==, security->kind != NONE);
      g_assert_cmpint (pb_smtp_security_demands_tls (security), ==, security->kind != NONE && security->kind != OPPO);
      g_assert_cmpstr (security->fingerprint, ==, security->kind == PRINT ? "ab" : NULL);
    }
}

#define SHA256 "0123456789abcdef0123456789abcdef"
#define SHA512 SHA256 SHA256
/* No kind: NULL, as if DANE were not there. */
#define NO_KIND -1

/* Records as usage, selector, matching type, data; length counts the first three. */
typedef struct
{
  const char *what;
  PbDnsStatus status;
  gboolean secure;
  const char *records[3];
  int lengths[3];
  int kind;
  guint n_usable;
} TlsaRow;

static const TlsaRow rows[] = {
  { "ee", PB_DNS_OK, TRUE, { "\3\1\1" SHA256 }, { 35 }, DANE, 1 },
  { "ee-512", PB_DNS_OK, TRUE, { "\3\0\2" SHA512 }, { 67 }, DANE, 1 },
  { "ta", PB_DNS_OK, TRUE, { "\2\0\1" SHA256 }, { 35 }, DANE, 1 },
  { "pkix-only", PB_DNS_OK, TRUE, { "\0\0\1" SHA256, "\1\1\1" SHA256 }, { 35, 35 }, CRYPT, 0 },
  { "one-of-two", PB_DNS_OK, TRUE, { "\1\1\1" SHA256, "\3\1\1" SHA256 }, { 35, 35 }, DANE, 1 },
  { "rollover", PB_DNS_OK, TRUE, { "\3\1\1" SHA256, "\3\1\2" SHA512 }, { 35, 67 }, DANE, 2 },
  { "short", PB_DNS_OK, TRUE, { "\3\1\1" SHA256 }, { 34 }, CRYPT, 0 },
  { "long", PB_DNS_OK, TRUE, { "\3\1\1" SHA512 }, { 67 }, CRYPT, 0 },
  { "selector", PB_DNS_OK, TRUE, { "\3\2\1" SHA256 }, { 35 }, CRYPT, 0 },
  { "matching", PB_DNS_OK, TRUE, { "\3\1\3" SHA256 }, { 35 }, CRYPT, 0 },
  { "usage", PB_DNS_OK, TRUE, { "\4\1\1" SHA256 }, { 35 }, CRYPT, 0 },
  { "no-certificate", PB_DNS_OK, TRUE, { "\3\0\0" SHA256 }, { 35 }, CRYPT, 0 },
  { "no-key", PB_DNS_OK, TRUE, { "\3\1\0" SHA256 }, { 35 }, CRYPT, 0 },
  { "unsigned", PB_DNS_OK, FALSE, { "\3\1\1" SHA256 }, { 35 }, NO_KIND, 0 },
  { "none", PB_DNS_NODATA, TRUE, { NULL }, { 0 }, NO_KIND, 0 },
  { "no-name", PB_DNS_NXDOMAIN, TRUE, { NULL }, { 0 }, NO_KIND, 0 },
  { "none-unsigned", PB_DNS_NODATA, FALSE, { NULL }, { 0 }, NO_KIND, 0 },
  { "trouble", PB_DNS_TROUBLE, FALSE, { NULL }, { 0 }, REFUSED, 0 },
  { "trouble-secure", PB_DNS_TROUBLE, TRUE, { NULL }, { 0 }, REFUSED, 0 },
};

static PbDnsAnswer *
make_answer (const TlsaRow *row)
{
  char *records[4] = { (char *) row->records[0], (char *) row->records[1], (char *) row->records[2], NULL };
  PbDnsAnswer *answer = row->status == PB_DNS_OK ? pb_dns_answer_decode (PB_DNS_TLSA, records, row->lengths)
                                                 : pb_dns_answer_new (row->status, "words");

  answer->secure = row->secure;
  return answer;
}

static void
test_records (void)
{
  const char *const names[] = { "mx.a.example", "a.example", NULL };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PbDnsAnswer) answer = make_answer (&rows[i]);
      PbSmtpSecurity *security = pb_smtp_security_from_tlsa ("mx.a.example", 25, names, answer);

      g_test_message ("%s", rows[i].what);
      g_assert_cmpint (security != NULL ? (int) security->kind : NO_KIND, ==, rows[i].kind);
      if (security == NULL)
        continue;
      g_assert_cmpint (security->source, ==, PB_SMTP_SECURITY_BY_DANE);
      g_assert_cmpuint (security->n_records, ==, rows[i].n_usable);
      g_assert_true (pb_smtp_security_demands_tls (security));
      g_assert_nonnull (strstr (security->why, "_25._tcp.mx.a.example"));
      if (security->kind == REFUSED)
        g_assert_true (g_str_has_prefix (security->status, "4.7."));
      else
        g_assert_cmpstr (security->server_name, ==, "mx.a.example");
      if (security->kind == DANE)
        g_assert_true (g_strv_equal ((const char *const *) security->names, names));
      pb_smtp_security_unref (security);
    }
}

/* Records that are too short to have data are none; the others are as they came. */
static void
test_decoding (void)
{
  char *records[] = { (char *) "\3\1\1", (char *) "\3\1", (char *) "", (char *) "\377\376\375z", NULL };
  int lengths[] = { 3, 2, 0, 4 };
  g_autoptr (PbDnsAnswer) answer = pb_dns_answer_decode (PB_DNS_TLSA, records, lengths);
  g_autoptr (PbDnsAnswer) empty = NULL;

  g_assert_cmpint (answer->status, ==, PB_DNS_OK);
  g_assert_cmpuint (answer->n_tlsa, ==, 1);
  g_assert_cmpuint (answer->tlsa[0].usage, ==, 255);
  g_assert_cmpuint (answer->tlsa[0].selector, ==, 254);
  g_assert_cmpuint (answer->tlsa[0].matching, ==, 253);
  g_assert_cmpmem (g_bytes_get_data (answer->tlsa[0].data, NULL), g_bytes_get_size (answer->tlsa[0].data), "z", 1);
  g_assert_false (pb_tlsa_is_usable (&answer->tlsa[0]));
  records[3] = NULL;
  empty = pb_dns_answer_decode (PB_DNS_TLSA, records, lengths);
  g_assert_cmpint (empty->status, ==, PB_DNS_TROUBLE);
  g_assert_cmpuint (empty->n_tlsa, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/smtp-security/routes", test_routes);
  g_test_add_func ("/smtp-security/records", test_records);
  g_test_add_func ("/smtp-security/decoding", test_decoding);
  return g_test_run ();
}
