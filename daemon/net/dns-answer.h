/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/resolver.h"
#include <glib.h>

/** pb_dns_answer_new: an answer without records. @why (nullable). */
PbDnsAnswer *pb_dns_answer_new (PbDnsStatus status, const char *why);

/**
 * pb_dns_answer_decode:
 * @data: rdata in wire form with names not compressed (RFC 1035 3.3), @lengths octets each, ended by NULL
 *
 * Records that make no sense are left out. Returns: PB_DNS_OK, or PB_DNS_TROUBLE when none made sense.
 */
PbDnsAnswer *pb_dns_answer_decode (PbDnsType type, char *const *data, const int *lengths);

/** pb_dns_answer_merge_hosts: of the answers for A and AAAA one, with the addresses of @six first when @six_first. */
PbDnsAnswer *
pb_dns_answer_merge_hosts (const PbDnsAnswer *four, const PbDnsAnswer *six, gboolean six_first);
