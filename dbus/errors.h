/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

/* org.postbus.Postbus1.Error.<Name>; registered with GDBus. The message begins with the place: "General.MaxHops: must be ...". */
typedef enum
{
  PB_ERROR_INVALID_VALUE,
  PB_ERROR_UNKNOWN_SETTING,
  PB_ERROR_CONFLICT,
  PB_ERROR_NOT_FOUND,
  PB_ERROR_NOT_AUTHORIZED,
  PB_ERROR_TOO_LARGE,
  PB_ERROR_STORE_FAILED,
  PB_ERROR_BUSY,
  PB_ERROR_UNAVAILABLE,
} PbError;
#define PB_ERROR (pb_error_quark ())
GQuark pb_error_quark (void);
