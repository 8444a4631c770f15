/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Command lines of RFC 5321 4.1.1 cut into verb, path and parameters. The session calls this for every line a client sends;
 * it judges syntax only, never order or policy. What is wrong comes back as the reply to give. Parameters are rows of two
 * tables. Where clients in the field err and Postfix lets them, so do we: blanks behind the colon, tabs, runs of blanks. An
 * address without angle brackets is refused. Filled arguments belong to the caller; after an error there is nothing to clear.
 */
#include "protocol/command.h"

#include "protocol/text.h"
#include <string.h>

#define MAX_SIZE_DIGITS 20  /* RFC 1870 3 */
#define MAX_ENVID       100 /* RFC 3461 5.4 */
#define MAX_ORCPT       500

static const struct
{
  const char *name;
  PbVerb verb;
} verbs[] = {
  { "MAIL", PB_VERB_MAIL }, { "RCPT", PB_VERB_RCPT },         { "DATA", PB_VERB_DATA },
  { "EHLO", PB_VERB_EHLO }, { "QUIT", PB_VERB_QUIT },         { "RSET", PB_VERB_RSET },
  { "HELO", PB_VERB_HELO }, { "BDAT", PB_VERB_BDAT },         { "NOOP", PB_VERB_NOOP },
  { "AUTH", PB_VERB_AUTH }, { "STARTTLS", PB_VERB_STARTTLS }, { "VRFY", PB_VERB_VRFY },
  { "EXPN", PB_VERB_EXPN }, { "ETRN", PB_VERB_ETRN },         { "HELP", PB_VERB_HELP },
};

/* What a parameter's handler may fill in; one of the two is set. */
typedef struct
{
  PbMailArgs *mail; /* (not owned) (nullable) */
  PbRcptArgs *rcpt; /* (not owned) (nullable) */
  PbParams offered;
  gboolean smtputf8; /* RCPT: the transaction has it */
} ParamContext;

typedef struct
{
  const char *keyword;
  PbParams offer; /* the session must have offered this */
  gboolean has_value;
  gboolean (*parse) (const ParamContext *context, const char *value, gsize length);
} ParamRow;

static gboolean
is_blank (char c)
{
  return c == ' ' || c == '\t';
}

static gboolean
equals (const char *text, gsize length, const char *word)
{
  return length == strlen (word) && g_ascii_strncasecmp (text, word, length) == 0;
}

static gboolean
has_control (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (((guint8) text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
      return TRUE;
  return FALSE;
}

PbCommand
pb_command_parse (const char *line, gsize length)
{
  PbCommand command = { PB_VERB_UNKNOWN, line, 0 };
  gsize verb = 0;

  while (length > 0 && is_blank (line[length - 1]))
    length--;
  if (has_control (line, length))
    return command;
  while (verb < length && !is_blank (line[verb]))
    verb++;
  for (gsize i = 0; i < G_N_ELEMENTS (verbs) && command.verb == PB_VERB_UNKNOWN; i++)
    if (equals (line, verb, verbs[i].name))
      command.verb = verbs[i].verb;
  while (verb < length && is_blank (line[verb]))
    verb++;
  command.argument = line + verb;
  command.argument_length = length - verb;
  return command;
}

static gboolean
read_size (const char *text, gsize length, guint64 *size)
{
  *size = 0;
  if (length == 0 || length > MAX_SIZE_DIGITS)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    {
      guint digit = (guint) (text[i] - '0');

      if (!g_ascii_isdigit (text[i]))
        return FALSE;
      /* more than can be said is still too large, not ill-formed */
      *size = *size > (G_MAXUINT64 - digit) / 10 ? G_MAXUINT64 : *size * 10 + digit;
    }
  return TRUE;
}

static gboolean
parse_size (const ParamContext *context, const char *value, gsize length)
{
  return read_size (value, length, &context->mail->size);
}

static gboolean
parse_body (const ParamContext *context, const char *value, gsize length)
{
  PbBodyType body = PB_BODY_UNSAID;

  if (equals (value, length, "7BIT"))
    body = PB_BODY_7BIT;
  else if (equals (value, length, "8BITMIME"))
    body = PB_BODY_8BITMIME;
  else if (equals (value, length, "BINARYMIME") && (context->offered & PB_PARAM_BINARYMIME) != 0)
    body = PB_BODY_BINARYMIME;
  context->mail->body = body;
  return body != PB_BODY_UNSAID;
}

static gboolean
parse_smtputf8 (const ParamContext *context, const char *value, gsize length)
{
  context->mail->smtputf8 = TRUE;
  return TRUE;
}

static gboolean
parse_ret (const ParamContext *context, const char *value, gsize length)
{
  if (equals (value, length, "FULL"))
    context->mail->ret = PB_RET_FULL;
  else if (equals (value, length, "HDRS"))
    context->mail->ret = PB_RET_HDRS;
  return context->mail->ret != PB_RET_UNSAID;
}

static gboolean
parse_envid (const ParamContext *context, const char *value, gsize length)
{
  if (length > MAX_ENVID)
    return FALSE;
  context->mail->envid = pb_xtext_decode (value, length);
  return context->mail->envid != NULL;
}

/* RFC 4954 5: who submitted it first. We trust nobody's word for it, so it is read and dropped. */
static gboolean
parse_auth (const ParamContext *context, const char *value, gsize length)
{
  g_autofree char *mailbox = NULL;

  if (equals (value, length, "<>"))
    return TRUE;
  mailbox = pb_xtext_decode (value, length);
  return mailbox != NULL;
}

static gboolean
parse_notify (const ParamContext *context, const char *value, gsize length)
{
  static const struct
  {
    const char *word;
    PbNotify flag;
  } words[] = {
    { "NEVER", PB_NOTIFY_NEVER },
    { "SUCCESS", PB_NOTIFY_SUCCESS },
    { "FAILURE", PB_NOTIFY_FAILURE },
    { "DELAY", PB_NOTIFY_DELAY },
  };
  const char *end = value + length;
  PbNotify notify = PB_NOTIFY_UNSAID;

  for (const char *comma; value != NULL; value = comma != NULL ? comma + 1 : NULL)
    {
      PbNotify flag = PB_NOTIFY_UNSAID;
      gsize size;

      comma = memchr (value, ',', (gsize) (end - value));
      size = (gsize) ((comma != NULL ? comma : end) - value);
      for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
        if (equals (value, size, words[i].word))
          flag = words[i].flag;
      if (flag == PB_NOTIFY_UNSAID)
        return FALSE;
      notify |= flag;
    }
  context->rcpt->notify = notify;
  return (notify & PB_NOTIFY_NEVER) == 0 || notify == PB_NOTIFY_NEVER;
}

/* "rfc822;" xtext, or "utf-8;" with the \x{...} of RFC 6533 3, and bare UTF-8 in an SMTPUTF8 transaction, which is kept in
   the form that can be passed on to anybody. */
static gboolean
parse_orcpt (const ParamContext *context, const char *value, gsize length)
{
  const char *semicolon = memchr (value, ';', length);
  gsize type = semicolon != NULL ? (gsize) (semicolon - value) : 0;
  gsize rest = length - MIN (type + 1, length);
  g_autofree char *address = NULL;

  if (length > MAX_ORCPT || type == 0 || rest == 0)
    return FALSE;
  for (gsize i = 0; i < type; i++)
    if (!g_ascii_isalnum (value[i]) && value[i] != '-' && value[i] != '.')
      return FALSE;
  if (!context->smtputf8 && !pb_text_is_ascii (value, length))
    return FALSE;
  address = equals (value, type, "utf-8") ? pb_utf8_addr_decode (semicolon + 1, rest)
                                          : pb_xtext_decode (semicolon + 1, rest);
  if (address == NULL)
    return FALSE;
  if (pb_text_is_ascii (value, length))
    context->rcpt->orcpt = g_strndup (value, length);
  else
    {
      g_autofree char *encoded = pb_utf8_addr_encode (address);

      context->rcpt->orcpt = g_strconcat ("utf-8;", encoded, NULL);
    }
  return TRUE;
}

static const ParamRow mail_params[] = {
  { "SIZE", PB_PARAM_SIZE, TRUE, parse_size },
  { "BODY", PB_PARAM_BODY, TRUE, parse_body },
  { "SMTPUTF8", PB_PARAM_SMTPUTF8, FALSE, parse_smtputf8 },
  { "RET", PB_PARAM_DSN, TRUE, parse_ret },
  { "ENVID", PB_PARAM_DSN, TRUE, parse_envid },
  { "AUTH", PB_PARAM_AUTH, TRUE, parse_auth },
};

static const ParamRow rcpt_params[] = {
  { "NOTIFY", PB_PARAM_DSN, TRUE, parse_notify },
  { "ORCPT", PB_PARAM_DSN, TRUE, parse_orcpt },
};

/* One "keyword[=value]". @seen: a bit a row, for repetitions. */
static PbReplyId
parse_param (const ParamContext *context, const ParamRow *rows, gsize n_rows, const char *text,
             gsize length, guint *seen)
{
  const char *sign = memchr (text, '=', length);
  gsize keyword = sign != NULL ? (gsize) (sign - text) : length;
  gsize value = length - MIN (keyword + 1, length);

  for (gsize i = 0; i < keyword; i++)
    if (!g_ascii_isalnum (text[i]) && (text[i] != '-' || i == 0))
      return PB_REPLY_BAD_PARAMETER;
  if (keyword == 0 || (sign != NULL && (value == 0 || memchr (sign + 1, '=', value) != NULL)))
    return PB_REPLY_BAD_PARAMETER;
  for (gsize i = 0; i < n_rows; i++)
    {
      if (!equals (text, keyword, rows[i].keyword) || (context->offered & rows[i].offer) == 0)
        continue;
      if ((*seen & 1u << i) != 0 || rows[i].has_value != (sign != NULL)
          || !rows[i].parse (context, text + keyword + 1, value))
        return PB_REPLY_BAD_PARAMETER;
      *seen |= 1u << i;
      return PB_REPLY_NONE;
    }
  return PB_REPLY_UNKNOWN_PARAMETER;
}

static PbReplyId
parse_params (const ParamContext *context, const ParamRow *rows, gsize n_rows, const char *text,
              const char *end)
{
  guint seen = 0;

  while (text < end)
    {
      const char *start = text;
      PbReplyId reply;

      if (!is_blank (*text))
        return PB_REPLY_BAD_PARAMETER;
      while (text < end && is_blank (*text))
        text++;
      start = text;
      while (text < end && !is_blank (*text))
        text++;
      if (start == text)
        break;
      reply = parse_param (context, rows, n_rows, start, (gsize) (text - start), &seen);
      if (reply != PB_REPLY_NONE)
        return reply;
    }
  return PB_REPLY_NONE;
}

/* Returns what stands behind "FROM:" or "TO:" and any blanks, NULL when @word is not there. */
static const char *
skip_word (const char *text, const char *end, const char *word)
{
  gsize length = strlen (word);

  if ((gsize) (end - text) < length || g_ascii_strncasecmp (text, word, length) != 0)
    return NULL;
  text += length;
  while (text < end && is_blank (*text))
    text++;
  return text;
}

/*
 * Reads the path. UTF-8 is taken here whenever the session offers it, since the parameter that asks for it stands behind the
 * path; @needs_utf8 tells whether it is to be there.
 */
static gboolean
parse_path (const char **text, const char *end, PbParams offered, PbAddressFlags flags,
            PbAddress **address, gboolean *source_route, gboolean *needs_utf8)
{
  g_autoptr (GError) error = NULL;
  const char *start = *text;

  flags |= PB_ADDRESS_ALLOW_LITERAL;
  if ((offered & PB_PARAM_SMTPUTF8) != 0)
    flags |= PB_ADDRESS_UTF8;
  *needs_utf8 = FALSE;
  if (!pb_address_parse_path (start, (gsize) (end - start), flags, address, source_route, text,
                              &error))
    {
      *needs_utf8 = g_error_matches (error, PB_ADDRESS_ERROR, PB_ADDRESS_ERROR_NEEDS_UTF8);
      return FALSE;
    }
  *needs_utf8 = !pb_text_is_ascii (start, (gsize) (*text - start));
  return TRUE;
}

PbReplyId
pb_mail_args_parse (const char *text, gsize length, PbParams offered, PbMailArgs *args)
{
  g_auto (PbMailArgs) found = { 0 };
  const ParamContext context = { &found, NULL, offered, FALSE };
  const char *end = text + length;
  gboolean needs_utf8;
  PbReplyId reply;

  memset (args, 0, sizeof *args);
  text = skip_word (text, end, "FROM:");
  if (text == NULL)
    return PB_REPLY_SYNTAX_MAIL;
  if (!parse_path (&text, end, offered, PB_ADDRESS_NONE, &found.sender, NULL, &needs_utf8))
    return needs_utf8 ? PB_REPLY_NEEDS_SMTPUTF8 : PB_REPLY_BAD_SENDER;
  reply = parse_params (&context, mail_params, G_N_ELEMENTS (mail_params), text, end);
  if (reply != PB_REPLY_NONE)
    return reply;
  if (needs_utf8 && !found.smtputf8)
    return PB_REPLY_NEEDS_SMTPUTF8;
  *args = found;
  memset (&found, 0, sizeof found);
  return PB_REPLY_NONE;
}

void
pb_mail_args_clear (PbMailArgs *args)
{
  g_clear_pointer (&args->sender, pb_address_free);
  g_clear_pointer (&args->envid, g_free);
}

PbReplyId
pb_rcpt_args_parse (const char *text, gsize length, PbParams offered, gboolean smtputf8,
                    PbRcptArgs *args)
{
  g_auto (PbRcptArgs) found = { 0 };
  const ParamContext context = { NULL, &found, offered, smtputf8 };
  const char *end = text + length;
  gboolean needs_utf8;
  PbReplyId reply;

  memset (args, 0, sizeof *args);
  text = skip_word (text, end, "TO:");
  if (text == NULL)
    return PB_REPLY_SYNTAX_RCPT;
  if (!parse_path (&text, end, offered, PB_ADDRESS_ALLOW_NO_DOMAIN, &found.recipient,
                   &found.source_route, &needs_utf8))
    return needs_utf8 ? PB_REPLY_NEEDS_SMTPUTF8 : PB_REPLY_BAD_RECIPIENT;
  if (found.recipient == NULL)
    return PB_REPLY_BAD_RECIPIENT;
  reply = parse_params (&context, rcpt_params, G_N_ELEMENTS (rcpt_params), text, end);
  if (reply != PB_REPLY_NONE)
    return reply;
  if (needs_utf8 && !smtputf8)
    return PB_REPLY_NEEDS_SMTPUTF8;
  *args = found;
  memset (&found, 0, sizeof found);
  return PB_REPLY_NONE;
}

void
pb_rcpt_args_clear (PbRcptArgs *args)
{
  g_clear_pointer (&args->recipient, pb_address_free);
  g_clear_pointer (&args->orcpt, g_free);
}

gboolean
pb_bdat_args_parse (const char *text, gsize length, guint64 *octets, gboolean *last)
{
  gsize digits = 0, word;

  while (digits < length && !is_blank (text[digits]))
    digits++;
  for (word = digits; word < length && is_blank (text[word]);)
    word++;
  *last = word < length;
  return read_size (text, digits, octets) && (!*last || equals (text + word, length - word, "LAST"));
}

gboolean
pb_helo_valid (const char *text, gsize length)
{
  if (length == 0 || length > 255)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (text[i] <= ' ' || text[i] > '~')
      return FALSE;
  return TRUE;
}
