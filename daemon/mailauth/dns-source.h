/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/resolver.h"
#include <glib.h>

/*
 * Where an evaluator's DNS answers come from: the resolver in the daemon, a table in a test. Evaluators do nothing but ask it, so that each
 * is tried without a network.
 */
typedef struct
{
  /**
   * Calls @func exactly once, later, from the loop of the thread that asked, never from within.
   * @timeout: seconds, at least 1; past it the answer is PB_DNS_TROUBLE
   */
  void (*query) (gpointer source, const char *name, PbDnsType type, guint timeout, PbDnsFunc func, gpointer user_data);
  gpointer source;
} PbDnsSource;

/** pb_dns_source_query: asks for @name, which has labels of 1-63 octets and at most 253 octets in all; any other name is answered as one that does not exist is, without asking. */
void pb_dns_source_query (const PbDnsSource *self, const char *name, PbDnsType type, guint timeout, PbDnsFunc func, gpointer user_data);

/** pb_dns_name_is_valid: whether @name may be asked for: labels of 1-63 octets, at most 253 in all, a dot at the end allowed. */
gboolean pb_dns_name_is_valid (const char *name);
