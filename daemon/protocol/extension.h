/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* EHLO keywords, what we offer as a server and what we understand as a client (RFC 5321 4.1.1.1). */
typedef enum
{
  PB_EXT_PIPELINING = 1 << 0,
  PB_EXT_SIZE = 1 << 1,
  PB_EXT_8BITMIME = 1 << 2,
  PB_EXT_SMTPUTF8 = 1 << 3,
  PB_EXT_ENHANCEDSTATUSCODES = 1 << 4,
  PB_EXT_LIMITS = 1 << 5,
  PB_EXT_CHUNKING = 1 << 6,
  PB_EXT_STARTTLS = 1 << 7,
  PB_EXT_AUTH = 1 << 8,
  PB_EXT_DSN = 1 << 9,
  PB_EXT_REQUIRETLS = 1 << 10,
} PbExtensions;

typedef struct
{
  PbExtensions offered;
  guint64 size;      /* octets, 0 unsaid */
  guint limits_rcptmax; /* RFC 9422, 0 unsaid */
  guint limits_mailmax;
  char *auth;        /* (owned) (nullable) mechanisms as listed */
} PbExtensionSet;

void pb_extension_set_clear (PbExtensionSet *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbExtensionSet, pb_extension_set_clear)

/** pb_extension_append_ehlo: the multi-line 250 reply to EHLO for @self, first line "@hostname greets @peer". */
void pb_extension_append_ehlo (GString *out, const PbExtensionSet *self, const char *hostname, const char *peer);

/**
 * pb_extension_parse_reply: @text as PbRemoteReply.text has it (first line is the greeting). Unknown keywords are passed over. @set, which must
 * be initialized, is emptied first.
 */
void pb_extension_parse_reply (const char *text, PbExtensionSet *set);
