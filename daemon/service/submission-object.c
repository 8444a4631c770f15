/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Submission: every user's way to send mail. Arguments are checked for their form
 * here; what they mean is the SMTP session's that they are handed to. The caller's uid is the bus's word, so
 * no action of polkit is asked for. Main thread.
 */
#include "service/bus-info.h"
#include "service/objects.h"

#include "dbus/errors.h"
#include "dbus/names.h"

#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#define MAX_RECIPIENTS 10000
#define MAX_ADDRESS    1024 /* octets; a path has 256 at most */
#define MAX_ENVID      100  /* RFC 3461 5.4 */

/* A call whose caller is being found out. */
typedef struct
{
  PbSubmitter *submission;
  PbBusCall *call;
  PbSubmissionMail *mail; /* (owned) (nullable) */
} Asked;

static void
fail (PbBusCall *call, PbError code, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (PB_ERROR, (gint) code, text);

  pb_bus_call_fail (call, error);
}

/* ---- options ---- */

static gboolean
take_notify (GVariant *value, PbSubmissionMail *mail)
{
  static const char *const known[] = { "never", "success", "failure", "delay", NULL };
  g_autofree const char **words = NULL;
  g_autofree char *joined = NULL;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    return FALSE;
  words = g_variant_get_strv (value, NULL);
  for (guint i = 0; words[i] != NULL; i++)
    if (i > 2 || !g_strv_contains (known, words[i])
        || (g_str_equal (words[i], "never") && g_strv_length ((char **) words) > 1))
      return FALSE;
  if (words[0] == NULL)
    return FALSE;
  joined = g_strjoinv (",", (char **) words);
  mail->notify = g_ascii_strup (joined, -1);
  return TRUE;
}

static gboolean
take_return (GVariant *value, PbSubmissionMail *mail)
{
  const char *word;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return FALSE;
  word = g_variant_get_string (value, NULL);
  if (!g_str_equal (word, "full") && !g_str_equal (word, "headers"))
    return FALSE;
  mail->ret = g_strdup (word[0] == 'f' ? "FULL" : "HDRS");
  return TRUE;
}

/* As xtext (RFC 3461 4): what is special there is written as its code. */
static gboolean
take_envid (GVariant *value, PbSubmissionMail *mail)
{
  g_autoptr (GString) xtext = g_string_new (NULL);
  const char *text;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return FALSE;
  text = g_variant_get_string (value, NULL);
  for (const char *c = text; *c != '\0'; c++)
    if (*c < 32 || *c > 126)
      return FALSE;
    else if (*c == '+' || *c == '=' || *c == ' ')
      g_string_append_printf (xtext, "+%02X", (guint) *c);
    else
      g_string_append_c (xtext, *c);
  if (xtext->len == 0 || xtext->len > MAX_ENVID)
    return FALSE;
  mail->envid = g_string_free (g_steal_pointer (&xtext), FALSE);
  return TRUE;
}

static const struct
{
  const char *name;
  gboolean (*take) (GVariant *value, PbSubmissionMail *mail);
  const char *allowed;
} options[] = {
  { "Notify", take_notify, "never, or some of success, failure and delay (as)" },
  { "Return", take_return, "full or headers (s)" },
  { "EnvelopeId", take_envid, "1 to 100 printable ASCII characters (s)" },
};

/* Returns: FALSE: answered. */
static gboolean
take_options (PbBusCall *call, GVariant *given, PbSubmissionMail *mail)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, given);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      g_autoptr (GVariant) owned = value;
      g_autofree char *text = NULL;
      guint i = 0;

      while (i < G_N_ELEMENTS (options) && !g_str_equal (options[i].name, name))
        i++;
      if (i < G_N_ELEMENTS (options) && options[i].take (owned, mail))
        continue;
      text = i < G_N_ELEMENTS (options)
               ? g_strdup_printf ("Submission.Send: %s: must be %s", name, options[i].allowed)
               : g_strdup_printf ("Submission.Send: %.80s: no option; there are Notify, Return and "
                                  "EnvelopeId",
                                  name);
      fail (call, PB_ERROR_INVALID_VALUE, text);
      return FALSE;
    }
  return TRUE;
}

/* ---- the calls ---- */

static void
on_sent (const char *id, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new ("(s)", id));
}

static void
on_opened (int fd, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;
  g_autoptr (GUnixFDList) list = NULL;

  if (error != NULL)
    {
      pb_bus_call_fail (call, error);
      return;
    }
  list = g_unix_fd_list_new_from_array (&fd, 1);
  pb_bus_call_return_descriptors (call, g_variant_new ("(h)", 0), list);
}

static void
on_caller_known (PbAuthorization answer, const char *who, const GError *error, gpointer user_data)
{
  Asked *asked = user_data;
  gint64 uid = pb_bus_call_uid (asked->call);

  if (error != NULL)
    pb_bus_call_fail (asked->call, error);
  else if (uid < 0)
    fail (asked->call, PB_ERROR_NOT_AUTHORIZED, "Submission: the bus does not tell who calls");
  else if (asked->mail == NULL)
    pb_submitter_open (asked->submission, (guint32) uid, on_opened, asked->call);
  else
    {
      asked->mail->uid = (guint32) uid;
      pb_submitter_send (asked->submission, g_steal_pointer (&asked->mail), on_sent, asked->call);
    }
  pb_submission_mail_free (asked->mail);
  g_free (asked);
}

static void
ask_who_calls (PbBusCall *call, PbSubmitter *submission, PbSubmissionMail *mail)
{
  Asked *asked = g_new (Asked, 1);

  *asked = (Asked){ submission, call, mail };
  pb_bus_call_authorize (call, NULL, on_caller_known, asked);
}

/* Returns: FALSE: answered. */
static gboolean
take_addresses (PbBusCall *call, PbSubmissionMail *mail)
{
  guint n = g_strv_length (mail->recipients);

  if (n > MAX_RECIPIENTS)
    {
      fail (call, PB_ERROR_TOO_LARGE, "Submission.Send: recipients: at most 10000 a call");
      return FALSE;
    }
  for (guint i = 0; i <= n; i++)
    if (strlen (i < n ? mail->recipients[i] : mail->sender) > MAX_ADDRESS)
      {
        fail (call, PB_ERROR_INVALID_VALUE, i < n ? "Submission.Send: recipients: no address is that long"
                                                  : "Submission.Send: sender: no address is that long");
        return FALSE;
      }
  return TRUE;
}

static void
handle_send (PbBusCall *call, gpointer object)
{
  g_autoptr (PbSubmissionMail) mail = pb_submission_mail_new (0, -1);
  g_autoptr (GVariant) given = NULL;
  g_autoptr (GError) error = NULL;
  gint32 handle;

  g_variant_get (call->parameters, "(hs^as@a{sv})", &handle, &mail->sender, &mail->recipients, &given);
  mail->fd = pb_bus_call_take_descriptor (call, handle, &error);
  mail->foreign = TRUE;
  if (mail->fd < 0)
    {
      g_prefix_error (&error, "Submission.Send: message: ");
      fail (call, PB_ERROR_INVALID_VALUE, error->message);
      return;
    }
  if (take_addresses (call, mail) && take_options (call, given, mail))
    ask_who_calls (call, object, g_steal_pointer (&mail));
}

static void
handle_open (PbBusCall *call, gpointer object)
{
  ask_who_calls (call, object, NULL);
}

static const PbBusMethod methods[] = {
  { "Send", NULL, handle_send, .descriptors = TRUE },
  { "Open", NULL, handle_open },
};

void
pb_submission_object_add (PbBus *bus, PbSubmitter *submission)
{
  const PbBusInterface interface = {
    .info = &submission_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .object = submission,
  };

  pb_bus_add (bus, &interface);
}
