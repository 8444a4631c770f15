/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why mail waits or was refused, in words. Enhanced status codes (RFC 3463, RFC 5248) are what servers
 * agree on, so the table goes by their subject and detail; some say more in their text, which is asked
 * first. What nobody knows stands as it was said. Called by the queue page and the overview. Pure.
 */
#include "model/reply.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>

/* Words in the text that say more than the code. Lower case. */
static const struct
{
  const char *words, *reason;
} by_words[] = {
  { "greylist", N_ ("Greylisted") },
  { "graylist", N_ ("Greylisted") },
  { "leads back to this server", N_ ("The mail would come back to this server") },
  { "relay host, but none is set", N_ ("No relay host is set") },
  { "relay host is this server itself", N_ ("The relay host is this server itself") },
  { "took too long", N_ ("The server does not answer") },
  { "did not answer in time", N_ ("The server does not answer") },
  { "closed the connection", N_ ("The server closed the connection") },
  { "cannot be looked up", N_ ("The domain is not found for now") },
  { "has no address", N_ ("The server’s name has no address") },
  { "cannot be written", N_ ("The mailbox cannot be written") },
  { "damaged in the store", N_ ("The message is damaged on the server’s disk") },
  { "missing from the store", N_ ("The message is missing from the server’s disk") },
  { "alias leads nowhere", N_ ("The alias leads nowhere") },
};

static const struct
{
  guint subject, detail;
  const char *reason;
} by_status[] = {
  { 1, 1, N_ ("There is no such recipient") },
  { 1, 2, N_ ("There is no such domain") },
  { 1, 8, N_ ("The server does not know the sender’s domain") },
  { 1, 10, N_ ("The domain takes no mail") },
  { 2, 1, N_ ("The mailbox is closed") },
  { 2, 2, N_ ("The mailbox is full") },
  { 2, 3, N_ ("The message is too large for the mailbox") },
  { 3, 1, N_ ("The server’s disk is full") },
  { 3, 2, N_ ("The server takes no mail now") },
  { 3, 4, N_ ("The message is too large for the server") },
  { 4, 1, N_ ("The server does not answer") },
  { 4, 2, N_ ("The connection broke") },
  { 4, 3, N_ ("The domain is not found for now") },
  { 4, 4, N_ ("There is no way to the server") },
  { 4, 5, N_ ("The server is too busy") },
  { 4, 6, N_ ("The mail goes in a circle") },
  { 4, 7, N_ ("It took too long") },
  { 5, 3, N_ ("Too many recipients at once") },
  { 6, 7, N_ ("The server cannot take international addresses") },
  { 7, 0, N_ ("The server refuses it for now") },
  { 7, 1, N_ ("The server refuses it for now") },
  { 7, 4, N_ ("The connection cannot be secured") },
  { 7, 5, N_ ("The server’s certificate is not accepted") },
  { 7, 8, N_ ("The relay refuses the login") },
  { 7, 9, N_ ("The relay refuses the login") },
  { 7, 25, N_ ("This server’s IP has no hostname") },
};

static const struct
{
  const char *check, *title;
} checks[] = {
  { "connections", N_ ("Too many connections") },
  { "connection-rate", N_ ("Too many connections in a minute") },
  { "message-rate", N_ ("Too many messages in a minute") },
  { "login", N_ ("Login needed") },
  { "auth", N_ ("Login refused") },
  { "size", N_ ("Message too large") },
  { "relay", N_ ("Relay access denied") },
  { "recipient", N_ ("Unknown recipient") },
  { "recipient-probe", N_ ("Unknown recipient behind this server") },
  { "recipient-limit", N_ ("Too many recipients") },
  { "hops", N_ ("Mail loop") },
  { "bare-newline", N_ ("Bare line feeds") },
  { "pipelining", N_ ("Unauthorized pipelining") },
  { "junk", N_ ("Junk commands") },
  { "errors", N_ ("Too many errors") },
  { "space", N_ ("Disk full") },
  { "store", N_ ("Disk failed") },
  { "memory", N_ ("Out of memory") },
  { "sender", N_ ("Sender policy") },
  { "sender-fqdn", N_ ("Sender without a full domain") },
  { "sender-domain", N_ ("Unknown sender domain") },
  { "sender-login", N_ ("Sender is not the user’s own") },
  { "from-login", N_ ("From is not the user’s own") },
  { "helo", N_ ("Unknown HELO name") },
  { "helo-fqdn", N_ ("HELO name without a domain") },
  { "helo-domain", N_ ("Unknown HELO name") },
  { "client-name", N_ ("Unknown client hostname") },
  { "ptr", N_ ("Unknown client hostname") },
  { "blacklist", N_ ("Blacklist") },
  { "access-client", N_ ("Blacklist") },
  { "access-envelope", N_ ("Blacklist") },
  { "blocks", N_ ("Blocked") },
  { "rate", N_ ("Over a limit") },
  { "dnsbl", N_ ("Blocklist") },
  { "spf", N_ ("SPF") },
  { "dkim", N_ ("DKIM") },
  { "dmarc", N_ ("DMARC") },
  { "antivirus", N_ ("Virus") },
};

/* "451-4.7.1 one\n451 4.7.1 two" becomes "451 4.7.1 one two"-like: blanks for what breaks lines. */
static char *
flatten (const char *reply)
{
  g_auto (GStrv) words = g_strsplit_set (reply, " \t\r\n", -1);
  g_autoptr (GString) flat = g_string_new (NULL);

  for (guint i = 0; words[i] != NULL; i++)
    if (words[i][0] != '\0')
      g_string_append_printf (flat, "%s%s", flat->len > 0 ? " " : "", words[i]);
  return g_string_free (g_steal_pointer (&flat), FALSE);
}

/* What stands behind the codes. */
static const char *
skip_codes (const char *flat, guint *subject, guint *detail)
{
  guint basic, class;
  int end = 0;

  *subject = *detail = G_MAXUINT;
  if (sscanf (flat, "%3u%n%*1[ -]%n", &basic, &end, &end) >= 1 && basic >= 200 && basic < 600
      && (end == 4 || flat[end] == '\0'))
    flat += end;
  end = 0;
  if (sscanf (flat, "%1u.%3u.%3u%n", &class, subject, detail, &end) == 3 && end > 0)
    {
      flat += end;
      return flat + strspn (flat, " ");
    }
  *subject = *detail = G_MAXUINT;
  return flat;
}

static const char *
find_reason (const char *text, guint subject, guint detail)
{
  g_autofree char *lower = g_utf8_strdown (text, -1);

  for (guint i = 0; i < G_N_ELEMENTS (by_words); i++)
    if (strstr (lower, by_words[i].words) != NULL)
      return _ (by_words[i].reason);
  for (guint i = 0; i < G_N_ELEMENTS (by_status); i++)
    if (by_status[i].subject == subject && by_status[i].detail == detail)
      return _ (by_status[i].reason);
  return NULL;
}

/* What a server said stands at the head of a line. */
static char *
capitalize (const char *text)
{
  char first[7] = "";

  if (text[0] == '\0')
    return g_strdup ("");
  first[g_unichar_to_utf8 (g_unichar_toupper (g_utf8_get_char (text)), first)] = '\0';
  return g_strconcat (first, g_utf8_next_char (text), NULL);
}

char *
pba_reply_explain (const char *reply, char **evidence)
{
  g_autofree char *flat = flatten (reply);
  guint subject, detail;
  const char *text = skip_codes (flat, &subject, &detail);
  const char *reason = find_reason (text, subject, detail);

  if (reason == NULL && text[0] == '\0')
    reason = flat[0] != '\0' ? _ ("The server gave no reason") : "";
  /* What is shown as the reason need not be said twice. */
  *evidence = reason != NULL ? g_strdup (flat) : g_strchomp (g_strndup (flat, text - flat));
  /* The service's own words, of which many are in the catalogue. */
  return reason != NULL ? g_strdup (reason) : capitalize (_ (text));
}

char *
pba_check_title (const char *check)
{
  for (guint i = 0; i < G_N_ELEMENTS (checks); i++)
    if (g_str_equal (checks[i].check, check))
      return g_strdup (_ (checks[i].title));
  return g_strdup (check);
}
