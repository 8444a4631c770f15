/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A dropped message, from any octets: what is read can be written, and reads as the same. */
#include "protocol/drop-file.h"

#include <gio/gio.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  gsize body = 0, again = 0;
  g_autoptr (PbDropFile) file = pb_drop_file_parse ((const char *) data, size, &body, &error);
  g_autoptr (GString) text = NULL;
  g_autoptr (PbDropFile) copy = NULL;

  g_assert ((file == NULL) == (error != NULL));
  if (file == NULL)
    return 0;
  g_assert (body <= size && file->recipients->len > 0 && file->sender != NULL);
  text = pb_drop_file_write (file);
  copy = pb_drop_file_parse (text->str, text->len, &again, NULL);
  g_assert (copy != NULL && again == text->len && copy->recipients->len == file->recipients->len);
  g_assert (g_strcmp0 (copy->sender, file->sender) == 0 && g_strcmp0 (copy->notify, file->notify) == 0);
  for (guint i = 0; i < file->recipients->len; i++)
    g_assert (strcmp (copy->recipients->pdata[i], file->recipients->pdata[i]) == 0);
  return 0;
}
