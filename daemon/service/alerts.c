/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Alerts: what needs somebody's hand, as a list for clients and as journal entries
 * with fixed ids. A kind of alert is one row of the table below; whoever sees the trouble raises it and
 * whoever sees it gone ends it. Called by other objects of the service, on the main thread. Nothing can
 * fail: past the limit a further alert is only in the journal.
 */
#include "service/alerts.h"

#include "service/bus-info.h"

#include "dbus/names.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/marked.h"

#define MAX_ALERTS 500

/* A new alert is a row. An id is never changed: scripts look for it. */
static const struct
{
  const char *name;       /* on the bus and in the journal */
  const char *message_id; /* of the journal, made by systemd-id128 new */
  PbLogLevel level;
  const char *remedy;     /* its places, if any, are filled by say_remedy() */
} kinds[] = {
  [PB_ALERT_RELAY_LOGIN_REFUSED] = {
    "relay-login-refused", "b6bdb540ad434668987cf45b227e51e0", PB_LOG_ERROR,
    N_ ("Check the user name and set the password again; mail for this relay waits until a login is accepted."),
  },
  [PB_ALERT_RELAY_PASSWORD_MISSING] = {
    "relay-password-missing", "d107cd4122ec42edb69e0e1d5f4ea2b8", PB_LOG_WARNING,
    N_ ("Set the password, or start a client that keeps it; mail for this relay waits until then."),
  },
  [PB_ALERT_BLOCKLIST_ILL] = {
    "blocklist-ill", "a174118b46d84b03b40b9d79162fe486", PB_LOG_WARNING,
    N_ ("The list is not asked until it works again; look at its web site, or remove it from the settings."),
  },
  [PB_ALERT_SCANNER_ILL] = {
    "scanner-ill", "50a5ccfc38a64d5a97c02429c7ffe3c0", PB_LOG_ERROR,
    N_ ("See whether clamd runs and {address} is right; until it answers {failure} says what is done with mail."),
  },
  [PB_ALERT_QUEUE_GROWING] = {
    "queue-growing", "553588ab9b6b456d96ace2308e8ce6b4", PB_LOG_WARNING,
    N_ ("Look at the reasons in the queue; a relay, the DNS or the way to the Internet may be down."),
  },
  [PB_ALERT_DISK_LOW] = {
    "disk-low", "335d2d5163b440569508114e8c7dcd3c", PB_LOG_ERROR,
    N_ ("Make room on that disk; new mail is taken again by itself."),
  },
  [PB_ALERT_CERTIFICATE_ENDING] = {
    "certificate-ending", "363871dca85c4f58ab1e23dceb59ab8f", PB_LOG_WARNING,
    N_ ("Import a new certificate."),
  },
  [PB_ALERT_DAILY_LIMIT] = {
    "daily-limit", "7aea1abb35be40389496469ad7de948d", PB_LOG_WARNING,
    N_ ("Look at the held mail in the queue: release it, or remove it and change the account’s password if it was not its owner who sent it."),
  },
  [PB_ALERT_ACCOUNT_BURSTING] = {
    "account-bursting", "77cab15b04664648a16ada9e7b3b0779", PB_LOG_WARNING,
    N_ ("Ask its owner. If somebody else sends it, change the account’s password and hold its mail in the queue; its daily limit bounds what it may send a day."),
  },
  [PB_ALERT_DROP_REFUSED] = {
    "drop-refused", "cc4aa215e52f48ff884147f7a89dc524", PB_LOG_WARNING,
    N_ ("Look at the files refused-… in the folder drop of the state directory, whose reasons are in the log, and remove them."),
  },
};
G_STATIC_ASSERT (G_N_ELEMENTS (kinds) == PB_N_ALERTS);

typedef struct
{
  PbAlertKind kind;
  char *subject;  /* (owned) */
  GVariant *text; /* (owned) of pb_say() */
  gint64 since;   /* Unix seconds */
} PbAlert;

struct _PbAlerts
{
  GPtrArray *alerts; /* (owned) (element-type PbAlert) the oldest first */
  PbBus *bus;        /* (unowned) (nullable) */
};

static void
alert_free (gpointer data)
{
  PbAlert *self = data;

  g_free (self->subject);
  g_clear_pointer (&self->text, g_variant_unref);
  g_free (self);
}

static PbAlert *
find_alert (PbAlerts *self, PbAlertKind kind, const char *subject)
{
  for (guint i = 0; i < self->alerts->len; i++)
    {
      PbAlert *alert = self->alerts->pdata[i];

      if (alert->kind == kind && g_str_equal (alert->subject, subject))
        return alert;
    }
  return NULL;
}

static void
tell (PbAlerts *self)
{
  if (self->bus != NULL)
    pb_bus_emit (self->bus, "Alerts", "Changed", g_variant_new ("()"));
}

static void
log_alert (PbAlertKind kind, const char *subject, GVariant *text)
{
  g_autofree char *english = pb_say_fill (text, NULL);

  pb_log (kinds[kind].level, kinds[kind].name, PB_LOG_KIND, kinds[kind].message_id, "subject",
          subject, "reason", english, NULL);
}

static void
handle_list (PbBusCall *call, gpointer object)
{
  g_autoptr (GVariant) rows = pb_alerts_list (object);

  pb_bus_call_return (call, g_variant_new ("(@aa{sv})", rows));
}

static const PbBusMethod methods[] = {
  { "List", PB_ACTION_VIEW, handle_list },
};

PbAlerts *
pb_alerts_new (void)
{
  PbAlerts *self = g_new0 (PbAlerts, 1);

  self->alerts = g_ptr_array_new_with_free_func (alert_free);
  return self;
}

void
pb_alerts_free (PbAlerts *self)
{
  g_ptr_array_unref (self->alerts);
  g_free (self);
}

void
pb_alerts_add_object (PbAlerts *self, PbBus *bus)
{
  const PbBusInterface interface = {
    .info = &alerts_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .object = self,
  };

  self->bus = bus;
  pb_bus_add (bus, &interface);
}

void
pb_alerts_leave_bus (PbAlerts *self)
{
  self->bus = NULL;
}

void
pb_alerts_raise (PbAlerts *self, PbAlertKind kind, const char *subject, GVariant *text)
{
  PbAlert *alert = find_alert (self, kind, subject);
  g_autoptr (GVariant) said = g_variant_ref_sink (text);

  if (alert != NULL && g_variant_equal (alert->text, said))
    return;
  log_alert (kind, subject, said);
  if (alert == NULL && self->alerts->len >= MAX_ALERTS)
    return;
  if (alert == NULL)
    {
      alert = g_new0 (PbAlert, 1);
      alert->kind = kind;
      alert->subject = g_strdup (subject);
      alert->since = pb_clock_wall () / G_USEC_PER_SEC;
      g_ptr_array_add (self->alerts, alert);
    }
  g_clear_pointer (&alert->text, g_variant_unref);
  alert->text = g_steal_pointer (&said);
  tell (self);
}

void
pb_alerts_end (PbAlerts *self, PbAlertKind kind, const char *subject)
{
  PbAlert *alert = find_alert (self, kind, subject);

  if (alert == NULL)
    return;
  pb_log (PB_LOG_NOTICE, "alert over", "alert", kinds[kind].name, "subject", subject, NULL);
  g_ptr_array_remove (self->alerts, alert);
  tell (self);
}

static GVariant *
say_remedy (PbAlertKind kind)
{
  return kind != PB_ALERT_SCANNER_ILL
           ? pb_say (kinds[kind].remedy)
           : pb_say (kinds[kind].remedy, "address", pb_say_setting ("Antivirus.Address"), "failure",
                     pb_say_setting ("Antivirus.OnFailure"));
}

/* In English as @key, and as what a client says in its language. */
static void
put_said (GVariantBuilder *row, const char *key, const char *words_key, GVariant *said)
{
  g_autofree char *english = pb_say_fill (said, NULL);

  g_variant_builder_add (row, "{sv}", key, g_variant_new_string (english));
  g_variant_builder_add (row, "{sv}", words_key, said);
}

GVariant *
pb_alerts_list (PbAlerts *self)
{
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = self->alerts->len; i-- > 0;)
    {
      const PbAlert *alert = self->alerts->pdata[i];
      g_autoptr (GVariant) remedy = g_variant_ref_sink (say_remedy (alert->kind));

      g_variant_builder_open (&rows, G_VARIANT_TYPE ("a{sv}"));
      g_variant_builder_add (&rows, "{sv}", "Name", g_variant_new_string (kinds[alert->kind].name));
      g_variant_builder_add (&rows, "{sv}", "Time",
                             g_variant_new_uint64 ((guint64) MAX (alert->since, 0)));
      g_variant_builder_add (&rows, "{sv}", "Subject", g_variant_new_string (alert->subject));
      put_said (&rows, "Text", "TextWords", alert->text);
      put_said (&rows, "Remedy", "RemedyWords", remedy);
      g_variant_builder_close (&rows);
    }
  return g_variant_ref_sink (g_variant_builder_end (&rows));
}
