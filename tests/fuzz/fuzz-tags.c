/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tag lists and the records made of them, from any octets. */
#include "mailauth/dkim-key.h"
#include "mailauth/dmarc-record.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (PbTagList) strict = pb_tag_list_parse ((const char *) data, size);
  g_autoptr (PbTagList) lenient = pb_tag_list_parse_lenient ((const char *) data, size);
  g_autoptr (PbDkimKey) rsa = NULL;
  g_autoptr (PbDkimKey) ed25519 = NULL;
  PbDmarcRecord record;
  const char *problem;

  g_assert (strict == NULL || strict->n_tags == lenient->n_tags);
  for (guint i = 0; i < lenient->n_tags; i++)
    {
      const PbTag *tag = &lenient->tags[i];
      g_autoptr (GBytes) bytes = pb_tag_decode_base64 (tag->value);

      g_assert (bytes == NULL || g_bytes_get_size (bytes) <= strlen (tag->value));
      g_assert (tag->start <= tag->end && tag->end <= size);
      g_assert (pb_tag_list_find (lenient, tag->name) == tag);
    }
  if (pb_dmarc_record_parse (text, &record))
    g_assert (pb_dmarc_record_apply (&record, FALSE, FALSE) <= PB_DMARC_POLICY_REJECT);
  rsa = pb_dkim_key_parse (text, PB_DKIM_RSA_SHA256, &problem);
  g_assert ((rsa == NULL) == (problem != NULL));
  ed25519 = pb_dkim_key_parse (text, PB_DKIM_ED25519_SHA256, &problem);
  g_assert ((ed25519 == NULL) == (problem != NULL));
  return 0;
}
