/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"

/* A private bus, a service on it, and a connection of a model's: what each test of the models stands on. */
typedef struct
{
  char *folder;              /* (owned): of the service */
  GSubprocess *bus;          /* (owned) */
  char *address;             /* (owned): of the bus */
  GSubprocess *service;     /* (owned) (nullable) */
  GDBusConnection *other;   /* (owned): somebody else on the bus */
  PbaConnection *connection; /* (owned) */
} Bed;

/** bed_launcher: (transfer full): for what must not outlive the test, however that ends. */
GSubprocessLauncher *bed_launcher (GSubprocessFlags flags);
/** bed_start_bus: (transfer full): a dbus-daemon that activates nothing. @address: (transfer full). */
GSubprocess *bed_start_bus (char **address);
/** bed_stop_bus: takes @bus. */
void bed_stop_bus (GSubprocess *bus);
/** bed_up: its bus is the session bus, too, unless one is in use already. @mode (nullable): "--newer" or "--old" of the stand-in; "real" runs postbusd; "none" nothing. */
void bed_up (Bed *bed, gconstpointer mode);
void bed_down (Bed *bed, gconstpointer mode);
/** bed_remove_folder: with all that is in it. */
void bed_remove_folder (const char *folder);
void bed_start_service (Bed *bed, const char *mode);
/** bed_stop_service: waits until it is gone. */
void bed_stop_service (Bed *bed);
/** bed_open: opens the connection and waits until it is in @state. */
void bed_open (Bed *bed, PbaConnectionState state);
void bed_wait_state (Bed *bed, PbaConnectionState state);

/** bed_wait: runs the main loop until @done says so; fails the test after a minute. */
void bed_wait (gboolean (*done) (gpointer user_data), gpointer user_data, const char *what);
/** bed_result: a GAsyncReadyCallback that keeps the result in a GAsyncResult **. */
void bed_result (GObject *source, GAsyncResult *result, gpointer user_data);
/** bed_wait_result: for one of those. */
GAsyncResult *bed_wait_result (GAsyncResult **result, const char *what);

/** bed_call: what the other says to the service, and waits. Returns: (transfer full): its reply; fails the test on an error. */
GVariant *bed_call (Bed *bed, const char *interface, const char *method, GVariant *parameters);
void bed_set (Bed *bed, const char *interface, const char *name, GVariant *value);
GVariant *bed_get (Bed *bed, const char *interface, const char *name);
