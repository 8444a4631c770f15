/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads what a program writes to sendmail. Lines may be as long as they like: only the header section is held in
 * memory, up to its bound; the body goes to a file in pieces. Called by main.c; blocks, as the program
 * that feeds it pleases. On an error nothing is left behind: the file has no name.
 */
#include "sendmail/sendmail-message.h"

#include "util/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE 65536

typedef struct
{
  int fd;
  gboolean ignore_dots;
  gboolean at_start; /* of a line */
  gboolean ended;
  char room[PIECE];
  gsize at, end;
  GError **error;
} Reader;

static gboolean
set_errno (GError **error, const char *what)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s", what,
               g_strerror (errno));
  return FALSE;
}

/* Returns: FALSE with the error; at the end @ended. */
static gboolean
fill (Reader *self)
{
  ssize_t n;

  if (self->at > 0)
    memmove (self->room, self->room + self->at, self->end - self->at);
  self->end -= self->at;
  self->at = 0;
  do
    n = read (self->fd, self->room + self->end, sizeof self->room - self->end);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return set_errno (self->error, "standard input");
  self->end += (gsize) n;
  self->ended = n == 0;
  return TRUE;
}

/* "." and a line's end, or the end of all. */
static gboolean
is_final_dot (const Reader *self)
{
  const char *at = self->room + self->at;
  gsize left = self->end - self->at;

  if (self->ignore_dots || !self->at_start || left == 0 || at[0] != '.')
    return FALSE;
  return left == 1 || at[1] == '\n' || (at[1] == '\r' && (left == 2 || at[2] == '\n'));
}

/* The next piece: a line with its end, or as much of a long one as fits. Returns: FALSE: there is none (the error may be set). */
static gboolean
take_piece (Reader *self, const char **piece, gsize *length)
{
  const char *end;

  /* Three octets tell a final dot; a whole line is wanted where it fits. */
  while (!self->ended && memchr (self->room + self->at, '\n', self->end - self->at) == NULL
         && (self->at > 0 || self->end < sizeof self->room))
    if (!fill (self))
      return FALSE;
  if (self->at == self->end || is_final_dot (self))
    return FALSE;
  *piece = self->room + self->at;
  end = memchr (*piece, '\n', self->end - self->at);
  *length = end != NULL ? (gsize) (end + 1 - *piece) : self->end - self->at;
  self->at += *length;
  self->at_start = end != NULL;
  return TRUE;
}

static gboolean
is_empty_line (const char *piece, gsize length)
{
  return (length == 1 && piece[0] == '\n') || (length == 2 && piece[0] == '\r' && piece[1] == '\n');
}

static gboolean
is_field_line (const char *piece, gsize length, const GString *before)
{
  gsize i = 0;

  if (before->len > 0 && (piece[0] == ' ' || piece[0] == '\t'))
    return TRUE;
  if (before->len == 0 && length > 5 && memcmp (piece, "From ", 5) == 0)
    return TRUE;
  while (i < length && piece[i] > 32 && piece[i] < 127 && piece[i] != ':')
    i++;
  if (i == 0)
    return FALSE;
  while (i < length && (piece[i] == ' ' || piece[i] == '\t'))
    i++;
  return i < length && piece[i] == ':';
}

/* Returns: FALSE with the error. *@rest is what of the body was read with it. */
static gboolean
read_header (Reader *self, GString *header, const char **rest, gsize *rest_length)
{
  const char *piece;
  gsize length;
  gboolean line_start = TRUE;

  *rest_length = 0;
  while (take_piece (self, &piece, &length))
    {
      if (line_start && is_empty_line (piece, length))
        return TRUE;
      if (line_start && !is_field_line (piece, length, header))
        {
          *rest = piece;
          *rest_length = length;
          return TRUE;
        }
      line_start = self->at_start;
      g_string_append_len (header, piece, (gssize) length);
      if (header->len > PB_SENDMAIL_HEADER_MAX)
        {
          g_set_error (self->error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                       "the header section is larger than %u octets", PB_SENDMAIL_HEADER_MAX);
          return FALSE;
        }
    }
  if (header->len > 0 && header->str[header->len - 1] != '\n')
    g_string_append_c (header, '\n');
  return self->error == NULL || *self->error == NULL;
}

static gboolean
copy_body (Reader *self, int body, const char *piece, gsize length)
{
  if (length > 0 && !pb_fs_write_all (body, piece, length, self->error))
    return FALSE;
  while (take_piece (self, &piece, &length))
    if (!pb_fs_write_all (body, piece, length, self->error))
      return FALSE;
  return *self->error == NULL;
}

int
pb_sendmail_file_new (GError **error)
{
  int fd = open (g_get_tmp_dir (), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

  /* The service reads no file of a file system that may keep it waiting. */
  if (fd >= 0 && !pb_fs_is_on_disk (fd))
    {
      close (fd);
      fd = -1;
    }
  if (fd < 0)
    fd = memfd_create ("sendmail", MFD_CLOEXEC);
  if (fd < 0)
    set_errno (error, "a file for the message");
  return fd;
}

PbSendmailMessage *
pb_sendmail_message_read (int fd, gboolean ignore_dots, gboolean extract, GError **error)
{
  g_autoptr (PbSendmailMessage) self = g_new0 (PbSendmailMessage, 1);
  g_autoptr (GString) header = g_string_new (NULL);
  g_autoptr (GError) problem = NULL;
  g_autofree Reader *reader = g_new0 (Reader, 1);
  const char *rest = NULL;
  gsize rest_length;

  reader->fd = fd;
  reader->ignore_dots = ignore_dots;
  reader->at_start = TRUE;
  reader->error = &problem;
  self->body = pb_sendmail_file_new (&problem);
  if (self->body < 0 || !read_header (reader, header, &rest, &rest_length)
      || !copy_body (reader, self->body, rest, rest_length))
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return NULL;
    }
  self->header = pb_sendmail_header_read (header->str, header->len, extract, error);
  return self->header != NULL ? g_steal_pointer (&self) : NULL;
}

void
pb_sendmail_message_free (PbSendmailMessage *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->header, pb_sendmail_header_free);
  if (self->body >= 0)
    close (self->body);
  g_free (self);
}

gboolean
pb_sendmail_message_write (const PbSendmailMessage *self, const GString *head, int fd, GError **error)
{
  g_autofree char *room = g_malloc (PIECE);
  const GString *header = self->header->text;
  off_t at = 0;

  if ((head != NULL && !pb_fs_write_all (fd, head->str, head->len, error))
      || !pb_fs_write_all (fd, header->str, header->len, error)
      || !pb_fs_write_all (fd, "\n", 1, error))
    return FALSE;
  for (;;)
    {
      ssize_t n = pread (self->body, room, PIECE, at);

      if (n < 0)
        return set_errno (error, "the message");
      if (n == 0)
        return TRUE;
      if (!pb_fs_write_all (fd, room, (gsize) n, error))
        return FALSE;
      at += n;
    }
}
