/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a snapshot says of the AccessList: the list itself is compiled in access.c, this puts addresses
 * into the form in which it is looked up. Any thread; never fails.
 */
#include "settings/snapshot-private.h"

#include <string.h>

#define KEY_SIZE 400 /* octets: local part 64, domain 255; what is longer is no rule's */

void
pb_snapshot_match_client (const PbSnapshot *self, const PbIp *ip, guint64 now, PbAccessMatch *match)
{
  *match = (PbAccessMatch){ 0 };
  if (self->directory->access != NULL)
    pb_access_match_client (self->directory->access, ip, now, match);
}

/* Returns: @key, or NULL where there is no address. */
static const char *
make_key (char key[KEY_SIZE], const char *local, const char *domain)
{
  gsize length;

  if (local == NULL || domain == NULL)
    return NULL;
  length = strlen (local);
  if (length + strlen (domain) + 2 > KEY_SIZE)
    return NULL;
  for (gsize i = 0; i < length; i++)
    key[i] = g_ascii_tolower (local[i]);
  key[length] = '@';
  strcpy (key + length + 1, domain);
  return key;
}

/* A rule for an address is for its sub-addresses too, where we give them out; one for the sub-address itself comes first. */
static const char *
make_recipient_key (const PbSnapshot *self, char key[KEY_SIZE], const char *local,
                    const char *domain, guint64 now)
{
  char delimiter = self->values.mailboxes_delimiter[0];
  gsize length = strlen (local);
  char *cut;

  if (make_key (key, local, domain) == NULL)
    return NULL;
  if (delimiter == '\0' || !pb_snapshot_is_local_domain (self, domain))
    return key;
  while (!pb_access_has_recipient (self->directory->access, key, now)
         && (cut = memrchr (key, delimiter, length)) != NULL && cut > key)
    {
      length = (gsize) (cut - key);
      key[length] = '@';
      strcpy (key + length + 1, domain);
    }
  return key;
}

void
pb_snapshot_match_envelope (const PbSnapshot *self, const char *sender_local,
                            const char *sender_domain, const char *recipient_local,
                            const char *recipient_domain, guint64 now, PbAccessMatch *match)
{
  char sender[KEY_SIZE], recipient[KEY_SIZE];

  *match = (PbAccessMatch){ 0 };
  if (self->directory->access == NULL)
    return;
  if (recipient_domain == NULL)
    recipient_domain = self->values.general_hostname;
  pb_access_match_envelope (self->directory->access, make_key (sender, sender_local, sender_domain),
                            sender_domain,
                            make_recipient_key (self, recipient, recipient_local, recipient_domain,
                                                now),
                            now, match);
}

void
pb_snapshot_hit (const PbSnapshot *self, const PbAccessRule *rule, guint64 now)
{
  if (self->hits != NULL)
    pb_hits_add (self->hits, rule->id, now);
}
