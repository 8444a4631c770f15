/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sentences with places: each kind of value, in English and in another tongue; what others put into values or send in a sentence's stead. */
#include "dbus/say.h"

#include <string.h>

static void
says (GVariant *said, const PbSayLanguage *language, const char *wanted)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (said);
  g_autofree char *text = pb_say_fill (owned, language);

  g_assert_cmpstr (text, ==, wanted);
}

static void
test_english (void)
{
  GVariant *parts[] = { pb_say ("{a} says no", "a", pb_say_text ("192.0.2.1")), pb_say ("nobody") };

  says (pb_say ("nothing is the matter"), NULL, "nothing is the matter");
  says (pb_say ("{name} leads to {address}, {name}", "name", pb_say_text ("a.example"), "address", pb_say_text ("::1")),
        NULL, "a.example leads to ::1, a.example");
  says (pb_say_count ("{n} hour", "{n} hours", 1), NULL, "1 hour");
  says (pb_say_count ("{n} hour", "{n} hours", 0), NULL, "0 hours");
  says (pb_say_count ("{n} of {all} hour", "{n} of {all} hours", 7000, "all", pb_say_number (8000)), NULL,
        "7000 of 8000 hours");
  says (pb_say ("ends on {date}", "date", pb_say_moment (0, "Thu, 1 Jan 1970")), NULL, "ends on Thu, 1 Jan 1970");
  says (pb_say ("Set {setting}.", "setting", pb_say_setting ("General.Hostname")), NULL, "Set General.Hostname.");
  says (pb_say_value (pb_say_list (parts, G_N_ELEMENTS (parts))), NULL, "192.0.2.1 says no, nobody");
  says (pb_say_value (pb_say_list (NULL, 0)), NULL, "");
  says (pb_say ("{what}: {why}", "what", pb_say ("{host} fell", "host", pb_say_text ("h")), "why", pb_say_words ("age")),
        NULL, "h fell: age");
}

static const char *
mirror (const char *one, const char *many, guint64 n)
{
  if (g_str_equal (one, "{n} hour"))
    return n == 2 ? "{n} Stunden" : "viele {n}";
  if (g_str_equal (one, "{name} leads to {address}"))
    return "{address} kommt von {name}";
  return g_str_equal (one, "age") ? "Alter" : one;
}

static char *
dotted (guint64 number)
{
  return g_strdup_printf ("%" G_GUINT64_FORMAT ".", number);
}

static char *
day (gint64 seconds)
{
  return g_strdup_printf ("Tag %" G_GINT64_FORMAT, seconds / 86400);
}

static char *
title (const char *key)
{
  return g_strconcat ("„", key, "“", NULL);
}

static const PbSayLanguage other = { mirror, dotted, day, title, "、" };

/* Words of the service are looked up at every depth; the values of others never. */
static void
test_other_language (void)
{
  GVariant *parts[] = { pb_say_words ("age"), pb_say ("unknown {x}", "x", pb_say_text ("age")) };

  says (pb_say_count ("{n} hour", "{n} hours", 2), &other, "2. Stunden");
  says (pb_say ("{name} leads to {address}", "name", pb_say_text ("{address}"), "address", pb_say_text ("%s%n {name}")),
        &other, "%s%n {name} kommt von {address}");
  says (pb_say_value (pb_say_list (parts, G_N_ELEMENTS (parts))), &other, "Alter、unknown age");
  says (pb_say ("{d}: {s}", "d", pb_say_moment (86400, "x"), "s", pb_say_setting ("A.B")), &other, "Tag 1: „A.B“");
  /* The empty sentence is no key of a catalogue. */
  says (pb_say_words (""), &other, "");
  says (pb_say_words (NULL), &other, "");
}

/* Bytes that are no text, places that are not there, braces that are none. */
static void
test_odd_places (void)
{
  says (pb_say ("{a} {b}", "a", pb_say_text ("\xff!")), NULL, "\xef\xbf\xbd! {b}");
  says (pb_say ("{} {A} {a b} { {{a}} {a", "a", pb_say_text ("x")), NULL, "{} {A} {a b} { {x} {a");
  says (pb_say ("{a}", "a", pb_say_text (NULL)), NULL, "");
  says (pb_say_words ("broken \xc3"), NULL, "broken \xef\xbf\xbd");
  says (pb_say ("{a}", "a", g_variant_new_boolean (TRUE)), NULL, "");
}

static void
test_what_others_send (void)
{
  static const char *const texts[] = { "'text'", "('a', 'b')", "('a', '', {'x': 'y'})", "[('a', '', @a{sv} {})]" };
  GVariant *deep = pb_say ("end");
  g_autofree char *much = g_strnfill (40000, 'x');
  g_autofree char *filled = NULL;
  g_autoptr (GVariant) twice = NULL;

  g_assert_null (pb_say_fill (NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) value = g_variant_parse (NULL, texts[i], NULL, NULL, NULL);

      g_assert_nonnull (value);
      g_assert_null (pb_say_fill (value, NULL));
    }
  for (guint i = 0; i < 60; i++)
    deep = pb_say (".{a}", "a", deep);
  says (deep, NULL, ".....");
  twice = g_variant_ref_sink (pb_say ("{a}{a}{a}{a}", "a", pb_say_text (much)));
  filled = pb_say_fill (twice, NULL);
  g_assert_cmpuint (strlen (filled), <=, 64 * 1024);
  g_assert_true (g_utf8_validate (filled, -1, NULL));
}

/* Parts within parts that say nothing: without a bound it would be 4000 to the fourth. */
static void
test_many_that_say_nothing (void)
{
  g_autoptr (GString) sentence = g_string_new (NULL);
  GVariant *said = pb_say_words ("");

  for (guint i = 0; i < 4000; i++)
    g_string_append (sentence, "{a}");
  for (guint i = 0; i < 5; i++)
    said = pb_say_places (sentence->str, "a", said, NULL);
  says (said, NULL, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/say/english", test_english);
  g_test_add_func ("/say/other-language", test_other_language);
  g_test_add_func ("/say/odd-places", test_odd_places);
  g_test_add_func ("/say/what-others-send", test_what_others_send);
  g_test_add_func ("/say/many-that-say-nothing", test_many_that_say_nothing);
  return g_test_run ();
}
