/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sendmail's way to the service: over the system bus, and, when nobody answers there or the answer is "not
 * now", into the drop directory by postbus-drop, so that cron's mail outlives an upgrade or a full disk. What the
 * service refuses for good is refused here, with its words. A call that broke off may have been taken: then
 * the message is dropped all the same, since twice is better than never. Called by main.c; owns nothing.
 */
#include "sendmail/sendmail-service.h"

#include "config.h"
#include "dbus/errors.h"
#include "dbus/names.h"
#include "protocol/drop-file.h"

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define CALL_MS (10 * 60 * 1000)

GDBusConnection *
pb_sendmail_connect (void)
{
  pb_error_quark (); /* so that errors of the service are known by it */
  return g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);
}

static GVariant *
call (GDBusConnection *bus, const char *interface, const char *method, GVariant *arguments, GUnixFDList *in,
      GUnixFDList **out, GError **error)
{
  g_autofree char *full = g_strconcat (PB_INTERFACE_PREFIX, interface, NULL);

  if (bus == NULL)
    {
      g_variant_unref (g_variant_ref_sink (arguments));
      g_set_error_literal (error, PB_ERROR, PB_ERROR_UNAVAILABLE, "there is no system bus");
      return NULL;
    }
  return g_dbus_connection_call_with_unix_fd_list_sync (
    bus, PB_BUS_NAME, PB_OBJECT_PATH, full, method, arguments, NULL,
    isatty (STDERR_FILENO) ? G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION : G_DBUS_CALL_FLAGS_NONE,
    CALL_MS, in, out, NULL, error);
}

char *
pb_sendmail_hostname (GDBusConnection *bus)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) value = NULL;

  if (bus != NULL)
    reply = g_dbus_connection_call_sync (bus, PB_BUS_NAME, PB_OBJECT_PATH, "org.freedesktop.DBus.Properties", "Get",
                                         g_variant_new ("(ss)", PB_INTERFACE_PREFIX "General", "Hostname"),
                                         G_VARIANT_TYPE ("(v)"), G_DBUS_CALL_FLAGS_NONE, CALL_MS, NULL, NULL);
  if (reply == NULL)
    return strchr (g_get_host_name (), '.') != NULL
             ? g_strdup (g_get_host_name ())
             : g_strconcat (g_get_host_name (), ".localdomain", NULL);
  g_variant_get (reply, "(v)", &value);
  return g_variant_dup_string (value, NULL);
}

/* Says what is wrong, without the bus's own words before it. */
static void
complain (const GError *error)
{
  g_autoptr (GError) plain = g_error_copy (error);

  g_dbus_error_strip_remote_error (plain);
  fprintf (stderr, "sendmail: %s\n", plain->message);
}

/* What the service will answer the same way tomorrow. */
static gboolean
is_final (const GError *error, int *status)
{
  static const struct
  {
    PbError code;
    int status;
  } rows[] = {
    { PB_ERROR_INVALID_VALUE, EX_DATAERR },
    { PB_ERROR_NOT_AUTHORIZED, EX_NOPERM },
    { PB_ERROR_TOO_LARGE, EX_DATAERR },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_error_matches (error, PB_ERROR, (gint) rows[i].code))
      {
        *status = rows[i].status;
        return TRUE;
      }
  return FALSE;
}

/* ---- sending ---- */

static void
add_option (GVariantBuilder *builder, const char *name, const char *text, gboolean list)
{
  g_autofree char *lower = NULL;
  g_auto (GStrv) words = NULL;

  if (text == NULL)
    return;
  if (!list)
    {
      g_variant_builder_add (builder, "{sv}", name, g_variant_new_string (text));
      return;
    }
  lower = g_ascii_strdown (text, -1);
  words = g_strsplit (lower, ",", -1);
  g_variant_builder_add (builder, "{sv}", name, g_variant_new_strv ((const char *const *) words, -1));
}

static GVariant *
make_arguments (const PbSendmailOptions *options)
{
  GVariantBuilder recipients, given;

  g_variant_builder_init (&recipients, G_VARIANT_TYPE_STRING_ARRAY);
  for (guint i = 0; i < options->recipients->len; i++)
    g_variant_builder_add (&recipients, "s", options->recipients->pdata[i]);
  g_variant_builder_init (&given, G_VARIANT_TYPE ("a{sv}"));
  add_option (&given, "Notify", options->notify, TRUE);
  if (options->ret != NULL)
    add_option (&given, "Return", options->ret[0] == 'F' ? "full" : "headers", FALSE);
  add_option (&given, "EnvelopeId", options->envid, FALSE);
  return g_variant_new ("(hsasa{sv})", 0, options->sender != NULL ? options->sender : "", &recipients, &given);
}

/* Returns: (transfer full) (nullable): the queue id. */
static char *
send_on_bus (GDBusConnection *bus, const PbSendmailOptions *options, const PbSendmailMessage *message,
             GError **error)
{
  g_autoptr (GUnixFDList) list = NULL;
  g_autoptr (GVariant) reply = NULL;
  int fd = pb_sendmail_file_new (error);
  char *id = NULL;

  if (fd < 0)
    return NULL;
  if (!pb_sendmail_message_write (message, NULL, fd, error))
    {
      close (fd);
      return NULL;
    }
  list = g_unix_fd_list_new_from_array (&fd, 1);
  reply = call (bus, "Submission", "Send", make_arguments (options), list, NULL, error);
  if (reply != NULL)
    g_variant_get (reply, "(s)", &id);
  return id;
}

/* As SMTP writes it (RFC 3461 4). (transfer full) (nullable) */
static char *
make_xtext (const char *text)
{
  GString *xtext;

  if (text == NULL)
    return NULL;
  xtext = g_string_new (NULL);
  for (const char *c = text; *c != '\0'; c++)
    if (*c == '+' || *c == '=' || *c == ' ')
      g_string_append_printf (xtext, "+%02X", (guint) *c);
    else
      g_string_append_c (xtext, *c);
  return g_string_free (xtext, FALSE);
}

static GString *
make_head (const PbSendmailOptions *options)
{
  g_autoptr (PbDropFile) file = pb_drop_file_new (options->sender != NULL ? options->sender : "");

  for (guint i = 0; i < options->recipients->len; i++)
    g_ptr_array_add (file->recipients, g_strdup (options->recipients->pdata[i]));
  file->ret = g_strdup (options->ret);
  file->notify = g_strdup (options->notify);
  file->envid = make_xtext (options->envid);
  return pb_drop_file_write (file);
}

/* The service would find out too late, when nobody is there to be told. */
static gboolean
is_well_formed (const GString *head)
{
  g_autoptr (GError) error = NULL;
  gsize body;
  g_autoptr (PbDropFile) file = pb_drop_file_parse (head->str, head->len, &body, &error);

  if (file == NULL)
    fprintf (stderr, "sendmail: the envelope %s\n", error->message);
  return file != NULL;
}

/* At its beginning. No pipe: if we are killed, its end would pass for the message's. Returns: -1 with @error. */
static int
whole_file (const GString *head, const PbSendmailMessage *message, GError **error)
{
  int fd = pb_sendmail_file_new (error);

  if (fd < 0 || (pb_sendmail_message_write (message, head, fd, error) && lseek (fd, 0, SEEK_SET) == 0))
    return fd;
  if (error != NULL && *error == NULL)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "the message: %s", g_strerror (errno));
  close (fd);
  return -1;
}

static int
drop (const PbSendmailOptions *options, const PbSendmailMessage *message)
{
  const char *folder = g_getenv ("POSTBUS_DROP_DIRECTORY"), *program = g_getenv ("POSTBUS_DROP_PROGRAM");
  const char *const argv[] = { program != NULL ? program : PB_LIBEXECDIR "/postbus-drop", folder, NULL };
  g_autoptr (GString) head = make_head (options);
  g_autoptr (GError) error = NULL;
  GPid child;
  int in, status;

  if (!is_well_formed (head))
    return EX_DATAERR;
  in = whole_file (head, message, &error);
  if (in < 0
      || !g_spawn_async_with_fds (NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &child, in, -1, -1,
                                  &error))
    {
      fprintf (stderr, "sendmail: %s\n", error->message);
      if (in >= 0)
        close (in);
      return EX_TEMPFAIL;
    }
  close (in);
  while (waitpid (child, &status, 0) < 0 && errno == EINTR)
    ;
  return WIFEXITED (status) ? WEXITSTATUS (status) : EX_TEMPFAIL;
}

int
pb_sendmail_send (GDBusConnection *bus, const PbSendmailOptions *options, const PbSendmailMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *id = send_on_bus (bus, options, message, &error);
  int status;

  if (id != NULL)
    {
      if (options->verbose)
        printf ("Queued as %s\n", id);
      return EX_OK;
    }
  if (is_final (error, &status))
    {
      complain (error);
      return status;
    }
  status = drop (options, message);
  if (options->verbose || status != EX_OK)
    complain (error);
  if (options->verbose && status == EX_OK)
    printf ("Left for the service\n");
  return status;
}

/* ---- a session ---- */

/* Moves what waits in @from to @to. Returns: FALSE at the end. */
static gboolean
move (int from, int to)
{
  char room[16384];
  ssize_t n = read (from, room, sizeof room);

  if (n < 0)
    return errno == EINTR || errno == EAGAIN;
  for (ssize_t at = 0; at < n;)
    {
      ssize_t written = write (to, room + at, (gsize) (n - at));

      if (written < 0 && errno != EINTR)
        return FALSE;
      at += MAX (written, 0);
    }
  return n > 0;
}

static void
join (int session)
{
  struct pollfd polled[] = { { STDIN_FILENO, POLLIN, 0 }, { session, POLLIN, 0 } };

  for (;;)
    {
      if (poll (polled, 2, -1) < 0 && errno != EINTR)
        return;
      if (polled[1].revents != 0 && !move (session, STDOUT_FILENO))
        return;
      if (polled[0].revents != 0 && !move (STDIN_FILENO, session))
        {
          polled[0].fd = -1;
          shutdown (session, SHUT_WR);
        }
      polled[0].revents = polled[1].revents = 0;
    }
}

int
pb_sendmail_smtp (GDBusConnection *bus)
{
  g_autoptr (GUnixFDList) list = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = call (bus, "Submission", "Open", g_variant_new ("()"), NULL, &list, &error);
  int session = reply != NULL && list != NULL ? g_unix_fd_list_get (list, 0, &error) : -1;

  if (session < 0)
    {
      printf ("421 4.3.0 Service not available, closing the connection\r\n");
      complain (error);
      return EX_TEMPFAIL;
    }
  join (session);
  close (session);
  return EX_OK;
}

/* ---- the queue ---- */

static int
fail_call (const GError *error)
{
  complain (error);
  return g_error_matches (error, PB_ERROR, PB_ERROR_NOT_AUTHORIZED) ? EX_NOPERM : EX_UNAVAILABLE;
}

static void
print_recipient (GVariant *row)
{
  g_autoptr (GVariantDict) dict = g_variant_dict_new (row);
  const char *address = "", *reply = "";

  g_variant_dict_lookup (dict, "Address", "&s", &address);
  g_variant_dict_lookup (dict, "LastReply", "&s", &reply);
  if (reply[0] != '\0')
    printf ("%40s(%s)\n", "", reply);
  printf ("%40s%s\n", "", address);
}

static void
print_message (GVariant *row, guint64 *octets)
{
  g_autoptr (GVariantDict) dict = g_variant_dict_new (row);
  g_autoptr (GVariant) recipients = g_variant_dict_lookup_value (dict, "Recipients", G_VARIANT_TYPE ("aa{sv}"));
  const char *id = "", *sender = "", *state = "";
  guint64 arrival = 0, size = 0;
  g_autoptr (GDateTime) time = NULL;
  g_autofree char *when = NULL;

  g_variant_dict_lookup (dict, "Id", "&s", &id);
  g_variant_dict_lookup (dict, "Sender", "&s", &sender);
  g_variant_dict_lookup (dict, "State", "&s", &state);
  g_variant_dict_lookup (dict, "Arrival", "t", &arrival);
  g_variant_dict_lookup (dict, "Size", "t", &size);
  time = g_date_time_new_from_unix_local ((gint64) arrival);
  when = time != NULL ? g_date_time_format (time, "%a %b %e %H:%M:%S") : g_strdup ("");
  printf ("%s%c %9" G_GUINT64_FORMAT " %s  %s\n", id, g_str_equal (state, "held") ? '!' : g_str_equal (state, "active") ? '*' : ' ',
          size, when, sender[0] != '\0' ? sender : "<>");
  for (gsize i = 0; recipients != NULL && i < g_variant_n_children (recipients); i++)
    {
      g_autoptr (GVariant) recipient = g_variant_get_child_value (recipients, i);

      print_recipient (recipient);
    }
  printf ("\n");
  *octets += size;
}

/* Returns: FALSE with @error. *@n: messages printed. */
static gboolean
print_page (GDBusConnection *bus, guint offset, guint *n, guint64 *octets, GError **error)
{
  GVariantBuilder filter;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) rows = NULL;

  g_variant_builder_init (&filter, G_VARIANT_TYPE ("a{sv}"));
  reply = call (bus, "Queue", "List", g_variant_new ("(a{sv}uu)", &filter, offset, 500), NULL, NULL, error);
  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(u@aa{sv})", NULL, &rows);
  *n = (guint) g_variant_n_children (rows);
  if (offset == 0 && *n > 0)
    printf ("-Queue ID-     --Size-- ----Arrival---- -Sender, recipients-------\n");
  for (guint i = 0; i < *n; i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);

      print_message (row, octets);
    }
  return TRUE;
}

int
pb_sendmail_list_queue (GDBusConnection *bus)
{
  g_autoptr (GError) error = NULL;
  guint offset = 0, n;
  guint64 octets = 0;

  do
    {
      if (!print_page (bus, offset, &n, &octets, &error))
        return fail_call (error);
      offset += n;
    }
  while (n > 0);
  if (offset == 0)
    printf ("Mail queue is empty\n");
  else
    printf ("-- %" G_GUINT64_FORMAT " Kbytes in %u Request%s.\n", octets / 1024, offset, offset == 1 ? "" : "s");
  return EX_OK;
}

int
pb_sendmail_retry (GDBusConnection *bus)
{
  g_autoptr (GError) error = NULL;
  GVariantBuilder selector;
  g_autoptr (GVariant) reply = NULL;

  g_variant_builder_init (&selector, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&selector, "{sv}", "All", g_variant_new_boolean (TRUE));
  reply = call (bus, "Queue", "Retry", g_variant_new ("(a{sv})", &selector), NULL, NULL, &error);
  return reply != NULL ? EX_OK : fail_call (error);
}
