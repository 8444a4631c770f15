/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client's words in other languages: the tables of the contract, which xgettext has to find there,
 * sentences that hold numbers, and the program itself. The catalogues are those of the build folder;
 * the locale is made for the test, as a bare Debian has none but C, where gettext translates nothing.
 */
#include "dbus/computed.h"
#include "dbus/list-kinds.h"
#include "dbus/settings-table.h"
#include "model/config.h"
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
  g_test_add_func ("/words/program", test_program);
  status = g_test_run ();
  remove_folder (folder);
  return status;
}
