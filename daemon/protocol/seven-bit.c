/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From 8bit to quoted-printable, part by part (RFC 2045 6, RFC 2046 5.1). The SMTP client sends a message
 * through it when the server takes no 8-bit octets; pure, and never fails: what is no MIME, or is MIME
 * gone wrong, is sent as text in quoted-printable or, where its header section is beyond reason, as it
 * is. Memory is bounded by one header section and one beginning of a line, whatever the message is.
 */
#include "protocol/seven-bit.h"

#include <string.h>

#define MAX_HEADER (256 * 1024)
#define MAX_DEPTH  32
#define LINE_START 1024 /* a boundary's line is shorter (RFC 2046 5.1.1), its blanks included */
#define QP_COLUMNS 75   /* and the "=" of a soft line break (RFC 2045 6.7) */

/* What is done with octets of a body. */
typedef enum
{
  BODY_PASS,   /* beyond understanding */
  BODY_MASK,   /* around the parts, where nobody reads, and base64, whose readers pass over what is none */
  BODY_ESCAPE, /* quoted-printable already, or so it says */
  BODY_ENCODE,
} Body;

struct _PbSevenBit
{
  gboolean in_header;
  gboolean is_message;   /* the header section is a message's own, not a part's */
  gboolean in_digest;    /* it is that of a multipart/digest's part */
  guint32 digests;       /* which of the boundaries are such a multipart's, one bit a level */
  GByteArray *header;    /* (owned) the section, up to here */
  gsize line_at;         /* where its last line begins */
  GByteArray *line;      /* (owned) the beginning of a body's line, not yet judged */
  gboolean judged;       /* the line that goes on is no boundary */
  Body body;
  GPtrArray *boundaries; /* (owned) (element-type utf8) the innermost last */
  guint column;          /* of quoted-printable */
  char blank;            /* held back: must be encoded at a line's end */
  gboolean cr;           /* held back */
};

PbSevenBit *
pb_seven_bit_new (void)
{
  PbSevenBit *self = g_new0 (PbSevenBit, 1);

  self->in_header = self->is_message = TRUE;
  self->header = g_byte_array_new ();
  self->line = g_byte_array_new ();
  self->boundaries = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
pb_seven_bit_free (PbSevenBit *self)
{
  g_byte_array_unref (self->header);
  g_byte_array_unref (self->line);
  g_ptr_array_unref (self->boundaries);
  g_free (self);
}

static void
append (GByteArray *out, const char *text)
{
  g_byte_array_append (out, (const guint8 *) text, (guint) strlen (text));
}

/* ---- quoted-printable ---- */

static void
qp_append (PbSevenBit *self, const char *text, guint length, GByteArray *out)
{
  if (self->column + length > QP_COLUMNS)
    {
      append (out, "=\r\n");
      self->column = 0;
    }
  g_byte_array_append (out, (const guint8 *) text, length);
  self->column += length;
}

static void
qp_escape (PbSevenBit *self, guint8 octet, GByteArray *out)
{
  char text[4];

  g_snprintf (text, sizeof text, "=%02X", octet);
  qp_append (self, text, 3, out);
}

/* What was held back; at a line's end a blank would be lost on the way (RFC 2045 6.7 (3)). */
static void
qp_release (PbSevenBit *self, gboolean at_end, GByteArray *out)
{
  if (self->blank != '\0' && at_end)
    qp_escape (self, (guint8) self->blank, out);
  else if (self->blank != '\0')
    qp_append (self, &self->blank, 1, out);
  self->blank = '\0';
}

static void
qp_octet (PbSevenBit *self, char octet, GByteArray *out)
{
  if (octet == '\n')
    {
      qp_release (self, TRUE, out);
      append (out, "\r\n");
      self->column = 0;
      self->cr = FALSE;
      return;
    }
  if (octet == '\r' && !self->cr)
    {
      self->cr = TRUE;
      return;
    }
  qp_release (self, FALSE, out);
  if (self->cr)
    qp_escape (self, '\r', out);
  self->cr = octet == '\r';
  if (octet == ' ' || octet == '\t')
    self->blank = octet;
  else if (octet == '=' || octet < ' ' || octet > '~')
    {
      if (!self->cr)
        qp_escape (self, (guint8) octet, out);
    }
  else
    qp_append (self, &octet, 1, out);
}

static void
qp_finish (PbSevenBit *self, GByteArray *out)
{
  qp_release (self, TRUE, out);
  if (self->cr)
    qp_escape (self, '\r', out);
  self->cr = FALSE;
}

/* Only what is over 127 is touched. */
static void
append_replaced (PbSevenBit *self, const char *data, gsize length, GByteArray *out)
{
  while (length > 0)
    {
      gsize run = 0;

      while (run < length && (guint8) data[run] <= 127)
        run++;
      g_byte_array_append (out, (const guint8 *) data, (guint) run);
      if (run == length)
        return;
      if (self->body == BODY_ESCAPE)
        {
          char text[4];

          g_snprintf (text, sizeof text, "=%02X", (guint8) data[run]);
          append (out, text);
        }
      else
        append (out, "?");
      data += run + 1;
      length -= run + 1;
    }
}

static void
append_body (PbSevenBit *self, const char *data, gsize length, GByteArray *out)
{
  switch (self->body)
    {
    case BODY_PASS:
      g_byte_array_append (out, (const guint8 *) data, (guint) length);
      break;
    case BODY_MASK:
    case BODY_ESCAPE:
      append_replaced (self, data, length, out);
      break;
    case BODY_ENCODE:
      for (gsize i = 0; i < length; i++)
        qp_octet (self, data[i], out);
      break;
    }
}

/* ---- header sections ---- */

/* The end of the field at @at: behind its last continuation line. */
static const char *
field_end (const char *at, const char *end)
{
  do
    {
      const char *lf = memchr (at, '\n', (gsize) (end - at));

      at = lf != NULL ? lf + 1 : end;
    }
  while (at < end && (*at == ' ' || *at == '\t'));
  return at;
}

static gboolean
field_is (const char *at, const char *end, const char *name)
{
  gsize length = strlen (name);

  if ((gsize) (end - at) <= length || g_ascii_strncasecmp (at, name, length) != 0)
    return FALSE;
  for (at += length; at < end && (*at == ' ' || *at == '\t'); at++)
    ;
  return at < end && *at == ':';
}

/* (transfer full) (nullable): the first field's value, unfolded as far as it matters: line ends are blanks. */
static char *
find_field (const PbSevenBit *self, const char *name)
{
  const char *at = (const char *) self->header->data, *end = at + self->header->len, *next;

  for (; at < end; at = next)
    {
      next = field_end (at, end);
      if (field_is (at, next, name))
        {
          const char *colon = memchr (at, ':', (gsize) (next - at));
          char *value = g_strndup (colon + 1, (gsize) (next - colon - 1));

          return g_strstrip (g_strdelimit (value, "\r\n\t", ' '));
        }
    }
  return NULL;
}

/* (transfer full) (nullable): the value of "boundary" behind the type. */
static char *
find_boundary (const char *type)
{
  const char *at = strchr (type, ';');

  while (at != NULL)
    {
      at += strspn (at, "; ");
      if (g_ascii_strncasecmp (at, "boundary", 8) == 0)
        {
          const char *value = at + 8 + strspn (at + 8, " ");
          gsize length;

          if (*value++ != '=')
            return NULL;
          value += strspn (value, " ");
          length = *value == '"' ? strcspn (value + 1, "\"") : strcspn (value, "; ");
          value += *value == '"';
          return length > 0 && length < LINE_START / 2 ? g_strndup (value, length) : NULL;
        }
      at = strpbrk (at, ";\"");
      if (at != NULL && *at == '"')
        {
          at = strchr (at + 1, '"');
          at = at != NULL ? strchr (at, ';') : NULL;
        }
    }
  return NULL;
}

/* Everything but the field that says how the body is encoded; the empty line at the end is left off. */
static void
append_fields (const PbSevenBit *self, GByteArray *out)
{
  const char *at = (const char *) self->header->data, *end = at + self->header->len, *next;

  for (; at < end; at = next)
    {
      next = field_end (at, end);
      if (*at != '\r' && *at != '\n' && !field_is (at, next, "Content-Transfer-Encoding"))
        g_byte_array_append (out, (const guint8 *) at, (guint) (next - at));
    }
}

static void
append_as_it_is (PbSevenBit *self, GByteArray *out)
{
  g_byte_array_append (out, self->header->data, self->header->len);
  g_byte_array_set_size (self->header, 0);
  self->line_at = 0;
  self->in_header = FALSE;
}

/* The section with another encoding, and its empty line. */
static void
append_header (PbSevenBit *self, const char *encoding, GByteArray *out)
{
  g_autofree char *version = find_field (self, "MIME-Version");
  g_autofree char *type = find_field (self, "Content-Type");

  append_fields (self, out);
  if (self->is_message && version == NULL)
    append (out, "MIME-Version: 1.0\r\n");
  /* RFC 1428 2 for octets of which nobody has said what they are. */
  if (self->is_message && type == NULL)
    append (out, "Content-Type: text/plain; charset=unknown-8bit\r\n");
  append (out, "Content-Transfer-Encoding: ");
  append (out, encoding);
  append (out, "\r\n\r\n");
  g_byte_array_set_size (self->header, 0);
  self->line_at = 0;
  self->in_header = FALSE;
}

static gboolean
is_identity (const char *encoding)
{
  return encoding == NULL || g_ascii_strcasecmp (encoding, "7bit") == 0
         || g_ascii_strcasecmp (encoding, "8bit") == 0
         || g_ascii_strcasecmp (encoding, "binary") == 0;
}

/* What is to be done with a body that is not to be encoded anew. */
static Body
encoded_body (const char *encoding)
{
  if (encoding != NULL && g_ascii_strcasecmp (encoding, "quoted-printable") == 0)
    return BODY_ESCAPE;
  if (encoding != NULL && g_ascii_strcasecmp (encoding, "base64") == 0)
    return BODY_MASK;
  return BODY_PASS;
}

static gboolean
type_is (const char *type, const char *wanted)
{
  return type != NULL && g_ascii_strncasecmp (type, wanted, strlen (wanted)) == 0;
}

/* Of the types "message" only these have parts to encode; the others are 7bit by themselves, and must not be encoded as a
 * whole (RFC 2045 6.4). */
static gboolean
is_whole_message (const char *type)
{
  gsize length = type != NULL ? strcspn (type, "; (") : 0;

  return (length == 14 && type_is (type, "message/rfc822"))
         || (length == 14 && type_is (type, "message/global"));
}

static void
set_digest (PbSevenBit *self, guint level, gboolean is_digest)
{
  G_STATIC_ASSERT (MAX_DEPTH <= 8 * sizeof self->digests);
  self->digests &= ~((guint32) 1 << level);
  self->digests |= (guint32) is_digest << level;
}

/* A header section is whole: what its body is decides. */
static void
end_header (PbSevenBit *self, GByteArray *out)
{
  g_autofree char *encoding = find_field (self, "Content-Transfer-Encoding");
  g_autofree char *type = find_field (self, "Content-Type");
  g_autofree char *boundary = type_is (type, "multipart/") ? find_boundary (type) : NULL;

  /* RFC 2046 5.1.5: what a part of a digest is when it does not say. */
  if (type == NULL && self->in_digest)
    type = g_strdup ("message/rfc822");
  self->in_digest = FALSE;
  self->column = 0;
  if (!is_identity (encoding) || (type_is (type, "multipart/") && boundary == NULL)
      || (type_is (type, "message/") && !is_whole_message (type))
      || self->boundaries->len >= MAX_DEPTH)
    {
      append_as_it_is (self, out);
      self->body = encoded_body (encoding);
    }
  else if (boundary != NULL)
    {
      append_header (self, "7bit", out);
      set_digest (self, self->boundaries->len, type_is (type, "multipart/digest"));
      g_ptr_array_add (self->boundaries, g_steal_pointer (&boundary));
      self->body = BODY_MASK;
    }
  else if (is_whole_message (type))
    {
      append_header (self, "7bit", out);
      self->in_header = self->is_message = TRUE;
    }
  else
    {
      append_header (self, "quoted-printable", out);
      self->body = BODY_ENCODE;
    }
}

/* ---- lines ---- */

/* Whether @line is the delimiter of the boundary at @level, and the last of them. */
static gboolean
is_delimiter (const PbSevenBit *self, guint level, const char *line, gsize length, gboolean *last)
{
  const char *boundary = self->boundaries->pdata[level];
  gsize size = strlen (boundary);

  if (length < 2 + size || memcmp (line + 2, boundary, size) != 0)
    return FALSE;
  line += 2 + size;
  length -= 2 + size;
  *last = length >= 2 && line[0] == '-' && line[1] == '-';
  for (gsize i = *last ? 2 : 0; i < length; i++)
    if (strchr (" \t\r\n", line[i]) == NULL || line[i] == '\0')
      return FALSE;
  return TRUE;
}

/* Takes @line if it is a delimiter of any multipart around: the inner ones end with it too. */
static gboolean
take_delimiter (PbSevenBit *self, const char *line, gsize length, GByteArray *out)
{
  gboolean last;

  if (length < 3 || line[0] != '-' || line[1] != '-')
    return FALSE;
  for (guint level = self->boundaries->len; level-- > 0;)
    if (is_delimiter (self, level, line, length, &last))
      {
        g_byte_array_append (out, (const guint8 *) line, (guint) length);
        g_ptr_array_set_size (self->boundaries, (int) (last ? level : level + 1));
        self->in_header = !last;
        self->is_message = FALSE;
        self->in_digest = (self->digests >> level & 1) != 0;
        self->body = BODY_MASK;
        self->column = 0;
        return TRUE;
      }
  return FALSE;
}

/* A field's first line, or one that goes on with it, or the one that mailbox files begin a message with. */
static gboolean
is_field_line (const char *line, gsize length)
{
  gsize name = 0;

  if (line[0] == ' ' || line[0] == '\t' || (length > 5 && memcmp (line, "From ", 5) == 0))
    return TRUE;
  while (name < length && line[name] > ' ' && line[name] <= '~' && line[name] != ':')
    name++;
  for (; name > 0 && name < length && (line[name] == ' ' || line[name] == '\t'); name++)
    ;
  return name > 0 && name < length && line[name] == ':';
}

/* The empty line is missing: readers take this line for the body's first. */
static void
end_header_early (PbSevenBit *self, GByteArray *out)
{
  g_autofree char *line = g_memdup2 (self->header->data + self->line_at,
                                     self->header->len - self->line_at);
  gsize length = self->header->len - self->line_at;

  g_byte_array_set_size (self->header, (guint) self->line_at);
  append (self->header, "\r\n");
  end_header (self, out);
  pb_seven_bit_feed (self, line, length, out);
}

static void
header_line (PbSevenBit *self, GByteArray *out)
{
  const char *line = (const char *) self->header->data + self->line_at;
  gsize length = self->header->len - self->line_at;

  if (length == 1 || (length == 2 && line[0] == '\r'))
    {
      end_header (self, out);
      return;
    }
  if (length < LINE_START && line[0] == '-')
    {
      /* A part that ends in its header section. */
      g_autofree char *copy = g_memdup2 (line, length);
      guint before = (guint) self->line_at;
      g_autoptr (GByteArray) delimiter = g_byte_array_new ();

      if (take_delimiter (self, copy, length, delimiter))
        {
          g_byte_array_append (out, self->header->data, before);
          g_byte_array_append (out, delimiter->data, delimiter->len);
          g_byte_array_set_size (self->header, 0);
          self->line_at = 0;
          return;
        }
    }
  if (is_field_line (line, length))
    self->line_at = self->header->len;
  else
    end_header_early (self, out);
}

static void
feed_header (PbSevenBit *self, const char *piece, gsize length, gboolean whole, GByteArray *out)
{
  g_byte_array_append (self->header, (const guint8 *) piece, (guint) length);
  if (self->header->len > MAX_HEADER)
    {
      append_as_it_is (self, out);
      self->body = BODY_PASS;
      self->judged = !whole;
    }
  else if (whole)
    header_line (self, out);
}

static void
judge_line (PbSevenBit *self, GByteArray *out)
{
  const char *line = (const char *) self->line->data;
  gsize length = self->line->len;

  if (length >= LINE_START || !take_delimiter (self, line, length, out))
    append_body (self, line, length, out);
  g_byte_array_set_size (self->line, 0);
}

static void
feed_body (PbSevenBit *self, const char *piece, gsize length, gboolean whole, GByteArray *out)
{
  gsize rest = 0;

  if (!self->judged)
    {
      gsize room = LINE_START - self->line->len;

      rest = length > room ? length - room : 0;
      g_byte_array_append (self->line, (const guint8 *) piece, (guint) (length - rest));
      if (!whole && self->line->len < LINE_START)
        return;
      judge_line (self, out);
    }
  else
    rest = length;
  append_body (self, piece + length - rest, rest, out);
  self->judged = !whole;
}

void
pb_seven_bit_feed (PbSevenBit *self, const char *input, gsize length, GByteArray *out)
{
  const char *end = input + length;

  while (input < end)
    {
      const char *lf = memchr (input, '\n', (gsize) (end - input));
      gsize piece = (gsize) ((lf != NULL ? lf + 1 : end) - input);

      if (self->in_header)
        feed_header (self, input, piece, lf != NULL, out);
      else
        feed_body (self, input, piece, lf != NULL, out);
      input += piece;
    }
}

void
pb_seven_bit_finish (PbSevenBit *self, GByteArray *out)
{
  if (self->in_header)
    append_as_it_is (self, out);
  else if (self->line->len > 0)
    judge_line (self, out);
  if (self->body == BODY_ENCODE)
    qp_finish (self, out);
}
