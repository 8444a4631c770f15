/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* What a string in a setting or list column must be. Each check is a row of one table in validate.c. */
typedef enum
{
  PB_CHECK_TEXT,      /* printable UTF-8, no control characters, at most 4 KiB */
  PB_CHECK_NAME,      /* TEXT, 1-200 characters */
  PB_CHECK_ASCII,     /* printable ASCII, at most 400 (banner) */
  PB_CHECK_FQDN,      /* host name with a dot */
  PB_CHECK_HOST,      /* host name or IP */
  PB_CHECK_HOST_PORT, /* host[:port], [v6]:port */
  PB_CHECK_IP,
  PB_CHECK_NETWORK,   /* IP, CIDR or IP/contiguous mask */
  PB_CHECK_NETMASK,   /* IP, CIDR or IP/any mask */
  PB_CHECK_ADDRESS,   /* local@domain */
  PB_CHECK_ADDRESS_OR_LOCAL, /* alias key: local@domain, or a bare local part for every local domain */
  PB_CHECK_DOMAIN,
  PB_CHECK_TARGET,    /* address, domain, .domain */
  PB_CHECK_LOGIN,     /* account name: a local part usable as one: letters, digits, . _ - +, and optional @domain */
  PB_CHECK_FILE,      /* absolute path */
  PB_CHECK_SOCKET,    /* unix:/path or host:port */
  PB_CHECK_TIME,      /* HH:MM */
  PB_CHECK_FINGERPRINT, /* 64 hex digits, or empty */
  PB_CHECK_LISTEN,    /* empty, unix:/path or a loopback IP:port */
  PB_CHECK_IP_PORT,   /* IP[:port], [v6]:port (DNS servers) */
  PB_CHECK_DELIMITER, /* one of + - _ = . # ~ ^ */
  PB_CHECK_DNS_CODE,  /* 127.x.y.z (what a DNSBL answers) */
  PB_N_CHECKS,
} PbCheck;

/** pb_check: Returns: NULL when @text passes, else (transfer none) what is allowed, in words: "must be a host name with a dot, such as mail.example.org". Empty text is the caller's matter. */
const char *pb_check (PbCheck check, const char *text);
/** pb_check_words: (transfer none): what pb_check() says to a text that does not pass. */
const char *pb_check_words (PbCheck check);

/**
 * pb_domain_fold:
 * @text: a domain as an administrator writes it, U-labels or A-labels
 *
 * Returns: (transfer full) (nullable): lower case A-labels, the form that look-ups use; NULL when @text is no domain.
 */
char *pb_domain_fold (const char *text);
