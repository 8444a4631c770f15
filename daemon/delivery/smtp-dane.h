/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/smtp-security.h"
#include "net/resolver.h"
#include <glib.h>

/* A host whose addresses are known, and how. Nothing of it is kept. */
typedef struct
{
  const char *name;
  guint16 port;
  const char *canonical;    /* (nullable) where aliases lead to */
  gboolean secure;          /* DNSSEC vouches for the addresses, and for all aliases on the way */
  const char *const *names; /* (nullable) what else the certificate may bear: the domain's name (RFC 7672 3.2.2) */
} PbSmtpDaneHost;

/** PbSmtpDaneFound: @security (transfer full) (nullable): NULL: DANE demands nothing of this host. */
typedef void (*PbSmtpDaneFound) (PbSmtpSecurity *security, gpointer user_data);

/** pb_smtp_dane_may_apply: whether there is anything to be asked for @host: only where the DNS is signed. */
gboolean pb_smtp_dane_may_apply (const PbSmtpDaneHost *host);

/** pb_smtp_dane_find: the TLSA records of @host, to which DANE may apply. @func is called once, later, on the thread of @reply_to. */
void pb_smtp_dane_find (PbResolver *resolver, PbMailbox *reply_to, const PbSmtpDaneHost *host, PbSmtpDaneFound func, gpointer user_data);
