/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The words of a delivery report, for the person who wrote the message: what did not arrive, at whom, why, and what to do.
 * The reason comes from the enhanced status code by a table (RFC 3463), since most people cannot read a server's reply; the
 * reply itself follows for those who can. Replies are a stranger's text: each line of them is indented and made harmless, so
 * that none can pass for a boundary or a field. Called by dsn.c only.
 */
#include "protocol/dsn-private.h"

#include "protocol/text.h"
#include <string.h>

#define WIDTH        72
#define MAX_TEXT     2048
#define MAX_WORD     900 /* a longer one is cut: no line may pass 998 octets */
#define MAX_TITLE    200
#define MAX_SEARCHED (64 * 1024)

/* By subject and detail of the status code; the class is said by the report itself. NULL matches any detail. */
static const struct
{
  const char *subject;
  const char *detail;
  const char *text;
} reasons[] = {
  { "1", "1",
    "There is no mailbox of this name. Please check the part before the @ for a spelling mistake." },
  { "1", "2",
    "The domain behind the @ does not exist or takes no mail. Please check it for a spelling mistake." },
  { "1", "3", "The address is not written in a form that mail servers understand." },
  { "1", "6", "The mailbox has moved, and its new address is not known." },
  { "1", "7", "The receiving server does not accept your own address as a sender." },
  { "1", "8", "The receiving server does not accept your own address as a sender." },
  { "1", "10",
    "The domain behind the @ has declared that it takes no mail at all. Please check it for a spelling "
    "mistake." },
  { "1", NULL, "The receiving server does not accept this address." },
  { "2", "1", "The mailbox exists but is switched off and takes no messages." },
  { "2", "2",
    "The mailbox is full. The person has to make room in it before new messages fit in." },
  { "2", "3",
    "The message is larger than this mailbox allows. Please send it in smaller parts or share the files in "
    "another way." },
  { "2", NULL, "The mailbox does not take messages at present." },
  { "3", "4",
    "The message is larger than the receiving server allows. Please send it in smaller parts or share the "
    "files in another way." },
  { "3", NULL, "The receiving server cannot take messages at present." },
  { "4", "1", "The receiving server does not answer." },
  { "4", "2", "The connection to the receiving server broke off." },
  { "4", "3", "It could not be found out which server takes mail for this domain." },
  { "4", "4",
    "It could not be found out which server takes mail for this domain. Please check the part behind the @ "
    "for a spelling mistake." },
  { "4", "6", "The message went round in circles between mail servers and was stopped." },
  { "4", "7", "The message could not be delivered within the time that we keep trying." },
  { "4", NULL, "The receiving server could not be reached." },
  { "5", "3", "The message has more recipients than the receiving server allows." },
  { "5", NULL, "The receiving server did not understand what our server told it." },
  { "6", "7", "The address has letters that the receiving server cannot handle." },
  { "6", NULL, "The receiving server cannot handle a message of this form." },
  { "7", "1",
    "The receiving server refuses to take this message. Its own words below may tell why." },
  { "7", "4", "A secure connection to the receiving server was demanded and could not be made." },
  { "7", "5", "A secure connection to the receiving server was demanded and could not be made." },
  { "7", NULL,
    "The receiving server refuses to take this message for reasons of security. Its own words below may "
    "tell why." },
};

const char *
pb_dsn_subject (const PbDsn *dsn)
{
  switch (dsn->action)
    {
    case PB_DSN_FAILED:
      return dsn->to != NULL ? "A notice of failure could not be delivered" : "Your message could not be delivered";
    case PB_DSN_DELAYED:
      return "Your message is delayed";
    case PB_DSN_DELIVERED:
      return "Your message was delivered";
    case PB_DSN_RELAYED:
      return "Your message was passed on";
    case PB_DSN_EXPANDED:
      return "Your message was sent on to several people";
    case PB_DSN_N_ACTIONS:
      break;
    }
  return "Delivery report";
}

const PbRecipient *
pb_dsn_recipient (const PbDsn *dsn, const PbDsnRecipient *row)
{
  return row->recipient < dsn->envelope->n_recipients ? &dsn->envelope->recipients[row->recipient]
                                                      : NULL;
}

gsize
pb_dsn_header_length (const PbDsn *dsn)
{
  const char *empty;

  if (dsn->original_length >= 2 && memcmp (dsn->original, "\r\n", 2) == 0)
    return 0;
  if (dsn->original_length == 0)
    return 0;
  empty = memmem (dsn->original, dsn->original_length, "\r\n\r\n", 4);
  return empty != NULL ? (gsize) (empty - dsn->original) + 2 : dsn->original_length;
}

/* Appends @text in lines of some WIDTH octets, each behind @indent; a '\n' in it begins a new one. */
static void
append_wrapped (GString *out, const char *indent, const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", 64);

  for (char **line = lines; *line != NULL; line++)
    {
      g_autoptr (GString) safe = g_string_new (NULL);
      g_auto (GStrv) words = NULL;
      gsize start = out->len;

      pb_text_append_safe (safe, *line, -1, MAX_TEXT, TRUE);
      words = g_strsplit (safe->str, " ", -1);
      g_string_append (out, indent);
      for (char **word = words; *word != NULL; word++)
        {
          gsize length = strlen (*word);

          if (out->len - start > strlen (indent) && out->len - start + 1 + length > WIDTH)
            {
              g_string_append (out, "\r\n");
              start = out->len;
              g_string_append (out, indent);
            }
          else if (word != words)
            g_string_append_c (out, ' ');
          pb_text_append_safe (out, *word, (gssize) length, MAX_WORD, TRUE);
        }
      g_string_append (out, "\r\n");
    }
}

static const char *
find_reason (const char *status)
{
  g_auto (GStrv) parts = g_strsplit (status != NULL ? status : "", ".", 3);

  if (g_strv_length (parts) != 3)
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (reasons); i++)
    if (strcmp (parts[1], reasons[i].subject) == 0
        && (reasons[i].detail == NULL || strcmp (parts[2], reasons[i].detail) == 0))
      return reasons[i].text;
  return NULL;
}

/*
 * The original's Subject, for people to know which message this is about; only when it can be read as it stands. Its first
 * line is enough, and so are the header's first 64 KiB.
 */
static char *
find_title (const PbDsn *dsn)
{
  const char *line = dsn->original;
  gsize left = MIN (pb_dsn_header_length (dsn), MAX_SEARCHED);

  while (left > 0)
    {
      const char *end = memchr (line, '\n', left);
      gsize length = end != NULL ? (gsize) (end - line) : left;
      gsize used = MIN (length + 1, left);

      if (length > 8 && g_ascii_strncasecmp (line, "Subject:", 8) == 0)
        {
          g_autofree char *raw = g_strstrip (g_strndup (line + 8, length - 8));
          g_autoptr (GString) title = g_string_new (NULL);

          pb_text_append_safe (title, raw, -1, MAX_TITLE, TRUE);
          if (title->len == 0 || strstr (title->str, "=?") != NULL
              || !g_utf8_validate (raw, -1, NULL))
            return NULL;
          return g_string_free (g_steal_pointer (&title), FALSE);
        }
      line += used;
      left -= used;
    }
  return NULL;
}

static guint
count_recipients (const PbDsn *dsn)
{
  guint n = 0;

  for (guint i = 0; i < dsn->n_recipients; i++)
    n += pb_dsn_recipient (dsn, &dsn->recipients[i]) != NULL;
  return n;
}

/* What happened, in one paragraph. @whom: "to this address", as it stands in the sentence. (transfer full) */
static char *
make_opening (const PbDsn *dsn, const char *whom)
{
  switch (dsn->action)
    {
    case PB_DSN_FAILED:
      if (dsn->to != NULL)
        return g_strdup_printf (
          "This is for the postmaster: a notice that a message could not be delivered was itself "
          "refused, or found nobody to take it, and so the sender of that message does not know. The "
          "notice was to go %s; it is attached. Often the sender was forged, and there is nothing "
          "to do.",
          whom);
      return g_strdup_printf (
        "Your message could not be delivered %s, and we will not try again. You can send it again "
        "once the reason given below has been dealt with.",
        whom);
    case PB_DSN_DELAYED:
      return g_strdup_printf (
        "Your message has not yet been delivered %s. This is only to let you know: we keep "
        "trying%s%s. There is nothing you need to do, and please do not send the message again. "
        "If we have to give up, you will be told.",
        whom, dsn->will_retry_until != NULL ? " until " : "",
        dsn->will_retry_until != NULL ? dsn->will_retry_until : "");
    case PB_DSN_DELIVERED:
      return g_strdup_printf (
        "As you asked to be told: your message was delivered %s. That does not mean that it has "
        "been read.",
        whom);
    case PB_DSN_RELAYED:
      return g_strdup_printf (
        "As you asked to be told: your message %s was passed on to a mail server that does not "
        "report deliveries. You may hear no more of it unless something goes wrong.",
        whom);
    case PB_DSN_EXPANDED:
      return g_strdup_printf (
        "As you asked to be told: your message %s arrived and was sent on to the several people "
        "behind it. You will hear no more of it unless something goes wrong.",
        whom);
    case PB_DSN_N_ACTIONS:
      break;
    }
  return g_strdup (whom);
}

static void
append_opening (GString *out, const PbDsn *dsn)
{
  const guint n = count_recipients (dsn);
  g_autofree char *whom =
    n == 1 ? g_strdup ("to this address") : g_strdup_printf ("to these %u addresses", n);
  g_autofree char *host =
    g_strdup_printf ("This is the mail server %s. If you need help with this, write to "
                     "postmaster@%s.",
                     dsn->hostname, dsn->hostname);
  g_autofree char *title = find_title (dsn);
  g_autofree char *text = make_opening (dsn, whom);

  append_wrapped (out, "", host);
  g_string_append (out, "\r\n");
  append_wrapped (out, "", text);
  if (title != NULL)
    {
      g_autofree char *line = g_strdup_printf ("Its subject: %s", title);

      g_string_append (out, "\r\n");
      append_wrapped (out, "", line);
    }
}

/* A status says why only where something is wrong. */
static gboolean
is_trouble (PbDsnAction action)
{
  return action == PB_DSN_FAILED || action == PB_DSN_DELAYED;
}

static void
append_recipient (GString *out, const PbDsn *dsn, const PbDsnRecipient *row)
{
  const PbRecipient *recipient = pb_dsn_recipient (dsn, row);
  const char *reason = is_trouble (dsn->action) ? find_reason (row->status) : NULL;

  if (recipient == NULL)
    return;
  g_string_append (out, "\r\n  ");
  pb_text_append_safe (out, recipient->address, -1, MAX_WORD, TRUE);
  g_string_append (out, "\r\n");
  if (reason != NULL)
    append_wrapped (out, "    ", reason);
  if (row->reply == NULL || *row->reply == '\0')
    return;
  if (!row->reply_is_smtp)
    {
      append_wrapped (out, "    ", row->reply);
      return;
    }
  g_string_append (out, "    The server ");
  if (row->remote_mta != NULL)
    {
      pb_text_append_safe (out, row->remote_mta, -1, 255, FALSE);
      g_string_append_c (out, ' ');
    }
  g_string_append (out, "answered:\r\n");
  append_wrapped (out, "      ", row->reply);
}

void
pb_dsn_append_text (GString *out, const PbDsn *dsn)
{
  append_opening (out, dsn);
  for (guint i = 0; i < dsn->n_recipients; i++)
    append_recipient (out, dsn, &dsn->recipients[i]);
  g_string_append (out, "\r\n");
  append_wrapped (
    out, "",
    dsn->to != NULL
      ? "Two attachments follow: this report in a form for mail programs, and the notice or its header."
      : "Two attachments follow: this report in a form for mail programs, and your message or its header.");
}
