/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SMTP client at every step of every manner of sending (groups or not, DATA or BDAT, in the clear or not, LMTP): the far side
 * closes there, or falls silent. Whoever has an answer keeps it, the others wait, nobody is lost and nothing hangs. Then what
 * no server should say.
 */
#include "delivery/route-private.h"
#include "smtp-agent-fixture.h"
#include "store/body-private.h"

#include <glib/gstdio.h>

#define RCPTS  "C:RCPT TO:<r0@", "C:RCPT TO:<r1@", "C:RCPT TO:<r2@"
#define CODES  "S:250 ok", "S:250 ok", "S:550 5.1.1 no", "S:250 ok"
#define GROUP  "C:MAIL", RCPTS, "C:DATA", CODES, "S:354 go", "B"
#define SINGLY "C:MAIL", "S:250 ok", "C:RCPT TO:<r0@", "S:250 ok", "C:RCPT TO:<r1@", "S:550 5.1.1 no", "C:RCPT TO:<r2@", "S:250 ok"
#define BLOCKS "K:BDAT 262144", "K:BDAT 262144"

typedef struct
{
  const char *name;
  gboolean lmtp, large;
  const char *tls; /* (nullable) */
  const char *script[40];
} Manner;

static const Manner manners[] = {
  { "group", FALSE, FALSE, NULL, { "G:PIPELINING", GROUP, "S:250 2.0.0 taken", "Q" } },
  { "singly", FALSE, FALSE, NULL, { "G:", SINGLY, "C:DATA", "S:354 go", "B", "S:250 2.0.0 taken", "Q" } },
  { "starttls", FALSE, FALSE, "starttls",
    { "G:STARTTLS", "C:STARTTLS", "S:220 go", "T", "H:PIPELINING", GROUP, "S:250 2.0.0 taken", "Q" } },
  { "implicit", FALSE, FALSE, "implicit", { "T", "G:PIPELINING", GROUP, "S:250 2.0.0 taken", "Q" } },
  { "bdat", FALSE, FALSE, NULL,
    { "G:PIPELINING,CHUNKING", "C:MAIL", RCPTS, "K:BDAT 29 LAST", CODES, "S:250 2.0.0 taken", "Q" } },
  { "bdat-tls", FALSE, FALSE, "implicit",
    { "T", "G:PIPELINING,CHUNKING", "C:MAIL", RCPTS, "K:BDAT 29 LAST", CODES, "S:250 2.0.0 taken", "Q" } },
  { "bdat-large", FALSE, TRUE, NULL,
    { "G:PIPELINING,CHUNKING", "C:MAIL", RCPTS, CODES, BLOCKS, "K:BDAT 75712 LAST", "S:250 part",
      "S:250 part", "S:250 2.0.0 taken", "Q" } },
  { "bdat-large-singly", FALSE, TRUE, NULL,
    { "G:CHUNKING", SINGLY, "K:BDAT 262144", "S:250 part", "K:BDAT 262144", "S:250 part",
      "K:BDAT 75712 LAST", "S:250 2.0.0 taken", "Q" } },
  { "large", FALSE, TRUE, NULL, { "G:PIPELINING", GROUP, "S:250 2.0.0 taken", "Q" } },
  { "lmtp", TRUE, FALSE, NULL, { "G:PIPELINING", GROUP, "S:250 2.0.0 taken", "S:250 2.0.0 too", "Q" } },
  { "lmtp-large", TRUE, TRUE, NULL,
    { "G:PIPELINING,CHUNKING", "C:MAIL", RCPTS, CODES, BLOCKS, "K:BDAT 75712 LAST", "S:250 part",
      "S:250 part", "S:250 2.0.0 taken", "S:250 2.0.0 too", "Q" } },
};

static char *pem;
static PbBody *bodies[2]; /* small, large: a file */

#define N_LINES 18750
#define LINE    ".line that begins with a dot..\r\n"

static char *
large_text (void)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < N_LINES; i++)
    g_string_append (text, LINE);
  return g_string_free (text, FALSE);
}

static void
make_bodies (const char *directory)
{
  static const char small[] = "Subject: x\r\n\r\n.dot\r\nthe end\r\n";
  g_autoptr (GBytes) bytes = g_bytes_new_static (small, strlen (small));
  g_autoptr (GError) error = NULL;
  g_autoptr (PbSpoolDir) spool = pb_spool_dir_open (directory, &error);
  g_autofree char *file = g_build_filename (directory, "large", NULL);
  g_autofree char *text = large_text ();

  g_assert_no_error (error);
  g_assert_true (g_file_set_contents (file, text, -1, NULL));
  bodies[FALSE] = pb_body_new_bytes (bytes);
  bodies[TRUE] = pb_body_new_file (spool, "large", strlen (text));
}

static void
use_manner (Fixture *self, const Manner *manner)
{
  g_autofree char *host = g_strdup_printf ("127.0.0.1:%u", pb_script_server_port (self->server));

  pb_script_server_use_tls (self->server, pem);
  self->tls = manner->tls;
  if (!manner->lmtp)
    return;
  self->server->lmtp = TRUE;
  self->route = pb_route_new (PB_ROUTE_LMTP, PB_ROUTE_REASON_LOCAL, NULL);
  g_assert_true (pb_route_add_host (self->route, host, 24));
  pb_route_set_key (self->route, "lmtp:");
}

static void
deliver_manner (Fixture *self, const Manner *manner)
{
  g_autoptr (PbEnvelope) envelope = make_envelope (self, 3, pb_body_size (bodies[manner->large]));

  deliver_envelope (self, envelope, bodies[manner->large]);
}

/* Whether the script got as far as its @nth step that begins with @text, counted from 0. */
static gboolean
has_step (const char *const *script, const char *text, guint nth)
{
  for (; *script != NULL; script++)
    if (g_str_has_prefix (*script, text) && nth-- == 0)
      return TRUE;
  return FALSE;
}

/* Nobody may have an answer that was not given; a given one may be lost on the way. */
static void
assert_true_to (Fixture *self, const Manner *manner, const char *const *script)
{
  gboolean taken = has_step (script, "S:250 2.0.0", 0);
  gboolean second = manner->lmtp ? has_step (script, "S:250 2.0.0", 1) : taken;
  const gboolean may_be_done[] = { taken, has_step (script, "S:550", 0), second };

  for (guint i = 0; i < G_N_ELEMENTS (may_be_done); i++)
    {
      const PbResult *one = result (self, 0, i);

      g_assert_nonnull (one->reply);
      if (one->kind != PB_RESULT_DEFERRED)
        {
          g_assert_cmpint (one->kind, ==, i == 1 ? PB_RESULT_FAILED : PB_RESULT_DELIVERED);
          g_assert_true (may_be_done[i]);
        }
      else
        g_assert_cmpint (one->status[0], ==, '4');
    }
}

static void
assert_whole (Fixture *self, guint answer, const Manner *manner)
{
  g_test_message ("%s: %s\n%s", manner->name, result (self, answer, 0)->reply,
                  transcript (self, answer));
  assert_result (self, answer, 0, PB_RESULT_DELIVERED, "2.0.0");
  assert_result (self, answer, 1, PB_RESULT_FAILED, "5.1.1");
  assert_result (self, answer, 2, PB_RESULT_DELIVERED, "2.0.0");
  if (manner->lmtp)
    g_assert_cmpstr (result (self, answer, 2)->reply, ==, "250 2.0.0 too");
}

static guint
count_steps (const Manner *manner)
{
  return g_strv_length ((char **) manner->script);
}

/* Whole, and what arrived: of a BDAT the octets as they are, of DATA the stuffed ones. */
static void
test_whole (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (manners); i++)
    {
      const char *const *scripts[] = { manners[i].script };
      g_autoptr (GString) body = g_string_new (NULL);
      g_autofree char *large = large_text ();
      gboolean bdat = strstr (manners[i].script[0], "CHUNKING") != NULL
                      || has_step (manners[i].script, "G:PIPELINING,CHUNKING", 0);
      Fixture self;

      set_up (&self, (const char *const *const *) scripts, 1);
      use_manner (&self, &manners[i]);
      deliver_manner (&self, &manners[i]);
      wait_answers (&self, 1);
      assert_whole (&self, 0, &manners[i]);
      for (guint n = 0; n < pb_script_server_n_bodies (self.server); n++)
        g_string_append (body, pb_script_server_body (self.server, n));
      if (!manners[i].large)
        g_assert_cmpstr (body->str, ==, bdat ? "Subject: x\r\n\r\n.dot\r\nthe end\r\n"
                                             : "Subject: x\r\n\r\n..dot\r\nthe end\r\n");
      else
        {
          g_assert_cmpuint (body->len, ==, strlen (large) + (bdat ? 0 : N_LINES));
          g_assert_true (g_str_has_prefix (body->str, bdat ? LINE LINE : "." LINE "." LINE));
          g_assert_true (g_str_has_suffix (body->str, LINE));
        }
      tear_down (&self);
    }
}

/* Closed behind each step; then everything is well again. */
static void
test_cut (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (manners); i++)
    for (guint n = 0; n + 1 < count_steps (&manners[i]); n++)
      {
        const char *cut[40] = { NULL };
        const char *const *scripts[] = { cut, manners[i].script };
        Fixture self;

        memcpy (cut, manners[i].script, n * sizeof *cut);
        set_up (&self, (const char *const *const *) scripts, 2);
        use_manner (&self, &manners[i]);
        deliver_manner (&self, &manners[i]);
        wait_answers (&self, 1);
        g_test_message ("%s cut behind %u steps: %s", manners[i].name, n,
                        result (&self, 0, 0)->reply);
        assert_true_to (&self, &manners[i], cut);
        deliver_manner (&self, &manners[i]);
        wait_answers (&self, 2);
        assert_whole (&self, 1, &manners[i]);
        tear_down (&self);
      }
}

static void
make_impatient (Fixture *self)
{
  const gint64 soon = 100 * 1000;
  PbSmtpTimeouts *timeouts = pb_smtp_agent_timeouts (self->agent);

  timeouts->greeting = timeouts->tls = timeouts->command = soon;
  timeouts->data = timeouts->block = timeouts->final = soon;
}

/* Silent behind each step: one deadline, then it is over. Half of the manners: each step costs its deadline. */
static void
test_silent (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (manners); i += 2)
    for (guint n = 0; n + 2 < count_steps (&manners[i]); n++)
      {
        const char *silent[40] = { NULL };
        const char *const *scripts[] = { silent };
        Fixture self;

        memcpy (silent, manners[i].script, n * sizeof *silent);
        silent[n] = "E";
        set_up (&self, (const char *const *const *) scripts, 1);
        use_manner (&self, &manners[i]);
        make_impatient (&self);
        deliver_manner (&self, &manners[i]);
        wait_answers (&self, 1);
        assert_true_to (&self, &manners[i], silent);
        tear_down (&self);
      }
}

/* ---- what no server should say ---- */

typedef struct
{
  const char *name;
  const char *script[16];
  PbResultKind kind;
  const char *status;
  const char *words;
} BadRow;

#define LONG "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define LONGER LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG
#define LONGEST LONGER LONGER LONGER LONGER LONGER LONGER

static const BadRow bad_rows[] = {
  { "megabyte-greeting", { "L:14000", "E" }, PB_RESULT_DEFERRED, "4.5.0", "too many lines" },
  { "megabyte-ehlo", { "S:220 hi", "C:EHLO", "L:14000", "E" }, PB_RESULT_DEFERRED, "4.5.0",
    "too many lines" },
  { "megabyte-rcpt", { "G:", "C:MAIL", "S:250 ok", "C:RCPT", "L:14000", "E" }, PB_RESULT_DEFERRED,
    "4.5.0", "too many lines" },
  { "megabyte-final", { "G:PIPELINING", ENVELOPE, ACCEPTS, "B", "L:14000", "E" }, PB_RESULT_DEFERRED,
    "4.5.0", "too many lines" },
  { "many-lines", { "G:PIPELINING", ENVELOPE, ACCEPTS, "B", "L:511", "S:250 2.0.0 ok", "Q" },
    PB_RESULT_DELIVERED, "2.0.0", "250 xxx" },
  { "long-line", { "G:", "C:MAIL", "S:250 " LONGEST, "E" }, PB_RESULT_DEFERRED, "4.5.0",
    "line is too long" },
  { "octets", { "G:", "C:MAIL", "S:250 ok", "C:RCPT", "S:550 5.1.1 gr\xfc\xdf \x1b[2J\x07 \xc3\xbc", "Q" },
    PB_RESULT_FAILED, "5.1.1", "550 5.1.1 gr?? ?[2J? \xc3\xbc" },
  { "no-code", { "G:", "C:MAIL", "S:OK", "E" }, PB_RESULT_DEFERRED, "4.5.0", "no SMTP reply" },
  { "high-code", { "G:", "C:MAIL", "S:999 ok", "E" }, PB_RESULT_DEFERRED, "4.5.0", "no SMTP reply" },
  { "unasked", { "G:", "C:MAIL", "S:250 ok\r\n250 ok\r\n354 go\r\n250 ok", "E" }, PB_RESULT_DEFERRED,
    "4.5.0", "before the message ended" },
  { "while-idle", { "G:", "C:MAIL", "S:250 ok", "C:RCPT", "S:250 ok", "C:DATA", "S:354 go", "B",
                    "S:250 2.0.0 ok\r\n250 2.0.0 more", "E" }, PB_RESULT_DELIVERED, "2.0.0", "250 2.0.0 ok" },
  { "unasked-421", { "G:", "C:MAIL", "S:421 4.3.2 going down", "E" }, PB_RESULT_DEFERRED, "4.3.2",
    "421" },
  { "early-final", { "G:PIPELINING", ENVELOPE, "S:250 ok", "S:250 ok", "S:354 go\r\n250 2.0.0 all of it", "E" },
    PB_RESULT_DEFERRED, "4.5.0", "before the message ended" },
  { "early-refusal", { "G:PIPELINING", ENVELOPE, "S:250 ok", "S:250 ok", "S:354 go\r\n554 5.6.0 no", "E" },
    PB_RESULT_FAILED, "5.6.0", "554" },
  /* One line a while for ever: the deadline is the whole reply's. */
  { "drip", { "G:", "C:MAIL", "P:400", "S:250 ok", "E" }, PB_RESULT_DEFERRED, "4.4.2", "in time" },
  { "bdat-refused", { "G:PIPELINING,CHUNKING", "C:MAIL", "C:RCPT", "K:BDAT", "S:250 ok", "S:250 ok",
                      "S:552 5.3.4 too large", "Q" }, PB_RESULT_FAILED, "5.3.4", "552" },
  { "bdat-all-refused", { "G:PIPELINING,CHUNKING", "C:MAIL", "C:RCPT", "K:BDAT", "S:250 ok",
                          "S:550 5.1.1 no", "S:503 5.5.1 nobody", "Q" }, PB_RESULT_FAILED, "5.1.1", "550" },
  { "bdat-mail-refused", { "G:PIPELINING,CHUNKING", "C:MAIL", "C:RCPT", "K:BDAT", "S:550 5.7.1 no",
                           "S:503 5.5.1 no", "S:503 5.5.1 no", "Q" }, PB_RESULT_FAILED, "5.7.1", "550" },
};

static void
test_bad (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad_rows); i++)
    {
      const BadRow *row = &bad_rows[i];
      const char *const *scripts[] = { row->script };
      Fixture self;

      set_up (&self, (const char *const *const *) scripts, 1);
      if (g_str_equal (row->name, "drip"))
        pb_smtp_agent_timeouts (self.agent)->command = 500 * 1000;
      deliver (&self, 1, TEXT);
      wait_answers (&self, 1);
      g_test_message ("%s: %s %s", row->name, result (&self, 0, 0)->status,
                      result (&self, 0, 0)->reply);
      assert_result (&self, 0, 0, row->kind,
                     row->status != NULL ? row->status : result (&self, 0, 0)->status);
      if (row->words != NULL)
        g_assert_nonnull (strstr (result (&self, 0, 0)->reply, row->words));
      g_assert_true (g_utf8_validate (result (&self, 0, 0)->reply, -1, NULL));
      g_assert_true (g_utf8_validate (transcript (&self, 0), -1, NULL));
      g_assert_cmpuint (strlen (transcript (&self, 0)), <=, PB_TRANSCRIPT_MAX);
      tear_down (&self);
    }
}

/* A part refused: nothing more of it is sent, and the connection not used for another message. */
static void
test_part_refused (void)
{
  static const char *const first[] = {
    "G:CHUNKING", SINGLY, "K:BDAT 262144", "S:452 4.3.1 no room", "E", NULL,
  };
  Manner manner = manners[7];
  const char *const *const scripts[] = { first, manner.script };
  Fixture self;

  g_assert_cmpstr (manner.name, ==, "bdat-large-singly");
  set_up (&self, scripts, 2);
  deliver_manner (&self, &manner);
  wait_answers (&self, 1);
  assert_result (&self, 0, 0, PB_RESULT_DEFERRED, "4.3.1");
  assert_result (&self, 0, 1, PB_RESULT_FAILED, "5.1.1");
  deliver_manner (&self, &manner);
  wait_answers (&self, 2);
  assert_whole (&self, 1, &manner);
  tear_down (&self);
}

/* Behind a first BDAT the next envelope is sent ahead as ever, behind a RSET: whatever becomes of the one, the other is in order. */
static void
test_bdat_then_ahead (void)
{
  static const char *const replies[] = { "S:250 2.0.0 one", "S:554 5.6.0 one" };

  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    {
      Fixture self;

      SET_UP (&self, SCRIPT ("G:PIPELINING,CHUNKING", "C:MAIL", "C:RCPT", "K:BDAT", "C:RSET", ENVELOPE,
                             "S:250 ok", "S:250 ok", replies[i], "S:250 reset", ACCEPTS, "B",
                             "S:250 2.0.0 two", "C:MAIL", "C:RCPT", "C:DATA", ACCEPTS, "B",
                             "S:250 2.0.0 three", "Q"));
      deliver (&self, 1, TEXT);
      deliver (&self, 1, TEXT);
      wait_answers (&self, 2);
      assert_result (&self, 0, 0, i == 0 ? PB_RESULT_DELIVERED : PB_RESULT_FAILED,
                     i == 0 ? "2.0.0" : "5.6.0");
      assert_result (&self, 1, 0, PB_RESULT_DELIVERED, "2.0.0");
      deliver (&self, 1, TEXT);
      wait_answers (&self, 3);
      assert_result (&self, 2, 0, PB_RESULT_DELIVERED, "2.0.0");
      tear_down (&self);
    }
}

static void
make_pem (void)
{
  g_autoptr (PbTlsPair) pair =
    pb_tls_pair_self_sign ("localhost", g_get_real_time () / G_USEC_PER_SEC, NULL, NULL);
  g_autofree char *text = NULL;
  gsize length;

  text = pb_tls_pair_to_pem (pair, &length, NULL);
  pem = g_strndup (text, length);
}

int
main (int argc, char **argv)
{
  g_autofree char *directory = g_dir_make_tmp ("pb-steps-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (directory, "large", NULL);
  g_autofree char *tmp = g_build_filename (directory, "tmp", NULL);
  int status;

  g_test_init (&argc, &argv, NULL);
  make_pem ();
  make_bodies (directory);
  g_test_add_func ("/smtp-steps/whole", test_whole);
  g_test_add_func ("/smtp-steps/cut", test_cut);
  g_test_add_func ("/smtp-steps/silent", test_silent);
  g_test_add_func ("/smtp-steps/bad", test_bad);
  g_test_add_func ("/smtp-steps/part-refused", test_part_refused);
  g_test_add_func ("/smtp-steps/bdat-then-ahead", test_bdat_then_ahead);
  status = g_test_run ();
  pb_body_unref (bodies[FALSE]);
  pb_body_unref (bodies[TRUE]);
  g_free (pem);
  g_unlink (file);
  g_rmdir (tmp);
  g_rmdir (directory);
  return status;
}
