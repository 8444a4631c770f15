/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Relay exceptions, what a relay demands, LMTP and mail rerouted by hand, as tables. */
#include "delivery/router.h"
#include "settings/registry.h"
#include "settings/relay-rules.h"
#include <string.h>

#define ACCOUNT_ID  "7b1d4c1e-6a46-4a0f-9a56-0c6b3a2f9e01"
#define FINGERPRINT "AA00000000000000000000000000000000000000000000000000000000000001"
#define MANY        10000

static void
set_text (char **field, const char *text)
{
  g_free (*field);
  *field = g_strdup (text);
}

/* Rows in list order: the id is what the tests look for. */
static const struct
{
  const char *id, *row;
} exceptions[] = {
  { "sub1", "{'Name': <'sub1'>, 'Kind': <'recipient'>, 'Targets': <['.deep.example']>, 'Server': <'sub1.net'>}" },
  { "off", "{'Name': <'off'>, 'Enabled': <false>, 'Kind': <'recipient'>, 'Targets': <['a@x.example']>, 'Server': <'off.net'>}" },
  { "sub2", "{'Name': <'sub2'>, 'Kind': <'recipient'>, 'Targets': <['.a.deep.example']>, 'Server': <'sub2.net'>}" },
  { "domain1", "{'Name': <'domain1'>, 'Kind': <'recipient'>, 'Targets': <['x.example', 'deep.example']>, 'Server': <'domain1.net'>}" },
  { "domain2", "{'Name': <'domain2'>, 'Kind': <'recipient'>, 'Targets': <['X.Example']>, 'Server': <'domain2.net'>}" },
  { "address", "{'Name': <'Bank'>, 'Kind': <'recipient'>, 'Targets': <['Anna@X.example', 'u@backup.example']>, 'Server': <'address.net'>, 'Port': <uint32 587>, "
               "'Fallback': <['b.net:2525', '2001:db8::1']>, 'Auth': <true>, 'User': <'bob'>, 'SecretStorage': <'agent'>}" },
  { "sender", "{'Name': <'sender'>, 'Kind': <'sender'>, 'Targets': <['boss@example.org']>, 'Server': <'sender.net'>, 'Tls': <'implicit'>, 'Verify': <'verify'>}" },
  { "sendomain", "{'Name': <'sendomain'>, 'Kind': <'sender'>, 'Targets': <['example.org', '.example.org']>, 'Server': <'sendomain.net'>}" },
  { "umlaut", "{'Name': <'umlaut'>, 'Kind': <'recipient'>, 'Targets': <['müller.example']>, 'Server': <'umlaut.net'>}" },
};

static PbSnapshotBuilder *
make_builder (void)
{
  PbSnapshotBuilder *builder = pb_snapshot_builder_new ();

  set_text (&pb_snapshot_builder_values (builder)->general_hostname, "mail.example.org");
  pb_snapshot_builder_add_row (builder, PB_LIST_LOCAL_DOMAINS, NULL, "{'Name': <'example.org'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, ACCOUNT_ID,
                               "{'Name': <'anna'>, 'Addresses': <['info@example.org']>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_DOMAIN_LIST, NULL,
                               "{'Name': <'b'>, 'Domain': <'backup.example'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_DOMAIN_LIST, NULL,
                               "{'Name': <'i'>, 'Domain': <'inner.example'>, 'Target': <'10.0.0.5:2525'>}");
  return builder;
}

static PbSnapshot *
make_snapshot (const char *mode)
{
  PbSnapshotBuilder *builder = make_builder ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  set_text (&values->delivery_mode, mode);
  set_text (&values->delivery_relay_server, "general.net");
  for (guint i = 0; i < G_N_ELEMENTS (exceptions); i++)
    pb_snapshot_builder_add_row (builder, PB_LIST_RELAY_EXCEPTIONS, exceptions[i].id,
                                 exceptions[i].row);
  return pb_snapshot_builder_build (builder);
}

static const struct
{
  const char *sender, *recipient;
  PbRouteReason reason;
  const char *key;
} rows[] = {
  /* local before everything */
  { "boss@example.org", "anna@example.org", PB_ROUTE_REASON_LOCAL, "local:" ACCOUNT_ID },
  /* address, domain, subdomain; then position */
  { "s@else.example", "anna@x.example", PB_ROUTE_REASON_EXCEPTION_RECIPIENT, NULL },
  { "s@else.example", "ANNA@x.example", PB_ROUTE_REASON_EXCEPTION_RECIPIENT, NULL },
  { "s@else.example", "\"anna\"@X.EXAMPLE", PB_ROUTE_REASON_EXCEPTION_RECIPIENT, NULL },
  { "s@else.example", "a@x.example", PB_ROUTE_REASON_EXCEPTION_RECIPIENT, "relay:domain1.net:25" },
  { "s@else.example", "a@deep.example", PB_ROUTE_REASON_EXCEPTION_RECIPIENT, "relay:domain1.net:25" },
  { "s@else.example", "a@b.deep.example", PB_ROUTE_REASON_EXCEPTION_RECIPIENT, "relay:sub1.net:25" },
  { "s@else.example", "a@b.a.deep.example", PB_ROUTE_REASON_EXCEPTION_RECIPIENT, "relay:sub1.net:25" },
  { "s@else.example", "a@xdeep.example", PB_ROUTE_REASON_RELAY, "relay:general.net:25" },
  { "s@else.example", "a@b.x.example", PB_ROUTE_REASON_RELAY, "relay:general.net:25" },
  { "s@else.example", "a@xn--mller-kva.example", PB_ROUTE_REASON_EXCEPTION_RECIPIENT, "relay:umlaut.net:25" },
  /* recipient exception before Domain List, Domain List before sender exception */
  { "s@else.example", "u@backup.example", PB_ROUTE_REASON_EXCEPTION_RECIPIENT, NULL },
  { "boss@example.org", "v@backup.example", PB_ROUTE_REASON_DOMAIN_LIST, "mx:backup.example" },
  { "boss@example.org", "v@inner.example", PB_ROUTE_REASON_DOMAIN_LIST, "relay:10.0.0.5:2525" },
  /* sender exception before the general relay */
  { "Boss@Example.org", "u@far.example", PB_ROUTE_REASON_EXCEPTION_SENDER, "relay:sender.net:25 tls=implicit verify" },
  { "else@example.org", "u@far.example", PB_ROUTE_REASON_EXCEPTION_SENDER, "relay:sendomain.net:25" },
  { "else@sub.example.org", "u@far.example", PB_ROUTE_REASON_EXCEPTION_SENDER, "relay:sendomain.net:25" },
  { "boss@example.org", "a@x.example", PB_ROUTE_REASON_EXCEPTION_RECIPIENT, "relay:domain1.net:25" },
  { "", "u@far.example", PB_ROUTE_REASON_RELAY, "relay:general.net:25" },
  { "u@[192.0.2.1]", "u@far.example", PB_ROUTE_REASON_RELAY, "relay:general.net:25" },
  { "boss@example.org", "u@[192.0.2.1]", PB_ROUTE_REASON_EXCEPTION_SENDER, NULL },
};

static void
test_order (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ("relay");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PbRoute) route = pb_route_find (snapshot, rows[i].sender, rows[i].recipient, NULL);

      g_test_message ("%s to %s", rows[i].sender, rows[i].recipient);
      g_assert_cmpint (route->reason, ==, rows[i].reason);
      if (rows[i].key != NULL)
        g_assert_cmpstr (route->key, ==, rows[i].key);
    }
}

static void
test_direct (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ("direct");
  g_autoptr (PbRoute) by_sender = pb_route_find (snapshot, "boss@example.org", "u@far.example", NULL);
  g_autoptr (PbRoute) by_mx = pb_route_find (snapshot, "", "u@far.example", NULL);

  g_assert_cmpint (by_sender->reason, ==, PB_ROUTE_REASON_EXCEPTION_SENDER);
  g_assert_cmpint (by_mx->reason, ==, PB_ROUTE_REASON_MX);
}

static void
test_exception_fields (void)
{
  g_autoptr (PbSnapshot) snapshot = make_snapshot ("relay");
  g_autoptr (PbRoute) route = pb_route_find (snapshot, "", "anna@x.example", NULL);
  g_autofree char *words = pb_route_describe (route);

  g_assert_cmpstr (route->relay_id, ==, "address");
  g_assert_cmpint (route->tls, ==, PB_ROUTE_TLS_STARTTLS); /* raised by the login */
  g_assert_cmpint (route->verify, ==, PB_ROUTE_VERIFY_NAME);
  g_assert_true (route->auth);
  g_assert_cmpstr (route->user, ==, "bob");
  g_assert_cmpint (route->secret, ==, PB_ROUTE_SECRET_AGENT);
  g_assert_cmpuint (route->n_hosts, ==, 3);
  g_assert_cmpstr (route->hosts[1].host, ==, "b.net");
  g_assert_cmpuint (route->hosts[1].port, ==, 2525);
  g_assert_cmpuint (route->hosts[2].port, ==, 587);
  g_assert_cmpstr (words, ==,
                   "relay host address.net:587 (2 more behind it) by the recipient exception “Bank”, "
                   "TLS required, certificate verified, logged in as bob");
}

static const struct
{
  const char *tls, *verify, *fingerprint;
  gboolean auth;
  const char *user;
  const char *key; /* NULL: nowhere */
} demands[] = {
  { "opportunistic", "auto", "", FALSE, "", "relay:general.net:25" },
  { "off", "auto", "", FALSE, "", "relay:general.net:25 tls=off" },
  { "off", "verify", "", FALSE, "", "relay:general.net:25 tls=off" },
  { "off", "fingerprint", "", FALSE, "", "relay:general.net:25 tls=off" },
  { "starttls", "auto", "", FALSE, "", "relay:general.net:25 tls=starttls" },
  { "starttls", "verify", "", FALSE, "", "relay:general.net:25 tls=starttls verify" },
  { "opportunistic", "none", "", FALSE, "", "relay:general.net:25 unverified" },
  { "implicit", "none", "", FALSE, "unused", "relay:general.net:25 tls=implicit" },
  { "starttls", "fingerprint", FINGERPRINT, FALSE, "",
    "relay:general.net:25 tls=starttls key=aa00000000000000000000000000000000000000000000000000000000000001" },
  { "starttls", "fingerprint", "", FALSE, "", NULL },
  { "opportunistic", "auto", "", TRUE, "bob", "relay:general.net:25 tls=starttls verify login=general:0:bob" },
  { "off", "none", "", TRUE, "bob", "relay:general.net:25 tls=starttls login=general:0:bob" },
  { "implicit", "auto", "", TRUE, "bob", "relay:general.net:25 tls=implicit verify login=general:0:bob" },
  { "implicit", "auto", "", TRUE, "", NULL },
};

static void
test_demands (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (demands); i++)
    {
      PbSnapshotBuilder *builder = make_builder ();
      PbSettingValues *values = pb_snapshot_builder_values (builder);
      g_autoptr (PbSnapshot) snapshot = NULL;
      g_autoptr (PbRoute) route = NULL;

      set_text (&values->delivery_mode, "relay");
      set_text (&values->delivery_relay_server, "general.net");
      set_text (&values->delivery_relay_tls, demands[i].tls);
      set_text (&values->delivery_relay_verify, demands[i].verify);
      set_text (&values->delivery_relay_fingerprint, demands[i].fingerprint);
      set_text (&values->delivery_relay_user, demands[i].user);
      values->delivery_relay_auth = demands[i].auth;
      snapshot = pb_snapshot_builder_build (builder);
      route = pb_route_find (snapshot, "", "u@far.example", NULL);
      g_test_message ("%s %s %d", demands[i].tls, demands[i].verify, demands[i].auth);
      g_assert_cmpint (route->kind, ==, demands[i].key != NULL ? PB_ROUTE_HOSTS : PB_ROUTE_NOWHERE);
      g_assert_cmpstr (route->key, ==, demands[i].key != NULL ? demands[i].key : "nowhere");
    }
}

static void
test_override (void)
{
  static const struct
  {
    const char *recipient, *target, *key;
    PbRouteKind kind;
  } by_hand[] = {
    { "u@far.example", "other.net:2525", "relay:other.net:2525", PB_ROUTE_HOSTS },
    { "u@far.example", "[2001:db8::1]:26", "relay:2001:db8::1:26", PB_ROUTE_HOSTS },
    { "anna@x.example", "other.net", "relay:other.net:0", PB_ROUTE_HOSTS },
    { "anna@example.org", "other.net", "relay:other.net:0", PB_ROUTE_HOSTS },
    { "u@far.example", "MAIL.example.org", "nowhere", PB_ROUTE_NOWHERE },
    { "u@far.example", "bad:port", "nowhere", PB_ROUTE_NOWHERE },
  };
  g_autoptr (PbSnapshot) snapshot = make_snapshot ("relay");

  for (guint i = 0; i < G_N_ELEMENTS (by_hand); i++)
    {
      g_autoptr (PbRoute) route =
        pb_route_find (snapshot, "boss@example.org", by_hand[i].recipient, by_hand[i].target);

      g_assert_cmpint (route->reason, ==, PB_ROUTE_REASON_REROUTED);
      g_assert_cmpint (route->kind, ==, by_hand[i].kind);
      g_assert_cmpstr (route->key, ==, by_hand[i].key);
      g_assert_null (route->relay_id);
    }
}

/* One relay, whether or not mail goes there: the same route as that of mail, down to the key. */
static void
test_one_relay (void)
{
  static const struct
  {
    const char *relay, *recipient;
  } relays[] = {
    { "general", "u@far.example" },
    { "address", "anna@x.example" },
    { "domain1", "u@x.example" },
  };
  g_autoptr (PbSnapshot) snapshot = make_snapshot ("relay");
  g_autoptr (PbSnapshot) direct = make_snapshot ("direct");
  g_autoptr (PbRoute) unused = pb_route_find_relay (direct, PB_ROUTE_RELAY_GENERAL);

  for (guint i = 0; i < G_N_ELEMENTS (relays); i++)
    {
      g_autoptr (PbRoute) route = pb_route_find_relay (snapshot, relays[i].relay);
      g_autoptr (PbRoute) of_mail =
        pb_route_find (snapshot, "s@far.example", relays[i].recipient, NULL);

      g_assert_cmpstr (route->key, ==, of_mail->key);
      g_assert_cmpstr (route->relay_id, ==, relays[i].relay);
      g_assert_cmpint (route->reason, ==, of_mail->reason);
    }
  g_assert_cmpint (unused->kind, ==, PB_ROUTE_HOSTS);
  g_assert_null (pb_route_find_relay (snapshot, "off"));
  g_assert_null (pb_route_find_relay (snapshot, ""));
}

static void
test_lmtp (void)
{
  static const struct
  {
    const char *recipient, *address, *key, *named;
  } lmtp[] = {
    { "anna@example.org", "unix:/run/lmtp", "lmtp:unix:/run/lmtp", "anna@example.org" },
    { "Info+Lists@example.org", "127.0.0.1:24", "lmtp:127.0.0.1:24", "anna+Lists@example.org" },
    { "\"info+a b\"@example.org", "unix:/run/lmtp", "lmtp:unix:/run/lmtp", "\"anna+a b\"@example.org" },
    { "anna@mail.example.org", "[::1]:24", "lmtp:::1:24", "anna@mail.example.org" },
    { "named@example.org", "unix:/run/lmtp", "lmtp:unix:/run/lmtp", "box@mail.example.org" },
    { "named+x@example.org", "unix:/run/lmtp", "lmtp:unix:/run/lmtp", "box+x@mail.example.org" },
    { "postmaster@example.org", "unix:/run/lmtp", "local:postmaster", "postmaster@example.org" },
    { "anna@example.org", "", "nowhere", "anna@example.org" },
    { "nobody@example.org", "unix:/run/lmtp", "unknown", "nobody@example.org" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lmtp); i++)
    {
      PbSnapshotBuilder *builder = make_builder ();
      g_autoptr (PbSnapshot) snapshot = NULL;
      g_autoptr (PbRoute) route = NULL;
      g_autofree char *named = NULL;

      set_text (&pb_snapshot_builder_values (builder)->mailboxes_kind, "lmtp");
      set_text (&pb_snapshot_builder_values (builder)->mailboxes_lmtp_address, lmtp[i].address);
      pb_snapshot_builder_add_row (
        builder, PB_LIST_ACCOUNTS, NULL,
        "{'Name': <'box@mail.example.org'>, 'Addresses': <['named@example.org']>}");
      snapshot = pb_snapshot_builder_build (builder);
      route = pb_route_find (snapshot, "s@far.example", lmtp[i].recipient, NULL);
      named = pb_route_lmtp_recipient (snapshot, lmtp[i].recipient);
      g_test_message ("%s by %s", lmtp[i].recipient, lmtp[i].address);
      g_assert_cmpstr (route->key, ==, lmtp[i].key);
      g_assert_cmpstr (named, ==, lmtp[i].named);
    }
}

static void
on_ask (const char *name, gpointer data)
{
}

static void
on_person (const PbPerson *person, gpointer user_data)
{
}

/* A user of the system is named as the system names him. */
static void
test_lmtp_system_user (void)
{
  PbSnapshotBuilder *builder = make_builder ();
  g_autoptr (PbMailbox) mailbox = pb_mailbox_new ();
  g_autoptr (PbSnapshot) snapshot = NULL;
  g_autoptr (PbRoute) route = NULL;
  g_autofree char *named = NULL;
  const PbPerson person = { PB_PERSON_KNOWN, 1000 };

  set_text (&pb_snapshot_builder_values (builder)->mailboxes_kind, "lmtp");
  set_text (&pb_snapshot_builder_values (builder)->mailboxes_lmtp_address, "unix:/run/lmtp");
  set_text (&pb_snapshot_builder_values (builder)->mailboxes_account_source, "both");
  snapshot = pb_snapshot_builder_build (builder);
  snapshot->people = pb_people_new (10, on_ask, NULL);
  for (const char *const *name = (const char *const[]){ "carol+lists", "carol", NULL }; *name != NULL; name++)
    {
      const PbPerson unknown = { PB_PERSON_UNKNOWN, 0 };

      pb_people_find (snapshot->people, *name, mailbox, on_person, NULL);
      pb_people_answer (snapshot->people, *name, strchr (*name, '+') != NULL ? &unknown : &person);
    }
  pb_mailbox_dispatch (mailbox);
  route = pb_route_find (snapshot, "", "Carol+Lists@example.org", NULL);
  named = pb_route_lmtp_recipient (snapshot, "Carol+Lists@example.org");
  g_assert_cmpstr (route->key, ==, "lmtp:unix:/run/lmtp");
  g_assert_cmpstr (named, ==, "carol+Lists@example.org");
}

/* What comes for the sender of our notices is an account's postmaster's whole, whatever the delimiter. */
static void
test_lmtp_mailer_daemon (void)
{
  PbSnapshotBuilder *builder = make_builder ();
  g_autoptr (PbSnapshot) snapshot = NULL;
  g_autofree char *named = NULL;
  g_autofree char *sub = NULL;

  set_text (&pb_snapshot_builder_values (builder)->mailboxes_delimiter, "-");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCOUNTS, NULL, "{'Name': <'postmaster'>}");
  snapshot = pb_snapshot_builder_build (builder);
  named = pb_route_lmtp_recipient (snapshot, "mailer-daemon@example.org");
  sub = pb_route_lmtp_recipient (snapshot, "anna-lists-x@example.org");
  g_assert_cmpstr (named, ==, "postmaster@example.org");
  g_assert_cmpstr (sub, ==, "anna-lists-x@example.org");
}

/* Each rule is found among very many, also the first of two that name the same. */
static void
test_many (void)
{
  PbSnapshotBuilder *builder = make_builder ();
  g_autoptr (PbSnapshot) snapshot = NULL;

  for (guint i = 0; i < MANY; i++)
    {
      g_autofree char *row = g_strdup_printf (
        "{'Name': <'%u'>, 'Kind': <'recipient'>, 'Targets': <['u%u@d.example', 'd%u.example', '.d%u.example']>, "
        "'Server': <'r%u.net'>}",
        i, i / 2, i, i, i);

      pb_snapshot_builder_add_row (builder, PB_LIST_RELAY_EXCEPTIONS, NULL, row);
    }
  snapshot = pb_snapshot_builder_build (builder);
  for (guint i = 0; i < MANY; i++)
    {
      g_autofree char *local = g_strdup_printf ("u%u", i);
      g_autofree char *domain = g_strdup_printf ("d%u.example", i);
      g_autofree char *deep = g_strdup_printf ("a.b.d%u.example", i);
      const PbRelayRule *rule;

      rule = pb_snapshot_find_relay_rule (snapshot, PB_RELAY_RULE_RECIPIENT, local, "d.example");
      g_assert_true ((rule != NULL) == (i < MANY / 2));
      if (rule != NULL)
        g_assert_cmpuint (rule->order, ==, 2 * i);
      rule = pb_snapshot_find_relay_rule (snapshot, PB_RELAY_RULE_RECIPIENT, "x", domain);
      g_assert_cmpuint (rule->order, ==, i);
      rule = pb_snapshot_find_relay_rule (snapshot, PB_RELAY_RULE_RECIPIENT, "x", deep);
      g_assert_cmpuint (rule->order, ==, i);
      g_assert_null (pb_snapshot_find_relay_rule (snapshot, PB_RELAY_RULE_SENDER, "x", domain));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/router-rules/order", test_order);
  g_test_add_func ("/router-rules/direct", test_direct);
  g_test_add_func ("/router-rules/exception-fields", test_exception_fields);
  g_test_add_func ("/router-rules/demands", test_demands);
  g_test_add_func ("/router-rules/override", test_override);
  g_test_add_func ("/router-rules/one-relay", test_one_relay);
  g_test_add_func ("/router-rules/lmtp", test_lmtp);
  g_test_add_func ("/router-rules/lmtp-system-user", test_lmtp_system_user);
  g_test_add_func ("/router-rules/lmtp-mailer-daemon", test_lmtp_mailer_daemon);
  g_test_add_func ("/router-rules/many", test_many);
  return g_test_run ();
}
