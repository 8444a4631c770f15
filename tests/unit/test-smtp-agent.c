/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SMTP client against scripted servers on loopback: every step going well, badly, and not at all. */
#include "smtp-agent-fixture.h"

/* The whole group is read before anything is answered: a client that waited would never get on. */
static void
test_pipelining (void)
{
  Fixture self;

  SET_UP (&self,
          SCRIPT ("G:PIPELINING,8BITMIME,SIZE 1000000", "C:MAIL FROM:<sender@example.org> SIZE=32",
                  "C:RCPT TO:<r0@far.example>", "C:RCPT TO:<r1@far.example>", "C:DATA", "S:250 ok",
                  "S:250 ok", "S:250 ok", "S:354 go", "B", "S:250 2.0.0 taken as 7", "Q"));
  deliver (&self, 2, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DELIVERED, "2.0.0");
  assert_result (&self, 0, 1, PB_RESULT_DELIVERED, "2.0.0");
  g_assert_cmpstr (result (&self, 0, 0)->reply, ==, "250 2.0.0 taken as 7");
  g_assert_true (g_str_has_prefix (result (&self, 0, 0)->remote, "[127.0.0.1]:"));
  g_assert_cmpstr (pb_script_server_body (self.server, 0), ==,
                   "Subject: x\r\n\r\n..dot\r\n...two\r\nend\r\n");
  tear_down (&self);
}

/* No PIPELINING: one command at a time; no EHLO: HELO. The final reply's lack of an enhanced code is filled in. */
static void
test_helo (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("S:220-old", "S:220 server", "C:EHLO mail.example.org", "S:502 what",
                         "C:HELO mail.example.org", "S:250 hi", "C:MAIL FROM:<sender@example.org>",
                         "S:250 ok", "C:RCPT TO:<r0@far.example>", "S:250 ok",
                         "C:RCPT TO:<r1@far.example>", "S:550 no", "C:DATA", "S:354 go", "B",
                         "S:250 taken", "Q"));
  deliver (&self, 2, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DELIVERED, "2.0.0");
  assert_result (&self, 0, 1, PB_RESULT_FAILED, "5.0.0");
  tear_down (&self);
}

static void
test_partial (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:RCPT", "C:RCPT", "C:DATA",
                         "S:250 ok", "S:250 ok", "S:550-5.1.1 nobody", "S:550 5.1.1 here",
                         "S:450 4.2.1 later", "S:354 go", "B", "S:250 2.6.0 taken", "Q"));
  deliver (&self, 3, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DELIVERED, "2.6.0");
  assert_result (&self, 0, 1, PB_RESULT_FAILED, "5.1.1");
  g_assert_cmpstr (result (&self, 0, 1)->reply, ==, "550 5.1.1 nobody 5.1.1 here");
  g_assert_true (result (&self, 0, 1)->reply_is_smtp);
  assert_result (&self, 0, 2, PB_RESULT_DEFERRED, "4.2.1");
  tear_down (&self);
}

/* All refused, DATA taken all the same: an empty message to nobody; the next delivery is in order. */
static void
test_all_refused (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", ENVELOPE, "S:250 ok", "S:550 5.1.1 no", "S:354 go", "B",
                         "S:554 5.5.1 nothing", "C:MAIL", "C:RCPT", "C:DATA", ACCEPTS, "B",
                         "S:250 ok", "Q"));
  deliver (&self, 1, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_FAILED, "5.1.1");
  deliver (&self, 1, "x\r\n");
  wait_answers (&self, 2);
  assert_result (&self, 1, 0, PB_RESULT_DELIVERED, "2.0.0");
  g_assert_cmpstr (pb_script_server_body (self.server, 0), ==, "");
  tear_down (&self);
}

/* DATA refused after refused recipients: the transaction is given up by RSET before the next MAIL. */
static void
test_refused_and_reset (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", ENVELOPE, "S:250 ok", "S:450 4.2.0 no",
                         "S:503 5.5.1 no recipients", "C:RSET", "C:MAIL", "C:RCPT", "C:DATA",
                         "S:250 reset", ACCEPTS, "B", "S:250 ok", "Q"));
  deliver (&self, 1, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DEFERRED, "4.2.0");
  deliver (&self, 1, TEXT);
  wait_answers (&self, 2);
  assert_result (&self, 1, 0, PB_RESULT_DELIVERED, "2.0.0");
  tear_down (&self);
}

static void
test_plain_reset (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:", "C:MAIL", "S:250 ok", "C:RCPT", "S:550 5.7.1 no", "C:RSET",
                         "S:250 ok", "C:MAIL", "S:250 ok", "C:RCPT", "S:250 ok", "C:DATA",
                         "S:354 go", "B", "S:250 ok", "C:MAIL", "S:550 5.1.8 bad sender", "Q"));
  deliver (&self, 1, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_FAILED, "5.7.1");
  deliver (&self, 1, TEXT);
  wait_answers (&self, 2);
  assert_result (&self, 1, 0, PB_RESULT_DELIVERED, "2.0.0");
  deliver (&self, 1, TEXT);
  wait_answers (&self, 3);
  assert_result (&self, 2, 0, PB_RESULT_FAILED, "5.1.8");
  tear_down (&self);
}

typedef struct
{
  const char *name;
  const char *mail, *rcpt, *data, *final; /* replies; NULL: the connection is closed instead */
  PbResultKind kind;
  const char *status;
} ReplyRow;

static const ReplyRow reply_rows[] = {
  { "mail-4xx", "S:451 4.3.0 later", "S:503 5.5.1 x", "S:503 5.5.1 x", "", PB_RESULT_DEFERRED,
    "4.3.0" },
  { "mail-5xx", "S:550 5.7.1 no", "S:503 5.5.1 x", "S:503 5.5.1 x", "", PB_RESULT_FAILED, "5.7.1" },
  { "mail-530", "S:530 5.7.0 Must issue a STARTTLS command first", "S:503 5.5.1 x", "S:503 5.5.1 x", "",
    PB_RESULT_DEFERRED, "4.7.0" },
  { "data-4xx", "S:250 ok", "S:250 ok", "S:451 later", "", PB_RESULT_DEFERRED, "4.0.0" },
  { "data-5xx", "S:250 ok", "S:250 ok", "S:554 5.7.0 no", "", PB_RESULT_FAILED, "5.7.0" },
  { "data-2xx", "S:250 ok", "S:250 ok", "S:250 what", "", PB_RESULT_DEFERRED, "4.5.0" },
  { "final-4xx", "S:250 ok", "S:250 ok", "S:354 go", "S:452 4.3.1 full", PB_RESULT_DEFERRED,
    "4.3.1" },
  { "final-5xx", "S:250 ok", "S:250 ok", "S:354 go", "S:552 5.2.3 no", PB_RESULT_FAILED, "5.2.3" },
  { "final-odd", "S:250 ok", "S:250 ok", "S:354 go", "S:354 what", PB_RESULT_DEFERRED, "4.5.0" },
  { "final-misfit", "S:250 ok", "S:250 ok", "S:354 go", "S:550 4.1.1 odd", PB_RESULT_FAILED,
    "5.0.0" },
  { "mail-421", "S:421 4.3.2 going", NULL, NULL, NULL, PB_RESULT_DEFERRED, "4.3.2" },
  { "rcpt-421", "S:250 ok", "S:421 4.3.2 going", NULL, NULL, PB_RESULT_DEFERRED, "4.3.2" },
  { "data-421", "S:250 ok", "S:250 ok", "S:421 going", NULL, PB_RESULT_DEFERRED, "4.0.0" },
  { "final-421", "S:250 ok", "S:250 ok", "S:354 go", "S:421 4.3.2 going", PB_RESULT_DEFERRED,
    "4.3.2" },
  { "drop-mail", NULL, NULL, NULL, NULL, PB_RESULT_DEFERRED, "4.4.2" },
  { "drop-rcpt", "S:250 ok", NULL, NULL, NULL, PB_RESULT_DEFERRED, "4.4.2" },
  { "drop-data", "S:250 ok", "S:250 ok", NULL, NULL, PB_RESULT_DEFERRED, "4.4.2" },
  { "drop-final", "S:250 ok", "S:250 ok", "S:354 go", NULL, PB_RESULT_DEFERRED, "4.4.2" },
  { "junk", "S:hello there", NULL, NULL, NULL, PB_RESULT_DEFERRED, "4.5.0" },
};

static void
run_reply_row (const ReplyRow *row)
{
  const char *script[16] = { "G:PIPELINING", ENVELOPE };
  const char *replies[] = { row->mail, row->rcpt, row->data };
  guint n = 4;
  Fixture self;
  const char *const *scripts[] = { script };

  for (guint i = 0; i < G_N_ELEMENTS (replies) && replies[i] != NULL; i++)
    script[n++] = replies[i];
  if (row->data != NULL && g_str_has_prefix (row->data, "S:354"))
    {
      script[n++] = "B";
      if (row->final != NULL)
        script[n++] = row->final;
    }
  /* The end closes; where the dialogue is whole the client's QUIT is awaited. */
  if (row->final != NULL && strstr (row->final, "421") == NULL)
    script[n++] = "Q";
  set_up (&self, (const char *const *const *) scripts, 1);
  deliver (&self, 1, TEXT);
  wait_answers (&self, 1);
  g_test_message ("%s: %s", row->name, result (&self, 0, 0)->reply);
  assert_result (&self, 0, 0, row->kind, row->status);
  g_assert_false (((PbDelivery *) self.answers->pdata[0])->destination_dead);
  tear_down (&self);
}

static void
test_replies (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (reply_rows); i++)
    run_reply_row (&reply_rows[i]);
}

typedef struct
{
  const char *script[4];
  PbResultKind kind;
  const char *status;
} OpeningRow;

static const OpeningRow opening_rows[] = {
  { { NULL }, PB_RESULT_DEFERRED, "4.4.2" },
  { { "S:421 4.7.0 too many", NULL }, PB_RESULT_DEFERRED, "4.7.0" },
  { { "S:450 4.3.2 not now", "Q", NULL }, PB_RESULT_DEFERRED, "4.3.2" },
  { { "S:554 5.7.1 not you", "Q", NULL }, PB_RESULT_DEFERRED, "4.7.1" },
  { { "S:220 hi", "C:EHLO", NULL }, PB_RESULT_DEFERRED, "4.4.2" },
  { { "S:220 hi", "C:EHLO", "S:450 no", NULL }, PB_RESULT_DEFERRED, "4.0.0" },
};

static void
test_openings (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (opening_rows); i++)
    {
      const OpeningRow *row = &opening_rows[i];
      const char *const *scripts[] = { row->script };
      Fixture self;

      set_up (&self, (const char *const *const *) scripts, 1);
      deliver (&self, 1, TEXT);
      wait_answers (&self, 1);
      g_test_message ("row %u: %s", i, result (&self, 0, 0)->reply);
      assert_result (&self, 0, 0, row->kind, row->status);
      g_assert_cmpint (((PbDelivery *) self.answers->pdata[0])->destination_dead, ==,
                       row->kind == PB_RESULT_DEFERRED);
      tear_down (&self);
    }
}

static void
test_nobody_listens (void)
{
  Fixture self;

  set_up (&self, NULL, 0);
  deliver (&self, 2, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DEFERRED, "4.4.1");
  assert_result (&self, 0, 1, PB_RESULT_DEFERRED, "4.4.1");
  g_assert_true (((PbDelivery *) self.answers->pdata[0])->destination_dead);
  tear_down (&self);
}

/* The first host is not there, the second says 4xx, the third takes it; DNS that is silent only defers. */
static void
test_next_host (void)
{
  g_autofree char *fallback = NULL;
  Fixture self;

  SET_UP (&self, SCRIPT ("S:421 busy"),
          SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", "S:250 ok", "Q"));
  fallback = g_strdup_printf ("127.0.0.1:%u", pb_script_server_port (self.server));
  self.fallback = fallback;
  deliver (&self, 1, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DELIVERED, "2.0.0");
  g_assert_cmpuint (pb_script_server_n_connections (self.server), ==, 2);
  tear_down (&self);
}

/* What a host says of a recipient is the last word: no other one is asked. */
static void
test_no_next_host (void)
{
  static const char *const answers[] = { "S:550 5.1.1 no", "S:450 4.2.0 no" };

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree char *fallback = NULL;
      Fixture self;

      SET_UP (&self, SCRIPT ("G:", "C:MAIL", "S:250 ok", "C:RCPT", answers[i], "Q"),
              SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", "S:250 ok", "Q"));
      fallback = g_strdup_printf ("127.0.0.1:%u", pb_script_server_port (self.server));
      self.fallback = fallback;
      deliver (&self, 1, TEXT);
      wait_answers (&self, 1);
      assert_result (&self, 0, 0, i == 0 ? PB_RESULT_FAILED : PB_RESULT_DEFERRED,
                     i == 0 ? "5.1.1" : "4.2.0");
      g_assert_cmpuint (pb_script_server_n_connections (self.server), ==, 1);
      tear_down (&self);
    }
}

static void
test_reuse (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", "S:250 one", ENVELOPE, ACCEPTS,
                         "B", "S:250 two", "Q"));
  for (guint i = 0; i < 2; i++)
    {
      deliver (&self, 1, TEXT);
      wait_answers (&self, i + 1);
      assert_result (&self, i, 0, PB_RESULT_DELIVERED, "2.0.0");
    }
  g_assert_cmpstr (result (&self, 1, 0)->reply, ==, "250 two");
  g_assert_cmpuint (pb_script_server_n_connections (self.server), ==, 1);
  tear_down (&self);
}

/* A connection that worked and is then found closed, or says 421 first thing, costs no attempt. */
static void
test_reused_is_gone (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", "S:250 one", "C:MAIL"),
          SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", "S:250 two", "C:MAIL",
                  "S:421 4.3.2 tired"),
          SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", "S:250 three", "Q"));
  for (guint i = 0; i < 3; i++)
    {
      deliver (&self, 1, TEXT);
      wait_answers (&self, i + 1);
      assert_result (&self, i, 0, PB_RESULT_DELIVERED, "2.0.0");
    }
  g_assert_cmpstr (result (&self, 2, 0)->reply, ==, "250 three");
  tear_down (&self);
}

/* The next delivery's envelope is there before the first message is answered. */
static void
test_send_ahead (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", ENVELOPE, "S:250 one", ACCEPTS,
                         "B", ENVELOPE, "S:550 5.6.0 two", ACCEPTS, "B", "S:250 three", "Q"));
  for (guint i = 0; i < 3; i++)
    deliver (&self, 1, TEXT);
  wait_answers (&self, 3);
  assert_result (&self, 0, 0, PB_RESULT_DELIVERED, "2.0.0");
  assert_result (&self, 1, 0, PB_RESULT_FAILED, "5.6.0");
  assert_result (&self, 2, 0, PB_RESULT_DELIVERED, "2.0.0");
  g_assert_cmpstr (result (&self, 2, 0)->reply, ==, "250 three");
  tear_down (&self);
}

/* Closed behind a body with the next envelope sent: the first waits, the second is tried elsewhere at once. */
static void
test_ahead_is_lost (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", ENVELOPE),
          SCRIPT ("G:PIPELINING", ENVELOPE, ACCEPTS, "B", "S:250 two", "Q"));
  deliver (&self, 1, TEXT);
  deliver (&self, 1, TEXT);
  wait_answers (&self, 2);
  assert_result (&self, 0, 0, PB_RESULT_DEFERRED, "4.4.2");
  assert_result (&self, 1, 0, PB_RESULT_DELIVERED, "2.0.0");
  tear_down (&self);
}

/* 452 behind accepted ones is "too many for one message": the rest follows at once. */
static void
test_too_many (void)
{
  Fixture self;

  SET_UP (&self,
          SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT TO:<r0@", "C:RCPT TO:<r1@", "C:RCPT TO:<r2@",
                  "C:DATA", "S:250 ok", "S:250 ok", "S:452 4.5.3 too many", "S:452 4.5.3 too many",
                  "S:354 go", "B", "S:250 one", "C:MAIL", "C:RCPT TO:<r1@", "C:RCPT TO:<r2@",
                  "C:DATA", "S:250 ok", "S:250 ok", "S:452 4.5.3 too many", "S:354 go", "B",
                  "S:250 two", "C:MAIL", "C:RCPT TO:<r2@", "C:DATA", "S:250 ok", "S:452 4.2.2 full",
                  "S:503 no", "Q"));
  deliver (&self, 3, TEXT);
  wait_answers (&self, 1);
  g_assert_cmpstr (result (&self, 0, 0)->reply, ==, "250 one");
  g_assert_cmpstr (result (&self, 0, 1)->reply, ==, "250 two");
  assert_result (&self, 0, 2, PB_RESULT_DEFERRED, "4.2.2");
  tear_down (&self);
}

/* So is the 552 of old servers, but neither a full mailbox nor the very first recipient's. */
static void
test_too_many_552 (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT TO:<r0@", "C:RCPT TO:<r1@",
                         "C:RCPT TO:<r2@", "C:RCPT TO:<r3@", "C:DATA", "S:250 ok", "S:250 ok",
                         "S:552 5.2.2 full", "S:552 too many recipients", "S:552 5.5.3 too many",
                         "S:354 go", "B", "S:250 one", "C:MAIL", "C:RCPT TO:<r2@", "C:RCPT TO:<r3@",
                         "C:DATA", "S:250 ok", "S:250 ok", "S:552 too many", "S:354 go", "B",
                         "S:250 two", "C:MAIL", "C:RCPT TO:<r3@", "C:DATA", "S:250 ok",
                         "S:552 5.5.3 too many", "S:503 no", "Q"));
  deliver (&self, 4, TEXT);
  wait_answers (&self, 1);
  g_assert_cmpstr (result (&self, 0, 0)->reply, ==, "250 one");
  assert_result (&self, 0, 1, PB_RESULT_FAILED, "5.2.2");
  g_assert_cmpstr (result (&self, 0, 2)->reply, ==, "250 two");
  assert_result (&self, 0, 3, PB_RESULT_FAILED, "5.5.3");
  tear_down (&self);
}

/* The message itself refused: who was put off for being too many is tried again another time. */
static void
test_too_many_and_refused (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING", "C:MAIL", "C:RCPT", "C:RCPT", "C:DATA", "S:250 ok",
                         "S:250 ok", "S:552 too many", "S:354 go", "B", "S:450 4.2.0 later", "Q"));
  deliver (&self, 2, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DEFERRED, "4.2.0");
  assert_result (&self, 0, 1, PB_RESULT_DEFERRED, "4.5.3");
  tear_down (&self);
}

static void
test_rcptmax (void)
{
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING,LIMITS RCPTMAX=2", "C:MAIL", "C:RCPT TO:<r0@",
                         "C:RCPT TO:<r1@", "C:DATA", "S:250 ok", "S:250 ok", "S:250 ok", "S:354 go",
                         "B", "C:MAIL", "C:RCPT TO:<r2@", "C:DATA", "S:250 one", "S:250 ok",
                         "S:250 ok", "S:354 go", "B", "S:250 two", "Q"));
  deliver (&self, 3, TEXT);
  wait_answers (&self, 1);
  g_assert_cmpstr (result (&self, 0, 1)->reply, ==, "250 one");
  g_assert_cmpstr (result (&self, 0, 2)->reply, ==, "250 two");
  tear_down (&self);
}

/* What the other side says of itself is believed before anything is sent. */
static void
test_cannot_take (void)
{
  g_autoptr (PbEnvelope) envelope = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new_static ("x\r\n", 3);
  g_autoptr (PbBody) body = pb_body_new_bytes (bytes);
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING,SIZE 1000,8BITMIME",
                         "C:MAIL FROM:<sender@example.org> SIZE=3 BODY=8BITMIME", "C:RCPT",
                         "C:DATA", ACCEPTS, "B", "S:250 ok", "Q"));
  envelope = make_envelope (&self, 1, 1001);
  deliver_envelope (&self, envelope, body);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_FAILED, "5.3.4");
  pb_envelope_unref (envelope);
  envelope = make_envelope (&self, 1, 3);
  envelope->flags = PB_ENVELOPE_SMTPUTF8;
  deliver_envelope (&self, envelope, body);
  wait_answers (&self, 2);
  assert_result (&self, 1, 0, PB_RESULT_FAILED, "5.6.7");
  pb_envelope_unref (envelope);
  envelope = make_envelope (&self, 1, 3);
  envelope->flags = PB_ENVELOPE_8BIT;
  deliver_envelope (&self, envelope, body);
  wait_answers (&self, 3);
  assert_result (&self, 2, 0, PB_RESULT_DELIVERED, "2.0.0");
  tear_down (&self);
}

/* No 8BITMIME: quoted-printable, which says so; by DATA and by BDAT. */
static void
test_seven_bit (void)
{
  static const char text[] = "Subject: x\r\n\r\n.\303\274\r\n";
  g_autoptr (GBytes) bytes = g_bytes_new_static (text, strlen (text));
  g_autoptr (PbBody) body = pb_body_new_bytes (bytes);
  Fixture self;

  SET_UP (&self, SCRIPT ("G:PIPELINING,CHUNKING", "C:MAIL", "C:RCPT",
                         "K:BDAT", "S:250 ok", "S:250 ok", "S:250 2.0.0 ok", ENVELOPE, ACCEPTS, "B",
                         "S:250 2.0.0 ok", "Q"));
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (PbEnvelope) envelope = make_envelope (&self, 1, strlen (text));

      envelope->flags = PB_ENVELOPE_8BIT;
      deliver_envelope (&self, envelope, body);
      wait_answers (&self, i + 1);
      assert_result (&self, i, 0, PB_RESULT_DELIVERED, "2.0.0");
      g_assert_nonnull (strstr (pb_script_server_body (self.server, i),
                                "Content-Transfer-Encoding: quoted-printable\r\n\r\n."));
      g_assert_true (g_str_has_suffix (pb_script_server_body (self.server, i), ".=C3=BC\r\n"));
      g_assert_nonnull (strstr (transcript (&self, i), "8BITMIME is not offered"));
    }
  tear_down (&self);
}

static void
test_dsn_parameters (void)
{
  g_autoptr (PbEnvelope) envelope = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new_static ("x\r\n", 3);
  g_autoptr (PbBody) body = pb_body_new_bytes (bytes);
  Fixture self;

  SET_UP (&self,
          SCRIPT ("G:PIPELINING,DSN,SMTPUTF8",
                  "C:MAIL FROM:<sender@example.org> SMTPUTF8 RET=HDRS ENVID=a+2Bb",
                  "C:RCPT TO:<r0@far.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;old@example.org",
                  "C:DATA", ACCEPTS, "B", "S:250 ok", "Q"));
  envelope = make_envelope (&self, 1, 3);
  envelope->flags = PB_ENVELOPE_SMTPUTF8;
  envelope->ret = PB_RET_HDRS;
  envelope->envid = g_strdup ("a+b");
  envelope->recipients[0].notify = PB_NOTIFY_FAILURE | PB_NOTIFY_DELAY;
  envelope->recipients[0].orcpt = g_strdup ("rfc822;old@example.org");
  deliver_envelope (&self, envelope, body);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DELIVERED, "2.0.0");
  g_assert_true (result (&self, 0, 0)->dsn_passed_on);
  tear_down (&self);
}

/* RFC 9422 3: as many messages a connection as the server says, though the rest of one delivery is left. */
static void
test_message_limit (void)
{
  Fixture self;

  SET_UP (&self,
          SCRIPT ("G:PIPELINING,LIMITS MAILMAX=1 RCPTMAX=1", "C:MAIL", "C:RCPT TO:<r0@", "C:DATA", ACCEPTS, "B",
                  "S:250 taken", "Q"),
          SCRIPT ("G:PIPELINING,LIMITS MAILMAX=1 RCPTMAX=1", "C:MAIL", "C:RCPT TO:<r1@", "C:DATA", ACCEPTS, "B",
                  "S:250 taken", "Q"));
  deliver (&self, 2, TEXT);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DELIVERED, "2.0.0");
  assert_result (&self, 0, 1, PB_RESULT_DELIVERED, "2.0.0");
  tear_down (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/smtp-agent/pipelining", test_pipelining);
  g_test_add_func ("/smtp-agent/helo", test_helo);
  g_test_add_func ("/smtp-agent/partial", test_partial);
  g_test_add_func ("/smtp-agent/all-refused", test_all_refused);
  g_test_add_func ("/smtp-agent/refused-and-reset", test_refused_and_reset);
  g_test_add_func ("/smtp-agent/plain-reset", test_plain_reset);
  g_test_add_func ("/smtp-agent/replies", test_replies);
  g_test_add_func ("/smtp-agent/openings", test_openings);
  g_test_add_func ("/smtp-agent/nobody-listens", test_nobody_listens);
  g_test_add_func ("/smtp-agent/next-host", test_next_host);
  g_test_add_func ("/smtp-agent/no-next-host", test_no_next_host);
  g_test_add_func ("/smtp-agent/reuse", test_reuse);
  g_test_add_func ("/smtp-agent/reused-is-gone", test_reused_is_gone);
  g_test_add_func ("/smtp-agent/send-ahead", test_send_ahead);
  g_test_add_func ("/smtp-agent/ahead-is-lost", test_ahead_is_lost);
  g_test_add_func ("/smtp-agent/too-many", test_too_many);
  g_test_add_func ("/smtp-agent/too-many/552", test_too_many_552);
  g_test_add_func ("/smtp-agent/too-many/refused", test_too_many_and_refused);
  g_test_add_func ("/smtp-agent/rcptmax", test_rcptmax);
  g_test_add_func ("/smtp-agent/cannot-take", test_cannot_take);
  g_test_add_func ("/smtp-agent/seven-bit", test_seven_bit);
  g_test_add_func ("/smtp-agent/dsn-parameters", test_dsn_parameters);
  g_test_add_func ("/smtp-agent/message-limit", test_message_limit);
  return g_test_run ();
}
