/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SPF's macro language (RFC 7208 7): checked once when a record is parsed, expanded when a term is
 * evaluated. Called by spf-record.c and spf.c; pure. The text comes from a stranger's DNS: everything is
 * bounded by it (one record) and by the sender's address, and expansion never fails on checked text.
 */
#include "mailauth/spf-macro.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_DOMAIN 253
#define MAX_PARTS  128 /* no name has more labels */

/* One "%{...}". */
typedef struct
{
  char letter;     /* lower case */
  gboolean escape; /* written in upper case: percent-encoded (7.3) */
  guint keep;      /* parts from the right; 0: all */
  gboolean reverse;
  const char *delimiters; /* not terminated */
  gsize n_delimiters;
} Macro;

static gboolean
is_delimiter (char c)
{
  return c != '\0' && strchr (".-+,/_=", c) != NULL;
}

/* Reads the macro at "%{". Returns: behind its "}", NULL when it is none. */
static const char *
macro_read (const char *text, Macro *macro)
{
  const char *at = text + 2;

  memset (macro, 0, sizeof *macro);
  macro->letter = g_ascii_tolower (*at);
  macro->escape = g_ascii_isupper (*at);
  if (*at == '\0' || strchr ("slodiphvcrt", macro->letter) == NULL)
    return NULL;
  at++;
  if (g_ascii_isdigit (*at))
    {
      for (; g_ascii_isdigit (*at); at++)
        macro->keep = MIN (macro->keep * 10 + (guint) (*at - '0'), MAX_PARTS);
      if (macro->keep == 0)
        return NULL;
    }
  if (*at == 'r' || *at == 'R')
    {
      macro->reverse = TRUE;
      at++;
    }
  macro->delimiters = at;
  while (is_delimiter (*at))
    at++;
  macro->n_delimiters = (gsize) (at - macro->delimiters);
  return *at == '}' ? at + 1 : NULL;
}

/* Reads what stands at a "%". Returns: behind it, NULL when that is no macro. @letter: 0 for the three that are plain characters. */
static const char *
percent_read (const char *text, Macro *macro, char *letter)
{
  *letter = '\0';
  switch (text[1])
    {
    case '%':
    case '_':
    case '-':
      return text + 2;
    case '{':
      text = macro_read (text, macro);
      *letter = macro->letter;
      return text;
    default:
      return NULL;
    }
}

/* RFC 7208 7.1 toplabel: not all digits, no hyphen at its ends. */
static gboolean
is_top_label (const char *text, gsize length)
{
  gboolean all_digits = TRUE;

  if (length == 0 || text[0] == '-' || text[length - 1] == '-')
    return FALSE;
  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isalnum (text[i]) && text[i] != '-')
        return FALSE;
      all_digits = all_digits && g_ascii_isdigit (text[i]);
    }
  return !all_digits;
}

/* Whether the plain text at a domain-spec's end is "." toplabel ["."], whatever stands before it. */
static gboolean
ends_in_top_label (const char *text)
{
  gsize length = strlen (text);
  const char *dot;

  if (length > 0 && text[length - 1] == '.')
    length--;
  dot = g_strrstr_len (text, (gssize) length, ".");
  return dot != NULL && is_top_label (dot + 1, length - (gsize) (dot + 1 - text));
}

gboolean
pb_spf_macro_check (const char *text, PbSpfMacroUse use)
{
  const char *plain = text; /* what follows the last macro */
  gboolean has_macro = FALSE;
  Macro macro;
  char letter;

  for (const char *at = text; *at != '\0';)
    if (*at == '%')
      {
        at = percent_read (at, &macro, &letter);
        if (at == NULL)
          return FALSE;
        if (use != PB_SPF_EXPLANATION && letter != '\0' && strchr ("crt", letter) != NULL)
          return FALSE;
        plain = at;
        has_macro = TRUE;
      }
    else if (g_ascii_isgraph (*at) || (use == PB_SPF_EXPLANATION && *at == ' '))
      at++;
    else
      return FALSE;
  if (use != PB_SPF_DOMAIN_SPEC)
    return TRUE;
  return *plain == '\0' ? has_macro : ends_in_top_label (plain);
}

gboolean
pb_spf_macro_needs_name (const char *text)
{
  Macro macro;
  char letter = '\0';

  for (const char *at = text; at != NULL && *at != '\0';)
    if (*at == '%')
      {
        at = percent_read (at, &macro, &letter);
        if (letter == 'p')
          return TRUE;
      }
    else
      at++;
  return FALSE;
}

/* 7.3 "i": an IPv6 address as its 32 hex digits with dots between. */
static char *
dotted_ip (const PbIp *ip)
{
  char text[INET6_ADDRSTRLEN];
  GString *out;

  if (pb_ip_is_v4 (ip))
    return g_strdup (pb_ip_format (ip, text, sizeof text));
  out = g_string_sized_new (64);
  for (guint i = 0; i < sizeof ip->bytes; i++)
    g_string_append_printf (out, "%s%X.%X", i > 0 ? "." : "", ip->bytes[i] >> 4,
                            ip->bytes[i] & 0xf);
  return g_string_free (out, FALSE);
}

/* Returns: (transfer full): what @letter stands for. */
static char *
letter_value (char letter, const PbSpfMacros *macros)
{
  char text[INET6_ADDRSTRLEN];

  switch (letter)
    {
    case 's':
      return g_strconcat (macros->local, "@", macros->sender_domain, NULL);
    case 'l':
      return g_strdup (macros->local);
    case 'o':
      return g_strdup (macros->sender_domain);
    case 'd':
      return g_strdup (macros->domain);
    case 'i':
      return dotted_ip (macros->ip);
    case 'p':
      return g_strdup (macros->validated != NULL ? macros->validated : "unknown");
    case 'h':
      return g_strdup (macros->helo);
    case 'v':
      return g_strdup (pb_ip_is_v4 (macros->ip) ? "in-addr" : "ip6");
    case 'c':
      return g_strdup (pb_ip_format (macros->ip, text, sizeof text));
    case 'r':
      return g_strdup (macros->receiver);
    default: /* 't', the last that macro_read() lets through */
      return g_strdup_printf ("%" G_GINT64_FORMAT, macros->now);
    }
}

/* Cuts @value at any of the macro's delimiters. Returns: (transfer container): borrows from @value, which is changed. */
static GPtrArray *
split_value (char *value, const Macro *macro)
{
  GPtrArray *parts = g_ptr_array_new ();

  g_ptr_array_add (parts, value);
  for (char *at = value; *at != '\0'; at++)
    if (macro->n_delimiters > 0 ? memchr (macro->delimiters, *at, macro->n_delimiters) != NULL
                                : *at == '.')
      {
        *at = '\0';
        g_ptr_array_add (parts, at + 1);
      }
  return parts;
}

static void
append_macro (GString *out, const Macro *macro, const PbSpfMacros *macros)
{
  g_autofree char *value = letter_value (macro->letter, macros);
  g_autoptr (GPtrArray) parts = split_value (value, macro);
  g_autoptr (GString) joined = g_string_new (NULL);
  guint first = macro->keep > 0 && macro->keep < parts->len ? parts->len - macro->keep : 0;

  /* Reversed first, cut then (7.3): the parts kept are the last of the reversed ones. */
  for (guint i = first; i < parts->len; i++)
    {
      guint from = macro->reverse ? parts->len - 1 - i : i;

      g_string_append_printf (joined, "%s%s", i > first ? "." : "", (char *) parts->pdata[from]);
    }
  if (macro->escape)
    g_string_append_uri_escaped (out, joined->str, NULL, FALSE);
  else
    g_string_append_len (out, joined->str, (gssize) joined->len);
}

/* 7.3: a name too long for DNS loses labels from the left until it fits. */
static void
cut_labels (GString *name)
{
  while (name->len > MAX_DOMAIN)
    {
      const char *dot = strchr (name->str, '.');

      g_string_erase (name, 0, dot != NULL ? dot + 1 - name->str : (gssize) name->len);
    }
}

char *
pb_spf_macro_expand (const char *text, const PbSpfMacros *macros, PbSpfMacroUse use)
{
  GString *out = g_string_sized_new (64);
  Macro macro;
  char letter;

  for (const char *at = text; *at != '\0';)
    {
      const char *behind = *at == '%' ? percent_read (at, &macro, &letter) : NULL;

      if (behind == NULL)
        g_string_append_c (out, *at++);
      else
        {
          if (letter != '\0')
            append_macro (out, &macro, macros);
          else
            g_string_append (out, at[1] == '%' ? "%" : at[1] == '_' ? " " : "%20");
          at = behind;
        }
    }
  if (use == PB_SPF_DOMAIN_SPEC)
    cut_labels (out);
  return g_string_free (out, FALSE);
}
