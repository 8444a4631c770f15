/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Help for rows that show more than the bus: what a choice does, and limits without the words about 0.
 * Called by setting rows. A table; what is not in it has the contract's help.
 */
#include "model/advice.h"

#include <glib/gi18n.h>

static const struct
{
  const char *key;
  const char *choice; /* (nullable): any */
  const char *sentence;
} advice[] = {
  { "Delivery.RelayTls", "off", N_ ("Mail and login go unprotected") },
  { "Delivery.RelayTls", "opportunistic",
    N_ ("Encrypted when the relay host offers it, unprotected when not") },
  { "Delivery.RelayTls", "starttls", N_ ("Mail waits when the relay host cannot do it") },
  { "Delivery.RelayTls", "implicit",
    N_ (
      "Encrypted from the first word, as on port 465; mail waits when the relay host cannot do it") },
  { "Delivery.RelayVerify", "auto", N_ ("Must be valid as soon as a login is sent") },
  { "Delivery.RelayVerify", "verify", N_ ("Proves that it is the right server") },
  { "Delivery.RelayVerify", "none", N_ ("Any server could pose as the relay host") },
  { "Delivery.RelayVerify", "fingerprint", N_ ("Only the key with the fingerprint below counts") },
  { "Delivery.RelaySecretStorage", "system", N_ ("The server logs in whenever mail is to go out") },
  { "Delivery.RelaySecretStorage", "agent",
    N_ ("Mail waits until a client that has the password is connected") },
  { "Delivery.RelaySecretStorage", "ask", N_ ("Mail waits until somebody enters the password") },
  { "Advanced.BareNewline", "reject",
    N_ ("Messages with line ends other than CRLF, or with NUL, are refused") },
  { "Advanced.BareNewline", "normalize",
    N_ ("Line ends other than CRLF, and NUL, are put right before the message is taken") },
  { "Mailboxes.Kind", "maildir", N_ ("Each account's mail is put in folders on this server") },
  { "Mailboxes.Kind", "lmtp", N_ ("Such as Dovecot, which then keeps the mailboxes") },
  { "ConnectionPolicy.MaxConnections", NULL,
    N_ ("Further connections from one client host at the same time are blocked") },
  { "ConnectionPolicy.MaxMessagesPerMinute", NULL,
    N_ ("A client host that sends more is blocked until the minute ends") },
  { "ConnectionPolicy.MaxConnectionsPerMinute", NULL,
    N_ ("A client host that connects more often is blocked until the minute ends") },
  { "Advanced.MaxUnknownRecipients", NULL,
    N_ ("An IP address that tries more accounts is blocked until the next day") },
  { "AuthLimits.FailuresPerHour", NULL, N_ ("A client host with more failed logins is blocked") },
};

const char *
pba_advice (const char *key, const char *choice)
{
  for (guint i = 0; i < G_N_ELEMENTS (advice); i++)
    if (g_str_equal (advice[i].key, key)
        && (advice[i].choice == NULL || g_strcmp0 (advice[i].choice, choice) == 0))
      return _ (advice[i].sentence);
  return NULL;
}

const char *
pba_advice_group (const char *group)
{
  static const char *const groups[][2] = {
    { "Client Host Limits",
      N_ (
        "A client host over a limit is turned away. The Trusted List and, where it needs no login, the local network are exempt.") },
  };

  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    if (g_str_equal (groups[i][0], group))
      return _ (groups[i][1]);
  return NULL;
}

const char *
pba_advice_watched (const char *key)
{
  static const char *const counters[][2] = {
    { "Advanced.RejectUnauthorizedPipelining", "watched.pipelining" },
    { "Advanced.RejectNonFqdnHelo", "watched.helo-fqdn" },
    { "Advanced.RejectUnknownHelo", "watched.helo-domain" },
    { "Antivirus.Policy", "watched.antivirus" },
    { "ConnectionPolicy.RejectUnknownClientHostname", "watched.client-name" },
    { "Dnsbl.Policy", "watched.dnsbl" },
    { "MailAuth.DkimPolicy", "watched.dkim" },
    { "MailAuth.DmarcPolicy", "watched.dmarc" },
    { "MailAuth.SpfPolicy", "watched.spf" },
    { "SenderPolicy.RejectNonFqdnSender", "watched.sender-fqdn" },
    { "SenderPolicy.RejectUnknownSenderDomain", "watched.sender-domain" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (counters); i++)
    if (g_str_equal (counters[i][0], key))
      return counters[i][1];
  return NULL;
}
