/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever stands in From:, what is read from it are addresses, each of which stands there. */
#include "protocol/mailbox-list.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GPtrArray) addresses = pb_mailbox_list_parse ((const char *) data, size);

  if (addresses == NULL)
    return 0;
  g_assert_cmpuint (addresses->len, <=, PB_MAILBOX_LIST_MAX);
  for (guint i = 0; i < addresses->len; i++)
    {
      const PbAddress *address = addresses->pdata[i];
      g_autoptr (GPtrArray) again = pb_mailbox_list_parse (address->text, strlen (address->text));

      g_assert_nonnull (address->domain);
      /* As it would be written into a header, it is that one address again. */
      g_assert_nonnull (again);
      g_assert_cmpuint (again->len, ==, 1);
      g_assert_cmpstr (((PbAddress *) again->pdata[0])->text, ==, address->text);
    }
  return 0;
}
