/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <sys/socket.h>

/* An IP address in 16 bytes, IPv4 as ::ffff:a.b.c.d, so that one comparison serves both families. */
typedef struct
{
  guint8 bytes[16];
} PbIp;

typedef struct
{
  PbIp network; /* host bits zero */
  guint prefix; /* 0-128, IPv4 prefixes + 96 */
} PbNetblock;

/** pb_ip_parse: dotted quad or IPv6 text. Returns: FALSE when @text is neither. */
gboolean pb_ip_parse (const char *text, PbIp *ip);
gboolean pb_ip_from_sockaddr (const struct sockaddr *address, PbIp *ip);
gboolean pb_ip_is_v4 (const PbIp *ip);
gboolean pb_ip_is_loopback (const PbIp *ip);

/** pb_ip_format: canonical text (RFC 5952), IPv4 in dotted form. @buffer: at least INET6_ADDRSTRLEN. */
char *pb_ip_format (const PbIp *ip, char *buffer, gsize size);

/** pb_netblock_parse: IP, IP/prefix or IP/mask (contiguous). Errors: G_IO_ERROR_INVALID_ARGUMENT saying what is wrong. */
gboolean pb_netblock_parse (const char *text, PbNetblock *block, GError **error);
gboolean pb_netblock_contains (const PbNetblock *block, const PbIp *ip);

/* A network with any mask, gaps and all: @ip is in it when ((ip XOR value) AND mask) = 0. */
typedef struct
{
  PbIp value; /* zero where the mask is */
  PbIp mask;
  guint ones; /* bits of the mask, an IPv4 one's + 96: how narrow it is */
} PbNetmask;

/** pb_netmask_parse: IP, IP/prefix or IP/mask, the mask an address of the same family. Returns: FALSE when @text is none of these. */
gboolean pb_netmask_parse (const char *text, PbNetmask *netmask);
/** pb_netmask_has_gaps: the mask is no prefix. */
gboolean pb_netmask_has_gaps (const PbNetmask *netmask);
/** pb_ip_mask: @ip with the bits cleared that @mask has not. */
PbIp pb_ip_mask (const PbIp *ip, const PbIp *mask);

/* Many blocks, looked up by binary search over merged, sorted ranges; immutable once built. */
typedef struct _PbNetblockSet PbNetblockSet;
PbNetblockSet *pb_netblock_set_new (const PbNetblock *blocks, gsize n_blocks);
void pb_netblock_set_free (PbNetblockSet *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbNetblockSet, pb_netblock_set_free)
gboolean pb_netblock_set_contains (const PbNetblockSet *self, const PbIp *ip);
