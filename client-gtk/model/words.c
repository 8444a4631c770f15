/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The contract's and the service's words in the user's language. The contract speaks English on the
 * bus, for busctl and logs; the client translates the very same strings, which xgettext collects from
 * dbus/ (po/POTFILES.in), and takes apart the few that hold numbers. Called by models and widgets. Pure
 * functions; what has no translation comes back as it is.
 */
#include "model/words.h"

#include "dbus/errors.h"
#include "model/said.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

/* A first letter to stand at the head of a line. Scripts without case stay as they are. */
char *
pba_words_capitalize (const char *text)
{
  char first[7] = "";

  if (text[0] == '\0')
    return g_strdup (text);
  first[g_unichar_to_utf8 (g_unichar_toupper (g_utf8_get_char (text)), first)] = '\0';
  return g_strconcat (first, g_utf8_next_char (text), NULL);
}

/* "General.MaxHops" or "TrustedList[id].Network", up to its colon; NULL when @message begins with no place. */
static const char *
skip_place (const char *message)
{
  const char *p = message;

  if (!g_ascii_isupper (*p))
    return NULL;
  while (g_ascii_isalnum (*p) || strchr ("-.[]", *p) != NULL)
    {
      if (*p == '\0')
        return NULL;
      p++;
    }
  return g_str_has_prefix (p, ": ") && memchr (message, '.', p - message) != NULL ? p + 2 : NULL;
}

/* Sentences of the contract that hold numbers; the rest is looked up whole. */
static char *
translate_problem (const char *words)
{
  guint first, second;
  int end = 0;

  if (sscanf (words, "entry %u %n", &first, &end) == 1 && end > 0)
    {
      g_autofree char *rest = translate_problem (words + end);

      /* Translators: the %u-th of several entries; %s is such as “must not be empty” */
      return g_strdup_printf (_ ("entry %u %s"), first, rest);
    }
  if (sscanf (words, "must be between %u and %u%n", &first, &second, &end) == 2
      && words[end] == '\0')
    return g_strdup_printf (_ ("must be between %u and %u"), first, second);
  end = 0;
  if (sscanf (words, "must have at most %u entries%n", &first, &end) == 1 && end > 0)
    return g_strdup_printf (ngettext ("must have at most %u entry", "must have at most %u entries",
                                      first),
                            first);
  if (g_str_equal (words, "must not be empty"))
    return g_strdup (_ ("must not be empty"));
  if (g_str_equal (words, "must be valid UTF-8"))
    return g_strdup (_ ("must be valid UTF-8"));
  if (g_str_has_prefix (words, "must be one of ") && strchr (words, '+') == NULL)
    /* Translators: %s are words separated by commas */
    return g_strdup_printf (_ ("must be one of %s"), words + strlen ("must be one of "));
  return pba_said_words (words);
}

char *
pba_words_problem (const char *message)
{
  const char *words = skip_place (message);
  g_autofree char *translated = translate_problem (words != NULL ? words : message);

  return pba_words_capitalize (translated);
}

static const struct
{
  PbError code;
  const char *sentence;
} sentences[] = {
  { PB_ERROR_CONFLICT, N_ ("The settings were changed elsewhere in the meantime") },
  { PB_ERROR_NOT_FOUND, N_ ("It is no longer there: it was removed elsewhere") },
  { PB_ERROR_NOT_AUTHORIZED, N_ ("You may not do this. Ask an administrator of the server") },
  { PB_ERROR_STORE_FAILED, N_ ("The server cannot write to its disk. Look into its journal") },
  { PB_ERROR_BUSY, N_ ("The server is busy with another change. Try again in a moment") },
};

char *
pba_words_error (const GError *error)
{
  g_autoptr (GError) stripped = g_error_copy (error);

  g_dbus_error_strip_remote_error (stripped);
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)
      || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return g_strdup (
      _ ("The connection broke before the server answered. Nothing is lost, try again"));
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
      || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE))
    return g_strdup (_ ("This server cannot do it yet. Update Postbus there"));
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED)
      || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_AUTH_FAILED))
    return g_strdup (_ ("You may not do this. Ask an administrator of the server"));
  for (guint i = 0; error->domain == PB_ERROR && i < G_N_ELEMENTS (sentences); i++)
    if ((int) sentences[i].code == error->code)
      return g_strdup (_ (sentences[i].sentence));
  return pba_words_problem (stripped->message);
}

char *
pba_error_dup_place (const GError *error)
{
  const char *words = error->domain == PB_ERROR ? skip_place (error->message) : NULL;

  return words != NULL ? g_strndup (error->message, words - 2 - error->message) : NULL;
}

char *
pba_error_dup_column (const GError *error)
{
  g_autofree char *place = pba_error_dup_place (error);
  const char *column = place != NULL ? strstr (place, "].") : NULL;

  return column != NULL ? g_strdup (column + 2) : NULL;
}

/* Titles of bus words. The first row that fits counts: of one setting, then of any. */
static const struct
{
  const char *name; /* (nullable): the last part of the key */
  const char *choice, *title;
} choices[] = {
  { NULL, "off", NC_ ("choice", "Off") },
  { NULL, "watch", NC_ ("choice", "Watch") },
  { NULL, "enforce", NC_ ("choice", "Enforce") },
  { "Mode", "direct", N_ ("Send emails directly from this server") },
  { "Mode", "relay", N_ ("All mails are sent through a single relay host") },
  { NULL, "opportunistic", N_ ("When offered") },
  { NULL, "starttls", N_ ("Yes") },
  { NULL, "implicit", N_ ("TLS on connect") },
  { NULL, "auto", N_ ("Verify with a login") },
  { NULL, "verify", N_ ("Must be valid") },
  { NULL, "none", N_ ("Not checked") },
  { NULL, "fingerprint", N_ ("By fingerprint") },
  { NULL, "system", N_ ("Sealed on the server") },
  { NULL, "agent", N_ ("In a client's keyring") },
  { NULL, "ask", N_ ("Nowhere, ask each time") },
  { "OnInfected", "reject", N_ ("Reject it") },
  { "OnInfected", "discard", N_ ("Discard it") },
  { "OnInfected", "quarantine", N_ ("Put it in quarantine") },
  { "OnFailure", "defer", N_ ("Try again later") },
  { "OnFailure", "accept", N_ ("Accept it unscanned") },
  { NULL, "reject", N_ ("Reject it") },
  { NULL, "discard", N_ ("Discard it") },
  { NULL, "normalize", N_ ("Put them right") },
  { NULL, "maildir", N_ ("Maildir folders") },
  { NULL, "lmtp", N_ ("Another program, by LMTP") },
  { NULL, "internal", N_ ("Accounts of this server") },
  { NULL, "pam", N_ ("Users of the system") },
  { NULL, "both", N_ ("Both") },
  { NULL, "recipient", N_ ("Recipient") },
  { NULL, "sender", N_ ("Sender") },
  { NULL, "ip", N_ ("IP") },
  { NULL, "network", N_ ("IP/subnet mask") },
  { NULL, "domain", N_ ("Domain") },
  { NULL, "blacklist", N_ ("Blacklist") },
  { NULL, "whitelist", N_ ("Whitelist") },
  { NULL, "dnsbl", N_ ("DNSBL") },
  { NULL, "spf", N_ ("SPF") },
  { NULL, "antivirus", N_ ("Antivirus") },
  { NULL, "dkim", N_ ("DKIM") },
  { NULL, "dmarc", N_ ("DMARC") },
  { NULL, "1.2", N_ ("TLS 1.2") },
  { NULL, "1.3", N_ ("TLS 1.3") },
};

char *
pba_words_choice (const char *key, const char *choice)
{
  const char *dot = key != NULL ? strrchr (key, '.') : NULL;
  const char *name = dot != NULL ? dot + 1 : key;

  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    if (g_str_equal (choices[i].choice, choice)
        && (choices[i].name == NULL || g_strcmp0 (choices[i].name, name) == 0))
      return g_strdup (i < 3 ? g_dpgettext2 (NULL, "choice", choices[i].title)
                             : _ (choices[i].title));
  return pba_words_capitalize (choice);
}

char *
pba_words_value (const char *key, const char *const *choice_words, GVariant *value)
{
  gsize n;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    return g_strdup (g_variant_get_boolean (value) ? _ ("On")
                                                   : g_dpgettext2 (NULL, "choice", "Off"));
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32))
    return g_strdup_printf ("%u", g_variant_get_uint32 (value));
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    {
      const char *text = g_variant_get_string (value, NULL);

      if (choice_words != NULL)
        return pba_words_choice (key, text);
      /* Translators: quotation marks around what a text setting was */
      return text[0] != '\0' ? g_strdup_printf (_ ("“%s”"), text) : g_strdup (_ ("empty"));
    }
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    return g_variant_print (value, FALSE);
  n = g_variant_n_children (value);
  if (n == 0)
    return g_strdup (_ ("empty"));
  return g_strdup_printf (ngettext ("%u entry", "%u entries", (guint) n), (guint) n);
}

char *
pba_words_bare (const char *translated)
{
  gsize length = strlen (translated);
  gboolean ideographic = g_str_has_suffix (translated, "。");
  gsize stop = ideographic ? strlen ("。") : g_str_has_suffix (translated, ".") ? 1 : 0;
  g_autofree char *bare = g_strndup (translated, length - stop);

  /* One sentence stands without its full stop, two keep theirs. */
  if (stop == 0 || strstr (bare, ". ") != NULL || strstr (bare, "。") != NULL)
    return g_strdup (translated);
  return g_steal_pointer (&bare);
}

char *
pba_words_help (const char *help)
{
  return pba_words_bare (help[0] != '\0' ? _ (help) : "");
}

const char *
pba_words_unit (const char *unit)
{
  static const char *const units[][2] = {
    /* Translators: the sign of seconds */
    { "seconds", NC_ ("unit", "s") },
    { "days", NC_ ("unit", "days") },
    { "MiB", NC_ ("unit", "MB") },
  };

  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    if (g_str_equal (units[i][0], unit))
      return g_dpgettext2 (NULL, "unit", units[i][1]);
  return unit;
}

static char *
duration_part (guint step, guint n)
{
  switch (step)
    {
    case 0:
      return g_strdup_printf (ngettext ("%u day", "%u days", n), n);
    case 1:
      return g_strdup_printf (ngettext ("%u h", "%u h", n), n);
    case 2:
      return g_strdup_printf (ngettext ("%u min", "%u min", n), n);
    default:
      return g_strdup_printf (ngettext ("%u s", "%u s", n), n);
    }
}

char *
pba_words_duration (guint64 seconds)
{
  static const guint steps[] = { 86400, 3600, 60, 1 };
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0, parts = 0; i < G_N_ELEMENTS (steps) && parts < 2; i++)
    {
      guint n = seconds / steps[i];
      g_autofree char *part = n > 0 ? duration_part (i, n) : NULL;

      if (n == 0)
        continue;
      if (text->len > 0)
        g_string_append_c (text, ' ');
      g_string_append (text, part);
      seconds %= steps[i];
      parts++;
    }
  if (text->len == 0)
    return duration_part (G_N_ELEMENTS (steps) - 1, 0);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
near_time (gint64 distance)
{
  guint minutes = ABS (distance) / 60;

  if (minutes == 0)
    return g_strdup (distance > 0 ? _ ("in a moment") : _ ("just now"));
  if (distance > 0)
    return g_strdup_printf (ngettext ("in %u min", "in %u min", minutes), minutes);
  return g_strdup_printf (ngettext ("%u min ago", "%u min ago", minutes), minutes);
}

char *
pba_words_time (gint64 unix_seconds)
{
  g_autoptr (GDateTime) then = g_date_time_new_from_unix_local (unix_seconds);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  gint64 distance;
  guint32 today, that_day;
  GDate date;

  if (unix_seconds == 0 || then == NULL)
    return g_strdup (_ ("Never"));
  distance = unix_seconds - g_date_time_to_unix (now);
  if (ABS (distance) < 3600)
    return near_time (distance);
  g_date_set_dmy (&date, g_date_time_get_day_of_month (now), g_date_time_get_month (now),
                  g_date_time_get_year (now));
  today = g_date_get_julian (&date);
  g_date_set_dmy (&date, g_date_time_get_day_of_month (then), g_date_time_get_month (then),
                  g_date_time_get_year (then));
  that_day = g_date_get_julian (&date);
  if (that_day == today)
    return g_date_time_format (then, "%H:%M");
  if (that_day + 1 == today)
    return g_strdup (_ ("Yesterday"));
  if (that_day == today + 1)
    return g_strdup (_ ("Tomorrow"));
  if (that_day < today && today - that_day < 7)
    return g_date_time_format (then, "%A");
  if (g_date_time_get_year (then) == g_date_time_get_year (now))
    /* Translators: a day of this year, see man 3 strftime: 14 Nov */
    return g_date_time_format (then, _ ("%-d %b"));
  /* Translators: a day of another year: 14 Nov 2024 */
  return g_date_time_format (then, _ ("%-d %b %Y"));
}

char *
pba_words_count (guint64 count)
{
  return g_strdup_printf ("%'" G_GUINT64_FORMAT, count);
}

char *
pba_words_size (guint64 octets)
{
  return g_format_size (octets);
}
