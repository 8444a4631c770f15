/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Envelopes and queue ids: round trips, and that a damaged row never passes for an envelope. */
#include "protocol/envelope.h"

#include <string.h>

static PbEnvelope *
make_envelope (void)
{
  PbEnvelope *self = pb_envelope_new (G_GUINT64_CONSTANT (0x0123456789abcdef));

  self->sender = g_strdup ("kim@example.net");
  self->flags = PB_ENVELOPE_SMTPUTF8 | PB_ENVELOPE_8BIT;
  self->ret = PB_RET_FULL;
  self->envid = g_strdup ("QQ314159");
  self->arrival = G_GINT64_CONSTANT (1700000000123456);
  self->size = 4096;
  self->client = g_strdup ("[192.0.2.1]");
  self->helo = g_strdup ("nas.example");
  self->login = g_strdup ("k\xc3\xadm");
  self->message_id = g_strdup ("<1@example.net>");
  self->n_recipients = 3;
  self->recipients = g_new0 (PbRecipient, 3);
  self->recipients[0].address = g_strdup ("lee@example.org");
  self->recipients[1].address = g_strdup ("l\xc3\xa9"
                                          "a@xn--bcher-kva.example");
  self->recipients[1].orcpt = g_strdup ("utf-8;l\\x{E9}a@example.org");
  self->recipients[1].notify = PB_NOTIFY_SUCCESS | PB_NOTIFY_FAILURE;
  self->recipients[2].address = g_strdup ("\"a b\"@[192.0.2.2]");
  self->recipients[2].notify = PB_NOTIFY_NEVER;
  return self;
}

static void
assert_same (const PbEnvelope *a, const PbEnvelope *b)
{
  g_assert_cmpuint (a->id, ==, b->id);
  g_assert_cmpstr (a->id_text, ==, b->id_text);
  g_assert_cmpstr (a->sender, ==, b->sender);
  g_assert_cmpint (a->flags, ==, b->flags);
  g_assert_cmpint (a->ret, ==, b->ret);
  g_assert_cmpstr (a->envid, ==, b->envid);
  g_assert_cmpint (a->arrival, ==, b->arrival);
  g_assert_cmpuint (a->size, ==, b->size);
  g_assert_cmpstr (a->client, ==, b->client);
  g_assert_cmpstr (a->helo, ==, b->helo);
  g_assert_cmpstr (a->login, ==, b->login);
  g_assert_cmpstr (a->message_id, ==, b->message_id);
  g_assert_true ((a->head == NULL) == (b->head == NULL));
  if (a->head != NULL)
    g_assert_true (g_bytes_equal (a->head, b->head));
  g_assert_cmpuint (a->n_recipients, ==, b->n_recipients);
  for (guint i = 0; i < a->n_recipients; i++)
    {
      g_assert_cmpstr (a->recipients[i].address, ==, b->recipients[i].address);
      g_assert_cmpstr (a->recipients[i].orcpt, ==, b->recipients[i].orcpt);
      g_assert_cmpint (a->recipients[i].notify, ==, b->recipients[i].notify);
    }
}

static PbEnvelope *
parse_bytes (guint64 id, GBytes *bytes)
{
  gsize length;
  const void *data = g_bytes_get_data (bytes, &length);

  return pb_envelope_deserialize (id, data, length);
}

static void
test_round_trip (void)
{
  g_autoptr (PbEnvelope) envelope = make_envelope ();
  g_autoptr (GBytes) bytes = pb_envelope_serialize (envelope);
  g_autoptr (PbEnvelope) back = parse_bytes (envelope->id, bytes);

  g_assert_nonnull (back);
  assert_same (envelope, back);
  g_assert_cmpuint (g_bytes_get_size (bytes), <, 250);
}

static void
set_head (PbEnvelope *self, gsize length)
{
  g_autofree char *text = g_strnfill (length, 'h');

  g_clear_pointer (&self->head, g_bytes_unref);
  self->head = g_bytes_new (text, length);
}

static GBytes *
read_head (GBytes *bytes)
{
  gsize length;
  const void *data = g_bytes_get_data (bytes, &length);

  return pb_envelope_read_head (data, length);
}

static void
test_head (void)
{
  static const gsize lengths[] = { 1, 127, 128, 1000, PB_ENVELOPE_HEAD_MAX };
  g_autoptr (PbEnvelope) envelope = make_envelope ();
  g_autoptr (GBytes) plain = pb_envelope_serialize (envelope);

  g_assert_null (read_head (plain));
  /* What knows no heads can go on reading what has none. */
  g_assert_cmpuint (((const guint8 *) g_bytes_get_data (plain, NULL))[1], ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (GBytes) head = NULL;
      g_autoptr (PbEnvelope) back = NULL;

      set_head (envelope, lengths[i]);
      bytes = pb_envelope_serialize (envelope);
      back = parse_bytes (envelope->id, bytes);
      g_assert_nonnull (back);
      assert_same (envelope, back);
      head = read_head (bytes);
      g_assert_true (g_bytes_equal (head, envelope->head));
    }
  set_head (envelope, PB_ENVELOPE_HEAD_MAX + 1);
  g_clear_pointer (&plain, g_bytes_unref);
  plain = pb_envelope_serialize (envelope);
  g_assert_null (parse_bytes (envelope->id, plain));
  g_assert_null (read_head (plain));
}

static void
test_least (void)
{
  g_autoptr (PbEnvelope) envelope = pb_envelope_new (1);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (PbEnvelope) back = NULL;

  envelope->sender = g_strdup ("");
  envelope->client = g_strdup ("local");
  envelope->recipients = g_new0 (PbRecipient, 1);
  envelope->n_recipients = 1;
  envelope->recipients[0].address = g_strdup ("a");
  bytes = pb_envelope_serialize (envelope);
  back = parse_bytes (1, bytes);
  g_assert_nonnull (back);
  assert_same (envelope, back);
}

static void
test_many_recipients (void)
{
  g_autoptr (PbEnvelope) envelope = make_envelope ();
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (PbEnvelope) back = NULL;

  envelope->recipients = g_renew (PbRecipient, envelope->recipients, 10000);
  for (; envelope->n_recipients < 10000; envelope->n_recipients++)
    envelope->recipients[envelope->n_recipients] =
      (PbRecipient){ g_strdup_printf ("u%u@example.net", envelope->n_recipients), NULL,
                     PB_NOTIFY_UNSAID };
  bytes = pb_envelope_serialize (envelope);
  back = parse_bytes (envelope->id, bytes);
  g_assert_nonnull (back);
  assert_same (envelope, back);
}

/* Whatever text an envelope was given, its row can be read again. */
static void
test_odd_text (void)
{
  g_autoptr (PbEnvelope) envelope = make_envelope ();
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (PbEnvelope) back = NULL;

  g_free (envelope->login);
  envelope->login = g_strdup ("\xff\xc3");
  g_free (envelope->message_id);
  envelope->message_id = g_strnfill (100000, 'm');
  bytes = pb_envelope_serialize (envelope);
  back = parse_bytes (envelope->id, bytes);
  g_assert_nonnull (back);
  g_assert_cmpstr (back->login, ==, "??");
  g_assert_cmpuint (strlen (back->message_id), ==, 4096);
}

static void
check_damage (const PbEnvelope *envelope)
{
  g_autoptr (GBytes) bytes = pb_envelope_serialize (envelope);
  gsize length;
  const guint8 *data = g_bytes_get_data (bytes, &length);

  for (gsize at = 0; at < length; at++)
    {
      /* cut short: in a buffer of just that size */
      g_autofree guint8 *cut = g_memdup2 (data, at);
      g_autoptr (PbEnvelope) none = pb_envelope_deserialize (1, cut, at);
      g_autoptr (GBytes) head = NULL;

      g_assert_null (none);
      head = pb_envelope_read_head (cut, at);
      for (guint bit = 0; bit < 8; bit++)
        {
          g_autofree guint8 *copy = g_memdup2 (data, length);
          g_autoptr (PbEnvelope) flipped = NULL;

          copy[at] ^= (guint8) (1u << bit);
          flipped = pb_envelope_deserialize (1, copy, length);
          g_assert_null (flipped);
        }
    }
  g_autofree guint8 *longer = g_malloc0 (length + 1);
  memcpy (longer, data, length);
  g_autoptr (PbEnvelope) trailing = pb_envelope_deserialize (1, longer, length + 1);
  g_assert_null (trailing);
}

static void
test_damage (void)
{
  g_autoptr (PbEnvelope) envelope = make_envelope ();

  check_damage (envelope);
  set_head (envelope, 200);
  check_damage (envelope);
}

static void
test_reference (void)
{
  PbEnvelope *envelope = make_envelope ();
  PbEnvelope *second = pb_envelope_ref (envelope);

  g_assert_true (second == envelope);
  pb_envelope_unref (envelope);
  g_assert_cmpstr (second->sender, ==, "kim@example.net");
  pb_envelope_unref (second);
  pb_envelope_unref (NULL);
}

static void
test_queue_id (void)
{
  static const struct
  {
    guint64 id;
    const char *text;
  } rows[] = {
    { 0, "0000000000000" },  { 1, "0000000000001" },           { 31, "000000000000Z" },
    { 32, "0000000000010" }, { G_MAXUINT64, "FZZZZZZZZZZZZ" },
  };
  static const char *const bad[] = { "",
                                     "0",
                                     "000000000000",
                                     "00000000000000",
                                     "G000000000000",
                                     "000000000000I",
                                     "000000000000L",
                                     "000000000000O",
                                     "000000000000U",
                                     "000000000000a",
                                     "000000000000 ",
                                     "../../../../x" };
  char buffer[PB_QUEUE_ID_TEXT];
  g_autofree char *last = NULL;
  guint64 id;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_assert_cmpstr (pb_queue_id_format (rows[i].id, buffer), ==, rows[i].text);
      g_assert_true (pb_queue_id_parse (rows[i].text, &id));
      g_assert_cmpuint (id, ==, rows[i].id);
      /* the order of the texts is the order of the numbers */
      g_assert_cmpint (g_strcmp0 (last, buffer), <, 0);
      g_free (last);
      last = g_strdup (buffer);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (pb_queue_id_parse (bad[i], &id));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/envelope/round-trip", test_round_trip);
  g_test_add_func ("/envelope/head", test_head);
  g_test_add_func ("/envelope/least", test_least);
  g_test_add_func ("/envelope/many-recipients", test_many_recipients);
  g_test_add_func ("/envelope/odd-text", test_odd_text);
  g_test_add_func ("/envelope/damage", test_damage);
  g_test_add_func ("/envelope/reference", test_reference);
  g_test_add_func ("/envelope/queue-id", test_queue_id);
  return g_test_run ();
}
