/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The errors of the bus. Registered with GDBus, so that a GError of this domain goes out under its
 * own name with its message as it stands, and comes back as the same GError in the client.
 */
#include "dbus/errors.h"

#include "dbus/names.h"

static const GDBusErrorEntry entries[] = {
  { PB_ERROR_INVALID_VALUE, PB_ERROR_PREFIX "InvalidValue" },
  { PB_ERROR_UNKNOWN_SETTING, PB_ERROR_PREFIX "UnknownSetting" },
  { PB_ERROR_CONFLICT, PB_ERROR_PREFIX "Conflict" },
  { PB_ERROR_NOT_FOUND, PB_ERROR_PREFIX "NotFound" },
  { PB_ERROR_NOT_AUTHORIZED, PB_ERROR_PREFIX "NotAuthorized" },
  { PB_ERROR_TOO_LARGE, PB_ERROR_PREFIX "TooLarge" },
  { PB_ERROR_STORE_FAILED, PB_ERROR_PREFIX "StoreFailed" },
  { PB_ERROR_BUSY, PB_ERROR_PREFIX "Busy" },
  { PB_ERROR_UNAVAILABLE, PB_ERROR_PREFIX "Unavailable" },
};

GQuark
pb_error_quark (void)
{
  static gsize quark;

  g_dbus_error_register_error_domain ("pb-error-quark", &quark, entries, G_N_ELEMENTS (entries));
  return (GQuark) quark;
}
