/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs an evaluator over cases written as JSON, for suites that keep theirs in other forms:
 *
 *     mailauth-cases spf < CASES
 *
 * CASES: {"zones": [zone, ...], "cases": [{"zone": index, ...}, ...]} with a zone as in zone.h. Prints a JSON array,
 * one object a case.
 */
#include "mailauth/arc.h"
#include "mailauth/clamd.h"
#include "mailauth/dkim.h"
#include "mailauth/dmarc.h"
#include "mailauth/spf.h"
#include "tests/mailauth/zone.h"

#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *
text_of (JsonObject *object, const char *name)
{
  return json_object_get_string_member_with_default (object, name, "");
}

static void
add_text (JsonBuilder *out, const char *name, const char *value)
{
  json_builder_set_member_name (out, name);
  json_builder_add_string_value (out, value);
}

static void
on_spf (const PbSpfOutcome *outcome, gpointer user_data)
{
  JsonBuilder *out = user_data;

  add_text (out, "result", pb_spf_result_name (outcome->result));
  add_text (out, "explanation", outcome->explanation);
  add_text (out, "problem", outcome->problem);
}

static void
run_spf (JsonObject *one, Zone *zone, JsonBuilder *out)
{
  PbDnsSource dns = zone_source (zone);
  PbSpfQuery query = { .sender = text_of (one, "sender"),
                       .helo = text_of (one, "helo"),
                       .receiver = text_of (one, "receiver"),
                       .seconds = 20 };

  g_assert_true (pb_ip_parse (text_of (one, "ip"), &query.ip));
  pb_spf_check (&query, &dns, on_spf, out);
  zone_run (zone);
}

/* A message on its way through the verifier. */
typedef struct
{
  PbDnsSource dns;
  PbDkim *dkim;
  JsonBuilder *out;
} Verification;

static void
on_dkim (const PbDkimVerdict *verdicts, guint n_verdicts, gpointer user_data)
{
  JsonBuilder *out = user_data;

  json_builder_set_member_name (out, "verdicts");
  json_builder_begin_array (out);
  for (guint i = 0; i < n_verdicts; i++)
    {
      json_builder_begin_object (out);
      add_text (out, "result", pb_dkim_result_name (verdicts[i].result));
      add_text (out, "why", verdicts[i].why);
      json_builder_set_member_name (out, "cut");
      json_builder_add_boolean_value (out, verdicts[i].body_cut);
      json_builder_end_object (out);
    }
  json_builder_end_array (out);
}

static void
on_header (PbAuthMessage *message, gpointer user_data)
{
  Verification *verification = user_data;

  verification->dkim = pb_dkim_verify (message, &verification->dns, 20, on_dkim, verification->out);
}

/* Feeds "message" (base64) in pieces of "pieces" octets. */
static void
feed_message (PbAuthMessage *message, JsonObject *one)
{
  gint64 pieces = json_object_get_int_member_with_default (one, "pieces", 1000);
  gsize length;
  g_autofree char *text = (char *) g_base64_decode (text_of (one, "message"), &length);

  for (gsize at = 0; at < length; at += (gsize) pieces)
    pb_auth_message_feed (message, text + at, MIN ((gsize) pieces, length - at));
  pb_auth_message_end (message);
}

static void
run_dkim (JsonObject *one, Zone *zone, JsonBuilder *out)
{
  Verification verification = { .dns = zone_source (zone), .out = out };
  g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header, &verification);

  feed_message (message, one);
  pb_dkim_body_ended (verification.dkim);
  zone_run (zone);
}

/* A message on its way through the verifier of chains. */
typedef struct
{
  PbDnsSource dns;
  PbArc *arc;
  JsonBuilder *out;
} ChainVerification;

static void
on_arc (const PbArcOutcome *outcome, gpointer user_data)
{
  JsonBuilder *out = user_data;

  add_text (out, "result", pb_arc_result_name (outcome->result));
  add_text (out, "why", outcome->why);
}

static void
on_header_of_chain (PbAuthMessage *message, gpointer user_data)
{
  ChainVerification *verification = user_data;

  verification->arc = pb_arc_verify (message, &verification->dns, 20, on_arc, verification->out);
}

static void
run_arc (JsonObject *one, Zone *zone, JsonBuilder *out)
{
  ChainVerification verification = { .dns = zone_source (zone), .out = out };
  g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header_of_chain, &verification);

  feed_message (message, one);
  pb_arc_body_ended (verification.arc);
  zone_run (zone);
}

/* Has clamd at "address" scan "message". */
static void
run_clamd (JsonObject *one, Zone *zone, JsonBuilder *out)
{
  static const char *const names[] = { "clean", "infected", "too-large", "failed" };
  const char *address = text_of (one, "address");
  gsize length;
  g_autofree char *text = (char *) g_base64_decode (text_of (one, "message"), &length);
  PbClamdMessage message = { text, length, -1 };
  g_auto (PbClamdOutcome) outcome = { 0 };
  const PbClamdCall call = { address, 20, NULL };
  gboolean hand_over = pb_clamd_takes_descriptors (&call);

  if (hand_over)
    {
      message = (PbClamdMessage){ .fd = memfd_create ("message", MFD_CLOEXEC) };
      g_assert_cmpint (write (message.fd, text, length), ==, length);
    }
  pb_clamd_scan (&call, hand_over, &message, &outcome);
  if (hand_over)
    close (message.fd);
  add_text (out, "result", names[outcome.result]);
  add_text (out, "told", outcome.signature != NULL ? outcome.signature : outcome.why);
  json_builder_set_member_name (out, "handed_over");
  json_builder_add_boolean_value (out, hand_over);
}

static void
on_header_to_sign (PbAuthMessage *message, gpointer user_data)
{
  *(PbBodyHash **) user_data = pb_auth_message_body_hash (message, TRUE, -1);
}

/* Signs "message" for "domain" and "selector" by "key" (PEM): "field" is the DKIM-Signature's value. */
static void
run_sign (JsonObject *one, Zone *zone, JsonBuilder *out)
{
  PbBodyHash *body = NULL;
  g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header_to_sign, &body);
  BIO *bio = BIO_new_mem_buf (text_of (one, "key"), -1);
  PbDkimSigner signer = { text_of (one, "domain"), text_of (one, "selector"),
                          PEM_read_bio_PrivateKey (bio, NULL, NULL, NULL),
                          g_get_real_time () / G_USEC_PER_SEC };
  g_autofree char *field = NULL;

  feed_message (message, one);
  field = pb_dkim_sign (message, body, &signer, NULL);
  add_text (out, "field", field);
  EVP_PKEY_free (signer.key);
  BIO_free (bio);
}

static void
on_dmarc (const PbDmarcOutcome *outcome, gpointer user_data)
{
  JsonBuilder *out = user_data;

  add_text (out, "result", pb_dmarc_result_name (outcome->result));
  add_text (out, "problem", outcome->problem);
  add_text (out, "record_domain", outcome->record_domain);
  add_text (out, "organizational", outcome->organizational);
  add_text (out, "spf", outcome->aligned_spf);
  add_text (out, "dkim", outcome->aligned_dkim);
  add_text (out, "policy", outcome->record != NULL ? pb_dmarc_policy_name (outcome->policy) : NULL);
  json_builder_set_member_name (out, "strict_dkim");
  json_builder_add_boolean_value (out, outcome->record != NULL && outcome->record->strict_dkim);
}

static void
run_dmarc (JsonObject *one, Zone *zone, JsonBuilder *out)
{
  PbDnsSource dns = zone_source (zone);
  JsonArray *domains = json_object_get_array_member (one, "dkim");
  const char *dkim[8] = { NULL };
  PbDmarcQuery query = { .author = text_of (one, "author"),
                         .spf_domain =
                           json_object_get_string_member_with_default (one, "spf", NULL),
                         .dkim_domains = dkim,
                         .seconds = 20 };

  for (guint i = 0; i < json_array_get_length (domains) && i < G_N_ELEMENTS (dkim) - 1; i++)
    dkim[i] = json_array_get_string_element (domains, i);
  pb_dmarc_check (&query, &dns, on_dmarc, out);
  zone_run (zone);
  json_builder_set_member_name (out, "asked");
  json_builder_add_int_value (out, zone_asked (zone));
}

static const struct
{
  const char *name;
  void (*run) (JsonObject *one, Zone *zone, JsonBuilder *out);
} evaluators[] = {
  { "arc", run_arc },     { "clamd", run_clamd }, { "dkim", run_dkim },
  { "dmarc", run_dmarc }, { "sign", run_sign },   { "spf", run_spf },
};

static void
run_cases (JsonObject *suite, guint evaluator, JsonBuilder *out)
{
  JsonArray *zones = json_object_get_array_member (suite, "zones");
  JsonArray *cases = json_object_get_array_member (suite, "cases");

  for (guint i = 0; i < json_array_get_length (cases); i++)
    {
      JsonObject *one = json_array_get_object_element (cases, i);
      gint64 index = json_object_get_int_member (one, "zone");
      g_autoptr (Zone) zone = zone_new (json_array_get_object_element (zones, (guint) index));

      json_builder_begin_object (out);
      evaluators[evaluator].run (one, zone, out);
      json_builder_end_object (out);
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GInputStream) input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (JsonBuilder) out = json_builder_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;

  for (guint i = 0; argc == 2 && i < G_N_ELEMENTS (evaluators); i++)
    {
      if (strcmp (argv[1], evaluators[i].name) != 0)
        continue;
      if (!json_parser_load_from_stream (parser, input, NULL, &error))
        g_error ("%s", error->message);
      json_builder_begin_array (out);
      run_cases (json_node_get_object (json_parser_get_root (parser)), i, out);
      json_builder_end_array (out);
      root = json_builder_get_root (out);
      text = json_to_string (root, FALSE);
      g_print ("%s\n", text);
      return 0;
    }
  g_printerr ("Usage: mailauth-cases EVALUATOR < CASES\n");
  return 2;
}
