/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/authorizer.h"
#include "service/bus-call.h"
#include <gio/gio.h>

/*
 * The daemon's side of the bus: connection, name, and the one dispatcher through which every method call and property access goes. A method without a row in
 * its interface's table is refused, so that a check cannot be forgotten.
 */
typedef struct _PbBus PbBus;

typedef struct
{
  const char *name;
  const char *action; /* (nullable) polkit action; NULL: open to everyone */
  void (*handler) (PbBusCall *call, gpointer object);
  gboolean secret;    /* octets among its arguments are wiped when it is answered, whatever the answer */
  gboolean descriptors; /* it takes some; what comes with a call of another method is closed at once */
} PbBusMethod;

/* One interface of the object. Static data but @object. */
typedef struct
{
  const GDBusInterfaceInfo *info;
  const PbBusMethod *methods;
  guint n_methods;
  GVariant *(*get) (gpointer object, const char *property);             /* (nullable) returns floating or full */
  const char *(*read_action) (gpointer object, const char *property);   /* (nullable) action for reading; such a property is left out of GetAll */
  const char *write_action;                                             /* (nullable) */
  void (*set) (PbBusCall *call, gpointer object, const char *property, GVariant *value); /* (nullable) */
  gpointer object; /* (unowned) */
  const char *path; /* (nullable) of another object than ours */
} PbBusInterface;

/** pb_bus_new: @address: "system", "session" or a D-Bus address. */
PbBus *pb_bus_new (const char *address);
void pb_bus_free (PbBus *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbBus, pb_bus_free)

/** pb_bus_add: before pb_bus_connect(). @interface is copied. */
void pb_bus_add (PbBus *self, const PbBusInterface *interface);

/**
 * pb_bus_connect: blocks (start-up): connects, registers, takes the name. Errors: G_IO_ERROR or G_DBUS_ERROR, with the bus in the message. A bus lost later is
 * logged and tried again every 5 seconds; mail goes on.
 */
gboolean pb_bus_connect (PbBus *self, GError **error);

/** pb_bus_emit_changed: PropertiesChanged of @interface. @changed a{sv} (transfer floating), @invalidated (nullable). */
void pb_bus_emit_changed (PbBus *self, const char *interface, GVariant *changed, const char *const *invalidated);

/** pb_bus_emit: a broadcast signal; carries no mail data, addresses or names. @parameters (transfer floating). */
void pb_bus_emit (PbBus *self, const char *interface, const char *signal, GVariant *parameters);

/** pb_bus_ref_connection: (transfer full) (nullable): NULL while the bus is lost. For calls of other services on it. */
GDBusConnection *pb_bus_ref_connection (PbBus *self);
