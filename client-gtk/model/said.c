/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the service says to people, in the user's language: it sends sentences with named places and the
 * values for them (dbus/say.h), here the sentence is looked up in the catalogue, which got it from the
 * service's sources, and the places are filled. A service that sends English alone, or a sentence that the
 * catalogue does not have yet, is shown in English. Called by the models that read rows. Pure.
 */
#include "model/said.h"

#include "dbus/list-kinds.h"
#include "dbus/say.h"
#include "dbus/settings-table.h"
#include "model/words.h"

#include <glib/gi18n.h>
#include <string.h>

#define MAX_WORDS 500 /* octets */

/* The empty one would be the catalogue's head. */
static const char *
sentence (const char *one, const char *many, guint64 n)
{
  const char *found;

  if (one[0] == '\0')
    return "";
  if (many[0] != '\0')
    return ngettext (one, many, (gulong) n);
  found = _ (one);
  /* An error of the system, which the C library has in its own catalogue. */
  return found == one ? g_dgettext ("libc", one) : found;
}

char *
pba_said_words (const char *english)
{
  const char *found = sentence (english, "", 0);
  const char *const between[] = { ": ", ", " };
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (GStrv) parts = NULL;
  gboolean known = FALSE;

  /* What a server replied begins with its code, and is not ours to take apart. */
  if (g_ascii_isdigit (english[0]) || strlen (english) > MAX_WORDS)
    return g_strdup (english);
  for (guint i = 0; found == english && parts == NULL && i < G_N_ELEMENTS (between); i++)
    if (strstr (english, between[i]) != NULL)
      parts = g_strsplit (english, between[i], 2 - (gint) i * 2);
  if (parts == NULL)
    return g_strdup (found);
  for (guint i = 0; parts[i] != NULL; i++)
    {
      g_autofree char *part = pba_said_words (parts[i]);

      known = known || !g_str_equal (part, parts[i]);

      g_string_append_printf (text, "%s%s", i == 0 ? "" : strstr (english, ": ") != NULL ? ": " : C_ ("several", ", "), part);
    }
  return known ? g_string_free (g_steal_pointer (&text), FALSE) : g_strdup (english);
}

static char *
moment (gint64 unix_seconds)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (unix_seconds);

  /* Translators: a day and a time within a sentence, see man 3 strftime: 14 Nov 2024, 18:05 */
  return time != NULL ? g_date_time_format (time, _ ("%-d %b %Y, %H:%M")) : g_strdup (_ ("Never"));
}

static char *
setting (const char *key)
{
  const PbSettingSpec *spec = pb_setting_lookup (key);
  PbListKind kind;

  if (spec != NULL)
    return g_strdup_printf (_ ("“%s”"), _ (spec->title));
  if (pb_list_lookup (key, &kind))
    return g_strdup_printf (_ ("“%s”"), _ (pb_list_spec (kind)->title));
  return g_strdup (key);
}

/* Whether the line begins with words, and not with what stands in a place. */
static gboolean
begins_with_words (GVariant *said)
{
  const char *one, *many;
  guint64 n = 0;
  g_autoptr (GVariant) places = NULL;

  g_variant_get (said, "(&s&s@a{sv})", &one, &many, &places);
  g_variant_lookup (places, "n", "t", &n);
  return !g_str_has_prefix (sentence (one, many, n), "{");
}

char *
pba_said_dup (GVariant *row, const char *key)
{
  const PbSayLanguage language = {
    .sentence = sentence,
    .number = pba_words_count,
    .moment = moment,
    .setting = setting,
    /* Translators: between several things that are named one after the other */
    .comma = C_ ("several", ", "),
  };
  g_autofree char *words_key = g_strconcat (key, "Words", NULL);
  g_autoptr (GVariant) said = g_variant_lookup_value (row, words_key, G_VARIANT_TYPE (PB_SAID_TYPE));
  g_autofree char *filled = pb_say_fill (said, &language);
  char *english = NULL;

  if (filled != NULL && filled[0] != '\0')
    {
      g_autofree char *bare = pba_words_bare (filled);

      return begins_with_words (said) ? pba_words_capitalize (bare) : g_steal_pointer (&bare);
    }
  return g_variant_lookup (row, key, "s", &english) ? english : g_strdup ("");
}
