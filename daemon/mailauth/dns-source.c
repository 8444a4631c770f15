/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every evaluator wants of DNS: names that cannot exist are not asked for. Such names come out of
 * foreign records and macros, and are no trouble of the network's: they lead nowhere.
 */
#include "mailauth/dns-source.h"
#include "net/dns-answer.h"

#include <string.h>

#define MAX_NAME     253
#define MAX_LABEL    63
#define NO_SUCH_NAME "x.invalid" /* RFC 6761 6.4: exists nowhere */

gboolean
pb_dns_name_is_valid (const char *name)
{
  gsize length = strlen (name), label = 0;

  if (length > 0 && name[length - 1] == '.')
    length--;
  if (length == 0 || length > MAX_NAME)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (name[i] != '.')
      label++;
    else if (label == 0 || label > MAX_LABEL)
      return FALSE;
    else
      label = 0;
  return label > 0 && label <= MAX_LABEL;
}

typedef struct
{
  PbDnsFunc func;
  gpointer user_data;
} Nowhere;

/* The answer for a name that was never asked for. */
static void
on_nowhere (PbDnsAnswer *answer, gpointer user_data)
{
  g_autofree Nowhere *nowhere = user_data;
  g_autoptr (PbDnsAnswer) none = pb_dns_answer_new (PB_DNS_NXDOMAIN, NULL);

  nowhere->func (none, nowhere->user_data);
}

void
pb_dns_source_query (const PbDnsSource *self, const char *name, PbDnsType type, guint timeout,
                     PbDnsFunc func, gpointer user_data)
{
  Nowhere *nowhere;

  if (pb_dns_name_is_valid (name))
    {
      self->query (self->source, name, type, timeout, func, user_data);
      return;
    }
  /* By the same way as every answer, so that it comes later like every answer. */
  nowhere = g_new (Nowhere, 1);
  *nowhere = (Nowhere){ func, user_data };
  self->query (self->source, NO_SUCH_NAME, type, timeout, on_nowhere, nowhere);
}
