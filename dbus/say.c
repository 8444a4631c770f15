/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sentences with named places, and how they are filled. Made by the service where it says something to
 * people, filled there in English for scripts and logs and by the client in the user's language: both say
 * the same. Places are filled in one pass, so that a brace or a per cent sign in a value is only text. Pure
 * but for the language's functions. What comes over the bus is checked: the type, the depth, the length.
 */
#include "dbus/say.h"

#include <stdarg.h>
#include <string.h>

#define MAX_DEPTH  4
#define MAX_OCTETS (64 * 1024)
#define MAX_PLACES 10000 /* that are looked at in all: parts within parts that say nothing multiply */

/* ---- making ---- */

static GVariant *
say (const char *one, const char *many, GVariant *n, va_list places)
{
  GVariantBuilder builder;
  const char *name;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  if (n != NULL)
    g_variant_builder_add (&builder, "{sv}", "n", n);
  while ((name = va_arg (places, const char *)) != NULL)
    g_variant_builder_add (&builder, "{sv}", name, va_arg (places, GVariant *));
  return g_variant_new ("(ss@a{sv})", one, many, g_variant_builder_end (&builder));
}

GVariant *
pb_say_places (const char *sentence, ...)
{
  va_list places;
  GVariant *said;

  va_start (places, sentence);
  said = say (sentence, "", NULL, places);
  va_end (places);
  return said;
}

GVariant *
pb_say_count_places (const char *one, const char *many, guint64 n, ...)
{
  va_list places;
  GVariant *said;

  va_start (places, n);
  said = say (one, many, g_variant_new_uint64 (n), places);
  va_end (places);
  return said;
}

GVariant *
pb_say_value (GVariant *value)
{
  return pb_say_places ("{value}", "value", value, NULL);
}

GVariant *
pb_say_text (const char *text)
{
  return g_variant_new_take_string (g_utf8_make_valid (text != NULL ? text : "", -1));
}

GVariant *
pb_say_words (const char *words)
{
  g_autofree char *valid = g_utf8_make_valid (words != NULL ? words : "", -1);

  return pb_say (valid);
}

GVariant *
pb_say_number (guint64 number)
{
  return g_variant_new_uint64 (number);
}

GVariant *
pb_say_moment (gint64 unix_seconds, const char *english)
{
  return g_variant_new ("(xs)", unix_seconds, english);
}

GVariant *
pb_say_setting (const char *key)
{
  return g_variant_new ("(s)", key);
}

GVariant *
pb_say_list (GVariant *const *parts, gsize n)
{
  return g_variant_new_array (G_VARIANT_TYPE (PB_SAID_TYPE), parts, n);
}

/* ---- filling ---- */

/* What is being filled, and in what. */
typedef struct
{
  GString *text;                 /* (unowned) */
  const PbSayLanguage *language; /* (nullable) */
  guint n_places;
} Filling;

static void fill (Filling *self, GVariant *said, guint depth);

static gboolean
is_enough (const Filling *self)
{
  return self->text->len >= MAX_OCTETS || self->n_places >= MAX_PLACES;
}

static void
fill_list (Filling *self, GVariant *parts, guint depth)
{
  for (gsize i = 0; i < g_variant_n_children (parts) && !is_enough (self); i++)
    {
      g_autoptr (GVariant) part = g_variant_get_child_value (parts, i);

      self->n_places++;
      if (i > 0)
        g_string_append (self->text, self->language != NULL ? self->language->comma : ", ");
      fill (self, part, depth);
    }
}

static char *
number_text (guint64 number, const PbSayLanguage *language)
{
  return language != NULL ? language->number (number)
                          : g_strdup_printf ("%" G_GUINT64_FORMAT, number);
}

static char *
moment_text (GVariant *value, const PbSayLanguage *language)
{
  const char *english;
  gint64 seconds;

  g_variant_get (value, "(x&s)", &seconds, &english);
  return language != NULL ? language->moment (seconds) : g_strdup (english);
}

static char *
setting_text (GVariant *value, const PbSayLanguage *language)
{
  const char *key;

  g_variant_get (value, "(&s)", &key);
  return language != NULL ? language->setting (key) : g_strdup (key);
}

static void
fill_value (Filling *self, GVariant *value, guint depth)
{
  const PbSayLanguage *language = self->language;
  g_autofree char *words = NULL;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    words = g_variant_dup_string (value, NULL);
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    words = number_text (g_variant_get_uint64 (value), language);
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE ("(xs)")))
    words = moment_text (value, language);
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE ("(s)")))
    words = setting_text (value, language);
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE ("a" PB_SAID_TYPE)))
    fill_list (self, value, depth + 1);
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE (PB_SAID_TYPE)))
    fill (self, value, depth + 1);
  if (words != NULL)
    g_string_append (self->text, words);
}

/* The value of the place "{name}" that @at begins with; NULL where it is none. */
static GVariant *
find_place (const char *at, GVariant *places, gsize *length)
{
  gsize name = 1;
  g_autofree char *key = NULL;

  while (g_ascii_islower (at[name]) || at[name] == '-')
    name++;
  if (at[0] != '{' || name == 1 || at[name] != '}')
    return NULL;
  key = g_strndup (at + 1, name - 1);
  *length = name + 1;
  return g_variant_lookup_value (places, key, NULL);
}

static const char *
choose (const char *one, const char *many, guint64 n, const PbSayLanguage *language)
{
  if (one[0] == '\0')
    return "";
  if (language != NULL)
    return language->sentence (one, many, n);
  return many[0] != '\0' && n != 1 ? many : one;
}

static void
fill (Filling *self, GVariant *said, guint depth)
{
  g_autoptr (GVariant) places = NULL;
  const char *one, *many, *at;
  guint64 n = 0;

  if (depth > MAX_DEPTH)
    return;
  g_variant_get (said, "(&s&s@a{sv})", &one, &many, &places);
  g_variant_lookup (places, "n", "t", &n);
  for (at = choose (one, many, n, self->language); *at != '\0' && !is_enough (self);)
    {
      gsize length = 1;
      g_autoptr (GVariant) value = find_place (at, places, &length);

      self->n_places += *at == '{';
      if (value != NULL)
        fill_value (self, value, depth);
      else
        g_string_append_len (self->text, at, length = 1);
      at += length;
    }
}

char *
pb_say_fill (GVariant *said, const PbSayLanguage *language)
{
  g_autoptr (GString) text = NULL;
  Filling filling = { .language = language };

  if (said == NULL || !g_variant_is_of_type (said, G_VARIANT_TYPE (PB_SAID_TYPE)))
    return NULL;
  text = g_string_new (NULL);
  filling.text = text;
  fill (&filling, said, 0);
  if (text->len > MAX_OCTETS)
    g_string_truncate (text, MAX_OCTETS);
  /* A letter may have been cut in two. */
  return g_utf8_make_valid (text->str, (gssize) text->len);
}
