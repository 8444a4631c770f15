/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/authorizer.h"
#include <gio/gio.h>
#include <gio/gunixfdlist.h>

/* One method call or property access that was let through; answered exactly once by one of the functions below, which free it. */
typedef struct
{
  GDBusMethodInvocation *invocation; /* (owned) until answered */
  GVariant *parameters;              /* (owned) the method's arguments */
  PbAuthorizer *authorizer;          /* (unowned) */
  char *who;                         /* (owned) the caller in words, for revisions: "uid 1000" */
  gboolean secret;                   /* octets among the arguments are wiped by the answer */
} PbBusCall;

/** pb_bus_call_new: @invocation (transfer full). @parameters (transfer none). */
PbBusCall *pb_bus_call_new (GDBusMethodInvocation *invocation, GVariant *parameters, PbAuthorizer *authorizer);

/** pb_bus_call_authorize: asks whether the caller may do @action, with the interaction that its message allows. */
void pb_bus_call_authorize (PbBusCall *self, const char *action, PbAuthorized func, gpointer user_data);

/** pb_bus_call_probe: likewise, but nobody is asked anything. */
void pb_bus_call_probe (PbBusCall *self, const char *action, PbAuthorized func, gpointer user_data);

/** pb_bus_call_return: @value: (nullable) (transfer floating) the out arguments as a tuple. */
void pb_bus_call_return (PbBusCall *self, GVariant *value);

/** pb_bus_call_return_descriptors: likewise, with the descriptors that @value has handles of. @list (transfer none). */
void pb_bus_call_return_descriptors (PbBusCall *self, GVariant *value, GUnixFDList *list);

/** pb_bus_call_drop_descriptors: closes what came with the call. */
void pb_bus_call_drop_descriptors (PbBusCall *self);

/** pb_bus_call_take_descriptor: a descriptor of our own for the argument @handle; all others that came with the call are closed. Errors: G_IO_ERROR: none came with the call. Returns: -1 with @error. */
int pb_bus_call_take_descriptor (PbBusCall *self, gint32 handle, GError **error);

/** pb_bus_call_uid: the caller's, once pb_bus_call_authorize() has answered; -1: not known. */
gint64 pb_bus_call_uid (PbBusCall *self);

/** pb_bus_call_fail: answers with @error, translated to the error names of the bus. */
void pb_bus_call_fail (PbBusCall *self, const GError *error);

/** pb_bus_wipe: overwrites the octets of every ay in @body, the body of a message from @connection, and what that keeps of the message. */
void pb_bus_wipe (GDBusConnection *connection, GVariant *body);

/** pb_bus_error_translate: any floor's @error as an error of PB_ERROR; one that is already a bus error stays. Returns: (transfer full). */
GError *pb_bus_error_translate (const GError *error);
