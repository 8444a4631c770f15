/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A header section as a program hands it to sendmail, from any octets. */
#include "sendmail/sendmail-header.h"

#include <gio/gio.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PbSendmailHeader) header = pb_sendmail_header_read ((const char *) data, size, TRUE, &error);

  g_assert ((header == NULL) == (error != NULL));
  if (header == NULL)
    return 0;
  for (guint i = 0; i < header->recipients->len; i++)
    g_assert (strpbrk (header->recipients->pdata[i], "\r\n") == NULL);
  pb_sendmail_header_add_from (header, header->text->str, "a@b.example");
  g_assert (header->has_from && strncmp (header->text->str, "From: ", 6) == 0);
  return 0;
}
