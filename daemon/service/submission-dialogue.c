/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client's side of a submission: a short SMTP dialogue with our own server over a socket pair.
 *
 * Called by submission.c on a thread of its own, which may block. The message is read from the caller's
 * file in pieces and sent as BDAT, each piece with the length that was really read, so that a file that
 * shrinks or grows meanwhile cannot put anything out of step; one that cannot be read to its end is
 * given up before its last chunk, so nothing of it is taken. Owns nothing but its buffers.
 */
#include "service/submission-dialogue.h"

#include "dbus/errors.h"
#include "util/fsutil.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK     (256 * 1024)
#define MAX_REPLY 4096 /* octets of a line; ours are shorter */

typedef struct
{
  int fd;
  char input[MAX_REPLY];
  gsize filled;
  GString *reply; /* (owned) the last line of the last reply */
  GError **error;
} Dialogue;

static gboolean
lost (Dialogue *self)
{
  g_set_error_literal (self->error, PB_ERROR, PB_ERROR_BUSY,
                       "Submission.Send: the service is stopping; nothing was taken");
  return FALSE;
}

static gboolean
send_all (Dialogue *self, const char *data, gsize length)
{
  while (length > 0)
    {
      ssize_t sent = send (self->fd, data, length, MSG_NOSIGNAL);

      if (sent < 0 && errno == EINTR)
        continue;
      if (sent <= 0)
        return lost (self);
      data += sent;
      length -= (gsize) sent;
    }
  return TRUE;
}

/* Moves one line, without its end, into @reply. */
static gboolean
take_line (Dialogue *self)
{
  char *end;

  while ((end = memchr (self->input, '\n', self->filled)) == NULL)
    {
      ssize_t got;

      if (self->filled == sizeof self->input)
        return lost (self);
      got = recv (self->fd, self->input + self->filled, sizeof self->input - self->filled, 0);
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        return lost (self);
      self->filled += (gsize) got;
    }
  g_string_truncate (self->reply, 0);
  g_string_append_len (self->reply, self->input, end - self->input);
  g_strchomp (self->reply->str);
  self->reply->len = strlen (self->reply->str);
  self->filled -= (gsize) (end + 1 - self->input);
  memmove (self->input, end + 1, self->filled);
  return TRUE;
}

/* Reads a whole reply. Returns: FALSE when the session is gone. */
static gboolean
take_reply (Dialogue *self)
{
  do
    if (!take_line (self))
      return FALSE;
  while (self->reply->len > 3 && self->reply->str[3] == '-');
  return TRUE;
}

static PbError
error_of (const char *reply)
{
  static const struct
  {
    const char *start; /* of a reply */
    PbError error;
  } rows[] = {
    { "552", PB_ERROR_TOO_LARGE },      { "452 4.5.3", PB_ERROR_TOO_LARGE },
    { "553 5.7.1", PB_ERROR_NOT_AUTHORIZED }, { "4", PB_ERROR_BUSY },
    { "5", PB_ERROR_INVALID_VALUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_str_has_prefix (reply, rows[i].start))
      return rows[i].error;
  return PB_ERROR_UNAVAILABLE;
}

/* @command without its end; NULL only reads. Returns: FALSE with the error when the answer is no 2xx. */
static gboolean
ask (Dialogue *self, const char *command, const char *place)
{
  PbError error;

  if (command != NULL && (!send_all (self, command, strlen (command)) || !send_all (self, "\r\n", 2)))
    return FALSE;
  if (!take_reply (self))
    return FALSE;
  if (self->reply->str[0] == '2')
    return TRUE;
  error = error_of (self->reply->str);
  /* The sender is judged together with the first recipient. */
  g_set_error (self->error, PB_ERROR, (gint) error, "Submission.Send: %s: %s",
               error == PB_ERROR_NOT_AUTHORIZED ? "sender" : place, self->reply->str);
  return FALSE;
}

static gboolean
say_sender (Dialogue *self, const PbSubmissionMail *mail, const char *sender, guint64 size)
{
  g_autoptr (GString) command = g_string_new (NULL);

  g_string_printf (command, "MAIL FROM:<%s> BODY=8BITMIME SMTPUTF8 SIZE=%" G_GUINT64_FORMAT, sender,
                   size);
  if (mail->ret != NULL)
    g_string_append_printf (command, " RET=%s", mail->ret);
  if (mail->envid != NULL)
    g_string_append_printf (command, " ENVID=%s", mail->envid);
  return ask (self, command->str, "sender");
}

static gboolean
say_recipients (Dialogue *self, const PbSubmissionMail *mail, GPtrArray *recipients)
{
  for (guint i = 0; i < recipients->len; i++)
    {
      const char *recipient = recipients->pdata[i];
      g_autofree char *place = g_strdup_printf ("recipients[%u]", i);
      g_autofree char *command = g_strconcat ("RCPT TO:<", recipient, ">",
                                              mail->notify != NULL ? " NOTIFY=" : NULL,
                                              mail->notify, NULL);

      if (!ask (self, command, place))
        return FALSE;
    }
  return TRUE;
}

/* Fills the buffer as far as the file goes. Returns: FALSE with the error. */
static gboolean
read_piece (Dialogue *self, const PbSubmissionMail *mail, guint64 offset, char *buffer, gsize *got)
{
  *got = 0;
  while (*got < CHUNK)
    {
      ssize_t n = pread (mail->fd, buffer + *got, CHUNK - *got, (off_t) (offset + *got));

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          g_set_error (self->error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                       "Submission.Send: message: cannot be read: %s", g_strerror (errno));
          return FALSE;
        }
      if (n == 0)
        break;
      *got += (gsize) n;
    }
  return TRUE;
}

static gboolean
say_message (Dialogue *self, const PbSubmissionMail *mail)
{
  g_autofree char *buffer = g_malloc (CHUNK);
  guint64 offset = mail->offset;
  gsize got;

  do
    {
      char command[48];

      if (!read_piece (self, mail, offset, buffer, &got))
        return FALSE;
      g_snprintf (command, sizeof command, "BDAT %" G_GSIZE_FORMAT "%s\r\n", got,
                  got < CHUNK ? " LAST" : "");
      if (!send_all (self, command, strlen (command)) || !send_all (self, buffer, got)
          || !ask (self, NULL, "message"))
        return FALSE;
      offset += got;
    }
  while (got == CHUNK);
  return TRUE;
}

char *
pb_submission_dialogue (int fd, const PbSubmissionMail *mail, const char *sender,
                        GPtrArray *recipients, GError **error)
{
  g_autoptr (GString) reply = g_string_new (NULL);
  Dialogue self = { .fd = fd, .reply = reply, .error = error };
  struct stat status;
  const char *id;

  /* Who can mount FUSE can have a read that never ends; some files of /proc tell us more than who opened them. */
  if (mail->foreign && !pb_fs_is_on_disk (mail->fd))
    {
      g_set_error_literal (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                           "Submission.Send: message: must be a file on a local disk, or a memory file");
      return NULL;
    }
  if (fstat (mail->fd, &status) != 0 || !S_ISREG (status.st_mode))
    {
      g_set_error_literal (error, PB_ERROR, PB_ERROR_INVALID_VALUE,
                           "Submission.Send: message: must be a file, or a memory file");
      return NULL;
    }
  if (!ask (&self, NULL, "session") || !ask (&self, "EHLO localhost", "session")
      || !say_sender (&self, mail, sender,
                      (guint64) MAX (status.st_size - (goffset) mail->offset, 0))
      || !say_recipients (&self, mail, recipients) || !say_message (&self, mail))
    return NULL;
  /* "250 2.0.0 Queued as 0123456789ABC" */
  id = strrchr (reply->str, ' ');
  return id != NULL ? g_strdup (id + 1) : NULL;
}
