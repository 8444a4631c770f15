/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a string set over the bus may be. One row of a table a check; pure functions, any thread.
 * Called by the settings table and the list kinds, in the daemon as the judge and in the client so
 * that it can say what is wrong before it asks. The forms are the plain ones that administrators
 * write; what mail itself may hold (quoted local parts, address literals) is wider and is parsed
 * elsewhere. Whatever the check: no control character, no line separator and no broken UTF-8 gets
 * through, so that nothing set here can break a line of a dialogue, a header or a log.
 */
#include "dbus/validate.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <string.h>

#define MAX_TEXT        4096 /* octets of any string on the bus */
#define MAX_NAME        200  /* characters of a rule's name */
#define MAX_ASCII       400  /* octets of the banner */
#define MAX_DOMAIN      253  /* RFC 1035 2.3.4, less length octet and root */
#define MAX_LABEL       63   /* RFC 1035 2.3.4 */
#define MAX_LOCAL_PART  64   /* RFC 5321 4.5.3.1.1 */
#define MAX_SOCKET_PATH 107 /* sun_path */
#define MAX_ADDRESS     254  /* RFC 5321 4.5.3.1.3, less the angle brackets */
#define FINGERPRINT_HEX 64   /* SHA-256 */
#define N_(text)        text /* the client shows it translated */

static gboolean
is_harmless (const char *text)
{
  if (!g_utf8_validate (text, -1, NULL) || strlen (text) > MAX_TEXT)
    return FALSE;
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
        return FALSE;
    }
  return TRUE;
}

static gboolean
only_has (const char *text, const char *allowed)
{
  return text[0] != '\0' && text[strspn (text, allowed)] == '\0';
}

/* A decimal number without sign or leading zeros, at most @max. */
static gboolean
is_number_to (const char *text, guint min, guint max)
{
  guint64 value;

  if (!only_has (text, "0123456789") || (text[0] == '0' && text[1] != '\0'))
    return FALSE;
  return g_ascii_string_to_unsigned (text, 10, min, max, &value, NULL);
}

static gboolean
is_label (const char *label)
{
  gsize length = strlen (label);

  for (const char *p = label; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && *p != '-')
      return FALSE;
  return length > 0 && length <= MAX_LABEL && label[0] != '-' && label[length - 1] != '-';
}

/* GLib maps by IDNA2003; these letters mean another domain there than by IDNA2008 (RFC 5894 7.2),
 * so they have to be given as A-labels. */
static gboolean
has_deviating_letter (const char *text)
{
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (c == 0xdf || c == 0x1e9e || c == 0x3c2 || c == 0x200c || c == 0x200d)
        return TRUE;
    }
  return FALSE;
}

char *
pb_domain_fold (const char *text)
{
  g_autofree char *ascii = NULL;
  g_autofree char *lower = NULL;
  g_auto (GStrv) labels = NULL;
  guint n;

  if (!is_harmless (text) || strlen (text) > MAX_DOMAIN || has_deviating_letter (text))
    return NULL;
  ascii = g_hostname_to_ascii (text);
  if (ascii == NULL || strlen (ascii) > MAX_DOMAIN)
    return NULL;
  lower = g_ascii_strdown (ascii, -1);
  labels = g_strsplit (lower, ".", -1);
  n = g_strv_length (labels);
  for (guint i = 0; i < n; i++)
    if (!is_label (labels[i]))
      return NULL;
  /* A last label of digits would make it an IP address to others (RFC 3696 2). */
  if (n == 0 || only_has (labels[n - 1], "0123456789"))
    return NULL;
  return g_steal_pointer (&lower);
}

static gboolean
is_domain (const char *text)
{
  g_autofree char *folded = pb_domain_fold (text);

  return folded != NULL;
}

static gboolean
is_fqdn (const char *text)
{
  /* The server's own name goes on the wire as it stands: ASCII only. */
  return strchr (text, '.') != NULL && g_str_is_ascii (text) && is_domain (text);
}

/* Returns: the family, 0 when @text is no IP address. @bytes: 16. */
static int
parse_ip (const char *text, guint8 *bytes)
{
  if (inet_pton (AF_INET, text, bytes) == 1)
    return AF_INET;
  return inet_pton (AF_INET6, text, bytes) == 1 ? AF_INET6 : 0;
}

static gboolean
is_ip (const char *text)
{
  guint8 bytes[16];

  return parse_ip (text, bytes) != 0;
}

/* Ones, then zeros. */
static gboolean
is_contiguous (const guint8 *mask)
{
  guint32 zeros = ~((guint32) mask[0] << 24 | mask[1] << 16 | mask[2] << 8 | mask[3]);

  return (zeros & (zeros + 1)) == 0;
}

static gboolean
is_block (const char *text, gboolean any_mask)
{
  const char *slash = strchr (text, '/');
  g_autofree char *host = slash ? g_strndup (text, slash - text) : g_strdup (text);
  guint8 address[16];
  guint8 mask[16];
  int family = parse_ip (host, address);

  if (family == 0 || slash == NULL)
    return family != 0;
  if (only_has (slash + 1, "0123456789"))
    return is_number_to (slash + 1, 0, family == AF_INET ? 32 : 128);
  if (parse_ip (slash + 1, mask) != family)
    return FALSE;
  return any_mask || (family == AF_INET && is_contiguous (mask));
}

static gboolean
is_network (const char *text)
{
  return is_block (text, FALSE);
}

static gboolean
is_netmask (const char *text)
{
  return is_block (text, TRUE);
}

static gboolean
is_host (const char *text)
{
  return is_ip (text) || is_domain (text);
}

/* host, host:port, v6, [v6], [v6]:port; @host_check judges the part before the port. */
static gboolean
is_endpoint (const char *text, gboolean (*host_check) (const char *), gboolean port_needed)
{
  g_autofree char *host = NULL;
  const char *port;

  if (text[0] == '[')
    {
      const char *close = strchr (text, ']');
      guint8 bytes[16];

      if (close == NULL || (close[1] != '\0' && close[1] != ':'))
        return FALSE;
      host = g_strndup (text + 1, close - text - 1);
      if (parse_ip (host, bytes) != AF_INET6)
        return FALSE;
      port = close[1] == ':' ? close + 2 : NULL;
    }
  else
    {
      const char *colon = strchr (text, ':');

      if (colon != NULL && strchr (colon + 1, ':') != NULL)
        return !port_needed && is_ip (text);
      host = colon ? g_strndup (text, colon - text) : g_strdup (text);
      if (!host_check (host))
        return FALSE;
      port = colon ? colon + 1 : NULL;
    }
  return port != NULL ? is_number_to (port, 1, 65535) : !port_needed;
}

static gboolean
is_host_port (const char *text)
{
  return is_endpoint (text, is_host, FALSE);
}

static gboolean
is_ip_port (const char *text)
{
  return is_endpoint (text, is_ip, FALSE);
}

static gboolean
is_file (const char *text)
{
  return text[0] == '/' && !g_str_has_suffix (text, "/");
}

/* What other machines cannot reach. */
static gboolean
is_listen (const char *text)
{
  if (g_str_has_prefix (text, "unix:"))
    return is_file (text + strlen ("unix:")) && strlen (text + strlen ("unix:")) <= MAX_SOCKET_PATH;
  if (text[0] == '\0')
    return TRUE;
  return is_endpoint (text, is_ip, TRUE)
         && (g_str_has_prefix (text, "127.") || g_str_has_prefix (text, "[::1]:"));
}

static gboolean
is_socket (const char *text)
{
  if (g_str_has_prefix (text, "unix:"))
    return is_file (text + strlen ("unix:"));
  return is_endpoint (text, is_host, TRUE);
}

/* Dot-atom (RFC 5322 3.2.3) of atext, with UTF-8 (RFC 6531 3.3). What looks like a program, a file
 * or an include to older alias files is refused, whoever may read the address later. */
static gboolean
is_local_part (const char *text)
{
  gsize length = strlen (text);

  if (length == 0 || length > MAX_LOCAL_PART || strchr ("./|", text[0]) != NULL)
    return FALSE;
  if (text[length - 1] == '.' || strstr (text, "..") != NULL)
    return FALSE;
  for (const char *p = text; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && (guchar) *p < 0x80 && strchr ("!#$%&'*+-/=?^_`{|}~.", *p) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
is_address (const char *text)
{
  const char *at = strrchr (text, '@');
  g_autofree char *local = at ? g_strndup (text, at - text) : NULL;

  return local != NULL && strlen (text) <= MAX_ADDRESS && is_local_part (local)
         && is_domain (at + 1);
}

static gboolean
is_address_or_local (const char *text)
{
  return is_address (text) || is_local_part (text);
}

static gboolean
is_target (const char *text)
{
  if (strchr (text, '@') != NULL)
    return is_address (text);
  return is_domain (text[0] == '.' ? text + 1 : text);
}

static gboolean
is_login (const char *text)
{
  const char *at = strchr (text, '@');
  g_autofree char *local = at ? g_strndup (text, at - text) : g_strdup (text);

  for (const char *p = local; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && strchr ("._-+", *p) == NULL)
      return FALSE;
  return is_local_part (local) && (at == NULL || is_domain (at + 1));
}

static gboolean
is_text (const char *text)
{
  return TRUE; /* is_harmless() has looked */
}

static gboolean
is_name (const char *text)
{
  return text[0] != '\0' && g_utf8_strlen (text, -1) <= MAX_NAME;
}

static gboolean
is_ascii (const char *text)
{
  return g_str_is_ascii (text) && strlen (text) <= MAX_ASCII;
}

static gboolean
is_time (const char *text)
{
  return strlen (text) == 5 && g_ascii_isdigit (text[0]) && g_ascii_isdigit (text[1])
         && text[2] == ':' && g_ascii_isdigit (text[3]) && g_ascii_isdigit (text[4])
         && (text[0] < '2' || (text[0] == '2' && text[1] < '4')) && text[3] < '6';
}

static gboolean
is_fingerprint (const char *text)
{
  return text[0] == '\0'
         || (strlen (text) == FINGERPRINT_HEX && only_has (text, "0123456789abcdefABCDEF"));
}

static gboolean
is_delimiter (const char *text)
{
  return strlen (text) == 1 && only_has (text, "+-_=.#~^");
}

static gboolean
is_dns_code (const char *text)
{
  guint8 bytes[16];

  /* 127.255.255.x is how a list says that it is ill, never that a host is on it. */
  return parse_ip (text, bytes) == AF_INET && bytes[0] == 127
         && !(bytes[1] == 255 && bytes[2] == 255);
}

static const struct
{
  gboolean (*passes) (const char *text);
  const char *words;
} checks[PB_N_CHECKS] = {
  [PB_CHECK_TEXT] = { is_text,
                      N_ ("must be text without control characters, of at most 4096 bytes") },
  [PB_CHECK_NAME] = { is_name,
                      N_ ("must be a name of 1 to 200 characters without control characters") },
  [PB_CHECK_ASCII] = { is_ascii, N_ ("must be printable ASCII of at most 400 characters") },
  [PB_CHECK_FQDN] = { is_fqdn, N_ ("must be a host name with a dot, such as mail.example.org") },
  [PB_CHECK_HOST] = { is_host, N_ ("must be a host name or an IP address") },
  [PB_CHECK_HOST_PORT] = { is_host_port,
                           N_ (
                             "must be a host name or an IP address, with :port behind it where needed") },
  [PB_CHECK_IP] = { is_ip, N_ ("must be an IP address") },
  [PB_CHECK_NETWORK] = { is_network,
                         N_ ("must be an IP address or a network such as 192.168.1.0/24 or "
                             "192.168.1.0/255.255.255.0 (the mask without gaps)") },
  [PB_CHECK_NETMASK] = { is_netmask,
                         N_ ("must be an IP address, or one with a prefix length or mask") },
  [PB_CHECK_ADDRESS] = { is_address, N_ ("must be an email address, such as anna@example.org") },
  [PB_CHECK_ADDRESS_OR_LOCAL] = { is_address_or_local,
                                  N_ (
                                    "must be an email address, or the part of one before the @") },
  [PB_CHECK_DOMAIN] = { is_domain, N_ ("must be a domain, such as example.org") },
  [PB_CHECK_TARGET] = { is_target,
                        N_ ("must be an email address, a domain, or .domain for its subdomains") },
  [PB_CHECK_LOGIN] = { is_login,
                       N_ (
                         "must be a login name of letters, digits and . _ - +, with @domain behind it "
                         "where needed") },
  [PB_CHECK_FILE] = { is_file, N_ ("must be the absolute path of a file") },
  [PB_CHECK_SOCKET] = { is_socket, N_ ("must be unix:/path or host:port") },
  [PB_CHECK_TIME] = { is_time, N_ ("must be a time of day, such as 07:00") },
  [PB_CHECK_FINGERPRINT] = { is_fingerprint, N_ ("must be 64 hexadecimal digits") },
  [PB_CHECK_LISTEN] = { is_listen,
                        N_ ("must be unix:/path, or an address of this machine alone and a port, such as "
                             "127.0.0.1:9154 or [::1]:9154, or empty") },
  [PB_CHECK_IP_PORT] = { is_ip_port,
                         N_ ("must be an IP address, with :port behind it where needed") },
  [PB_CHECK_DELIMITER] = { is_delimiter, N_ ("must be one of + - _ = . # ~ ^, or empty") },
  [PB_CHECK_DNS_CODE] = { is_dns_code,
                          N_ ("must be an address in 127.0.0.0/8 other than 127.255.255.0/24") },
};

const char *
pb_check_words (PbCheck check)
{
  g_return_val_if_fail (check < PB_N_CHECKS, "must not be set");

  return checks[check].words;
}

const char *
pb_check (PbCheck check, const char *text)
{
  g_return_val_if_fail (check < PB_N_CHECKS, "must not be set");

  return is_harmless (text) && checks[check].passes (text) ? NULL : checks[check].words;
}
