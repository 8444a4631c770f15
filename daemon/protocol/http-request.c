/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The head of an HTTP request, judged as a whole: is it one, and for the one thing that is served? Fields
 * are looked at only so far that no nonsense is answered: there is no body, no second request and nothing
 * to negotiate. Pure; called by the metrics of the service with whatever a connection sent.
 */
#include "protocol/http-request.h"

#include <string.h>

const char *
pb_http_status (PbHttpRequest request)
{
  static const char *const lines[PB_N_HTTP] = {
    [PB_HTTP_GET] = "200 OK",
    [PB_HTTP_HEAD] = "200 OK",
    [PB_HTTP_BAD] = "400 Bad Request",
    [PB_HTTP_NOT_FOUND] = "404 Not Found",
    [PB_HTTP_NOT_ALLOWED] = "405 Method Not Allowed",
    [PB_HTTP_TOO_LARGE] = "431 Request Header Fields Too Large",
    [PB_HTTP_VERSION] = "505 HTTP Version Not Supported",
  };

  g_return_val_if_fail (request < PB_N_HTTP, NULL);
  return lines[request];
}

/* tchar (RFC 9110 5.6.2) */
static gboolean
is_token (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (text[i])
        && (text[i] == '\0' || strchr ("!#$%&'*+-.^_`|~", text[i]) == NULL))
      return FALSE;
  return length > 0;
}

/* The next line, its end (RFC 9112 2.2: LF alone is one too) not counted. Returns: FALSE: it is not whole. */
static gboolean
take_line (const char **at, const char *end, const char **line, gsize *length)
{
  const char *feed = *at < end ? memchr (*at, '\n', (gsize) (end - *at)) : NULL;

  if (feed == NULL)
    return FALSE;
  *line = *at;
  *length = (gsize) (feed - *at);
  if (*length > 0 && feed[-1] == '\r')
    --*length;
  *at = feed + 1;
  return TRUE;
}

/* "Name: value", without control characters but the tab (RFC 9110 5.5). */
static gboolean
is_field (const char *line, gsize length)
{
  const char *colon = memchr (line, ':', length);

  if (colon == NULL || !is_token (line, (gsize) (colon - line)))
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (((guchar) line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
      return FALSE;
  return TRUE;
}

static gboolean
is_target (const char *target, gsize length, const char *path)
{
  gsize all = strlen (path);

  return length >= all && memcmp (target, path, all) == 0 && (length == all || target[all] == '?');
}

/* method SP target SP version (RFC 9112 3) */
static PbHttpRequest
judge_request_line (const char *line, gsize length, const char *path)
{
  const char *end = line + length, *target, *version;
  gsize method_length;

  target = memchr (line, ' ', length);
  if (target == NULL || !is_token (line, (gsize) (target - line)))
    return PB_HTTP_BAD;
  method_length = (gsize) (target - line);
  target++;
  version = memchr (target, ' ', (gsize) (end - target));
  if (version == NULL || version == target || end - version - 1 != 8
      || memcmp (version + 1, "HTTP/", 5) != 0 || !g_ascii_isdigit (version[6]) || version[7] != '.'
      || !g_ascii_isdigit (version[8]))
    return PB_HTTP_BAD;
  for (const char *p = target; p < version; p++)
    if ((guchar) *p <= ' ' || *p == 0x7f)
      return PB_HTTP_BAD;
  if (version[6] != '1')
    return PB_HTTP_VERSION;
  if (!is_target (target, (gsize) (version - target), path))
    return PB_HTTP_NOT_FOUND;
  if (method_length == 3 && memcmp (line, "GET", 3) == 0)
    return PB_HTTP_GET;
  return method_length == 4 && memcmp (line, "HEAD", 4) == 0 ? PB_HTTP_HEAD : PB_HTTP_NOT_ALLOWED;
}

PbHttpRequest
pb_http_request_parse (const char *data, gsize length, gsize max, const char *path)
{
  const char *at = length > 0 ? data : "", *end = at + MIN (length, max), *line;
  PbHttpRequest unfinished = length >= max ? PB_HTTP_TOO_LARGE : PB_HTTP_MORE;
  PbHttpRequest verdict;
  gsize line_length;

  if (!take_line (&at, end, &line, &line_length))
    return unfinished;
  verdict = judge_request_line (line, line_length, path);
  if (verdict == PB_HTTP_BAD)
    return verdict;
  while (take_line (&at, end, &line, &line_length))
    {
      if (line_length == 0)
        return verdict;
      if (!is_field (line, line_length))
        return PB_HTTP_BAD;
    }
  return unfinished;
}
