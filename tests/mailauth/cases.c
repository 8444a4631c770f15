/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs an evaluator over cases written as JSON, for suites that keep theirs in other forms:
 *
 *     mailauth-cases spf < CASES
 *
 * CASES: {"zones": [zone, ...], "cases": [{"zone": index, ...}, ...]} with a zone as in zone.h. Prints a JSON array,
 * one object a case.
 */
#include "mailauth/spf.h"
#include "tests/mailauth/zone.h"

#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <string.h>
#include <unistd.h>

static const char *
text_of (JsonObject *object, const char *name)
{
  return json_object_get_string_member_with_default (object, name, "");
}

static void
on_spf (const PbSpfOutcome *outcome, gpointer user_data)
{
  JsonBuilder *out = user_data;

  json_builder_set_member_name (out, "result");
  json_builder_add_string_value (out, pb_spf_result_name (outcome->result));
  json_builder_set_member_name (out, "explanation");
  json_builder_add_string_value (out, outcome->explanation);
  json_builder_set_member_name (out, "problem");
  json_builder_add_string_value (out, outcome->problem);
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

static const struct
{
  const char *name;
  void (*run) (JsonObject *one, Zone *zone, JsonBuilder *out);
} evaluators[] = {
  { "spf", run_spf },
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
