/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/**
 * pb_text_append_safe:
 * @length: octets of @text, -1 when it ends with NUL
 * @utf8: keep well-formed non-ASCII
 * Appends at most @max octets of @text so that they may stand in a header field, a reply or a log line: control characters,
 * DEL, C1 controls, NUL, ill-formed octets and what pb_text_misleads() finds become '?', and so does non-ASCII without @utf8.
 * Never cuts a character in two.
 */
void pb_text_append_safe (GString *out, const char *text, gssize length, gsize max, gboolean utf8);

/** pb_text_append_quoted: @text, which is safe, as a quoted-string (RFC 5322 3.2.4). */
void pb_text_append_quoted (GString *out, const char *text);

/** pb_text_is_ascii: no octet of @text is over 127. */
gboolean pb_text_is_ascii (const char *text, gsize length);

/** pb_text_is_utf8: well-formed UTF-8 without NUL and without C1 controls (which steer terminals and break lines). */
gboolean pb_text_is_utf8 (const char *text, gsize length);

/** pb_text_misleads: @text, which is UTF-8, holds characters that break a line or change the order in which others are shown. */
gboolean pb_text_misleads (const char *text, gsize length);

/**
 * pb_xtext_decode:
 * Decodes xtext (RFC 3461 4). Hexadecimal digits may be lower case.
 * Returns: (transfer full) (nullable): NULL when @text is no xtext or hides anything but printable ASCII and space
 */
char *pb_xtext_decode (const char *text, gsize length);

/** pb_xtext_encode: Returns: (transfer full): @text with "+", "=", blanks and whatever is not printable ASCII as "+XX". */
char *pb_xtext_encode (const char *text);

/**
 * pb_utf8_addr_decode:
 * Decodes the address of an ORCPT of type utf-8 (RFC 6533 3): "\x{E4}" for a character; others, UTF-8 too, stand for themselves.
 * Returns: (transfer full) (nullable): NULL when @text is ill-formed or hides control characters
 */
char *pb_utf8_addr_decode (const char *text, gsize length);

/** pb_utf8_addr_encode: Returns: (transfer full): UTF-8 @text in the form that needs no SMTPUTF8; what is no UTF-8 is replaced by "?". */
char *pb_utf8_addr_encode (const char *text);
