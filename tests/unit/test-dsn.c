/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Delivery reports: whole ones as golden files, then the shape that every one of them keeps, whatever the original, the
 * remote server and the sender put into it.
 */
#include "protocol/dsn.h"

#include "tests/unit/golden.h"
#include <string.h>

#define ORIGINAL                                                                                   \
  "Received: from client.example ([192.0.2.1])\r\n"                                                \
  "\tby nas.example (Postbus) with ESMTP id 0000000000007;\r\n"                                    \
  "\tMon, 01 Jan 2024 00:00:00 +0000\r\n"                                                          \
  "From: Kim <kim@example.net>\r\n"                                                                \
  "To: Lee <lee@example.org>\r\n"                                                                  \
  "Subject: Lunch on Friday\r\n"                                                                   \
  "Message-ID: <1@example.net>\r\n"                                                                \
  "\r\n"                                                                                           \
  "Are you coming?\r\n"

static PbEnvelope *
make_envelope (const char *sender, const char *const *recipients)
{
  PbEnvelope *self = pb_envelope_new (7);

  self->sender = g_strdup (sender);
  self->client = g_strdup ("[192.0.2.1]");
  self->helo = g_strdup ("client.example");
  self->message_id = g_strdup ("<1@example.net>");
  self->size = strlen (ORIGINAL);
  self->n_recipients = g_strv_length ((char **) recipients);
  self->recipients = g_new0 (PbRecipient, self->n_recipients);
  for (guint i = 0; i < self->n_recipients; i++)
    self->recipients[i].address = g_strdup (recipients[i]);
  return self;
}

static PbDsn
make_dsn (const PbEnvelope *envelope, const PbDsnRecipient *rows, guint n_rows)
{
  return (PbDsn){ .action = PB_DSN_FAILED,
                  .hostname = "nas.example",
                  .envelope = envelope,
                  .recipients = rows,
                  .n_recipients = n_rows,
                  .date = "Mon, 01 Jan 2024 00:00:10 +0000",
                  .arrival_date = "Mon, 01 Jan 2024 00:00:00 +0000",
                  .id_text = "0000000000008",
                  .original = ORIGINAL,
                  .original_length = strlen (ORIGINAL) };
}

/* What holds for every report. Returns its text with '\n' for CRLF. */
static char *
build (const PbDsn *dsn)
{
  g_autoptr (GByteArray) octets = pb_dsn_build (dsn);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  g_assert_null (memchr (octets->data, '\0', octets->len));
  text = g_strndup ((const char *) octets->data, octets->len);
  g_assert_true (g_str_has_suffix (text, "--\r\n"));
  lines = g_strsplit (text, "\r\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      g_assert_cmpuint (strlen (*line), <=, 998);
      g_assert_null (strpbrk (*line, "\r\n"));
    }
  return g_strjoinv ("\n", lines);
}

static guint
count (const char *text, const char *what)
{
  guint n = 0;

  for (; (text = strstr (text, what)) != NULL; text++)
    n++;
  return n;
}

/* The boundary opens three parts and closes the last, and the head ends before the first. */
static void
assert_shape (const char *text)
{
  const char *start = strstr (text, "boundary=\"");
  g_autofree char *boundary = NULL;
  g_autofree char *line = NULL;

  g_assert_nonnull (start);
  start += strlen ("boundary=\"");
  boundary = g_strndup (start, strcspn (start, "\""));
  line = g_strconcat ("\n--", boundary, NULL);
  g_assert_cmpuint (count (text, line), ==, 4);
  g_assert_cmpuint (count (text, boundary), ==, 5);
  g_assert_true (strstr (text, "\n\n") < strstr (text, line));
}

static void
test_failed (void)
{
  const char *const to[] = { "lee@example.org", "lea@example.com", "leo@example.info", NULL };
  const PbDsnRecipient rows[] = {
    { 0, "5.1.1", "mx.example.org",
      "550-5.1.1 The email account that you tried to reach does not exist.\n"
      "550 5.1.1 Please try again.",
      TRUE },
    { 1, "5.4.7", NULL, "The server mx.example.com did not answer: Connection timed out", FALSE },
    { 2, "5.9.9", "mx.example.info", NULL, TRUE },
    { 3, "5.0.0", NULL, "out of range, left out", TRUE },
  };
  g_autoptr (PbEnvelope) envelope = make_envelope ("kim@example.net", to);
  g_autofree char *text = NULL;
  PbDsn dsn;

  envelope->ret = PB_RET_FULL;
  envelope->envid = g_strdup ("QQ314159");
  envelope->recipients[0].orcpt = g_strdup ("rfc822;Lee+2Btag@example.org");
  dsn = make_dsn (envelope, rows, G_N_ELEMENTS (rows));
  text = build (&dsn);
  assert_shape (text);
  golden_compare ("dsn", "failed", text);
}

static void
test_delayed (void)
{
  const char *const to[] = { "lee@example.org", NULL };
  const PbDsnRecipient row = { 0, "4.4.1", NULL, "Connection timed out", FALSE };
  g_autoptr (PbEnvelope) envelope = make_envelope ("kim@example.net", to);
  PbDsn dsn = make_dsn (envelope, &row, 1);
  g_autofree char *text = NULL;

  dsn.action = PB_DSN_DELAYED;
  dsn.will_retry_until = "Sat, 06 Jan 2024 00:00:00 +0000";
  text = build (&dsn);
  assert_shape (text);
  golden_compare ("dsn", "delayed", text);
}

/* The reports that differ from "delivered" in their words alone. */
static void
test_success (gconstpointer data)
{
  static const char *const names[] = { [PB_DSN_RELAYED] = "relayed", [PB_DSN_EXPANDED] = "expanded" };
  const PbDsnAction action = GPOINTER_TO_UINT (data);
  const char *const to[] = { "lee@example.org", NULL };
  const PbDsnRecipient row = { 0, "2.0.0", action == PB_DSN_RELAYED ? "mx.example.org" : NULL,
                               action == PB_DSN_RELAYED ? "250 2.0.0 Ok" : NULL, TRUE };
  g_autoptr (PbEnvelope) envelope = make_envelope ("kim@example.net", to);
  PbDsn dsn = make_dsn (envelope, &row, 1);
  g_autofree char *text = NULL;

  dsn.action = action;
  text = build (&dsn);
  assert_shape (text);
  golden_compare ("dsn", names[action], text);
}

/* A notice of failure that failed, for the postmaster: it goes along whole, though nobody said RET. */
static void
test_double (void)
{
  const char *const to[] = { "kim@example.net", NULL };
  const PbDsnRecipient row = { 0, "5.1.1", "mx.example.net", "550 5.1.1 Who?", TRUE };
  g_autoptr (PbEnvelope) envelope = make_envelope ("", to);
  PbDsn dsn = make_dsn (envelope, &row, 1);
  g_autofree char *text = NULL;

  dsn.to = "postmaster@nas.example";
  text = build (&dsn);
  assert_shape (text);
  golden_compare ("dsn", "double", text);
}

static void
test_delivered (void)
{
  const char *const to[] = { "lee@example.org", NULL };
  const PbDsnRecipient row = { 0, "2.0.0", "mx.example.org", "250 2.0.0 Ok", TRUE };
  g_autoptr (PbEnvelope) envelope = make_envelope ("kim@example.net", to);
  PbDsn dsn = make_dsn (envelope, &row, 1);
  g_autofree char *text = NULL;

  envelope->ret = PB_RET_FULL; /* speaks of failures only (RFC 3461 4.3) */
  dsn.action = PB_DSN_DELIVERED;
  text = build (&dsn);
  assert_shape (text);
  golden_compare ("dsn", "delivered", text);
}

static void
test_smtputf8 (void)
{
  static const char original[] = "Subject: Mittag f\xc3\xbcr alle\r\n\r\nKommst du?\r\n";
  const char *const to[] = { "l\xc3\xa9"
                             "a@xn--bcher-kva.example",
                             "lee@example.org", NULL };
  const PbDsnRecipient rows[] = {
    { 0, "5.6.7", "mx.example",
      "550 5.6.7 l\xc3\xa9"
      "a ist unbekannt",
      TRUE },
    { 1, "5.2.2", "mx.example", "552 5.2.2 full", TRUE },
  };
  g_autoptr (PbEnvelope) envelope = make_envelope ("k\xc3\xadm@example.net", to);
  PbDsn dsn = make_dsn (envelope, rows, 2);
  g_autofree char *text = NULL;

  envelope->flags = PB_ENVELOPE_SMTPUTF8;
  envelope->recipients[0].orcpt = g_strdup ("utf-8;l\\x{E9}a@xn--bcher-kva.example");
  dsn.original = original;
  dsn.original_length = strlen (original);
  text = build (&dsn);
  assert_shape (text);
  golden_compare ("dsn", "smtputf8", text);
}

/* A server's reply, the sender's header and the envelope id try to write lines of ours. */
static void
test_hostile (void)
{
  const char *const to[] = { "lee@example.org", NULL };
  const char *attack =
    "550 no\r\n--=_0000000000008-0=_\r\nContent-Type: text/html\r\n\r\n\x01\x1b<b>\xff\xc3\xa4\nAction: delivered";
  g_autofree char *words = g_strnfill (3000, 'w');
  g_autofree char *spaces = g_strnfill (3000, ' ');
  const char *const replies[] = { attack, words, spaces, "" };
  const char *original =
    "Subject: a\r\n--=_0000000000008-0=_\r\nX: --=_0000000000008-1=_\r\n\r\nb\r\n";
  g_autoptr (PbEnvelope) envelope = make_envelope ("kim@example.net", to);

  envelope->envid = g_strdup ("a\r\nAction: delivered");
  g_free (envelope->message_id);
  envelope->message_id = g_strdup ("<a\r\nBcc: x@y>");
  g_free (envelope->helo);
  envelope->helo = g_strdup ("h\r\nAction: delivered");
  envelope->recipients[0].orcpt = g_strdup ("rfc822;a\r\nAction: delivered");
  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    {
      const PbDsnRecipient row = { 0, "5.1.1\r\nAction: delivered", "mx\r\nAction: delivered",
                                   replies[i], TRUE };
      PbDsn dsn = make_dsn (envelope, &row, 1);
      g_autofree char *text = NULL;

      dsn.original = original;
      dsn.original_length = strlen (original);
      text = build (&dsn);
      assert_shape (text);
      g_assert_cmpuint (count (text, "\nAction: delivered"), ==, 0);
      g_assert_cmpuint (count (text, "\nAction: failed"), ==, 1);
      g_assert_cmpuint (count (text, "\nBcc:"), ==, 0);
      g_assert_cmpuint (count (text, "text/html"), ==, i == 0 ? 2 : 0);
      g_assert_cmpuint (count (text, "\nContent-Type: text/html"), ==, 0);
    }
}

typedef struct
{
  const char *original;
  PbRet ret;
  gboolean utf8;
  gboolean whole; /* the octets given are all of the message */
  const char *type, *encoding;
} OriginalRow;

static void
check_original (const OriginalRow *row)
{
  const char *const to[] = { "lee@example.org", NULL };
  const PbDsnRecipient recipient = { 0, "5.1.1", "mx.example.org", "550 no", TRUE };
  g_autoptr (PbEnvelope) envelope = make_envelope ("kim@example.net", to);
  PbDsn dsn = make_dsn (envelope, &recipient, 1);
  const char *description =
    g_str_has_suffix (row->type, "headers") ? "Header of the message" : "The message";
  g_autofree char *wanted = g_strdup_printf ("Content-Type: %s\nContent-Description: %s\n"
                                             "Content-Transfer-Encoding: %s\n\n",
                                             row->type, description, row->encoding);
  g_autofree char *text = NULL;

  dsn.original = row->original;
  dsn.original_length = strlen (row->original);
  envelope->size = dsn.original_length + (row->whole ? 0 : 1);
  envelope->ret = row->ret;
  envelope->flags = row->utf8 ? PB_ENVELOPE_SMTPUTF8 : 0;
  text = build (&dsn);
  assert_shape (text);
  g_assert_cmpuint (count (text, wanted), ==, 1);
}

/* Which form the original takes. */
static void
test_original (void)
{
  static const OriginalRow rows[] = {
    { ORIGINAL, PB_RET_FULL, FALSE, TRUE, "message/rfc822", "7bit" },
    { ORIGINAL, PB_RET_FULL, TRUE, TRUE, "message/global", "7bit" },
    { ORIGINAL, PB_RET_FULL, FALSE, FALSE, "text/rfc822-headers", "7bit" },
    { ORIGINAL, PB_RET_HDRS, FALSE, TRUE, "text/rfc822-headers", "7bit" },
    { ORIGINAL, PB_RET_UNSAID, FALSE, TRUE, "text/rfc822-headers", "7bit" },
    { ORIGINAL, PB_RET_UNSAID, TRUE, TRUE, "message/global-headers", "7bit" },
    { "Subject: \xe4\r\n\r\nb\r\n", PB_RET_FULL, FALSE, TRUE, "message/rfc822", "8bit" },
    { "Subject: \xe4\r\n\r\nb\r\n", PB_RET_UNSAID, FALSE, TRUE, "text/rfc822-headers",
      "quoted-printable" },
    { "Subject: \xc3\xa4\r\n\r\nb\r\n", PB_RET_UNSAID, TRUE, TRUE, "message/global-headers",
      "quoted-printable" },
    { "Subject: a\rb\r\n\r\nb\r\n", PB_RET_FULL, FALSE, TRUE, "text/rfc822-headers",
      "quoted-printable" },
    { "Subject: a\nb\r\n\r\nb\r\n", PB_RET_FULL, FALSE, TRUE, "text/rfc822-headers",
      "quoted-printable" },
    { "\r\nno header\r\n", PB_RET_UNSAID, FALSE, TRUE, "text/rfc822-headers", "7bit" },
    { "Subject: no body", PB_RET_UNSAID, FALSE, TRUE, "text/rfc822-headers", "7bit" },
    { "", PB_RET_FULL, FALSE, TRUE, "message/rfc822", "7bit" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    check_original (&rows[i]);
}

/* Too large to go along whole, or with lines too long for it. */
static void
test_original_long (void)
{
  g_autofree char *filler = g_strnfill (64 * 1024, 'b');
  g_autofree char *big = g_strconcat ("Subject: big\r\n\r\n", filler, "\r\n", NULL);
  g_autofree char *line = g_strnfill (1200, 'l');
  g_autofree char *wide = g_strconcat ("Subject: w\r\n\r\n", line, "\r\n", NULL);
  g_autofree char *wide_head = g_strconcat ("Subject: ", line, "\r\n\r\nb\r\n", NULL);
  const OriginalRow rows[] = {
    { big, PB_RET_FULL, FALSE, TRUE, "text/rfc822-headers", "7bit" },
    { wide, PB_RET_FULL, FALSE, TRUE, "text/rfc822-headers", "7bit" },
    { wide_head, PB_RET_UNSAID, FALSE, TRUE, "text/rfc822-headers", "quoted-printable" },
    { filler, PB_RET_UNSAID, FALSE, TRUE, "text/rfc822-headers", "quoted-printable" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    check_original (&rows[i]);
}

/* Of a message that malware was found in nothing goes along, whatever its sender asked for. */
static void
test_infected (void)
{
  static const PbRet rets[] = { PB_RET_UNSAID, PB_RET_FULL, PB_RET_HDRS };
  const char *const to[] = { "lee@example.org", NULL };
  const PbDsnRecipient row = { 0, "5.1.1", "mx.example.org", "550 no", TRUE };

  for (guint i = 0; i < G_N_ELEMENTS (rets); i++)
    {
      g_autoptr (PbEnvelope) envelope = make_envelope ("kim@example.net", to);
      PbDsn dsn = make_dsn (envelope, &row, 1);
      g_autofree char *text = NULL;

      envelope->ret = rets[i];
      envelope->flags = PB_ENVELOPE_INFECTED;
      text = build (&dsn);
      g_assert_cmpuint (count (text, "\n--"), ==, 3);
      g_assert_nonnull (strstr (text, "\nContent-Type: message/delivery-status"));
      g_assert_nonnull (strstr (text, "\nFinal-Recipient: rfc822; lee@example.org\n"));
      g_assert_null (strstr (text, "rfc822-headers"));
      g_assert_null (strstr (text, "message/rfc822"));
      g_assert_null (strstr (text, "Are you coming?"));
      g_assert_null (strstr (text, "From: Kim"));
    }
}

/* A header section past 64 KiB is cut at a line's end. */
static void
test_endless_header (void)
{
  g_autoptr (GString) original = g_string_new (NULL);
  const char *const to[] = { "lee@example.org", NULL };
  const PbDsnRecipient row = { 0, "5.1.1", "mx.example.org", "550 no", TRUE };
  g_autoptr (PbEnvelope) envelope = make_envelope ("kim@example.net", to);
  PbDsn dsn = make_dsn (envelope, &row, 1);
  g_autofree char *text = NULL;

  for (guint i = 0; i < 100000; i++)
    g_string_append_printf (original, "X-%u: x\r\n", i);
  dsn.original = original->str;
  dsn.original_length = original->len;
  text = build (&dsn);
  assert_shape (text);
  g_assert_cmpuint (strlen (text), <, 70 * 1024);
  g_assert_nonnull (strstr (text, ": x\n\n--=_"));
}

/* Every status code we know has words, and so has one we do not know. */
static void
test_every_status (void)
{
  const char *const to[] = { "lee@example.org", NULL };
  g_autoptr (PbEnvelope) envelope = make_envelope ("kim@example.net", to);

  for (guint subject = 0; subject <= 9; subject++)
    for (guint detail = 0; detail <= 30; detail++)
      {
        g_autofree char *status = g_strdup_printf ("5.%u.%u", subject, detail);
        g_autofree char *field = g_strdup_printf ("\nStatus: %s\n", status);
        const PbDsnRecipient row = { 0, status, "mx.example.org", "550 no", TRUE };
        PbDsn dsn = make_dsn (envelope, &row, 1);
        g_autofree char *text = build (&dsn);
        const char *person = strstr (text, "\n  lee@example.org\n");

        g_assert_nonnull (strstr (text, field));
        g_assert_nonnull (person);
        g_assert_cmpint (strstr (person, "\n    The server mx.example.org answered:\n")
                           == person + strlen ("\n  lee@example.org"),
                         ==, subject == 0 || subject > 7);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dsn/failed", test_failed);
  g_test_add_func ("/dsn/delayed", test_delayed);
  g_test_add_func ("/dsn/delivered", test_delivered);
  g_test_add_data_func ("/dsn/relayed", GUINT_TO_POINTER (PB_DSN_RELAYED), test_success);
  g_test_add_data_func ("/dsn/expanded", GUINT_TO_POINTER (PB_DSN_EXPANDED), test_success);
  g_test_add_func ("/dsn/double", test_double);
  g_test_add_func ("/dsn/smtputf8", test_smtputf8);
  g_test_add_func ("/dsn/hostile", test_hostile);
  g_test_add_func ("/dsn/original", test_original);
  g_test_add_func ("/dsn/original-long", test_original_long);
  g_test_add_func ("/dsn/infected", test_infected);
  g_test_add_func ("/dsn/endless-header", test_endless_header);
  g_test_add_func ("/dsn/every-status", test_every_status);
  return g_test_run ();
}
