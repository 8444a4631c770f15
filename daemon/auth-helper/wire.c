/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The frames of wire.h, written and read. Both sides call it: postbusd writes requests and reads
 * answers, the helper the other way round, in the child that serves the connection. What is not
 * exactly a frame is BAD; there is nothing to be lenient about between two programs of one house.
 */
#include "auth-helper/wire.h"

#include <string.h>

#define HEAD       6 /* length, version, kind */
#define FLAG_SHELL 1
#define MIN_UID    1000
#define NOBODY     65534

/* What is left to read of a frame, or has been written of it. */
typedef struct
{
  uint8_t *octets;
  size_t at;
} Writer;

typedef struct
{
  const uint8_t *octets;
  size_t at, end;
} Reader;

/* The length of the UTF-8 character at @text, 0 when there is none (RFC 3629 4: shortest forms, no surrogates). */
static size_t
utf8_length (const uint8_t *text)
{
  size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

  if ((text[0] >= 0x80 && text[0] < 0xc2) || text[0] > 0xf4)
    return 0;
  for (size_t i = 1; i < length; i++)
    if ((text[i] & 0xc0) != 0x80)
      return 0;
  if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f)
      || (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
    return 0;
  return length;
}

bool
pb_auth_name_is_valid (const char *name)
{
  const uint8_t *p = (const uint8_t *) name;
  size_t length = strlen (name), step;

  if (length == 0 || length > PB_AUTH_MAX_NAME || name[0] == '-')
    return false;
  for (; *p != 0; p += step)
    {
      step = utf8_length (p);
      /* C1 controls are C2 80 to C2 9F. */
      if (step == 0 || *p < 0x20 || *p == 0x7f || *p == '/' || *p == ':'
          || (*p == 0xc2 && p[1] < 0xa0))
        return false;
    }
  return true;
}

bool
pb_auth_is_person (const PbAuthAnswer *answer)
{
  return answer->verdict == PB_AUTH_YES && answer->uid >= MIN_UID && answer->uid != NOBODY;
}

/* ---- writing ---- */

static void
put_number (Writer *self, uint32_t value, size_t octets)
{
  while (octets-- > 0)
    self->octets[self->at++] = (uint8_t) (value >> (8 * octets));
}

static void
put_text (Writer *self, const char *text)
{
  size_t length = strlen (text);

  put_number (self, (uint32_t) length, 2);
  memcpy (self->octets + self->at, text, length);
  self->at += length;
}

static void
put_head (Writer *self, uint8_t kind)
{
  self->at = 4;
  put_number (self, PB_AUTH_VERSION, 1);
  put_number (self, kind, 1);
}

static size_t
put_length (Writer *self)
{
  Writer front = { self->octets, 0 };

  put_number (&front, (uint32_t) (self->at - 4), 4);
  return self->at;
}

size_t
pb_auth_request_write (const PbAuthRequest *request, uint8_t frame[PB_AUTH_MAX_FRAME])
{
  Writer writer = { frame, 0 };

  if (!pb_auth_name_is_valid (request->user))
    return 0;
  put_head (&writer, (uint8_t) request->kind);
  put_text (&writer, request->user);
  if (request->kind == PB_AUTH_AUTHENTICATE)
    {
      put_text (&writer, request->password);
      put_text (&writer, request->remote);
      put_text (&writer, request->service);
    }
  return put_length (&writer);
}

size_t
pb_auth_answer_write (const PbAuthAnswer *answer, uint8_t frame[PB_AUTH_MAX_FRAME])
{
  Writer writer = { frame, 0 };

  put_head (&writer, (uint8_t) answer->verdict);
  if (answer->verdict == PB_AUTH_YES)
    {
      put_number (&writer, answer->uid, 4);
      put_number (&writer, answer->login_shell ? FLAG_SHELL : 0, 1);
      put_text (&writer, answer->name);
    }
  return put_length (&writer);
}

/* ---- reading ---- */

static bool
take_number (Reader *self, size_t octets, uint32_t *value)
{
  if (self->end - self->at < octets)
    return false;
  *value = 0;
  while (octets-- > 0)
    *value = *value << 8 | self->octets[self->at++];
  return true;
}

/* @room: of @text, with its NUL. */
static bool
take_text (Reader *self, char *text, size_t room)
{
  uint32_t length;

  if (!take_number (self, 2, &length) || length >= room || self->end - self->at < length)
    return false;
  memcpy (text, self->octets + self->at, length);
  text[length] = '\0';
  self->at += length;
  return strlen (text) == length;
}

/* The head of a frame. A length or a version that cannot be is told without waiting for the rest. */
static PbAuthParse
take_head (const uint8_t *octets, size_t length, Reader *reader, uint32_t *kind)
{
  uint32_t body, version;

  *reader = (Reader){ octets, 0, length };
  if (!take_number (reader, 4, &body))
    return PB_AUTH_PARSE_MORE;
  if (body < HEAD - 4 || body > PB_AUTH_MAX_BODY || length - 4 > body)
    return PB_AUTH_PARSE_BAD;
  if (!take_number (reader, 1, &version))
    return PB_AUTH_PARSE_MORE;
  if (version != PB_AUTH_VERSION)
    return PB_AUTH_PARSE_BAD;
  if (length - 4 < body)
    return PB_AUTH_PARSE_MORE;
  take_number (reader, 1, kind);
  return PB_AUTH_PARSE_OK;
}

/* Printable ASCII: these come into logs. */
static bool
is_plain (const char *text)
{
  for (; *text != '\0'; text++)
    if (*text <= 0x20 || *text >= 0x7f)
      return false;
  return true;
}

static bool
take_secrets (Reader *reader, PbAuthRequest *request)
{
  return take_text (reader, request->password, sizeof request->password)
         && take_text (reader, request->remote, sizeof request->remote)
         && take_text (reader, request->service, sizeof request->service)
         && is_plain (request->remote) && is_plain (request->service);
}

PbAuthParse
pb_auth_request_parse (const uint8_t *octets, size_t length, PbAuthRequest *request)
{
  Reader reader;
  uint32_t kind;
  PbAuthParse head = take_head (octets, length, &reader, &kind);

  if (head != PB_AUTH_PARSE_OK)
    return head;
  memset (request, 0, sizeof *request);
  if (kind != PB_AUTH_AUTHENTICATE && kind != PB_AUTH_LOOKUP)
    return PB_AUTH_PARSE_BAD;
  request->kind = (PbAuthKind) kind;
  if (!take_text (&reader, request->user, sizeof request->user)
      || !pb_auth_name_is_valid (request->user)
      || (kind == PB_AUTH_AUTHENTICATE && !take_secrets (&reader, request))
      || reader.at != reader.end)
    return PB_AUTH_PARSE_BAD;
  return PB_AUTH_PARSE_OK;
}

PbAuthParse
pb_auth_answer_parse (const uint8_t *octets, size_t length, PbAuthAnswer *answer)
{
  Reader reader;
  uint32_t kind, flags = 0;
  PbAuthParse head = take_head (octets, length, &reader, &kind);

  if (head != PB_AUTH_PARSE_OK)
    return head;
  memset (answer, 0, sizeof *answer);
  if (kind < PB_AUTH_YES || kind > PB_AUTH_TROUBLE)
    return PB_AUTH_PARSE_BAD;
  answer->verdict = (PbAuthVerdict) kind;
  if (kind == PB_AUTH_YES
      && (!take_number (&reader, 4, &answer->uid) || !take_number (&reader, 1, &flags)
          || flags > FLAG_SHELL || !take_text (&reader, answer->name, sizeof answer->name)
          || !pb_auth_name_is_valid (answer->name)))
    return PB_AUTH_PARSE_BAD;
  answer->login_shell = flags == FLAG_SHELL;
  return reader.at == reader.end ? PB_AUTH_PARSE_OK : PB_AUTH_PARSE_BAD;
}
