/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/*
 * What the service has to say to people: a sentence with named places, "{name} leads to {addresses}", and the values that stand there. Whoever shows it
 * looks the sentence up in a catalogue and then fills the places; unfilled it is English. On the bus (ssa{sv}): the sentence for one, for many ("" where
 * nothing is counted), and the places by name. A value is one of
 *
 *   s           text of others, which stands as it came: a name, an address, a reply. Nothing in it is ever looked up or filled
 *   t           how many there are of something; the place "n" is the one that chooses between one and many
 *   (xs)        a moment: Unix seconds, and the same in English
 *   (s)         the key of a setting, "General.Hostname", or the interface of a list
 *   (ssa{sv})   a part of the sentence, likewise
 *   a(ssa{sv})  several, with commas between them
 */
#define PB_SAID_TYPE "(ssa{sv})"

/**
 * pb_say: (transfer floating): @sentence, marked by this call's name for the catalogues, then for each place its name and its value. A sentence that is not a
 * literal here stands in N_() where it is one. The values are taken.
 */
#define pb_say(...) pb_say_places (__VA_ARGS__, NULL)
GVariant *pb_say_places (const char *sentence, ...) G_GNUC_NULL_TERMINATED;

/** pb_say_count: (transfer floating): likewise, @n choosing between @one and @many, both of which may hold it as "{n}". */
#define pb_say_count(...) pb_say_count_places (__VA_ARGS__, NULL)
GVariant *pb_say_count_places (const char *one, const char *many, guint64 n, ...) G_GNUC_NULL_TERMINATED;

/** pb_say_value: (transfer floating): @value alone, where it says all there is to say. */
GVariant *pb_say_value (GVariant *value);

/* ---- values; (transfer floating) ---- */

/** pb_say_text: @text (nullable): of any encoding. */
GVariant *pb_say_text (const char *text);
GVariant *pb_say_number (guint64 number);
/** pb_say_words: @words (nullable) of the service itself, marked for the catalogues where they are written, or put together and then English everywhere. */
GVariant *pb_say_words (const char *words);
/** pb_say_moment: @english: the same as @unix_seconds. */
GVariant *pb_say_moment (gint64 unix_seconds, const char *english);
GVariant *pb_say_setting (const char *key);
/** pb_say_list: @parts (transfer none) (element-type GVariant) of pb_say(), floating or owned; they are taken. */
GVariant *pb_say_list (GVariant *const *parts, gsize n);

/* How another language says it. All return (transfer full), but for the sentence. */
typedef struct
{
  const char *(*sentence) (const char *one, const char *many, guint64 n); /* @many: "" where nothing is counted */
  char *(*number) (guint64 number);
  char *(*moment) (gint64 unix_seconds);
  char *(*setting) (const char *key);
  const char *comma; /* between several: ", " */
} PbSayLanguage;

/**
 * pb_say_fill: @said: of PB_SAID_TYPE, or what somebody sent in its stead; @language (nullable): English.
 *
 * Returns: (transfer full) (nullable): NULL where it is no such thing. A place without a value stands as it is, "{name}"; a part deeper than a few levels is left
 * out, and what is longer than any page is cut off.
 */
char *pb_say_fill (GVariant *said, const PbSayLanguage *language);
