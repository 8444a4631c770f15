/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps an eye on the scanner for malware: the one of the settings is probed, and one that does not answer is
 * told as an alert, and probed again, until it is well or mail is not scanned any more. Made and freed by the
 * service, on the main thread; what the scanner finds out comes by its mailbox.
 */
#include "service/scanner-keeper.h"

#include "util/log.h"

#define PERIOD_SECONDS 10 /* while it is ill */

struct _PbScannerKeeper
{
  PbRegistry *registry; /* (unowned) (nullable) NULL once closed */
  PbAlerts *alerts;     /* (unowned) */
  PbScanner *scanner;   /* (owned) */
  char *address;        /* (owned) "" when mail is not scanned */
  char *alerted;        /* (owned) (nullable) the subject of the alert that holds */
  guint timer;
};

static void
end_alert (PbScannerKeeper *self)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  if (self->alerted == NULL)
    return;
  pb_alerts_end (self->alerts, PB_ALERT_SCANNER_ILL, self->alerted);
  g_clear_pointer (&self->alerted, g_free);
}

/* "connecting to clamd: Connection refused": each part is looked up by itself. */
static GVariant *
say_reason (const char *words)
{
  g_auto (GStrv) parts = g_strsplit (words, ": ", 2);

  return parts[0] != NULL && parts[1] != NULL
           ? pb_say ("{what}: {reason}", "what", pb_say_words (parts[0]), "reason", pb_say_words (parts[1]))
           : pb_say_words (words);
}

static void
raise_alert (PbScannerKeeper *self, const char *words)
{
  pb_alerts_raise (self->alerts, PB_ALERT_SCANNER_ILL, self->address,
                   pb_say ("Mail cannot be scanned for malware: {reason}", "reason", say_reason (words)));
  if (self->alerted == NULL)
    self->alerted = g_strdup (self->address);
}

static gboolean
on_timer (gpointer user_data)
{
  PbScannerKeeper *self = user_data;

  pb_scanner_probe (self->scanner, self->address);
  return G_SOURCE_CONTINUE;
}

static void
on_told (const char *address, const char *words, gpointer user_data)
{
  PbScannerKeeper *self = user_data;

  if (self->registry == NULL || !g_str_equal (address, self->address))
    return;
  if (words == NULL)
    {
      if (self->alerted != NULL)
        pb_log (PB_LOG_NOTICE, "scanner well", "address", address, NULL);
      end_alert (self);
      return;
    }
  raise_alert (self, words);
  if (self->timer == 0)
    self->timer = g_timeout_add_seconds (PERIOD_SECONDS, on_timer, self);
}

static void
obey (PbScannerKeeper *self)
{
  g_autoptr (PbSnapshot) snapshot = pb_registry_snapshot (self->registry);
  const PbSettingValues *values = &snapshot->values;
  gboolean off = g_str_equal (values->antivirus_policy, "off");
  const char *address = off ? "" : values->antivirus_address;

  if (!g_str_equal (address, self->address) || off)
    end_alert (self);
  g_free (self->address);
  self->address = g_strdup (address);
  pb_scanner_probe (self->scanner, address);
  if (!off && address[0] == '\0')
    raise_alert (self, "Antivirus.Address is not set");
}

static void
on_settings_changed (PbRegistry *registry, const char *interface, const char *const *names,
                     gpointer user_data)
{
  if (g_str_equal (interface, "Antivirus"))
    obey (user_data);
}

PbScannerKeeper *
pb_scanner_keeper_new (PbRegistry *registry, PbAlerts *alerts, PbMailbox *main_mailbox)
{
  PbScannerKeeper *self = g_new0 (PbScannerKeeper, 1);

  self->registry = registry;
  self->alerts = alerts;
  self->address = g_strdup ("");
  self->scanner = pb_scanner_new (&pb_scanner_limits, main_mailbox, on_told, self);
  g_signal_connect (registry, "settings-changed", G_CALLBACK (on_settings_changed), self);
  obey (self);
  return self;
}

void
pb_scanner_keeper_close (PbScannerKeeper *self)
{
  if (self->registry == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->registry, self);
  g_clear_handle_id (&self->timer, g_source_remove);
  self->registry = NULL;
  pb_scanner_close (self->scanner);
}

void
pb_scanner_keeper_free (PbScannerKeeper *self)
{
  pb_scanner_keeper_close (self);
  pb_scanner_free (self->scanner);
  g_free (self->address);
  g_free (self->alerted);
  g_free (self);
}

PbScanner *
pb_scanner_keeper_scanner (PbScannerKeeper *self)
{
  return self->scanner;
}
