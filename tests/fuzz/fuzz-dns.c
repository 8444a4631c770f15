/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Record data as a name server may send them. The input: an octet that picks the type, then records, each an octet of
 * length and its data. What comes out must be as the header says, whatever went in.
 */
#include "net/dns-answer.h"
#include "net/tls.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RECORDS 16

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_name (const char *name)
{
  g_assert_cmpuint (strlen (name), <, 255);
  for (; *name != '\0'; name++)
    g_assert_true (g_ascii_isgraph (*name) && !g_ascii_isupper (*name));
}

static void
check_answer (PbDnsType type, const PbDnsAnswer *answer)
{
  guint n_names = answer->names != NULL ? g_strv_length (answer->names) : 0;

  g_assert_true ((answer->status == PB_DNS_OK)
                 == (answer->n_mx + answer->n_addresses + answer->n_tlsa + n_names > 0));
  for (guint i = 0; i < answer->n_tlsa; i++)
    {
      g_assert_cmpuint (g_bytes_get_size (answer->tlsa[i].data), >, 0);
      pb_tlsa_is_usable (&answer->tlsa[i]);
    }
  for (guint i = 0; i < answer->n_mx; i++)
    {
      check_name (answer->mx[i].exchange);
      g_assert_true (i == 0 || answer->mx[i - 1].preference <= answer->mx[i].preference);
    }
  for (guint i = 0; i < n_names && type == PB_DNS_PTR; i++)
    check_name (answer->names[i]);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const PbDnsType types[] = { PB_DNS_A, PB_DNS_PTR, PB_DNS_MX, PB_DNS_TXT, PB_DNS_AAAA, PB_DNS_CNAME, PB_DNS_TLSA };
  PbDnsType type = size > 0 ? types[data[0] % G_N_ELEMENTS (types)] : PB_DNS_A;
  char *records[MAX_RECORDS + 1] = { NULL };
  int lengths[MAX_RECORDS];
  PbDnsAnswer *answer, *merged;
  guint n = 0;

  for (size_t at = 1; at < size && n < MAX_RECORDS; n++)
    {
      size_t length = MIN (data[at], size - at - 1);

      /* Allocated to size, so that reading one octet too far is seen. */
      records[n] = malloc (length + (length == 0));
      memcpy (records[n], data + at + 1, length);
      lengths[n] = (int) length;
      at += 1 + length;
    }
  answer = pb_dns_answer_decode (type, records, lengths);
  check_answer (type, answer);
  merged = pb_dns_answer_merge_hosts (answer, answer, TRUE);
  g_assert_cmpuint (merged->n_addresses, ==, 2 * answer->n_addresses);
  pb_dns_answer_unref (merged);
  pb_dns_answer_unref (answer);
  for (guint i = 0; i < n; i++)
    free (records[i]);
  return 0;
}
