/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One message file of a Maildir: name, header fields on top, LF line ends, the steps through tmp/ into
 * new/, and what its fate means for the recipient. Called by maildir.c on its threads. Every error is
 * kept in the file and ends as a deferral; a half-written file never leaves tmp/.
 */
#include "delivery/maildir-private.h"

#include "protocol/header-scan.h"
#include "store/store.h"
#include "util/fsutil.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MODE 0660
#define CHUNK     (256 * 1024)
/* As far as Delivered-To is looked for: a header section larger than this is no mail's. */
#define MAX_HEADER    (1024 * 1024)
#define MAX_NAME_HOST 64

/* The host part of a Maildir name: what could be taken for a path or for Maildir's own marks becomes "_". */
static char *
safe_hostname (const char *hostname)
{
  char *text = g_strndup (hostname[0] != '\0' ? hostname : "localhost", MAX_NAME_HOST);

  for (char *c = text; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && *c != '-' && *c != '.')
      *c = '_';
  return text;
}

PbMaildirFile *
pb_maildir_file_new (PbDelivery *delivery, guint position)
{
  PbMaildirFile *self = g_new0 (PbMaildirFile, 1);
  g_autofree char *host = safe_hostname (delivery->snapshot->values.general_hostname);

  self->delivery = delivery;
  self->position = position;
  self->fd = -1;
  self->name =
    g_strdup_printf ("%" G_GINT64_FORMAT ".Q%sR%u.%s", delivery->envelope->arrival / G_USEC_PER_SEC,
                     delivery->envelope->id_text, delivery->recipients[position], host);
  return self;
}

void
pb_maildir_file_free (gpointer file)
{
  PbMaildirFile *self = file;

  if (self->fd >= 0)
    close (self->fd);
  g_clear_error (&self->error);
  g_free (self->name);
  g_free (self);
}

static void
set_error (PbMaildirFile *self, const char *what)
{
  self->system_errno = errno;
  g_set_error (&self->error, G_FILE_ERROR, g_file_error_from_errno (self->system_errno), "%s: %s",
               what, g_strerror (self->system_errno));
}

static gboolean
write_all (PbMaildirFile *self, const GByteArray *out)
{
  if (pb_fs_write_all (self->fd, out->data, out->len, &self->error))
    return TRUE;
  self->system_errno = errno;
  return FALSE;
}

/* Appends @data with CRLF turned into LF; *@cr carries a CR over the end of a chunk. */
static void
append_lf (GByteArray *out, const char *data, gsize length, gboolean *cr)
{
  const char *end = data + length;

  while (data < end)
    {
      const char *found = memchr (data, '\r', (gsize) (end - data));
      const char *stop = found != NULL ? found : end;

      if (*cr && *data != '\n')
        g_byte_array_append (out, (const guint8 *) "\r", 1);
      *cr = FALSE;
      g_byte_array_append (out, (const guint8 *) data, (guint) (stop - data));
      if (found == NULL)
        return;
      *cr = TRUE;
      data = found + 1;
    }
}

static void
append_fields (PbMaildirFile *self, GByteArray *out)
{
  const PbEnvelope *envelope = self->delivery->envelope;
  const char *address = envelope->recipients[self->delivery->recipients[self->position]].address;
  g_autofree char *fields =
    g_strdup_printf ("Return-Path: <%s>\nDelivered-To: %s\n", envelope->sender, address);

  g_byte_array_append (out, (const guint8 *) fields, (guint) strlen (fields));
}

static gboolean
write_file_body (PbMaildirFile *self, GByteArray *out, gboolean *cr)
{
  g_autofree char *chunk = g_try_malloc (CHUNK);
  guint64 offset = 0;
  gssize got;

  if (chunk == NULL)
    {
      g_set_error (&self->error, G_FILE_ERROR, G_FILE_ERROR_NOMEM, "out of memory");
      return FALSE;
    }
  while ((got = pb_body_read (self->delivery->body, offset, chunk, CHUNK, &self->error)) > 0)
    {
      append_lf (out, chunk, (gsize) got, cr);
      offset += (guint64) got;
      if (!write_all (self, out))
        return FALSE;
      g_byte_array_set_size (out, 0);
    }
  if (got == 0 && offset != pb_body_size (self->delivery->body))
    g_set_error (&self->error, PB_STORE_ERROR, PB_STORE_ERROR_CORRUPT, "it is shorter than it was");
  return self->error == NULL;
}

static void
write_content (PbMaildirFile *self)
{
  GBytes *bytes = pb_body_bytes (self->delivery->body);
  g_autoptr (GByteArray) out =
    g_byte_array_sized_new (bytes != NULL ? (guint) g_bytes_get_size (bytes) + 512 : CHUNK + 512);
  gboolean cr = FALSE;

  append_fields (self, out);
  if (bytes != NULL)
    append_lf (out, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), &cr);
  else if (!write_file_body (self, out, &cr))
    return;
  if (cr)
    g_byte_array_append (out, (const guint8 *) "\r", 1);
  write_all (self, out);
}

void
pb_maildir_file_write (PbMaildirFile *self, int tmp_fd)
{
  self->fd =
    openat (tmp_fd, self->name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
  if (self->fd < 0)
    {
      set_error (self, "tmp");
      return;
    }
  pb_mail_group_share (self->fd, FILE_MODE);
  write_content (self);
  if (self->error != NULL)
    unlinkat (tmp_fd, self->name, 0);
}

gboolean
pb_maildir_file_commit (PbMaildirFile *self, int tmp_fd, int new_fd)
{
  if (self->error != NULL)
    return FALSE;
  if (fsync (self->fd) != 0)
    set_error (self, "fsync");
  else if (renameat (tmp_fd, self->name, new_fd, self->name) != 0)
    set_error (self, "rename");
  else
    self->done = TRUE;
  close (self->fd);
  self->fd = -1;
  if (!self->done)
    unlinkat (tmp_fd, self->name, 0);
  return self->done;
}

static void
set_deferred (PbMaildirFile *self, const char *status, const char *what, const GError *error)
{
  g_autofree char *reason = g_strdup_printf ("%s: %s", what, error->message);

  pb_delivery_set (self->delivery, self->position, PB_RESULT_DEFERRED, status, reason, FALSE,
                   "mailbox");
}

void
pb_maildir_file_report (PbMaildirFile *self, const GError *box_error, int box_errno)
{
  const GError *error = self->error != NULL ? self->error : box_error;
  int system_errno = self->error != NULL ? self->system_errno : box_errno;

  if (error == NULL)
    {
      pb_delivery_set (self->delivery, self->position, PB_RESULT_DELIVERED, "2.0.0",
                       "delivered to the mailbox", FALSE, "mailbox");
      return;
    }
  if (error->domain == PB_STORE_ERROR)
    {
      /* No fault of the mailbox, which need not rest for it. */
      set_deferred (self, "4.3.0", "the stored message cannot be read", error);
      return;
    }
  if (system_errno == EDQUOT)
    set_deferred (self, "4.2.2", "the mailbox is full", error);
  else
    set_deferred (self, system_errno == ENOSPC ? "4.3.1" : "4.3.0", "mailbox cannot be written",
                  error);
  self->delivery->destination_dead = TRUE;
}

/* Scans the header section of @body for Delivered-To; a body that cannot be read is deferred when it is written. */
static void
scan_header (const PbBody *body, PbHeaderScan *scan)
{
  char chunk[8 * 1024];
  guint64 offset = 0;
  gssize got;

  while (!scan->done && offset < MAX_HEADER
         && (got = pb_body_read (body, offset, chunk, sizeof chunk, NULL)) > 0)
    {
      pb_header_scan_feed (scan, chunk, (gsize) got);
      offset += (guint64) got;
    }
}

gboolean
pb_maildir_check_loop (PbDelivery *delivery, guint position)
{
  const char *address = delivery->envelope->recipients[delivery->recipients[position]].address;
  g_auto (PbHeaderScan) scan;
  gboolean loop = FALSE;

  pb_header_scan_init (&scan);
  scan_header (delivery->body, &scan);
  for (guint i = 0; scan.delivered_to != NULL && i < scan.delivered_to->len && !loop; i++)
    loop = g_ascii_strcasecmp (scan.delivered_to->pdata[i], address) == 0;
  if (loop)
    pb_delivery_set (delivery, position, PB_RESULT_FAILED, "5.4.6",
                     "mail loop: the message was delivered here before", FALSE, "mailbox");
  return loop;
}

gboolean
pb_maildir_id_is_safe (const char *id)
{
  gsize length = id != NULL ? strlen (id) : 0;

  if (length == 0 || length > 64 || id[0] == '.')
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (id[i]) && strchr ("-_.", id[i]) == NULL)
      return FALSE;
  return TRUE;
}

gboolean
pb_maildir_address_is_safe (const char *address)
{
  if (address[0] == '\0' || address[0] == '.' || strlen (address) > NAME_MAX)
    return FALSE;
  for (const char *c = address; *c != '\0'; c++)
    if ((guchar) *c < 0x20 || *c == 0x7f || *c == '/')
      return FALSE;
  return TRUE;
}
