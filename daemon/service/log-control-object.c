/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.freedesktop.LogControl1, as systemd has it (org.freedesktop.LogControl1(5)), at its own path: what is
 * logged and where to, until the next start. "systemctl service-log-level" and "service-log-target" call it.
 * Anybody may read; a change is authorized like one of a setting. Main thread.
 */
#include "service/objects.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "util/log.h"

#include <string.h>

#define PATH "/org/freedesktop/LogControl1"

static const char introspection[] =
  "<node><interface name='org.freedesktop.LogControl1'>"
  "<property name='LogLevel' type='s' access='readwrite'>"
  "<annotation name='org.freedesktop.DBus.Property.EmitsChangedSignal' value='false'/></property>"
  "<property name='LogTarget' type='s' access='readwrite'>"
  "<annotation name='org.freedesktop.DBus.Property.EmitsChangedSignal' value='false'/></property>"
  "<property name='SyslogIdentifier' type='s' access='read'>"
  "<annotation name='org.freedesktop.DBus.Property.EmitsChangedSignal' value='const'/></property>"
  "</interface></node>";

/* By their numbers (RFC 5424 6.2.1). */
static const char *const levels[] = { "emerg",   "alert",  "crit", "err",
                                      "warning", "notice", "info", "debug" };

static const char *const targets[] = { [PB_LOG_AUTO] = "auto",
                                       [PB_LOG_JOURNAL] = "journal",
                                       [PB_LOG_CONSOLE] = "console",
                                       [PB_LOG_NOWHERE] = "null" };

static guint
find (const char *const *names, guint n, const char *name)
{
  guint found = 0;

  while (found < n && !g_str_equal (names[found], name))
    found++;
  return found;
}

static GVariant *
get_property (gpointer object, const char *property)
{
  if (g_str_equal (property, "LogLevel"))
    return g_variant_new_string (levels[CLAMP ((gint) pb_log_threshold (), 0, 7)]);
  if (g_str_equal (property, "LogTarget"))
    return g_variant_new_string (targets[pb_log_target ()]);
  return g_variant_new_string ("postbusd");
}

static void
fail (PbBusCall *call, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (PB_ERROR, PB_ERROR_INVALID_VALUE, text);

  pb_bus_call_fail (call, error);
}

static void
set_property (PbBusCall *call, gpointer object, const char *property, GVariant *value)
{
  gboolean is_level = g_str_equal (property, "LogLevel");
  const char *name = g_variant_get_string (value, NULL);
  guint found = is_level ? find (levels, G_N_ELEMENTS (levels), name)
                         : find (targets, G_N_ELEMENTS (targets), name);

  if (is_level && found == G_N_ELEMENTS (levels))
    {
      fail (call, "LogLevel: must be emerg, alert, crit, err, warning, notice, info or debug");
      return;
    }
  if (!is_level && found == G_N_ELEMENTS (targets))
    {
      fail (call, "LogTarget: must be auto, journal, console or null");
      return;
    }
  pb_log (PB_LOG_NOTICE, "log changed", is_level ? "level" : "target", name, "by", call->who, NULL);
  if (is_level)
    pb_log_set_threshold ((PbLogLevel) found);
  else
    pb_log_set_target ((PbLogTarget) found);
  pb_bus_call_return (call, NULL);
}

void
pb_log_control_object_add (PbBus *bus)
{
  static GDBusNodeInfo *node;
  PbBusInterface interface = {
    .get = get_property,
    .set = set_property,
    .write_action = PB_ACTION_MODIFY_SETTINGS,
    .path = PATH,
  };

  if (node == NULL)
    node = g_dbus_node_info_new_for_xml (introspection, NULL);
  interface.info = node->interfaces[0];
  pb_bus_add (bus, &interface);
}
