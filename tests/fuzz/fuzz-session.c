/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A whole session: the input is what a client sends, in one piece, before it closes its side. The
 * first octet chooses who the client is. Whatever comes, every line that the server says is a reply,
 * the session ends, and no octet of the memory budget stays behind.
 */
#include "tests/session/rig.h"

#include "util/log.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static Rig *rig; /* (owned) one for all inputs */

static void
on_exit_free (void)
{
  rig_free (rig);
}

static void
start (void)
{
  PbSnapshotBuilder *builder = rig_builder ();
  PbSettingValues *values = pb_snapshot_builder_values (builder);

  g_free (values->advanced_reject_unauthorized_pipelining);
  values->advanced_reject_unauthorized_pipelining = g_strdup ("off");
  values->general_max_recipients = 4;
  values->general_max_message_size = 1;
  rig = rig_new (builder);
  rig->wiring.second = 0;
  rig_start (rig);
  rig_set_submit (rig, RIG_SUBMIT_FORGET, 0);
  pb_log_set_threshold (PB_LOG_ERROR);
  atexit (on_exit_free);
}

static void
check_replies (const char *heard)
{
  const char *end;

  for (; *heard != '\0'; heard = end + 2)
    {
      end = strstr (heard, "\r\n");
      g_assert_nonnull (end);
      g_assert_cmpint (end - heard, >=, 4);
      g_assert_cmpint (end - heard, <=, 510);
      g_assert_true (heard[0] >= '2' && heard[0] <= '5');
      g_assert_true (g_ascii_isdigit (heard[1]) && g_ascii_isdigit (heard[2]));
      g_assert_true (heard[3] == ' ' || heard[3] == '-');
      for (const char *c = heard; c < end; c++)
        g_assert_true (*c >= ' ' && *c <= '~');
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GString) heard = g_string_new (NULL);
  guint8 who = size > 0 ? data[0] : 0;
  int fd;

  if (rig == NULL)
    start ();
  fd = rig_connect (rig, (who & 1) != 0 ? RIG_TRUSTED : RIG_STRANGER,
                    (who & 2) != 0 ? PB_ROLE_SUBMISSION : PB_ROLE_SMTP, NULL, 0);
  if (size > 1)
    rig_send (fd, data + 1, size - 1, heard);
  shutdown (fd, SHUT_WR);
  rig_read_end (fd, heard);
  close (fd);
  rig_wait_sessions (rig, 0);
  check_replies (heard->str);
  g_assert_cmpint (rig->server->budget.used, ==, 0);
  return 0;
}
