/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Delivery status notifications: a multipart/report (RFC 6522) of a text for people, the fields of RFC 3464 for programs and
 * the original. The queue calls this when recipients failed, wait long or are delivered, and submits the result like any
 * message. For an SMTPUTF8 envelope the parts are message/global-* (RFC 6533), else all of it but a full 8-bit original is
 * seven bits wide. The original goes along whole for a failure with RET=FULL if it is at most 64 KiB, all there and made of
 * proper lines, else its header section, at most 64 KiB of it (RFC 3461 4.3 leaves unsaid RET to us; less is kinder to the
 * one whose address was forged). Nothing here fails; the caller owns the result.
 */
#include "protocol/dsn-private.h"

#include "protocol/text.h"
#include <string.h>

#define MAX_ORIGINAL (64 * 1024)
#define MAX_LINE     998 /* RFC 5322 2.1.1 */
#define MAX_VALUE    2048
#define FOLD_AT      76
#define MAX_WORD     900

typedef struct
{
  const char *type;
  const char *description;
  const char *encoding; /* (nullable) NULL: 7bit or quoted-printable, as the octets ask for */
  const char *data;     /* CRLF lines */
  gsize length;
} Part;

/* CRLF lines of at most 998 octets with no other CR, LF or NUL. */
static gboolean
has_proper_lines (const char *data, gsize length)
{
  const char *end = data + length;

  if (memchr (data, '\0', length) != NULL)
    return FALSE;
  while (data < end)
    {
      const char *feed = memchr (data, '\n', (gsize) (end - data));
      gsize line = (gsize) ((feed != NULL ? feed : end) - data);
      const char *cr = memchr (data, '\r', line);

      if (line > MAX_LINE + 1 || (cr != NULL && (feed == NULL || cr != feed - 1))
          || (cr == NULL && feed != NULL))
        return FALSE;
      data += line + (feed != NULL);
    }
  return TRUE;
}

/* Quoted-printable (RFC 2045 6.7). A CR or LF that is not of a CRLF is encoded, and so is a blank at a line's end. */
static void
append_quoted (GString *out, const char *data, gsize length)
{
  gsize column = 0;

  for (gsize i = 0; i < length; i++)
    {
      guint8 octet = (guint8) data[i];
      gboolean at_end =
        i + 1 == length || (i + 2 < length && data[i + 1] == '\r' && data[i + 2] == '\n');
      gboolean plain = octet >= ' ' && octet <= '~' && octet != '=' && !(octet == ' ' && at_end);

      if (octet == '\r' && i + 1 < length && data[i + 1] == '\n')
        {
          g_string_append (out, "\r\n");
          column = 0;
          i++;
          continue;
        }
      if (column + (plain ? 1 : 3) > FOLD_AT - 1)
        {
          g_string_append (out, "=\r\n");
          column = 0;
        }
      if (plain)
        g_string_append_c (out, (char) octet);
      else
        g_string_append_printf (out, "=%02X", octet);
      column += plain ? 1 : 3;
    }
}

/* Appends "name: value", made harmless and folded; '\n' in @value is a blank. Nothing for an empty value. */
static void
append_field (GString *out, const char *name, const char *value, gboolean utf8)
{
  g_autoptr (GString) safe = g_string_new (NULL);
  g_autofree char *line = g_strdup (value != NULL ? value : "");
  g_auto (GStrv) words = NULL;
  gsize start = out->len;

  g_strdelimit (line, "\r\n\t", ' ');
  pb_text_append_safe (safe, line, -1, MAX_VALUE, utf8);
  g_strstrip (safe->str);
  if (*safe->str == '\0')
    return;
  words = g_strsplit (safe->str, " ", -1);
  g_string_append_printf (out, "%s:", name);
  for (char **word = words; *word != NULL; word++)
    {
      const char *rest = *word;

      /* the first word stays beside the name: a line of blanks alone is no continuation */
      if (word != words && *rest != '\0' && out->len - start + 1 + strlen (rest) > FOLD_AT)
        {
          g_string_append (out, "\r\n");
          start = out->len;
        }
      while (strlen (rest) > MAX_WORD)
        {
          const char *cut = g_utf8_find_prev_char (rest, rest + MAX_WORD);

          g_string_append_c (out, ' ');
          g_string_append_len (out, rest, cut - rest);
          g_string_append (out, "\r\n");
          start = out->len;
          rest = cut;
        }
      g_string_append_c (out, ' ');
      g_string_append (out, rest);
    }
  g_string_append (out, "\r\n");
}

static void
append_typed (GString *out, const char *name, const char *type, const char *value, gboolean utf8)
{
  g_autofree char *typed = NULL;

  if (value == NULL || *value == '\0')
    return;
  typed = g_strdup_printf ("%s; %s", type, value);
  append_field (out, name, typed, utf8);
}

static void
append_address (GString *out, const char *name, const char *address, gboolean utf8)
{
  gboolean ascii = pb_text_is_ascii (address, strlen (address));

  append_typed (out, name, ascii || !utf8 ? "rfc822" : "utf-8", address, utf8);
}

/* ORCPT is xtext for rfc822 (RFC 3461 4.2) and goes into the field in the clear (RFC 3464 2.3.1); of type utf-8 where the
   report may have UTF-8 (RFC 6533 3). */
static void
append_original_recipient (GString *out, const char *orcpt, gboolean utf8)
{
  const char *semicolon = orcpt != NULL ? strchr (orcpt, ';') : NULL;
  g_autofree char *type = NULL, *plain = NULL;

  if (semicolon == NULL)
    return;
  type = g_strndup (orcpt, (gsize) (semicolon - orcpt));
  if (g_ascii_strcasecmp (type, "utf-8") != 0)
    plain = pb_xtext_decode (semicolon + 1, strlen (semicolon + 1));
  else if ((plain = pb_utf8_addr_decode (semicolon + 1, strlen (semicolon + 1))) != NULL && !utf8)
    {
      g_autofree char *clear = g_steal_pointer (&plain);

      plain = pb_utf8_addr_encode (clear);
    }
  append_typed (out, "Original-Recipient", type, plain != NULL ? plain : semicolon + 1, utf8);
}

const char *
pb_dsn_action_word (PbDsnAction action)
{
  switch (action)
    {
    case PB_DSN_FAILED:
      return "failed";
    case PB_DSN_DELAYED:
      return "delayed";
    case PB_DSN_DELIVERED:
      return "delivered";
    case PB_DSN_RELAYED:
      return "relayed";
    case PB_DSN_EXPANDED:
      return "expanded";
    case PB_DSN_N_ACTIONS:
      break;
    }
  return "failed";
}

static void
append_status (GString *out, const PbDsn *dsn, gboolean utf8)
{
  const PbEnvelope *envelope = dsn->envelope;

  append_field (out, "Original-Envelope-Id", envelope->envid, utf8);
  append_typed (out, "Reporting-MTA", "dns", dsn->hostname, FALSE);
  append_field (out, "X-Postbus-Queue-ID", envelope->id_text, FALSE);
  append_typed (out, "Received-From-MTA", "dns", envelope->helo, FALSE);
  append_field (out, "Arrival-Date", dsn->arrival_date, FALSE);
  for (guint i = 0; i < dsn->n_recipients; i++)
    {
      const PbDsnRecipient *row = &dsn->recipients[i];
      const PbRecipient *recipient = pb_dsn_recipient (dsn, row);

      if (recipient == NULL)
        continue;
      g_string_append (out, "\r\n");
      append_original_recipient (out, recipient->orcpt, utf8);
      append_address (out, "Final-Recipient", recipient->address, utf8);
      append_field (out, "Action", pb_dsn_action_word (dsn->action), FALSE);
      append_field (out, "Status", row->status, FALSE);
      append_typed (out, "Remote-MTA", "dns", row->remote_mta, FALSE);
      if (row->reply_is_smtp)
        append_typed (out, "Diagnostic-Code", "smtp", row->reply, utf8);
      append_field (out, "Last-Attempt-Date", dsn->date, FALSE);
      if (dsn->action == PB_DSN_DELAYED)
        append_field (out, "Will-Retry-Until", dsn->will_retry_until, FALSE);
    }
}

/* The part that holds the original or its head. */
static Part
original_part (const PbDsn *dsn, gboolean utf8)
{
  gsize header = pb_dsn_header_length (dsn);
  Part part = { "text/rfc822-headers", "Header of the message", NULL, dsn->original, header };

  if (dsn->action == PB_DSN_FAILED && (dsn->to != NULL || dsn->envelope->ret == PB_RET_FULL)
      && dsn->original_length <= MAX_ORIGINAL && dsn->original_length == dsn->envelope->size
      && has_proper_lines (dsn->original, dsn->original_length))
    {
      part.type = utf8 ? "message/global" : "message/rfc822";
      part.description = "The message";
      part.length = dsn->original_length;
      part.encoding = pb_text_is_ascii (dsn->original, part.length) ? "7bit" : "8bit";
      return part;
    }
  if (utf8)
    part.type = "message/global-headers";
  if (part.length > MAX_ORIGINAL)
    {
      const char *cut = memrchr (dsn->original, '\n', MAX_ORIGINAL);

      part.length = cut != NULL ? (gsize) (cut - dsn->original) + 1 : MAX_ORIGINAL;
    }
  return part;
}

static void
append_part (GString *out, const char *boundary, const Part *part)
{
  const char *encoding = part->encoding;

  if (encoding == NULL)
    encoding =
      pb_text_is_ascii (part->data, part->length) && has_proper_lines (part->data, part->length)
        ? "7bit"
        : "quoted-printable";
  g_string_append_printf (out,
                          "--%s\r\nContent-Type: %s\r\nContent-Description: %s\r\n"
                          "Content-Transfer-Encoding: %s\r\n\r\n",
                          boundary, part->type, part->description, encoding);
  if (part->length == 0)
    return;
  if (*encoding == 'q')
    append_quoted (out, part->data, part->length);
  else
    g_string_append_len (out, part->data, (gssize) part->length);
  if (part->data[part->length - 1] != '\n')
    g_string_append (out, "\r\n");
}

/* A boundary that occurs nowhere in the original: its writer may have guessed ours. "=_" cannot stand in quoted-printable. */
static char *
make_boundary (const PbDsn *dsn)
{
  for (guint n = 0;; n++)
    {
      g_autofree char *boundary = g_strdup_printf ("=_%s-%u=_", dsn->id_text, n);

      if (dsn->original_length == 0
          || memmem (dsn->original, dsn->original_length, boundary, strlen (boundary)) == NULL)
        return g_steal_pointer (&boundary);
    }
}

static void
append_head (GString *out, const PbDsn *dsn, const char *boundary, gboolean utf8)
{
  const char *message_id = dsn->envelope->message_id;
  g_autofree char *from =
    g_strdup_printf ("Mail Delivery System <mailer-daemon@%s>", dsn->hostname);
  g_autofree char *to = g_strdup_printf ("<%s>", dsn->to != NULL ? dsn->to : dsn->envelope->sender);
  g_autofree char *id = g_strdup_printf ("<%s@%s>", dsn->id_text, dsn->hostname);

  append_field (out, "Date", dsn->date, FALSE);
  append_field (out, "From", from, FALSE);
  append_field (out, "To", to, TRUE);
  append_field (out, "Subject", pb_dsn_subject (dsn), FALSE);
  append_field (out, "Message-ID", id, FALSE);
  if (message_id != NULL && *message_id == '<' && strlen (message_id) < MAX_WORD
      && strchr (message_id, ' ') == NULL && pb_text_is_ascii (message_id, strlen (message_id)))
    {
      append_field (out, "In-Reply-To", message_id, FALSE);
      append_field (out, "References", message_id, FALSE);
    }
  g_string_append (out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
  g_string_append_printf (
    out, "Content-Type: multipart/report; report-type=%sdelivery-status;\r\n boundary=\"%s\"\r\n",
    utf8 ? "global-" : "", boundary);
  g_string_append (out, "\r\nThis is a report of a mail server in MIME format.\r\n\r\n");
}

GByteArray *
pb_dsn_build (const PbDsn *dsn)
{
  const gboolean utf8 = (dsn->envelope->flags & PB_ENVELOPE_SMTPUTF8) != 0;
  g_autofree char *boundary = make_boundary (dsn);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GString) status = g_string_new (NULL);
  GString *out = g_string_sized_new (4096);
  /* What malware was found in is not sent around: the part is optional (RFC 6522 3). */
  guint n_parts = (dsn->envelope->flags & PB_ENVELOPE_INFECTED) != 0 ? 2 : 3;
  Part parts[3];
  gsize length;

  pb_dsn_append_text (text, dsn);
  append_status (status, dsn, utf8);
  parts[0] = (Part){ "text/plain; charset=utf-8", "What happened", NULL, text->str, text->len };
  parts[1] = (Part){ utf8 ? "message/global-delivery-status" : "message/delivery-status",
                     "Report for programs", NULL, status->str, status->len };
  parts[2] = original_part (dsn, utf8);
  append_head (out, dsn, boundary, utf8);
  for (guint i = 0; i < n_parts; i++)
    {
      append_part (out, boundary, &parts[i]);
      g_string_append (out, "\r\n");
    }
  g_string_append_printf (out, "--%s--\r\n", boundary);
  length = out->len;
  return g_byte_array_new_take ((guint8 *) g_string_free (out, FALSE), length);
}
