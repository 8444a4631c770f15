/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A remote server's replies, line by line, then as an EHLO reply, then told on in a delivery report. */
#include "protocol/dsn.h"
#include "protocol/extension.h"
#include "protocol/reply.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_report (const PbRemoteReply *reply)
{
  g_autoptr (PbEnvelope) envelope = pb_envelope_new (1);
  g_autoptr (GByteArray) report = NULL;
  const PbDsnRecipient row = { 0, reply->enhanced != NULL ? reply->enhanced : "5.0.0",
                               reply->text->str, reply->text->str, TRUE };
  PbDsn dsn = { .action = PB_DSN_FAILED,
                .hostname = "nas.example",
                .envelope = envelope,
                .recipients = &row,
                .n_recipients = 1,
                .date = "now",
                .arrival_date = "then",
                .id_text = "0000000000001",
                .original = reply->text->str,
                .original_length = reply->text->len };
  gsize line = 0;

  envelope->sender = g_strdup ("kim@example.net");
  envelope->client = g_strdup ("local");
  envelope->recipients = g_new0 (PbRecipient, 1);
  envelope->recipients[0].address = g_strdup ("lee@example.org");
  envelope->n_recipients = 1;
  report = pb_dsn_build (&dsn);
  for (guint i = 0; i < report->len; i++, line++)
    {
      g_assert_true (report->data[i] != '\0' && report->data[i] < 0x80);
      if (report->data[i] != '\n')
        continue;
      g_assert_true (i > 0 && report->data[i - 1] == '\r');
      g_assert_cmpuint (line, <, 1000);
      line = (gsize) -1;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *at = (const char *) data, *end = at + size;
  g_auto (PbRemoteReply) reply;
  PbReplyParse state = PB_REPLY_PARSE_MORE;

  pb_remote_reply_init (&reply);
  while (at < end && state != PB_REPLY_PARSE_BAD)
    {
      const char *line_end = memchr (at, '\n', (gsize) (end - at));
      gsize length = (gsize) ((line_end != NULL ? line_end : end) - at);

      state = pb_remote_reply_feed (&reply, at, length);
      g_assert_cmpuint (reply.text->len, <=, 8192);
      g_assert_true (g_utf8_validate_len (reply.text->str, reply.text->len, NULL));
      if (state == PB_REPLY_PARSE_DONE)
        {
          g_auto (PbExtensionSet) set = { 0 };

          pb_extension_parse_reply (reply.text->str, &set);
          check_report (&reply);
        }
      at += length + (line_end != NULL);
    }
  return 0;
}
