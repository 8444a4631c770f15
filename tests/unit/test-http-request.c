/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "protocol/http-request.h"

#include <string.h>

#define LIMIT 256

static void
test_table (void)
{
  static const struct
  {
    const char *text;
    PbHttpRequest verdict;
  } cases[] = {
    { "", PB_HTTP_MORE },
    { "GET /metrics HTTP/1.1\r\n", PB_HTTP_MORE },
    { "GET /metrics HTTP/1.1\r\nHost: x\r\n", PB_HTTP_MORE },
    { "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", PB_HTTP_GET },
    { "GET /metrics HTTP/1.1\nHost: x\n\n", PB_HTTP_GET },
    { "GET /metrics HTTP/1.0\r\n\r\n", PB_HTTP_GET },
    { "GET /metrics?name=x HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", PB_HTTP_GET },
    { "HEAD /metrics HTTP/1.1\r\n\r\n", PB_HTTP_HEAD },
    { "GET / HTTP/1.1\r\n\r\n", PB_HTTP_NOT_FOUND },
    { "GET /metricsx HTTP/1.1\r\n\r\n", PB_HTTP_NOT_FOUND },
    { "GET //metrics HTTP/1.1\r\n\r\n", PB_HTTP_NOT_FOUND },
    { "POST /metrics HTTP/1.1\r\n\r\n", PB_HTTP_NOT_ALLOWED },
    { "get /metrics HTTP/1.1\r\n\r\n", PB_HTTP_NOT_ALLOWED },
    { "GET /metrics HTTP/2.0\r\n\r\n", PB_HTTP_VERSION },
    { "GET /metrics\r\n\r\n", PB_HTTP_BAD },
    { "GET  /metrics HTTP/1.1\r\n\r\n", PB_HTTP_BAD },
    { "GET /metrics HTTP/1.1 \r\n\r\n", PB_HTTP_BAD },
    { "GET /metrics http/1.1\r\n\r\n", PB_HTTP_BAD },
    { "GET /met\trics HTTP/1.1\r\n\r\n", PB_HTTP_BAD },
    { "EHLO client.example\r\n", PB_HTTP_BAD },
    { "\r\n\r\n", PB_HTTP_BAD },
    { "GET /metrics HTTP/1.1\r\nno field\r\n\r\n", PB_HTTP_BAD },
    { "GET /metrics HTTP/1.1\r\nHost : x\r\n\r\n", PB_HTTP_BAD },
    { "GET /metrics HTTP/1.1\r\n folded\r\n\r\n", PB_HTTP_BAD },
    { "GET /metrics HTTP/1.1\r\nHost: x\ry\r\n\r\n", PB_HTTP_BAD },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (pb_http_request_parse (cases[i].text, strlen (cases[i].text), LIMIT, "/metrics"),
                       ==, cases[i].verdict);
    }
  g_assert_cmpint (pb_http_request_parse ("GET /metrics HTTP/1.1\r\nA: \0\r\n\r\n", 31, LIMIT, "/metrics"),
                   ==, PB_HTTP_BAD);
}

static void
test_long (void)
{
  g_autoptr (GString) text = g_string_new ("GET /metrics HTTP/1.1\r\n");

  while (text->len < LIMIT)
    {
      g_assert_cmpint (pb_http_request_parse (text->str, text->len, LIMIT, "/metrics"), ==, PB_HTTP_MORE);
      g_string_append (text, "X: y\r\n");
    }
  g_string_append (text, "\r\n");
  g_assert_cmpint (pb_http_request_parse (text->str, text->len, LIMIT, "/metrics"), ==, PB_HTTP_TOO_LARGE);
  g_assert_cmpstr (pb_http_status (PB_HTTP_TOO_LARGE), ==, "431 Request Header Fields Too Large");
  g_assert_null (pb_http_status (PB_HTTP_MORE));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/http-request/table", test_table);
  g_test_add_func ("/http-request/long", test_long);
  return g_test_run ();
}
