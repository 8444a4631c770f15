/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses and paths: what is taken has a canonical text of bounded length that parses to itself, and holds no control. */
#include "protocol/address.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_address (const PbAddress *address, PbAddressFlags flags)
{
  g_autoptr (PbAddress) again = NULL;

  g_assert_cmpuint (strlen (address->text), <=, 254);
  g_assert_true (g_utf8_validate (address->text, -1, NULL));
  for (const char *c = address->text; *c != '\0'; c++)
    g_assert_true ((guint8) *c >= ' ' && *c != 0x7f);
  again = pb_address_parse (address->text, strlen (address->text), flags, NULL);
  g_assert_nonnull (again);
  g_assert_cmpstr (again->text, ==, address->text);
  g_assert_cmpstr (again->local, ==, address->local);
  g_assert_cmpstr (again->domain, ==, address->domain);
  if (address->domain != NULL)
    for (const char *c = address->domain; *c != '\0'; c++)
      g_assert_true (*c > ' ' && *c <= '~' && strchr ("@<>()\\\"/,; ", *c) == NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  for (guint flags = 0; flags < 8; flags++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PbAddress) mailbox =
        pb_address_parse ((const char *) data, size, (PbAddressFlags) flags, &error);
      g_autoptr (PbAddress) path = NULL;
      gboolean route;
      const char *end = NULL;

      g_assert_true ((mailbox == NULL) == (error != NULL));
      if (mailbox != NULL)
        check_address (mailbox, (PbAddressFlags) flags);
      if (pb_address_parse_path ((const char *) data, size, (PbAddressFlags) flags, &path, &route,
                                 &end, NULL))
        g_assert_true (end > (const char *) data && end <= (const char *) data + size
                       && end[-1] == '>');
      if (path != NULL)
        check_address (path, (PbAddressFlags) flags);
    }
  g_autofree char *domain = pb_domain_normalize ((const char *) data, (gssize) size, TRUE);
  if (domain != NULL)
    {
      g_autofree char *again = pb_domain_normalize (domain, -1, FALSE);

      g_assert_cmpstr (again, ==, domain);
    }
  return 0;
}
