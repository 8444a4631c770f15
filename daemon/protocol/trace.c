/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Received field we put on top of every message (RFC 5321 4.4). The session calls this once a message, before the first
 * octet of it is kept. Everything of the client's in it is cut to what a domain or a literal may hold, since later servers
 * and people read this field as our word. Each clause has a line of its own, so none nears 998 octets.
 */
#include "protocol/trace.h"

#include "protocol/text.h"
#include <string.h>

#define MAX_NAME    255
#define MAX_TLS     200
#define MAX_ADDRESS 320

/* Appends the HELO name with all that no domain or address literal holds turned into '?'. */
static void
append_name (GString *out, const char *name)
{
  gsize start = out->len;

  pb_text_append_safe (out, name != NULL && *name != '\0' ? name : "unknown", -1, MAX_NAME, FALSE);
  for (gsize i = start; i < out->len; i++)
    if (!g_ascii_isalnum (out->str[i]) && strchr (".-_:[]", out->str[i]) == NULL)
      out->str[i] = '?';
}

/* Appends what stands in a comment: no parenthesis of it may end or open one, no backslash quote its end (RFC 5322 3.2.2). */
static void
append_comment (GString *out, const char *text, gsize max)
{
  gsize start = out->len;

  pb_text_append_safe (out, text, -1, max, FALSE);
  for (gsize i = start; i < out->len; i++)
    if (out->str[i] == '(' || out->str[i] == ')')
      out->str[i] = out->str[i] == '(' ? '[' : ']';
    else if (out->str[i] == '\\')
      out->str[i] = '?';
}

const char *
pb_trace_protocol (gboolean esmtp, gboolean utf8, gboolean tls, gboolean login)
{
  static const char *const names[2][2][2] = {
    { { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
    { { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } },
  };

  return esmtp ? names[!!utf8][!!tls][!!login] : "SMTP";
}

void
pb_trace_append_received (GByteArray *out, const PbTrace *trace)
{
  g_autoptr (GString) field = g_string_sized_new (512);

  g_string_append (field, "Received: ");
  if (trace->client_ip != NULL)
    {
      g_string_append (field, "from ");
      append_name (field, trace->helo);
      g_string_append (field, trace->client_v6 ? " ([IPv6:" : " ([");
      append_comment (field, trace->client_ip, 64);
      g_string_append (field, "])\r\n\t");
    }
  if (trace->tls != NULL)
    {
      g_string_append (field, "(using ");
      append_comment (field, trace->tls, MAX_TLS);
      g_string_append (field, ")\r\n\t");
    }
  g_string_append (field, "by ");
  append_name (field, trace->hostname);
  if (trace->local_user != NULL)
    {
      g_string_append (field, " (Postbus, from ");
      append_comment (field, trace->local_user, 64);
      g_string_append (field, ")");
    }
  else
    {
      g_string_append (field, " (Postbus) with ");
      append_name (field, trace->protocol);
    }
  g_string_append (field, " id ");
  append_name (field, trace->id_text);
  if (trace->recipient != NULL)
    {
      g_string_append (field, "\r\n\tfor <");
      pb_text_append_safe (field, trace->recipient, -1, MAX_ADDRESS, TRUE);
      g_string_append_c (field, '>');
    }
  g_string_append (field, ";\r\n\t");
  pb_text_append_safe (field, trace->date, -1, 64, FALSE);
  g_string_append (field, "\r\n");
  g_byte_array_append (out, (const guint8 *) field->str, (guint) field->len);
}

void
pb_trace_append_copy_mark (GByteArray *out, const char *hostname)
{
  g_autoptr (GString) field = g_string_new (PB_TRACE_COPY_MARK ": ");

  append_name (field, hostname);
  g_string_append (field, "\r\n");
  g_byte_array_append (out, (const guint8 *) field->str, (guint) field->len);
}
