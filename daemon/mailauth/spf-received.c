/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is told of an SPF check: the result's name and the Received-SPF field (RFC 7208 9.1). Pure. Sender,
 * HELO and records are a stranger's, so every value is cleaned and quoted, and none makes a line too long.
 */
#include "mailauth/spf.h"
#include "protocol/text.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_VALUE 320

const char *
pb_spf_result_name (PbSpfResult result)
{
  switch (result)
    {
    case PB_SPF_NONE:
      return "none";
    case PB_SPF_NEUTRAL:
      return "neutral";
    case PB_SPF_PASS:
      return "pass";
    case PB_SPF_FAIL:
      return "fail";
    case PB_SPF_SOFTFAIL:
      return "softfail";
    case PB_SPF_TEMPERROR:
      return "temperror";
    case PB_SPF_PERMERROR:
      return "permerror";
    }
  return "none";
}

static const char *
result_words (PbSpfResult result)
{
  switch (result)
    {
    case PB_SPF_NONE:
      return "has no SPF record";
    case PB_SPF_NEUTRAL:
      return "says nothing about";
    case PB_SPF_PASS:
      return "permits";
    case PB_SPF_FAIL:
      return "forbids";
    case PB_SPF_SOFTFAIL:
      return "discourages";
    case PB_SPF_TEMPERROR:
      return "could not be asked about";
    case PB_SPF_PERMERROR:
      return "has a broken SPF record for";
    }
  return "";
}

/* Appends "; name="value"" on a line of its own, as a quoted-string (RFC 5322 3.2.4). */
static void
append_pair (GString *out, const char *name, const char *value)
{
  g_autoptr (GString) clean = g_string_new (NULL);

  if (value == NULL || value[0] == '\0')
    return;
  pb_text_append_safe (clean, value, -1, MAX_VALUE, FALSE);
  g_string_append_printf (out, "%s\r\n\t%s=", g_str_has_suffix (out->str, ")") ? "" : ";", name);
  pb_text_append_quoted (out, clean->str);
}

/* A comment's text: no parentheses and backslashes, so that it ends where it should. */
static void
append_comment (GString *out, const char *text)
{
  gsize from = out->len;

  pb_text_append_safe (out, text, -1, MAX_VALUE, FALSE);
  for (char *at = out->str + from; *at != '\0'; at++)
    if (strchr ("()\\", *at) != NULL)
      *at = '?';
}

char *
pb_spf_format_received (const PbSpfOutcome *outcome, const PbSpfQuery *query)
{
  GString *out = g_string_sized_new (256);
  char ip[INET6_ADDRSTRLEN];

  pb_ip_format (&query->ip, ip, sizeof ip);
  g_string_append_printf (out, "%s (", pb_spf_result_name (outcome->result));
  append_comment (out, outcome->domain);
  g_string_append_printf (out, " %s", result_words (outcome->result));
  if (outcome->result != PB_SPF_NONE)
    g_string_append_printf (out, " %s", ip);
  g_string_append (out, ")");
  append_pair (out, "receiver", query->receiver);
  append_pair (out, "client-ip", ip);
  append_pair (out, "envelope-from", query->sender);
  append_pair (out, "helo", query->helo);
  append_pair (out, "identity", outcome->by_helo ? "helo" : "mailfrom");
  append_pair (out, "mechanism", outcome->mechanism);
  append_pair (out, "problem", outcome->problem);
  return g_string_free (out, FALSE);
}
