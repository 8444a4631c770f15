/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What several checks of CheckSetup need: which addresses the Internet leads to, the local domains, and
 * the lines of a zone file that are to be copied. Pure but for the rows that pb_setup_domains() adds.
 */
#include "service/setup-check-private.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_STRING 255 /* of a TXT record: RFC 1035 3.3 */
#define TTL        3600

static gboolean
is_in (const PbIp *ip, const char *const *blocks, guint n)
{
  PbNetblock block;

  for (guint i = 0; i < n; i++)
    if (pb_netblock_parse (blocks[i], &block, NULL) && pb_netblock_contains (&block, ip))
      return TRUE;
  return FALSE;
}

gboolean
pb_setup_ip_is_private (const PbIp *ip)
{
  /* RFC 6890, what an interface or a zone may have and the Internet does not lead to. */
  static const char *const blocks[] = { "0.0.0.0/8",      "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",
                                        "169.254.0.0/16", "172.16.0.0/12",  "192.0.0.0/24",  "192.168.0.0/16",
                                        "224.0.0.0/3",    "::/127",         "fc00::/7",      "fe80::/10",
                                        "ff00::/8" };

  return is_in (ip, blocks, G_N_ELEMENTS (blocks));
}

gboolean
pb_setup_is_own_public (const PbIp *ip)
{
  /* RFC 5737, 3849, 2544: what laboratories number their machines with. */
  static const char *const blocks[] = { "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15",
                                        "2001:db8::/32" };

  return !pb_setup_ip_is_private (ip) && !is_in (ip, blocks, G_N_ELEMENTS (blocks));
}

gboolean
pb_setup_find_ip (const PbIp *ips, guint n, const PbIp *ip)
{
  for (guint i = 0; i < n; i++)
    if (memcmp (&ips[i], ip, sizeof *ip) == 0)
      return TRUE;
  return FALSE;
}

char *
pb_setup_ips_text (const PbIp *ips, guint n)
{
  GString *text = g_string_new (NULL);
  char buffer[INET6_ADDRSTRLEN];

  for (guint i = 0; i < n && i < 20; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "",
                            pb_ip_format (&ips[i], buffer, sizeof buffer));
  return g_string_free (text, FALSE);
}

gboolean
pb_setup_is_ours (const PbSetupRun *run, const PbIp *ips, guint n)
{
  for (guint i = 0; i < n; i++)
    if (pb_setup_find_ip ((const PbIp *) (void *) run->publics->data, run->publics->len, &ips[i]))
      return TRUE;
  return FALSE;
}

char **
pb_setup_domains (PbSetupRun *run, const char *name)
{
  char **domains = pb_snapshot_list_local_domains (run->snapshot);
  guint n = g_strv_length (domains);

  if (n == 0)
    pb_setup_add (run, name, NULL, PB_SETUP_UNKNOWN, pb_say ("there are no local domains"),
                  pb_say ("Add the domains whose mail this server takes to the local domains."), NULL);
  if (n > PB_SETUP_MAX_EACH)
    pb_setup_add (run, name, NULL, PB_SETUP_UNKNOWN,
                  pb_say_count ("{n} more domain was not looked at", "{n} more domains were not looked at",
                                n - PB_SETUP_MAX_EACH),
                  NULL, NULL);
  while (n > PB_SETUP_MAX_EACH)
    g_clear_pointer (&domains[--n], g_free);
  return domains;
}

char *
pb_setup_record (const char *name, const char *type, const char *value)
{
  return g_strdup_printf ("%s. %d IN %s %s", name, TTL, type, value);
}

char *
pb_setup_txt_record (const char *name, const char *text)
{
  g_autoptr (GString) value = g_string_new (NULL);
  gsize length = strlen (text);

  for (gsize at = 0; at == 0 || at < length; at += MAX_STRING)
    {
      g_string_append (value, at > 0 ? " \"" : "\"");
      for (gsize i = at; i < MIN (at + MAX_STRING, length); i++)
        {
          if (text[i] == '"' || text[i] == '\\')
            g_string_append_c (value, '\\');
          g_string_append_c (value, text[i]);
        }
      g_string_append_c (value, '"');
    }
  return pb_setup_record (name, "TXT", value->str);
}

char *
pb_setup_reverse_name (const PbIp *ip)
{
  GString *name = g_string_new (NULL);

  if (pb_ip_is_v4 (ip))
    g_string_printf (name, "%u.%u.%u.%u.in-addr.arpa", ip->bytes[15], ip->bytes[14], ip->bytes[13],
                     ip->bytes[12]);
  else
    {
      for (guint i = 16; i-- > 0;)
        g_string_append_printf (name, "%x.%x.", ip->bytes[i] & 15, ip->bytes[i] >> 4);
      g_string_append (name, "ip6.arpa");
    }
  return g_string_free (name, FALSE);
}

GVariant *
pb_setup_trouble (const char *name, const PbDnsAnswer *answer)
{
  if (answer->why == NULL)
    return pb_say ("the DNS says nothing of {name} now", "name", pb_say_text (name));
  return pb_say ("the DNS says nothing of {name} now: {reason}", "name", pb_say_text (name), "reason",
                 pb_say_words (answer->why));
}
