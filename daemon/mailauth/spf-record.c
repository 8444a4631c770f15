/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The grammar of an SPF record (RFC 7208 12), read from end to end before anything of it is evaluated.
 * Called by spf.c; pure. The text comes from a stranger's DNS: any octet may be in it. What breaks the
 * grammar is named, so that an administrator who asks why can tell the domain's owner.
 */
#include "mailauth/spf-record.h"
#include "mailauth/spf-macro.h"
#include "protocol/text.h"

#include <string.h>

#define VERSION        "v=spf1"
#define MAX_SHOWN_TERM 100

gboolean
pb_spf_record_is (const char *text)
{
  gsize length = strlen (VERSION);

  return g_ascii_strncasecmp (text, VERSION, length) == 0
         && (text[length] == '\0' || text[length] == ' ');
}

/* A prefix length: digits without a leading zero (12 ip4-cidr-length), at most @max. */
static gboolean
read_prefix (const char *text, gsize length, guint max, guint *prefix)
{
  guint value = 0;

  if (length == 0 || length > 3 || (length > 1 && text[0] == '0'))
    return FALSE;
  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isdigit (text[i]))
        return FALSE;
      value = value * 10 + (guint) (text[i] - '0');
    }
  *prefix = value;
  return value <= max;
}

/* Cuts @slashes and the digits behind them off the end of @text. Returns: (nullable): the digits. */
static const char *
cut_digits (char *text, const char *slashes)
{
  gsize end = strlen (text), width = strlen (slashes);
  gsize at = end;

  while (at > 0 && g_ascii_isdigit (text[at - 1]))
    at--;
  if (at == end || at < width || strncmp (text + at - width, slashes, width) != 0)
    return NULL;
  text[at - width] = '\0';
  return text + at;
}

/*
 * Cuts "/24", "//64" or "/24//64" off the end of @text (5.6 dual-cidr-length). A slash elsewhere is part of
 * the domain, odd as that is. Returns: FALSE when a number is out of range.
 */
static gboolean
cut_dual_prefix (char *text, PbSpfTerm *term)
{
  const char *six = cut_digits (text, "//");
  const char *four = cut_digits (text, "/");

  term->prefix4 = 32;
  term->prefix6 = 128;
  return (six == NULL || read_prefix (six, strlen (six), 128, &term->prefix6))
         && (four == NULL || read_prefix (four, strlen (four), 32, &term->prefix4));
}

static const char *
parse_optional_domain (PbSpfTerm *term, const char *argument)
{
  if (argument == NULL)
    return NULL;
  if (!pb_spf_macro_check (argument, PB_SPF_DOMAIN_SPEC))
    return "has no valid domain";
  term->domain = g_strdup (argument);
  return NULL;
}

static const char *
parse_needed_domain (PbSpfTerm *term, char *argument)
{
  return argument == NULL ? "needs a domain" : parse_optional_domain (term, argument);
}

static const char *
parse_nothing (PbSpfTerm *term, char *argument)
{
  return argument != NULL ? "takes no argument" : NULL;
}

static const char *
parse_name (PbSpfTerm *term, char *argument)
{
  return parse_optional_domain (term, argument);
}

/* "a", "a:domain", "a/24", "a:domain/24//64": @argument begins behind ":" or at "/". */
static const char *
parse_hosts (PbSpfTerm *term, char *argument)
{
  if (argument != NULL && !cut_dual_prefix (argument, term))
    return "has no valid prefix length";
  if (argument == NULL)
    {
      term->prefix4 = 32;
      term->prefix6 = 128;
    }
  else if (argument[0] == '\0')
    return NULL;
  return parse_optional_domain (term, argument);
}

static const char *
parse_block (PbSpfTerm *term, char *argument, gboolean v4)
{
  char *slash = argument != NULL ? strchr (argument, '/') : NULL;
  guint prefix = v4 ? 32 : 128;
  g_autofree char *text = NULL;

  if (slash != NULL && !read_prefix (slash + 1, strlen (slash + 1), prefix, &prefix))
    return "has no valid prefix length";
  if (slash != NULL)
    *slash = '\0';
  /* An IPv6 network may be written with dots at its end, but never as IPv4 alone, nor the other way round. */
  if (argument == NULL || (strchr (argument, ':') == NULL) != v4)
    return "has no valid address";
  text = g_strdup_printf ("%s/%u", argument, prefix);
  if (!pb_netblock_parse (text, &term->block, NULL))
    return "has no valid address";
  return NULL;
}

static const char *
parse_ip4 (PbSpfTerm *term, char *argument)
{
  return parse_block (term, argument, TRUE);
}

static const char *
parse_ip6 (PbSpfTerm *term, char *argument)
{
  return parse_block (term, argument, FALSE);
}

static const struct
{
  const char *name;
  PbSpfMechanism mechanism;
  const char *(*parse) (PbSpfTerm *term, char *argument); /* returns what is wrong with it */
  gboolean takes_prefix;                                  /* the argument may begin with "/" */
} mechanisms[] = {
  { "all", PB_SPF_ALL, parse_nothing, FALSE },
  { "include", PB_SPF_INCLUDE, parse_needed_domain, FALSE },
  { "a", PB_SPF_A, parse_hosts, TRUE },
  { "mx", PB_SPF_MX, parse_hosts, TRUE },
  { "ptr", PB_SPF_PTR, parse_name, FALSE },
  { "ip4", PB_SPF_IP4, parse_ip4, FALSE },
  { "ip6", PB_SPF_IP6, parse_ip6, FALSE },
  { "exists", PB_SPF_EXISTS, parse_needed_domain, FALSE },
};

static PbSpfResult
read_qualifier (const char **text)
{
  switch (**text)
    {
    case '+':
      ++*text;
      return PB_SPF_PASS;
    case '-':
      ++*text;
      return PB_SPF_FAIL;
    case '~':
      ++*text;
      return PB_SPF_SOFTFAIL;
    case '?':
      ++*text;
      return PB_SPF_NEUTRAL;
    default:
      return PB_SPF_PASS;
    }
}

/* Returns: what is wrong with the mechanism @text, NULL when it is well. */
static const char *
parse_mechanism (const char *text, PbSpfTerm *term)
{
  const char *name = text;
  gsize length;
  g_autofree char *argument = NULL;

  term->qualifier = read_qualifier (&name);
  length = strcspn (name, ":/");
  for (guint i = 0; i < G_N_ELEMENTS (mechanisms); i++)
    {
      if (strlen (mechanisms[i].name) != length
          || g_ascii_strncasecmp (mechanisms[i].name, name, length) != 0)
        continue;
      if (name[length] == '/' && !mechanisms[i].takes_prefix)
        return "takes no prefix length";
      if (name[length] != '\0')
        argument = g_strdup (name + length + (name[length] == ':'));
      /* "a:/24" names no domain, though a colon promises one. */
      if (name[length] == ':' && (argument[0] == '/' || argument[0] == '\0'))
        return "needs a domain behind the colon";
      term->mechanism = mechanisms[i].mechanism;
      term->text = g_strdup (text);
      return mechanisms[i].parse (term, argument);
    }
  return "is no mechanism";
}

/* The domain-spec of redirect= or exp=, each at most once (6). */
static const char *
keep_modifier (char **place, const char *value)
{
  if (*place != NULL)
    return "stands there twice";
  if (!pb_spf_macro_check (value, PB_SPF_DOMAIN_SPEC))
    return "has no valid domain";
  *place = g_strdup (value);
  return NULL;
}

/* @equals: of the "=" in @text */
static const char *
parse_modifier (PbSpfRecord *self, const char *text, const char *equals)
{
  gsize length = (gsize) (equals - text);

  if (length == strlen ("redirect") && g_ascii_strncasecmp (text, "redirect", length) == 0)
    return keep_modifier (&self->redirect, equals + 1);
  if (length == strlen ("exp") && g_ascii_strncasecmp (text, "exp", length) == 0)
    return keep_modifier (&self->explanation, equals + 1);
  if (!g_ascii_isalpha (text[0]))
    return "has no valid name";
  for (gsize i = 1; i < length; i++)
    if (!g_ascii_isalnum (text[i]) && strchr ("-_.", text[i]) == NULL)
      return "has no valid name";
  return pb_spf_macro_check (equals + 1, PB_SPF_MODIFIER) ? NULL : "has no valid value";
}

static const char *
parse_term (PbSpfRecord *self, const char *text)
{
  const char *sign = strpbrk (text, ":/=");

  if (sign != NULL && *sign == '=')
    return parse_modifier (self, text, sign);
  return parse_mechanism (text, &self->terms[self->n_terms++]);
}

PbSpfRecord *
pb_spf_record_parse (const char *text, char **problem)
{
  g_autoptr (PbSpfRecord) self = g_new0 (PbSpfRecord, 1);
  g_auto (GStrv) terms = g_strsplit (text + strlen (VERSION), " ", -1);

  self->terms = g_new0 (PbSpfTerm, g_strv_length (terms));
  for (char **term = terms; *term != NULL; term++)
    {
      const char *wrong = **term != '\0' ? parse_term (self, *term) : NULL;
      g_autoptr (GString) shown = g_string_new (NULL);

      if (wrong == NULL)
        continue;
      pb_text_append_safe (shown, *term, -1, MAX_SHOWN_TERM, FALSE);
      *problem = g_strdup_printf ("\"%s\" %s", shown->str, wrong);
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
pb_spf_record_free (PbSpfRecord *self)
{
  for (guint i = 0; i < self->n_terms; i++)
    {
      g_free (self->terms[i].text);
      g_free (self->terms[i].domain);
    }
  g_free (self->terms);
  g_free (self->redirect);
  g_free (self->explanation);
  g_free (self);
}
