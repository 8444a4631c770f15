/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DNS answers as values: record data decoded from wire form, and the answers for both address families made one.
 *
 * Called by the resolver; pure. The data come from the network, so every length is checked. A record that
 * breaks the rules, or names a host with octets no host name has, is left out; an answer left with
 * nothing is trouble, never an empty success.
 */
#include "net/dns-answer.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAME 255

static void
answer_clear (gpointer data)
{
  PbDnsAnswer *self = data;

  for (guint i = 0; i < self->n_mx; i++)
    g_free (self->mx[i].exchange);
  g_free (self->mx);
  g_free (self->addresses);
  g_strfreev (self->names);
  pb_tlsa_free (self->tlsa, self->n_tlsa);
  g_free (self->canonical);
  g_free (self->why);
}

void
pb_tlsa_free (PbTlsa *records, guint n_records)
{
  for (guint i = 0; i < n_records; i++)
    g_bytes_unref (records[i].data);
  g_free (records);
}

PbTlsa *
pb_tlsa_copy (const PbTlsa *records, guint n_records)
{
  PbTlsa *copy = g_memdup2 (records, n_records * sizeof *records);

  for (guint i = 0; i < n_records; i++)
    g_bytes_ref (copy[i].data);
  return copy;
}

PbDnsAnswer *
pb_dns_answer_new (PbDnsStatus status, const char *why)
{
  PbDnsAnswer *self = g_atomic_rc_box_new0 (PbDnsAnswer);

  self->status = status;
  self->why = g_strdup (why);
  return self;
}

PbDnsAnswer *
pb_dns_answer_ref (PbDnsAnswer *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pb_dns_answer_unref (PbDnsAnswer *self)
{
  if (self != NULL)
    g_atomic_rc_box_release_full (self, answer_clear);
}

/* RFC 1035 3.1. Returns: (transfer full) (nullable) lower case without the last dot, "" for the root. */
static char *
name_decode (const guint8 *data, gsize length)
{
  g_autoptr (GString) name = g_string_sized_new (64);
  gsize at = 0;

  while (at < length && data[at] != 0)
    {
      gsize end = at + 1 + data[at];

      if (data[at] > 63 || end >= length || end >= MAX_NAME)
        return NULL;
      if (name->len > 0)
        g_string_append_c (name, '.');
      for (at++; at < end; at++)
        {
          if (!g_ascii_isgraph (data[at]) || data[at] == '.' || data[at] == '\\')
            return NULL;
          g_string_append_c (name, g_ascii_tolower ((char) data[at]));
        }
    }
  if (at + 1 != length)
    return NULL;
  return g_string_free (g_steal_pointer (&name), FALSE);
}

/* RFC 7208 3.3: the strings of one record are one text. A NUL would end it in C, so it becomes a DEL,
 * which is as wrong in every record's grammar. */
static char *
text_decode (const guint8 *data, gsize length)
{
  g_autoptr (GString) text = g_string_sized_new (length);
  gsize at = 0;

  while (at < length)
    {
      gsize end = at + 1 + data[at];

      if (end > length)
        return NULL;
      for (at++; at < end; at++)
        g_string_append_c (text, data[at] == 0 ? '\x7f' : (char) data[at]);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
decode_address (PbDnsAnswer *self, const guint8 *data, gsize length)
{
  static const guint8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
  PbIp *ip = &self->addresses[self->n_addresses];

  if (length == 4)
    {
      memcpy (ip->bytes, mapped, sizeof mapped);
      memcpy (ip->bytes + sizeof mapped, data, 4);
    }
  else if (length == 16)
    memcpy (ip->bytes, data, 16);
  else
    return FALSE;
  self->n_addresses++;
  return TRUE;
}

static gboolean
decode_mx (PbDnsAnswer *self, const guint8 *data, gsize length)
{
  char *exchange = length > 2 ? name_decode (data + 2, length - 2) : NULL;

  if (exchange == NULL)
    return FALSE;
  self->mx[self->n_mx].preference = (guint16) (data[0] << 8 | data[1]);
  self->mx[self->n_mx++].exchange = exchange;
  return TRUE;
}

/* RFC 6698 2.1. Data without an octet match nothing. */
static gboolean
decode_tlsa (PbDnsAnswer *self, const guint8 *data, gsize length)
{
  if (length <= 3)
    return FALSE;
  self->tlsa[self->n_tlsa++] =
    (PbTlsa){ data[0], data[1], data[2], g_bytes_new (data + 3, length - 3) };
  return TRUE;
}

static gboolean
decode_record (PbDnsAnswer *self, PbDnsType type, const guint8 *data, gsize length, guint *n_names)
{
  switch (type)
    {
    case PB_DNS_A:
      return length == 4 && decode_address (self, data, length);
    case PB_DNS_AAAA:
      return length == 16 && decode_address (self, data, length);
    case PB_DNS_MX:
      return decode_mx (self, data, length);
    case PB_DNS_TLSA:
      return decode_tlsa (self, data, length);
    case PB_DNS_CNAME:
    case PB_DNS_PTR:
    case PB_DNS_TXT:
      self->names[*n_names] =
        type == PB_DNS_TXT ? text_decode (data, length) : name_decode (data, length);
      if (self->names[*n_names] == NULL)
        return FALSE;
      *n_names += 1;
      return TRUE;
    }
  return FALSE;
}

static int
mx_compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  return (int) ((const PbMx *) a)->preference - (int) ((const PbMx *) b)->preference;
}

PbDnsAnswer *
pb_dns_answer_decode (PbDnsType type, char *const *data, const int *lengths)
{
  PbDnsAnswer *self = pb_dns_answer_new (PB_DNS_TROUBLE, NULL);
  guint n = 0, n_names = 0;

  while (data[n] != NULL)
    n++;
  if (type == PB_DNS_A || type == PB_DNS_AAAA)
    self->addresses = g_new (PbIp, n);
  else if (type == PB_DNS_MX)
    self->mx = g_new (PbMx, n);
  else if (type == PB_DNS_TLSA)
    self->tlsa = g_new (PbTlsa, n);
  else
    self->names = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    if (lengths[i] >= 0
        && decode_record (self, type, (const guint8 *) data[i], (gsize) lengths[i], &n_names))
      self->status = PB_DNS_OK;
  /* A merge sort: records of one preference keep the order the server gave them. */
  if (self->n_mx > 1)
    g_qsort_with_data (self->mx, (gint) self->n_mx, sizeof *self->mx, mx_compare, NULL);
  if (self->status != PB_DNS_OK)
    self->why = g_strdup ("malformed records");
  return self;
}

/* What is known of a host from two answers without an address. Trouble with one may hide addresses. */
static PbDnsAnswer *
merge_failures (const PbDnsAnswer *four, const PbDnsAnswer *six)
{
  const PbDnsAnswer *trouble = four->status == PB_DNS_TROUBLE ? four : six;
  PbDnsAnswer *self;

  if (trouble->status == PB_DNS_TROUBLE)
    return pb_dns_answer_new (PB_DNS_TROUBLE, trouble->why);
  self = pb_dns_answer_new (four->status == six->status ? four->status : PB_DNS_NODATA, NULL);
  self->secure = four->secure && six->secure;
  self->ttl = MIN (four->ttl, six->ttl);
  return self;
}

PbDnsAnswer *
pb_dns_answer_merge_hosts (const PbDnsAnswer *four, const PbDnsAnswer *six, gboolean six_first)
{
  const PbDnsAnswer *first = six_first ? six : four;
  const PbDnsAnswer *second = six_first ? four : six;
  PbDnsAnswer *self;

  if (four->status != PB_DNS_OK && six->status != PB_DNS_OK)
    return merge_failures (four, six);
  self = pb_dns_answer_new (PB_DNS_OK, NULL);
  self->addresses = g_new (PbIp, first->n_addresses + second->n_addresses);
  for (guint i = 0; i < first->n_addresses; i++)
    self->addresses[self->n_addresses++] = first->addresses[i];
  for (guint i = 0; i < second->n_addresses; i++)
    self->addresses[self->n_addresses++] = second->addresses[i];
  self->ttl = first->status != PB_DNS_OK ? second->ttl : first->ttl;
  if (second->status == PB_DNS_OK)
    self->ttl = MIN (self->ttl, second->ttl);
  self->secure = (first->status != PB_DNS_OK || first->secure)
                 && (second->status != PB_DNS_OK || second->secure);
  self->canonical = g_strdup (first->status == PB_DNS_OK ? first->canonical : second->canonical);
  return self;
}
