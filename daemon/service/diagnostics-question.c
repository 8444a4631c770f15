/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads whose mail is to be explained, with the parsers of the SMTP server, so that what it would not
 * understand is not explained either. Called by the bus's Diagnostics, on the main thread; pure.
 */
#include "service/diagnostics-question.h"

#include "dbus/errors.h"
#include "dbus/validate.h"
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_TEXT 4096

static gboolean G_GNUC_PRINTF (3, 4)
refuse (GError **error, const char *key, const char *format, ...)
{
  g_autofree char *words = NULL;
  va_list args;

  va_start (args, format);
  words = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "Diagnostics.Explain: %s: %s", key, words);
  return FALSE;
}

static gboolean
read_ip (PbQuestion *self, const char *text, GError **error)
{
  return pb_ip_parse (text, &self->input.ip) || refuse (error, "Ip", "must be an IP address");
}

static gboolean
read_helo (PbQuestion *self, const char *text, GError **error)
{
  if (text[0] == '\0')
    return TRUE;
  if (!pb_helo_valid (text, strlen (text)))
    return refuse (error, "Helo", "must be a domain or an address literal");
  self->helo = g_strdup (text);
  self->input.helo = self->helo;
  return TRUE;
}

/* Of users of the system it is not known here who there is: their name stands for them. */
static gboolean
read_login (PbQuestion *self, const char *text, GError **error)
{
  PbAccount account;

  if (text[0] == '\0')
    return TRUE;
  pb_snapshot_find_account (self->snapshot, text, &account);
  if (account.id == NULL && g_str_equal (self->snapshot->values.mailboxes_account_source, "internal"))
    return refuse (error, "Login", "there is no such account");
  self->login = g_strdup (account.name != NULL ? account.name : text);
  self->account_id = g_strdup (account.id);
  self->input.login = self->login;
  self->input.account_id = self->account_id;
  return TRUE;
}

static gboolean
read_sender (PbQuestion *self, const char *text, GError **error)
{
  g_autofree char *line = g_strdup_printf ("FROM:<%s>%s", text, g_str_is_ascii (text) ? "" : " SMTPUTF8");

  if (strpbrk (text, "<> ") != NULL
      || pb_mail_args_parse (line, strlen (line), PB_PARAM_SMTPUTF8, &self->mail) != PB_REPLY_NONE)
    return refuse (error, "Sender", "must be an email address, or empty");
  self->input.has_sender = TRUE;
  self->input.sender = self->mail.sender;
  return TRUE;
}

/* A client may connect to any address of this machine; which it would be is not asked. */
static gboolean
is_our_address (const PbIp *ip)
{
  struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
  int fd = socket (AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  gboolean ours;

  if (fd < 0)
    return FALSE;
  memcpy (&address.sin6_addr, ip->bytes, sizeof ip->bytes);
  ours = bind (fd, (const struct sockaddr *) &address, sizeof address) == 0;
  close (fd);
  return ours;
}

static gboolean
is_our_literal (const PbAddress *address)
{
  g_autofree char *text = NULL;
  PbIp ip;

  if (!address->literal || strlen (address->domain) < 3)
    return FALSE;
  text = g_strndup (address->domain + 1, strlen (address->domain) - 2);
  return pb_ip_parse (g_ascii_strncasecmp (text, "IPv6:", 5) == 0 ? text + 5 : text, &ip)
         && is_our_address (&ip);
}

static gboolean
read_recipient (PbQuestion *self, const char *text, GError **error)
{
  g_autofree char *line = g_strdup_printf ("TO:<%s>", text);

  if (strpbrk (text, "<> ") != NULL
      || pb_rcpt_args_parse (line, strlen (line), PB_PARAM_SMTPUTF8, TRUE, &self->rcpt) != PB_REPLY_NONE)
    return refuse (error, "Recipient", "must be an email address");
  self->input.has_sender = TRUE;
  self->input.recipient = self->rcpt.recipient;
  self->input.source_route = self->rcpt.source_route;
  self->input.our_literal = is_our_literal (self->rcpt.recipient);
  return TRUE;
}

static const struct
{
  const char *key;
  gboolean (*read) (PbQuestion *self, const char *text, GError **error);
} keys[] = {
  { "Ip", read_ip },         { "Helo", read_helo },           { "Login", read_login },
  { "Sender", read_sender }, { "Recipient", read_recipient },
};

gboolean
pb_question_set (PbQuestion *self, const char *key, const char *text, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (g_str_equal (key, keys[i].key))
      return keys[i].read (self, text, error);
  return refuse (error, pb_check (PB_CHECK_NAME, key) == NULL ? key : "?", "there is no such key");
}

static gboolean
read_key (PbQuestion *self, const char *key, GVariant *value, GError **error)
{
  if (g_str_equal (key, "Tls"))
    return g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN) || refuse (error, key, "must be of type b");
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return refuse (error, pb_check (PB_CHECK_NAME, key) == NULL ? key : "?", "must be of type s");
  if (g_variant_get_size (value) > MAX_TEXT)
    return refuse (error, key, "must be at most %u octets", MAX_TEXT);
  return pb_question_set (self, key, g_variant_get_string (value, NULL), error);
}

gboolean
pb_question_read (PbQuestion *self, GVariant *given, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GVariantIter iter;
  const char *key;
  GVariant *value;
  gboolean good = TRUE, has_ip = FALSE;

  g_variant_iter_init (&iter, given);
  while (good && g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      has_ip = has_ip || g_str_equal (key, "Ip");
      good = (g_hash_table_add (seen, (gpointer) key) || refuse (error, key, "is given twice"))
             && read_key (self, key, value, error);
      g_variant_unref (value);
    }
  return good && (has_ip || refuse (error, "Ip", "must be given"));
}

void
pb_question_init (PbQuestion *self, PbSnapshot *snapshot)
{
  *self = (PbQuestion){ .snapshot = pb_snapshot_ref (snapshot) };
  self->input.snapshot = self->snapshot;
}

void
pb_question_clear (PbQuestion *self)
{
  pb_mail_args_clear (&self->mail);
  pb_rcpt_args_clear (&self->rcpt);
  g_clear_pointer (&self->snapshot, pb_snapshot_unref);
  g_free (self->helo);
  g_free (self->login);
  g_free (self->account_id);
}
