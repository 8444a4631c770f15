/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ARC: chains that we seal hold, grow and break as they should. Other people's chains are in tests/mailauth. */
#include "mailauth/arc.h"
#include "tests/mailauth/zone.h"

#include <string.h>

typedef struct
{
  PbDnsSource dns;
  PbArc *arc;
  PbBodyHash *body;
  PbArcResult result;
  guint sets, told;
  char *why;
} Bed;

static void
on_outcome (const PbArcOutcome *outcome, gpointer user_data)
{
  Bed *bed = user_data;

  bed->result = outcome->result;
  bed->sets = outcome->sets;
  bed->why = g_strdup (outcome->why);
  bed->told++;
}

static void
on_header (PbAuthMessage *message, gpointer user_data)
{
  Bed *bed = user_data;

  bed->arc = pb_arc_verify (message, &bed->dns, 20, on_outcome, bed);
  bed->body = pb_auth_message_body_hash (message, TRUE, -1);
}

static Zone *
make_zone (EVP_PKEY *key)
{
  guint8 raw[32];
  gsize length = sizeof raw;
  g_autofree char *text = NULL;
  g_autofree char *json = NULL;
  g_autoptr (JsonNode) node = NULL;

  g_assert_cmpint (EVP_PKEY_get_raw_public_key (key, raw, &length), ==, 1);
  text = g_base64_encode (raw, length);
  json =
    g_strdup_printf ("{\"sel._domainkey.relay.test\": {\"TXT\": [\"k=ed25519; p=%s\"]}}", text);
  node = json_from_string (json, NULL);
  return zone_new (json_node_get_object (node));
}

/* Verifies @text; then, when @key is not NULL, seals it. Returns: (transfer full) (nullable): @text with the new set on top. */
static char *
pass_on (const char *text, Zone *zone, EVP_PKEY *key, PbArcResult result, const char *why)
{
  Bed bed = { .dns = zone_source (zone) };
  g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header, &bed);
  PbDkimSigner signer = { "relay.test", "sel", key, g_get_real_time () / G_USEC_PER_SEC };
  g_autoptr (GError) error = NULL;
  PbArcOutcome before;
  PbArcSet set;
  char *sealed = NULL;

  pb_auth_message_feed (message, text, strlen (text));
  pb_auth_message_end (message);
  pb_arc_body_ended (bed.arc);
  zone_run (zone);
  g_assert_cmpuint (bed.told, ==, 1);
  g_assert_cmpstr (bed.why, ==, why);
  g_assert_cmpint (bed.result, ==, result);
  g_free (bed.why);
  if (key == NULL)
    return NULL;
  before = (PbArcOutcome){ .result = bed.result, .sets = bed.sets };
  if (pb_arc_seal (message, bed.body, &before, "relay.test; spf=pass smtp.mailfrom=a@b.test",
                   &signer, &set, &error))
    sealed = g_strconcat ("ARC-Seal:", set.seal, "\r\nARC-Message-Signature:", set.signature,
                          "\r\nARC-Authentication-Results:", set.results, "\r\n", text, NULL);
  g_assert_no_error (error);
  pb_arc_set_clear (&set);
  return sealed;
}

static const char mail[] = "From: a@b.test\r\nSubject: s\r\n\r\nbody\r\n";

static char *
replace (const char *text, const char *part, const char *by)
{
  g_auto (GStrv) parts = g_strsplit (text, part, 2);

  g_assert_cmpuint (g_strv_length (parts), ==, 2);
  return g_strconcat (parts[0], by, parts[1], NULL);
}

static void
test_chain (void)
{
  EVP_PKEY *key = EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
  g_autoptr (Zone) zone = make_zone (key);
  g_autofree char *one = pass_on (mail, zone, key, PB_ARC_NONE, NULL);
  g_autofree char *two = pass_on (one, zone, key, PB_ARC_PASS, NULL);
  g_autofree char *three = pass_on (two, zone, key, PB_ARC_PASS, NULL);
  g_autofree char *changed = replace (three, "body", "more");
  g_autofree char *forged = replace (three, "spf=pass", "spf=fail");
  g_autofree char *cut = replace (three, "ARC-Seal: i=2", "X-Seal: i=2");
  g_autofree char *twice = replace (three, "ARC-Seal: i=2", "ARC-Seal: i=1");
  g_autofree char *zero = replace (three, "ARC-Seal: i=2", "ARC-Seal: i=0");
  g_autofree char *broken = NULL, *more = NULL;

  pass_on (three, zone, NULL, PB_ARC_PASS, NULL);
  pass_on (forged, zone, NULL, PB_ARC_FAIL, "a seal does not hold");
  pass_on (cut, zone, NULL, PB_ARC_FAIL, "an ARC set is not whole");
  pass_on (twice, zone, NULL, PB_ARC_FAIL, "an ARC set has a field twice");
  pass_on (zero, zone, NULL, PB_ARC_FAIL, "an ARC field has no instance from 1 to 50");
  /* A broken chain is sealed as such once, and then by nobody. */
  broken =
    pass_on (changed, zone, key, PB_ARC_FAIL, "the message was changed behind the last seal");
  g_assert_nonnull (strstr (broken, "cv=fail"));
  more = pass_on (broken, zone, key, PB_ARC_FAIL, "a seal does not vouch for the chain below it");
  g_assert_null (more);
  EVP_PKEY_free (key);
}

/* Fifty sets are the end of a chain. */
static void
test_fifty (void)
{
  EVP_PKEY *key = EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
  g_autoptr (Zone) zone = make_zone (key);
  g_autofree char *text = g_strdup (mail);

  for (guint i = 0; i < PB_ARC_MAX_SETS; i++)
    {
      char *next = pass_on (text, zone, key, i == 0 ? PB_ARC_NONE : PB_ARC_PASS, NULL);

      g_free (text);
      text = next;
    }
  g_assert_null (pass_on (text, zone, key, PB_ARC_PASS, NULL));
  EVP_PKEY_free (key);
}

static void
test_cancel (void)
{
  EVP_PKEY *key = EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
  g_autoptr (Zone) zone = make_zone (key);
  g_autofree char *one = pass_on (mail, zone, key, PB_ARC_NONE, NULL);

  for (guint i = 0; i < 2; i++)
    {
      Bed bed = { .dns = zone_source (zone) };
      g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header, &bed);

      pb_auth_message_feed (message, one, strlen (one));
      if (i == 1)
        zone_run (zone);
      pb_arc_cancel (bed.arc);
      zone_run (zone);
      g_assert_cmpuint (bed.told, ==, 0);
    }
  EVP_PKEY_free (key);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/arc/chain", test_chain);
  g_test_add_func ("/arc/fifty", test_fifty);
  g_test_add_func ("/arc/cancel", test_cancel);
  return g_test_run ();
}
