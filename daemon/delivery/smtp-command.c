/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the SMTP client says, as text: MAIL and RCPT with the parameters that the other side offers.
 * Pure; called by the transaction code. Addresses are canonical text from the address parser, which
 * lets no control character through.
 */
#include "delivery/smtp-private.h"

#include "protocol/text.h"
#include <string.h>

void
pb_smtp_append (GByteArray *out, const char *text)
{
  g_byte_array_append (out, (const guint8 *) text, (guint) strlen (text));
}

static void
append_number (GByteArray *out, const char *name, guint64 number)
{
  char text[64];

  g_snprintf (text, sizeof text, " %s=%" G_GUINT64_FORMAT, name, number);
  pb_smtp_append (out, text);
}

/* The message came with it, or goes by an alias to an address that is not ASCII. */
static gboolean
needs_utf8 (const PbDelivery *delivery)
{
  gboolean needed = (delivery->envelope->flags & PB_ENVELOPE_SMTPUTF8) != 0;

  for (guint i = 0; i < delivery->n_recipients && !needed; i++)
    needed = !g_str_is_ascii (delivery->envelope->recipients[delivery->recipients[i]].address);
  return needed;
}

void
pb_smtp_append_mail (GByteArray *out, const PbDelivery *delivery, const PbExtensionSet *extensions)
{
  const PbEnvelope *envelope = delivery->envelope;
  gboolean dsn = (extensions->offered & PB_EXT_DSN) != 0;

  pb_smtp_append (out, "MAIL FROM:<");
  pb_smtp_append (out, envelope->sender);
  pb_smtp_append (out, ">");
  if ((extensions->offered & PB_EXT_SIZE) != 0)
    append_number (out, "SIZE", envelope->size);
  if ((extensions->offered & PB_EXT_8BITMIME) != 0 && (envelope->flags & PB_ENVELOPE_8BIT) != 0)
    pb_smtp_append (out, " BODY=8BITMIME");
  if ((extensions->offered & PB_EXT_SMTPUTF8) != 0 && needs_utf8 (delivery))
    pb_smtp_append (out, " SMTPUTF8");
  if (dsn && envelope->ret != PB_RET_UNSAID)
    pb_smtp_append (out, envelope->ret == PB_RET_FULL ? " RET=FULL" : " RET=HDRS");
  if (dsn && envelope->envid != NULL)
    {
      g_autofree char *xtext = pb_xtext_encode (envelope->envid);

      pb_smtp_append (out, " ENVID=");
      pb_smtp_append (out, xtext);
    }
  pb_smtp_append (out, "\r\n");
}

static void
append_notify (GByteArray *out, PbNotify notify)
{
  static const struct
  {
    PbNotify flag;
    const char *name;
  } names[] = {
    { PB_NOTIFY_NEVER, "NEVER" },
    { PB_NOTIFY_SUCCESS, "SUCCESS" },
    { PB_NOTIFY_FAILURE, "FAILURE" },
    { PB_NOTIFY_DELAY, "DELAY" },
  };
  const char *separator = " NOTIFY=";

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if ((notify & names[i].flag) != 0)
      {
        pb_smtp_append (out, separator);
        pb_smtp_append (out, names[i].name);
        separator = ",";
      }
}

/* ORCPT is kept as it was given, xtext included; anything else in it is not worth an error here. */
static gboolean
is_orcpt_sendable (const char *orcpt)
{
  if (strchr (orcpt, ';') == NULL)
    return FALSE;
  for (const char *c = orcpt; *c != '\0'; c++)
    if (*c <= ' ' || *c >= 0x7f)
      return FALSE;
  return TRUE;
}

void
pb_smtp_append_rcpt (GByteArray *out, const PbEnvelope *envelope, guint recipient,
                     const char *address, const PbExtensionSet *extensions)
{
  const PbRecipient *row = &envelope->recipients[recipient];

  pb_smtp_append (out, "RCPT TO:<");
  pb_smtp_append (out, address != NULL ? address : row->address);
  pb_smtp_append (out, ">");
  if ((extensions->offered & PB_EXT_DSN) != 0)
    {
      append_notify (out, row->notify);
      if (row->orcpt != NULL && is_orcpt_sendable (row->orcpt))
        {
          pb_smtp_append (out, " ORCPT=");
          pb_smtp_append (out, row->orcpt);
        }
    }
  pb_smtp_append (out, "\r\n");
}

const char *
pb_smtp_check_delivery (const PbDelivery *delivery, const PbExtensionSet *extensions,
                        gboolean is_lmtp, const char **status)
{
  if (!is_lmtp && (extensions->offered & PB_EXT_SMTPUTF8) == 0 && needs_utf8 (delivery))
    {
      *status = "5.6.7";
      return "the message needs SMTPUTF8, which the server does not offer";
    }
  if (extensions->size > 0 && delivery->envelope->size > extensions->size)
    {
      *status = "5.3.4";
      return "the message is larger than the server takes";
    }
  return NULL;
}
