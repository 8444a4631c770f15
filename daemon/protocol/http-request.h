/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* As much of HTTP (RFC 9110, RFC 9112) as an answer with figures needs. */
typedef enum
{
  PB_HTTP_MORE,        /* the head of the request is not whole yet */
  PB_HTTP_GET,
  PB_HTTP_HEAD,        /* likewise, without the body */
  PB_HTTP_BAD,         /* 400: no HTTP request */
  PB_HTTP_NOT_FOUND,   /* 404 */
  PB_HTTP_NOT_ALLOWED, /* 405: another method */
  PB_HTTP_TOO_LARGE,   /* 431 */
  PB_HTTP_VERSION,     /* 505: not HTTP/1 */
  PB_N_HTTP,
} PbHttpRequest;

/**
 * pb_http_request_parse:
 * @data: what came so far, any octets
 * @max: as many octets as a head may have
 * @path: the one resource there is, "/metrics"; a query behind it is ignored
 */
PbHttpRequest pb_http_request_parse (const char *data, gsize length, gsize max, const char *path);

/** pb_http_status: static: "404 Not Found"; NULL for MORE. */
const char *pb_http_status (PbHttpRequest request);
