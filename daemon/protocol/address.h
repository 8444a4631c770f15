/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

typedef enum
{
  PB_ADDRESS_NONE = 0,
  PB_ADDRESS_UTF8 = 1 << 0,           /* RFC 6531: UTF-8 in local part and U-labels */
  PB_ADDRESS_ALLOW_NO_DOMAIN = 1 << 1, /* bare <postmaster> only (RFC 5321 4.5.1) */
  PB_ADDRESS_ALLOW_LITERAL = 1 << 2,   /* [192.0.2.1], [IPv6:...] */
} PbAddressFlags;

typedef enum
{
  PB_ADDRESS_ERROR_SYNTAX,
  PB_ADDRESS_ERROR_TOO_LONG, /* local part over 64, domain over 255, path over 256 octets (RFC 5321 4.5.3.1) */
  PB_ADDRESS_ERROR_NEEDS_UTF8, /* non-ASCII without PB_ADDRESS_UTF8 */
} PbAddressError;
#define PB_ADDRESS_ERROR (pb_address_error_quark ())
GQuark pb_address_error_quark (void);

/* An immutable mailbox (RFC 5321 4.1.2). */
typedef struct
{
  char *local;      /* (owned) local part with quotes and backslashes resolved; case kept */
  char *domain;     /* (owned) (nullable) lower case, A-labels; "[192.0.2.1]" for a literal; NULL only for bare postmaster */
  char *text;       /* (owned) local@domain as it goes on the wire: quoted only where it must be */
  gboolean literal; /* domain is an address literal */
  gboolean utf8;    /* the local part holds non-ASCII: needs SMTPUTF8 onward */
} PbAddress;

/**
 * pb_address_parse:
 * Parses Mailbox of RFC 5321 4.1.2 with RFC 6531 3.3 where PB_ADDRESS_UTF8 is given. No source route, no angle brackets, no comments.
 * Returns: (transfer full) (nullable): NULL with PB_ADDRESS_ERROR
 */
PbAddress *pb_address_parse (const char *text, gsize length, PbAddressFlags flags, GError **error);

/**
 * pb_address_parse_path:
 * @end: (out): first byte behind '>'
 * Parses "<" [ A-d-l ":" ] Mailbox ">" ; "<>" gives *@address NULL with TRUE. A source route is read and dropped (RFC 5321 4.1.1.3),
 * *@source_route tells that it was there.
 */
gboolean pb_address_parse_path (const char *text, gsize length, PbAddressFlags flags, PbAddress **address, gboolean *source_route,
                                const char **end, GError **error);

/** pb_address_format: @local: quotes resolved. Returns: (transfer full): local@domain as it goes on the wire, quoted only where it must be. */
char *pb_address_format (const char *local, const char *domain);

/** pb_address_has_routing: the local part carries "%", "!" or "@": the old forms of asking for relay, never followed. */
gboolean pb_address_has_routing (const PbAddress *self);

/** pb_domain_normalize: lower case, trailing dot cut, U-labels to A-labels (IDNA2008). Returns: (transfer full) (nullable) NULL when no domain (RFC 5321 4.1.2). */
char *pb_domain_normalize (const char *text, gssize length, gboolean utf8);

void pb_address_free (PbAddress *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbAddress, pb_address_free)
