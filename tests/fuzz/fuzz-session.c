/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A whole session: the input is what a client sends, in one piece, before it closes its side. The
 * first octet chooses who the client is. Whatever comes, every line that the server says is a reply,
 * the session ends, and no octet of the memory budget stays behind.
 */
#include "tests/session/rig.h"

#include "net/dns-answer.h"
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

/* ---- a DNS that knows half of all names ---- */

typedef struct
{
  PbDnsFunc func;
  gpointer user_data;
  PbDnsStatus status;
} Asked;

static void
on_asked (gpointer data)
{
  g_autofree Asked *asked = data;
  g_autoptr (PbDnsAnswer) answer = pb_dns_answer_new (asked->status, NULL);

  asked->func (answer, asked->user_data);
}

static void
ask (const char *name, PbDnsType type, guint timeout, PbMailbox *reply_to, PbDnsFunc func,
     gpointer user_data, gpointer source)
{
  static const PbDnsStatus statuses[] = { PB_DNS_OK, PB_DNS_OK, PB_DNS_OK, PB_DNS_OK,
                                          PB_DNS_NODATA, PB_DNS_NXDOMAIN, PB_DNS_TROUBLE };
  Asked *asked = g_new0 (Asked, 1);

  asked->func = func;
  asked->user_data = user_data;
  asked->status = statuses[(g_str_hash (name) + (guint) type) % G_N_ELEMENTS (statuses)];
  pb_mailbox_post (reply_to, on_asked, asked);
}

static void
set (char **setting, const char *value)
{
  g_free (*setting);
  *setting = g_strdup (value);
}

/* Every policy has something to say, none the last word on all. */
static void
add_policies (PbSnapshotBuilder *builder, PbSettingValues *values)
{
  set (&values->advanced_reject_unknown_helo, "enforce");
  set (&values->advanced_reject_non_fqdn_helo, "watch");
  set (&values->sender_policy_reject_unknown_sender_domain, "enforce");
  set (&values->sender_policy_reject_non_fqdn_sender, "watch");
  set (&values->connection_policy_reject_unknown_client_hostname, "watch");
  values->advanced_max_unknown_recipients = 3;
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCESS_LIST, NULL,
                               "{'Name': <'drop'>, 'List': <'blacklist'>, 'Kind': <'recipient'>, "
                               "'Value': <'postmaster@example.test'>, 'Action': <'discard'>}");
  pb_snapshot_builder_add_row (builder, PB_LIST_ACCESS_LIST, NULL,
                               "{'Name': <'no'>, 'List': <'blacklist'>, 'Kind': <'sender'>, "
                               "'Value': <'b@client.test'>}");
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
  add_policies (builder, values);
  rig = rig_new (builder);
  rig->wiring.dns.query = ask;
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
