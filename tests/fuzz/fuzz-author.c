/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message whose author is looked for: it has one domain, which can be asked for, or there is a reason why not. */
#include "mailauth/author.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
on_header (PbAuthMessage *message, gpointer user_data)
{
  g_autofree char *domain = NULL;
  PbAuthor author = pb_author_find (message, &domain);
  guint *found = user_data;

  (*found)++;
  g_assert ((author == PB_AUTHOR_ONE) == (domain != NULL));
  g_assert (domain == NULL || (domain[0] != '\0' && strchr (domain, '@') == NULL));
  for (const char *c = domain; c != NULL && *c != '\0'; c++)
    g_assert (g_ascii_isgraph (*c) && !g_ascii_isupper (*c));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  guint found = 0;
  g_autoptr (PbAuthMessage) message = pb_auth_message_new (on_header, &found);

  pb_auth_message_feed (message, (const char *) data, size / 2);
  pb_auth_message_feed (message, (const char *) data + size / 2, size - size / 2);
  pb_auth_message_end (message);
  g_assert_cmpuint (found, ==, 1);
  return 0;
}
