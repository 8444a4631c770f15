/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A password that was handed over is nowhere in this process's memory any more. AddressSanitizer keeps
 * freed memory as it was, so that there is nothing to see in a build with it.
 */
#include "relay-bed.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NEEDLE_LENGTH 36

/* How often @text lies in this process's writable memory. */
static guint
count_in_memory (const char *text, gsize length)
{
  g_autofree char *maps = NULL;
  g_auto (GStrv) lines = NULL;
  int memory = open ("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  guint n = 0;

  g_assert_cmpint (memory, >=, 0);
  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  lines = g_strsplit (maps, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      guint64 from, to;
      char rights[5] = "";

      if (sscanf (lines[i], "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x %4s", &from, &to,
                  rights)
            != 3
          || rights[1] != 'w')
        continue;
      for (guint64 at = from; at < to; at += 65536)
        {
          /* Static, so that what was read is not found in turn: it is cleared at once. */
          static char page[65536 + 256];
          gssize got = pread (memory, page, MIN (sizeof page, to - at), (goffset) at);

          for (char *p = page; got > 0 && (p = memmem (p, page + got - p, text, length)) != NULL;
               p++)
            n += (gpointer) (p - page + at) != (gpointer) text && p - page < 65536;
          explicit_bzero (page, sizeof page);
        }
    }
  close (memory);
  return n;
}

static gboolean
is_wiped (gpointer user_data)
{
  return count_in_memory (user_data, NEEDLE_LENGTH) == 0;
}

static void
test_wiped (Relay *relay, gconstpointer mode)
{
  g_autofree char *uuid = g_uuid_string_random ();
  char needle[NEEDLE_LENGTH + 1];
  guint tick;

  relay_edit (relay);
  relay_apply_well (relay);
  pba_relay_password_set_pending (relay->password, uuid);
  memcpy (needle, uuid, sizeof needle);
  explicit_bzero (uuid, strlen (uuid));
  g_assert_false (is_wiped (needle));
  relay_apply_well (relay);
  relay_wait_for (relay, PBA_PASSWORD_PRESENT, FALSE);
  /* The last of it goes when our signal to ourselves comes. */
  tick = relay_tick ();
  bed_wait (is_wiped, needle, "the memory to be wiped");
  g_source_remove (tick);
}

typedef struct
{
  Relay *relay;
  char *password;
  guint said;
} Answer;

static void
on_said (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
         const char *name, GVariant *parameters, gpointer user_data)
{
  g_variant_get (parameters, "(u)", &((Answer *) user_data)->said);
}

/* Whenever the question comes. */
static gboolean
is_said (gpointer user_data)
{
  Answer *answer = user_data;

  pba_secret_agent_answer (pba_server_get_secret_agent (answer->relay->server), answer->password);
  return answer->said > 0;
}

/* What was typed for the service that asked for it. */
static void
test_answer_wiped (Relay *relay, gconstpointer mode)
{
  g_autofree char *uuid = g_uuid_string_random ();
  Answer answer = { relay, uuid, 0 };
  guint subscription =
    g_dbus_connection_signal_subscribe (relay->bed.other, NULL, "org.postbus.Test", "Said", NULL,
                                        NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_said, &answer, NULL);
  char needle[NEEDLE_LENGTH + 1];
  guint tick = relay_tick ();

  pba_secret_agent_register (pba_server_get_secret_agent (relay->server));
  bed_wait (is_said, &answer, "the service to be told");
  g_assert_cmpuint (answer.said, ==, NEEDLE_LENGTH);
  memcpy (needle, uuid, sizeof needle);
  g_assert_false (is_wiped (needle));
  explicit_bzero (uuid, strlen (uuid));
  bed_wait (is_wiped, needle, "the memory to be wiped");
  g_source_remove (tick);
  g_dbus_connection_signal_unsubscribe (relay->bed.other, subscription);
}

int
main (int argc, char **argv)
{
  int failed;

  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
#ifdef __SANITIZE_ADDRESS__
  g_print ("1..0 # SKIP AddressSanitizer keeps freed memory\n");
  return 0;
#endif
  relay_session_up ();
  RELAY_TEST ("/client/wiped", test_wiped);
  g_test_add ("/client/answer-wiped", Relay, "--asking", relay_up, test_answer_wiped, relay_down);
  failed = g_test_run ();
  relay_session_down ();
  return failed;
}
