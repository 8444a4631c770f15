/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plays one golden transcript of the server's dialogue: reads NAME.in, talks to a real session, and
 * holds the dialogue against NAME.ref. With POSTBUS_GOLDEN_WRITE set the .ref is written instead:
 * read it before you commit it.
 *
 * Lines of NAME.in:
 *   ## text      words for the reader
 *   # word ...   an option; see option_rows[] below
 *   C: text      a line that the client sends, CRLF added; \xHH is that octet
 *   R: text      octets as they stand, no CRLF, no reply awaited for them
 *   W:           a reply is awaited that nothing was sent for
 *   X: word      something happens to the server; see events[] below
 *   (empty)      ends a group: it is sent in one piece, then its replies are read
 * A group is answered by one reply for each C: and W: line, or the end of the connection; the lines
 * of a message, up to its ".", by one. In NAME.ref stand also S: lines, what the server said, and M:
 * lines, what it stored. Unless "# whole" is given, the dialogue is played a second time octet by
 * octet, to the same .ref.
 */
#include "tests/session/rig.h"
#include "tests/unit/golden.h"

#include "dbus/settings-table.h"
#include <string.h>
#include <unistd.h>

typedef struct
{
  PbSnapshotBuilder *builder; /* (owned) until the rig takes it */
  const char *peer;           /* (not owned) */
  PbRole role;
  gboolean early; /* the first group is sent before the greeting */
  gboolean whole; /* is not played octet by octet */
  PbStoreState state;
  RigSubmit submit;
  PbStoreError submit_error;
  gint64 budget;          /* octets, 0: the rig's */
} Options;

typedef struct
{
  Options options;
  Rig *rig;         /* (owned) */
  int fd;           /* (owned) */
  GString *record;  /* (owned) the dialogue so far */
  GString *replies; /* (owned) all that the server said */
  gsize told;       /* octets of it that are in the record */
  guint n_replies;  /* awaited so far */
  gboolean in_data; /* the next lines are a message's */
  gboolean closed;
  gboolean bytewise;
} Play;

/* ---- options ---- */

static void
option_set (Options *options, char **words)
{
  const PbSettingSpec *spec = pb_setting_lookup (words[1]);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;

  g_assert_nonnull (spec);
  value = g_variant_parse (G_VARIANT_TYPE (spec->type), words[2], NULL, NULL, &error);
  g_assert_no_error (error);
  pb_setting_validate (spec, value, &error);
  g_assert_no_error (error);
  pb_setting_values_set (pb_snapshot_builder_values (options->builder), spec, value);
}

static void
option_row (Options *options, char **words)
{
  PbListKind kind;

  g_assert_true (pb_list_lookup (words[1], &kind));
  pb_snapshot_builder_add_row (options->builder, kind, NULL, words[2]);
}

static void
option_peer (Options *options, char **words)
{
  options->peer = g_intern_string (words[1]);
}

static void
option_role (Options *options, char **words)
{
  options->role = g_str_equal (words[1], "submission") ? PB_ROLE_SUBMISSION : PB_ROLE_SUBMISSIONS;
}

static void
option_early (Options *options, char **words)
{
  options->early = TRUE;
}

static void
option_whole (Options *options, char **words)
{
  options->whole = TRUE;
}

static void
option_state (Options *options, char **words)
{
  options->state = g_str_equal (words[1], "low-space") ? PB_STORE_LOW_SPACE : PB_STORE_FAILED;
}

static void
option_submit (Options *options, char **words)
{
  options->submit = RIG_SUBMIT_FAIL;
  options->submit_error = g_str_equal (words[1], "full")   ? PB_STORE_ERROR_FULL
                          : g_str_equal (words[1], "busy") ? PB_STORE_ERROR_BUSY
                                                           : PB_STORE_ERROR_FAILED;
}

static void
option_budget (Options *options, char **words)
{
  options->budget = g_ascii_strtoll (words[1], NULL, 10);
}

static const struct
{
  const char *word;
  void (*apply) (Options *options, char **words);
} option_rows[] = {
  { "set", option_set },       /* Interface.Name GVARIANT */
  { "row", option_row },       /* List A{SV} */
  { "peer", option_peer },     /* address; else 198.51.100.7, a stranger; 192.0.2.x is trusted */
  { "role", option_role },     /* submission|submissions */
  { "early", option_early },   /* the first group is sent before the greeting */
  { "whole", option_whole },   /* not played octet by octet */
  { "state", option_state },   /* low-space|failed: the store's */
  { "submit", option_submit }, /* full|busy|failed: the store's answer to a message */
  { "budget", option_budget }, /* octets */
};

static void
apply_option (Options *options, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 3);

  for (guint i = 0; i < G_N_ELEMENTS (option_rows); i++)
    if (g_str_equal (words[0], option_rows[i].word))
      {
        option_rows[i].apply (options, words);
        return;
      }
  g_error ("no such option: %s", line);
}

/* ---- the record ---- */

/* Queue ids differ from run to run. */
static char *
mask_ids (const char *text)
{
  g_autoptr (GRegex) regex = g_regex_new ("\\b[0-9A-HJKMNP-TV-Z]{13}\\b", 0, 0, NULL);

  return g_regex_replace_literal (regex, text, -1, 0, "ID", 0, NULL);
}

static void
record_replies (Play *play)
{
  g_autofree char *masked = mask_ids (play->replies->str + play->told);
  g_auto (GStrv) lines = g_strsplit (masked, "\r\n", -1);

  for (char **line = lines; *line != NULL; line++)
    if (line[1] != NULL || **line != '\0')
      g_string_append_printf (play->record, "S: %s\n", *line);
  play->told = play->replies->len;
  if (play->closed)
    g_string_append (play->record, "S: (closed)\n");
}

static void
record_octets (GString *record, const char *octets, gsize length)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autofree char *masked = NULL;
  gsize i = 0;

  for (; i < length; i++)
    if (i + 1 < length && octets[i] == '\r' && octets[i + 1] == '\n')
      {
        g_string_append (line, "\nM: ");
        i++;
      }
    else if ((guint8) octets[i] < ' ' || (guint8) octets[i] > '~')
      g_string_append_printf (line, "\\x%02x", (guint8) octets[i]);
    else
      g_string_append_c (line, octets[i]);
  if (g_str_has_suffix (line->str, "\nM: "))
    g_string_truncate (line, line->len - 4);
  masked = mask_ids (line->str);
  g_string_append_printf (record, "M: %s\n", masked);
}

/* The date of our Received field, on the line behind its semicolon, is left out. */
static void
record_body (GString *record, GBytes *bytes)
{
  gsize length, header;
  const char *octets = g_bytes_get_data (bytes, &length);
  const char *date = memmem (octets, length, ";\r\n\t", 4);
  const char *end;

  g_assert_nonnull (date);
  end = memchr (date + 4, '\n', length - (gsize) (date + 4 - octets));
  g_assert_nonnull (end);
  header = (gsize) (date + 1 - octets);
  record_octets (record, octets, header);
  if (end + 1 < octets + length)
    record_octets (record, end + 1, length - (gsize) (end + 1 - octets));
}

/* What was said of notices (RFC 3461), where anything was. */
static void
record_notices (GString *record, const PbEnvelope *envelope)
{
  static const char *const rets[] = { "", " full", " hdrs" };

  if (envelope->ret != PB_RET_UNSAID || envelope->envid != NULL)
    g_string_append_printf (record, "M: (ret%s envid %s)\n", rets[envelope->ret],
                            envelope->envid != NULL ? envelope->envid : "-");
  for (guint i = 0; i < envelope->n_recipients; i++)
    {
      const PbRecipient *recipient = &envelope->recipients[i];

      if (recipient->notify != PB_NOTIFY_UNSAID || recipient->orcpt != NULL)
        g_string_append_printf (record, "M: (<%s> notify %s%s%s%s orcpt %s)\n", recipient->address,
                                (recipient->notify & PB_NOTIFY_NEVER) != 0 ? "never" : "",
                                (recipient->notify & PB_NOTIFY_SUCCESS) != 0 ? "success" : "",
                                (recipient->notify & PB_NOTIFY_FAILURE) != 0 ? "failure" : "",
                                (recipient->notify & PB_NOTIFY_DELAY) != 0 ? "delay" : "",
                                recipient->orcpt != NULL ? recipient->orcpt : "-");
    }
}

static void
record_messages (Play *play)
{
  RigMessage *next;

  while ((next = rig_take_message (play->rig)) != NULL)
    {
      g_autoptr (RigMessage) message = next;
      const PbEnvelope *envelope = message->envelope;

      g_assert_cmpuint (envelope->size, ==, g_bytes_get_size (message->octets));
      g_string_append_printf (play->record, "M: (client %s helo %s from <%s>", envelope->client,
                              envelope->helo, envelope->sender);
      for (guint i = 0; i < envelope->n_recipients; i++)
        g_string_append_printf (play->record, " to <%s>", envelope->recipients[i].address);
      g_string_append_printf (play->record, "%s%s)\n",
                              (envelope->flags & PB_ENVELOPE_SMTPUTF8) != 0 ? " smtputf8" : "",
                              (envelope->flags & PB_ENVELOPE_8BIT) != 0 ? " 8bit" : "");
      record_notices (play->record, envelope);
      record_body (play->record, message->octets);
    }
}

/* ---- playing ---- */

static void
send_octets (Play *play, const char *octets, gsize length)
{
  if (play->closed)
    return;
  if (!play->bytewise)
    {
      rig_send (play->fd, octets, length, play->replies);
      return;
    }
  for (gsize i = 0; i < length; i++)
    {
      if (!rig_send (play->fd, octets + i, 1, play->replies))
        return;
      rig_await_taken (play->fd);
    }
}

static void
event_shutdown (Play *play)
{
  pb_server_shut_down (play->rig->server, g_get_monotonic_time () + RIG_PATIENCE);
}

static void
event_low_space (Play *play)
{
  rig_set_state (play->rig, PB_STORE_LOW_SPACE);
}

static void
event_enough_space (Play *play)
{
  rig_set_state (play->rig, PB_STORE_OK);
}

static void
event_out_of_time (Play *play)
{
  rig_run_out (play->rig);
}

static const struct
{
  const char *word;
  void (*happen) (Play *play);
} events[] = {
  { "shutdown", event_shutdown },
  { "out-of-time", event_out_of_time },
  { "low-space", event_low_space },
  { "enough-space", event_enough_space },
};

static void
play_event (Play *play, const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    if (g_str_equal (word, events[i].word))
      {
        events[i].happen (play);
        return;
      }
  g_error ("no such event: %s", word);
}

static const char *
last_reply (const GString *replies)
{
  const char *last = replies->str;

  for (const char *line = last; (line = strstr (line, "\r\n")) != NULL && line[2] != '\0';)
    last = line += 2;
  return last;
}

static void
read_group_replies (Play *play)
{
  const char *last;

  if (!play->closed && !rig_read_replies (play->fd, play->n_replies, play->replies))
    play->closed = TRUE;
  last = last_reply (play->replies);
  if (!play->closed
      && (g_str_has_prefix (last, "221") || g_str_has_prefix (last, "421")
          || g_str_has_prefix (last, "554 5.5.0")
          || g_str_has_suffix (last, "closing the connection\r\n")))
    {
      rig_read_end (play->fd, play->replies);
      play->closed = TRUE;
    }
  record_replies (play);
  record_messages (play);
  play->in_data = g_str_has_prefix (last_reply (play->replies), "354");
}

static void
play_group (Play *play, GPtrArray *group)
{
  g_autoptr (GString) octets = g_string_new (NULL);

  for (guint i = 0; i < group->len; i++)
    {
      const char *line = group->pdata[i];
      g_autoptr (GString) text = golden_unescape (strlen (line) > 3 ? line + 3 : "");

      g_string_append_printf (play->record, "%s\n", line);
      if (line[0] == 'X')
        play_event (play, line + 3);
      if (line[0] == 'C' || line[0] == 'R')
        g_string_append_len (octets, text->str, (gssize) text->len);
      if (line[0] == 'C')
        g_string_append (octets, "\r\n");
      if (line[0] == 'C' && play->in_data && g_str_equal (text->str, "."))
        play->in_data = FALSE;
      else if (line[0] == 'C' && play->in_data)
        continue;
      play->n_replies += line[0] == 'C' || line[0] == 'W';
    }
  if (play->options.early && play->told == 0)
    rig_await_taken (play->fd);
  else
    send_octets (play, octets->str, octets->len);
  read_group_replies (play);
}

static void
play_lines (Play *play, char **lines)
{
  g_autoptr (GPtrArray) group = g_ptr_array_new ();

  if (!play->options.early)
    {
      play->n_replies = 1;
      read_group_replies (play);
    }
  for (char **line = lines; *line != NULL; line++)
    {
      if (**line == '#')
        continue;
      if (**line != '\0')
        g_ptr_array_add (group, *line);
      else if (group->len > 0)
        {
          play_group (play, group);
          g_ptr_array_set_size (group, 0);
        }
    }
  if (group->len > 0)
    play_group (play, group);
}

/* The octets of the first group, for a client that does not wait for the greeting. */
static GString *
early_octets (char **lines)
{
  GString *octets = g_string_new (NULL);

  for (char **line = lines; *line != NULL; line++)
    {
      if (g_str_has_prefix (*line, "C: "))
        g_string_append_printf (octets, "%s\r\n", *line + 3);
      else if (octets->len > 0)
        break;
    }
  return octets;
}

static void
start_rig (Play *play, char **lines)
{
  Options *options = &play->options;

  options->builder = rig_builder ();
  options->peer = "198.51.100.7";
  options->role = PB_ROLE_SMTP;
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, "# "))
      apply_option (options, *line + 2);
  play->rig = rig_new (g_steal_pointer (&options->builder));
  if (options->budget != 0)
    play->rig->wiring.budget = options->budget;
  rig_set_state (play->rig, options->state);
  rig_set_submit (play->rig, options->submit, options->submit_error);
  rig_start (play->rig);
}

static char *
play_transcript (const char *text, gboolean bytewise, gboolean *whole)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GString) early = NULL;
  Play play = { .bytewise = bytewise };

  for (char **line = lines; *line != NULL && **line == '#'; line++)
    ;
  play.record = g_string_new (NULL);
  play.replies = g_string_new (NULL);
  start_rig (&play, lines);
  *whole = play.options.whole || play.options.early;
  early = play.options.early ? early_octets (lines) : g_string_new (NULL);
  play.fd = rig_connect (play.rig, play.options.peer, play.options.role, early->str, early->len);
  play_lines (&play, lines);
  close (play.fd);
  rig_free (play.rig);
  g_string_free (play.replies, TRUE);
  return g_string_free (play.record, FALSE);
}

int
main (int argc, char **argv)
{
  g_autofree char *text = NULL, *once = NULL, *again = NULL;
  gboolean whole;

  g_test_init (&argc, &argv, NULL);
  if (argc != 2)
    {
      g_printerr ("usage: %s NAME of tests/golden/session\n", argv[0]);
      return 2;
    }
  text = golden_read ("session", argv[1], ".in");
  once = play_transcript (text, FALSE, &whole);
  golden_compare ("session", argv[1], once);
  if (whole)
    return 0;
  again = play_transcript (text, TRUE, &whole);
  g_assert_cmpstr (again, ==, once);
  return 0;
}
