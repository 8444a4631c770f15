/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client's words in other languages: the tables of the contract, which xgettext has to find there,
 * sentences that hold numbers, and the program itself. The catalogues are those of the build folder;
 * the locale is made for the test, as a bare Debian has none but C, where gettext translates nothing.
 */
#include "dbus/computed.h"
#include "dbus/list-kinds.h"
#include "dbus/say.h"
#include "dbus/settings-table.h"
#include "model/config.h"
#include "model/said.h"
#include "model/words.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <locale.h>

static const char *const languages[] = { "de", "es", "fr", "ja", "zh_CN", "zh_TW" };

static void
speak (const char *language)
{
  g_setenv ("LANGUAGE", language, TRUE);
  /* The C library looks at LANGUAGE anew when a domain is bound elsewhere. */
  bindtextdomain (GETTEXT_PACKAGE, "/");
  bindtextdomain (GETTEXT_PACKAGE, g_getenv ("POSTBUS_ADMIN_LOCALEDIR"));
}

/* What has no translation is given back as the very pointer. */
static void
translated (const char *language, const char *text)
{
  if (text != NULL && text[0] != '\0' && gettext (text) == text)
    g_test_message ("%s: no translation: %s", language, text);
  g_assert_true (text == NULL || text[0] == '\0' || gettext (text) != text);
}

static void
test_tables (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (languages); i++)
    {
      speak (languages[i]);
      for (guint id = 0; id < PB_N_SETTINGS; id++)
        {
          translated (languages[i], pb_setting_spec (id)->title);
          translated (languages[i], pb_setting_spec (id)->group);
          translated (languages[i], pb_setting_spec (id)->help);
        }
      for (guint id = 0; id < PB_N_COMPUTED; id++)
        {
          translated (languages[i], pb_computed_spec (id)->title);
          translated (languages[i], pb_computed_spec (id)->group);
          translated (languages[i], pb_computed_spec (id)->help);
        }
      for (guint kind = 0; kind < PB_N_LISTS; kind++)
        {
          translated (languages[i], pb_list_spec (kind)->title);
          translated (languages[i], pb_list_spec (kind)->help);
          for (guint j = 0; j < pb_list_spec (kind)->n_columns; j++)
            {
              translated (languages[i], pb_list_spec (kind)->columns[j].title);
              translated (languages[i], pb_list_spec (kind)->columns[j].help);
            }
        }
      for (guint check = 0; check < PB_N_CHECKS; check++)
        translated (languages[i], pb_check (check, "\n"));
    }
}

static void
is (char *words, const char *wanted)
{
  g_assert_cmpstr (words, ==, wanted);
  g_free (words);
}

static void
test_sentences (void)
{
  speak ("de");
  is (pba_words_problem ("General.MaxHops: must be between 5 and 255"),
      "Muss zwischen 5 und 255 liegen");
  is (pba_words_problem ("Dns.Servers: entry 3 must not be empty"),
      "Eintrag 3 darf nicht leer sein");
  is (pba_words_problem ("Dns.Servers: must have at most 1 entries"),
      "Darf höchstens 1 Eintrag haben");
  is (pba_words_problem ("Dns.Servers: must have at most 1000 entries"),
      "Darf höchstens 1000 Einträge haben");
  is (pba_words_choice ("SenderPolicy.RejectNonFqdnSender", "enforce"), "Durchsetzen");
  is (pba_words_choice ("Delivery.RelayTls", "off"), "Aus");
  is (pba_words_duration (86400), "1 Tag");
  is (pba_words_duration (3 * 86400), "3 Tage");
  g_assert_cmpstr (pba_words_unit ("days"), ==, "Tage");
  /* One sentence stands without its full stop. */
  is (pba_words_help ("A larger message is refused."), "Eine größere Nachricht wird abgewiesen");
  speak ("ja");
  is (pba_words_help ("A larger message is refused."), "これより大きいメッセージは拒否されます");
  speak ("fr");
  is (pba_words_duration (0), "0 s");
}

/* @said as a row has it, beside @english. */
static void
said_is (GVariant *said, const char *english, const char *wanted)
{
  GVariantDict dict;
  g_autoptr (GVariant) row = NULL;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "Evidence", "s", english);
  if (said != NULL)
    g_variant_dict_insert_value (&dict, "EvidenceWords", said);
  row = g_variant_ref_sink (g_variant_dict_end (&dict));
  is (pba_said_dup (row, "Evidence"), wanted);
}

/* Sentences of the service: known, counted, with parts, unknown, missing, and none at all. */
static void
test_said (void)
{
  GVariant *parts[] = { pb_say_words ("no answer"), pb_say_words ("connection refused") };

  speak ("de");
  said_is (pb_say_places ("{host} leads to {addresses}", "host", pb_say_text ("a.example"), "addresses",
                          pb_say_text ("there is no DMARC record"), NULL),
           "", "a.example führt zu there is no DMARC record");
  said_is (pb_say_words ("there is no DMARC record"), "", "Es gibt keinen DMARC-Eintrag");
  said_is (pb_say_words ("Publish this record."), "", "Diesen Eintrag veröffentlichen");
  said_is (pb_say_count_places ("no answer within {n} second", "no answer within {n} seconds", 1, NULL), "",
           "Keine Antwort innerhalb von 1 Sekunde");
  said_is (pb_say_count_places ("no answer within {n} second", "no answer within {n} seconds", 20, NULL), "",
           "Keine Antwort innerhalb von 20 Sekunden");
  said_is (pb_say_places ("Set {setting} to this server’s name in a domain of yours.", "setting",
                          pb_say_setting ("General.Hostname"), NULL),
           "", "„Rechnername (FQDN)“ auf den Namen dieses Servers in einer eigenen Domain setzen");
  said_is (pb_say_value (pb_say_list (parts, G_N_ELEMENTS (parts))), "", "keine Antwort, Verbindung abgelehnt");
  said_is (pb_say_places ("{x} was never %s before.", "x", pb_say_text ("%n"), NULL), "", "%n was never %s before");
  said_is (NULL, "said in English alone", "said in English alone");
  said_is (pb_say_words (""), "said in English alone", "said in English alone");
  said_is (g_variant_new_string ("no sentence"), "said in English alone", "said in English alone");
  is (pba_said_words ("connecting to clamd: certificate not verified, no answer"),
      "Verbindung zu clamd: Zertifikat nicht geprüft, keine Antwort");
  is (pba_said_words ("250 2.1.5 no answer, no answer"), "250 2.1.5 no answer, no answer");
  is (pba_said_words (""), "");
  is (pba_said_words ("one of a, b"), "one of a, b");
  is (pba_words_problem ("Tls.Import: chain: holds no certificate in PEM form"),
      "Zertifikatskette: enthält kein Zertifikat im PEM-Format");
  speak ("ja");
  said_is (pb_say_places ("the list {trouble}", "trouble", pb_say_words ("does not answer"), NULL), "",
           "このリストは応答しません");
}

/* The program binds its domain itself. Its help needs no screen. */
static void
test_program (void)
{
  static const char *const wanted[] = { "Version ausgeben und beenden",
                                        "Mostrar la versión y salir",
                                        "Afficher la version et quitter",
                                        "バージョンを表示して終了する",
                                        "显示版本并退出",
                                        "顯示版本並離開" };

  for (guint i = 0; i < G_N_ELEMENTS (languages); i++)
    {
      const char *argv[] = { g_getenv ("POSTBUS_ADMIN"), "--help", NULL };
      g_autofree char *text = NULL;
      g_autoptr (GError) error = NULL;

      g_setenv ("LANGUAGE", languages[i], TRUE);
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &text, NULL, NULL,
                    &error);
      g_assert_no_error (error);
      g_assert_nonnull (strstr (text, wanted[i]));
    }
}

/* Makes the German locale in @folder and begins to use it. */
static void
use_locale (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "de_DE.UTF-8", NULL);
  const char *argv[] = { "localedef", "-i", "de_DE", "-f", "UTF-8", path, NULL };
  g_autoptr (GError) error = NULL;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
                &error);
  g_assert_no_error (error);
  g_setenv ("LOCPATH", folder, TRUE);
  g_setenv ("LC_ALL", "de_DE.UTF-8", TRUE);
  if (setlocale (LC_ALL, "") == NULL)
    g_error ("localedef made no locale de_DE: is the package locales installed?");
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
}

static void
remove_folder (const char *folder)
{
  const char *argv[] = { "rm", "-r", folder, NULL };

  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                               NULL, NULL, NULL));
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = g_dir_make_tmp ("postbus-words-XXXXXX", NULL);
  int status;

  g_test_init (&argc, &argv, NULL);
  use_locale (folder);
  g_test_add_func ("/words/tables", test_tables);
  g_test_add_func ("/words/sentences", test_sentences);
  g_test_add_func ("/words/said", test_said);
  g_test_add_func ("/words/program", test_program);
  status = g_test_run ();
  remove_folder (folder);
  return status;
}
