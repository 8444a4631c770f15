/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mailboxes and paths of RFC 5321 4.1.2 with the UTF-8 of RFC 6531 3.3: the one place where text becomes an address.
 * Called by the command parser, by the settings and the lists (aliases, accounts, rules) and by the delivery. Comments,
 * folding and the obsolete forms of RFC 5322 belong into header fields and are refused. Two things are taken that the
 * grammar does not have, since working senders send them: "_" in a domain, and an IPv6 literal whose "::" stands for a
 * single group (RFC 4291 allows what RFC 5321 does not). A failure sets PB_ADDRESS_ERROR; the caller owns what it gets.
 */
#include "protocol/address.h"

#include "protocol/text.h"
#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>

#define MAX_LOCAL      64  /* octets, quotes included (RFC 5321 4.5.3.1.1) */
#define MAX_DOMAIN     253 /* what 255 octets of DNS wire format can say (RFC 1035 3.1) */
#define MAX_LABEL      63
#define MAX_MAILBOX    254  /* a path of 256 less its brackets (RFC 5321 4.5.3.1.3) */
#define MAX_DOMAIN_RAW 1012 /* U-labels as UTF-8: no more than four octets a character */

G_DEFINE_QUARK (pb - address - error - quark, pb_address_error)

static gboolean
fail (GError **error, PbAddressError code, const char *text)
{
  g_set_error_literal (error, PB_ADDRESS_ERROR, code, text);
  return FALSE;
}

/* atext of RFC 5322 3.2.3, and any non-ASCII: that it is wanted and well-formed is settled before. */
static gboolean
is_atext (char c)
{
  return g_ascii_isalnum (c) || (guint8) c >= 0x80
         || (c != '\0' && strchr ("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static gboolean
is_dot_string (const char *text, gsize length)
{
  gboolean atom = FALSE;

  for (gsize i = 0; i < length; i++)
    {
      if (text[i] == '.' ? !atom : !is_atext (text[i]))
        return FALSE;
      atom = text[i] != '.';
    }
  return atom;
}

/* Reads Quoted-string into @plain. Returns the octets read, 0 when it is none. */
static gsize
read_quoted (const char *text, gsize length, GString *plain)
{
  for (gsize i = 1; i < length; i++)
    {
      if (text[i] == '"')
        return i + 1;
      if (text[i] == '\\')
        {
          /* quoted-pairSMTP has no non-ASCII, in RFC 6531 neither */
          if (++i == length || (guint8) text[i] >= 0x80)
            return 0;
        }
      if ((guint8) text[i] < ' ' || text[i] == 0x7f)
        return 0;
      g_string_append_c (plain, text[i]);
    }
  return 0;
}

/* Reads Local-part into @plain. Returns the octets read, 0 when it is none. */
static gsize
read_local (const char *text, gsize length, GString *plain)
{
  const char *at;
  gsize size;

  if (text[0] == '"')
    return read_quoted (text, length, plain);
  at = memchr (text, '@', length);
  size = at != NULL ? (gsize) (at - text) : length;
  if (!is_dot_string (text, size))
    return 0;
  g_string_append_len (plain, text, (gssize) size);
  return size;
}

static void
append_local (GString *out, const char *local)
{
  if (is_dot_string (local, strlen (local)))
    g_string_append (out, local);
  else
    pb_text_append_quoted (out, local);
}

static gboolean
is_ascii_domain (const char *text)
{
  gsize label = 0, length = strlen (text);

  if (length == 0 || length > MAX_DOMAIN)
    return FALSE;
  for (gsize i = 0; i <= length; i++)
    {
      if (text[i] == '.' || text[i] == '\0')
        {
          if (label == 0 || label > MAX_LABEL || text[i - 1] == '-')
            return FALSE;
          label = 0;
          continue;
        }
      if (!g_ascii_isalnum (text[i]) && text[i] != '_' && (text[i] != '-' || label == 0))
        return FALSE;
      label++;
    }
  return TRUE;
}

/*
 * Lower case where it is reversible, then IDNA2008 as it stands: what is no U-label is refused. UTS #46 would map it instead
 * (drop invisible characters, make wide letters narrow), so that two names that differ could become one.
 */
static char *
domain_to_ascii (const char *text, gsize length)
{
  g_autoptr (GString) lower = g_string_sized_new (length);
  uint8_t *found = NULL;
  char *domain;

  for (const char *p = text; p < text + length; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p), small = g_unichar_tolower (c);

      g_string_append_unichar (lower, g_unichar_toupper (small) == c ? small : c);
    }
  if (idn2_lookup_u8 ((const uint8_t *) lower->str, &found, IDN2_NFC_INPUT | IDN2_NO_TR46)
      != IDN2_OK)
    return NULL;
  domain = g_strdup ((const char *) found);
  idn2_free (found);
  return domain;
}

char *
pb_domain_normalize (const char *text, gssize length, gboolean utf8)
{
  gsize size = length < 0 ? strlen (text) : (gsize) length;
  g_autofree char *domain = NULL;

  if (size > 0 && text[size - 1] == '.')
    size--;
  if (size == 0 || size > MAX_DOMAIN_RAW || memchr (text, '\0', size) != NULL)
    return NULL;
  if (pb_text_is_ascii (text, size))
    domain = g_ascii_strdown (text, (gssize) size);
  else if (utf8 && pb_text_is_utf8 (text, size))
    domain = domain_to_ascii (text, size);
  return domain != NULL && is_ascii_domain (domain) ? g_steal_pointer (&domain) : NULL;
}

/* "[192.0.2.1]" and "[IPv6:2001:db8::1]" in the one form that compares. Other tags (RFC 5321 4.1.3) mean nothing to us. */
static char *
literal_normalize (const char *text, gsize length)
{
  char buffer[INET6_ADDRSTRLEN + sizeof "IPv6:"];
  char canonical[INET6_ADDRSTRLEN];
  struct in6_addr v6;
  struct in_addr v4;

  if (length < 3 || text[0] != '[' || text[length - 1] != ']' || length - 2 >= sizeof buffer
      || memchr (text, '\0', length) != NULL)
    return NULL;
  memcpy (buffer, text + 1, length - 2);
  buffer[length - 2] = '\0';
  if (inet_pton (AF_INET, buffer, &v4) == 1)
    return g_strdup_printf ("[%s]", inet_ntop (AF_INET, &v4, canonical, sizeof canonical));
  if (g_ascii_strncasecmp (buffer, "IPv6:", 5) == 0 && inet_pton (AF_INET6, buffer + 5, &v6) == 1)
    return g_strdup_printf ("[IPv6:%s]", inet_ntop (AF_INET6, &v6, canonical, sizeof canonical));
  return NULL;
}

static gboolean
parse_domain (PbAddress *self, const char *text, gsize length, PbAddressFlags flags, GError **error)
{
  if (length == 0 || text[length - 1] == '.')
    return fail (error, PB_ADDRESS_ERROR_SYNTAX, "the domain is missing or ends with a dot");
  self->literal = text[0] == '[';
  if (!self->literal)
    self->domain = pb_domain_normalize (text, (gssize) length, (flags & PB_ADDRESS_UTF8) != 0);
  else if ((flags & PB_ADDRESS_ALLOW_LITERAL) != 0)
    self->domain = literal_normalize (text, length);
  if (self->domain == NULL && length > MAX_DOMAIN)
    return fail (error, PB_ADDRESS_ERROR_TOO_LONG, "the domain is too long");
  return self->domain != NULL || fail (error, PB_ADDRESS_ERROR_SYNTAX, "the domain is not one");
}

static gboolean
check_octets (const char *text, gsize length, PbAddressFlags flags, GError **error)
{
  if (length == 0)
    return fail (error, PB_ADDRESS_ERROR_SYNTAX, "the address is empty");
  if (length > MAX_LOCAL + 1 + MAX_DOMAIN_RAW)
    return fail (error, PB_ADDRESS_ERROR_TOO_LONG, "the address is too long");
  if (pb_text_is_ascii (text, length))
    return length <= MAX_MAILBOX
           || fail (error, PB_ADDRESS_ERROR_TOO_LONG, "the address is too long");
  if ((flags & PB_ADDRESS_UTF8) == 0)
    return fail (error, PB_ADDRESS_ERROR_NEEDS_UTF8, "the address is not ASCII");
  if (!pb_text_is_utf8 (text, length))
    return fail (error, PB_ADDRESS_ERROR_SYNTAX, "the address is not UTF-8");
  /* It will be shown in logs and lists, and is to be what it looks like. */
  return !pb_text_misleads (text, length)
         || fail (error, PB_ADDRESS_ERROR_SYNTAX, "the address has characters that change how it is shown");
}

PbAddress *
pb_address_parse (const char *text, gsize length, PbAddressFlags flags, GError **error)
{
  g_autoptr (PbAddress) self = NULL;
  g_autoptr (GString) local = NULL;
  g_autoptr (GString) wire = NULL;
  gsize used;

  if (!check_octets (text, length, flags, error))
    return NULL;
  local = g_string_sized_new (MAX_LOCAL);
  used = read_local (text, length, local);
  if (used == 0 || (used < length && text[used] != '@'))
    return fail (error, PB_ADDRESS_ERROR_SYNTAX, "the local part is not one"), NULL;
  if (used > MAX_LOCAL)
    return fail (error, PB_ADDRESS_ERROR_TOO_LONG, "the local part is too long"), NULL;

  self = g_new0 (PbAddress, 1);
  self->utf8 = !pb_text_is_ascii (local->str, local->len);
  self->local = g_strndup (local->str, local->len);
  wire = g_string_sized_new (length);
  append_local (wire, self->local);
  if (used < length)
    {
      if (!parse_domain (self, text + used + 1, length - used - 1, flags, error))
        return NULL;
      g_string_append_c (wire, '@');
      g_string_append (wire, self->domain);
    }
  else if ((flags & PB_ADDRESS_ALLOW_NO_DOMAIN) == 0
           || g_ascii_strcasecmp (self->local, "postmaster") != 0)
    return fail (error, PB_ADDRESS_ERROR_SYNTAX, "the domain is missing"), NULL;
  if (wire->len > MAX_MAILBOX)
    return fail (error, PB_ADDRESS_ERROR_TOO_LONG, "the address is too long"), NULL;
  self->text = g_string_free (g_steal_pointer (&wire), FALSE);
  return g_steal_pointer (&self);
}

/* The '>' that closes the path: one in a quoted local part does not. */
static const char *
find_path_end (const char *text, gsize length)
{
  gboolean quoted = FALSE;

  for (gsize i = 1; i < length; i++)
    {
      if (quoted && text[i] == '\\')
        i++;
      else if (text[i] == '"')
        quoted = !quoted;
      else if (text[i] == '>' && !quoted)
        return text + i;
    }
  return NULL;
}

/* A-d-l of RFC 5321 4.1.2, "@one,@two:". Returns the first byte behind it, NULL when it is none. */
static const char *
skip_source_route (const char *text, const char *end, gboolean utf8)
{
  const char *colon = memchr (text, ':', (gsize) (end - text));

  if (colon == NULL)
    return NULL;
  while (text < colon)
    {
      const char *comma = memchr (text, ',', (gsize) (colon - text));
      const char *hop_end = comma != NULL ? comma : colon;
      g_autofree char *hop = NULL;

      if (*text != '@')
        return NULL;
      hop = pb_domain_normalize (text + 1, hop_end - text - 1, utf8);
      if (hop == NULL || hop_end + 1 == colon)
        return NULL;
      text = comma != NULL ? comma + 1 : colon;
    }
  return colon + 1;
}

gboolean
pb_address_parse_path (const char *text, gsize length, PbAddressFlags flags, PbAddress **address,
                       gboolean *source_route, const char **end, GError **error)
{
  const char *close, *mailbox;

  *address = NULL;
  if (source_route != NULL)
    *source_route = FALSE;
  if (length < 2 || text[0] != '<' || (close = find_path_end (text, length)) == NULL)
    return fail (error, PB_ADDRESS_ERROR_SYNTAX, "the address is not in angle brackets");
  *end = close + 1;
  mailbox = text + 1;
  if (mailbox == close)
    return TRUE;
  if (*mailbox == '@')
    {
      mailbox = skip_source_route (mailbox, close, (flags & PB_ADDRESS_UTF8) != 0);
      if (mailbox == NULL)
        return fail (error, PB_ADDRESS_ERROR_SYNTAX, "the source route is not one");
      if (source_route != NULL)
        *source_route = TRUE;
    }
  *address = pb_address_parse (mailbox, (gsize) (close - mailbox), flags, error);
  return *address != NULL;
}

char *
pb_address_format (const char *local, const char *domain)
{
  GString *text = g_string_new (NULL);

  append_local (text, local);
  g_string_append_printf (text, "@%s", domain);
  return g_string_free (text, FALSE);
}

gboolean
pb_address_has_routing (const PbAddress *self)
{
  return strpbrk (self->local, "%!@") != NULL;
}

void
pb_address_free (PbAddress *self)
{
  if (self == NULL)
    return;
  g_free (self->local);
  g_free (self->domain);
  g_free (self->text);
  g_free (self);
}
