/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  PBA_CONNECTION_DISCONNECTED, /* not tried yet, given up, or refused: "error" says why */
  PBA_CONNECTION_CONNECTING,
  PBA_CONNECTION_CONNECTED,
  PBA_CONNECTION_DENIED, /* the way is there, the bus or the login says no */
  PBA_CONNECTION_LOST,   /* was connected; what was edited is kept, it tries again by itself */
  PBA_CONNECTION_SKEW,   /* a service answers that this program is too old or too new for */
} PbaConnectionState;
#define PBA_TYPE_CONNECTION_STATE (pba_connection_state_get_type ())
GType pba_connection_state_get_type (void);

typedef enum
{
  PBA_QUESTION_SECRET,   /* a password or a key's passphrase */
  PBA_QUESTION_HOST_KEY, /* the answer is "yes" or "no" */
  PBA_QUESTION_AUTHENTICATE, /* a password for what the service there is asked to do */
} PbaQuestion;

/*
 * The one way to a daemon. Properties, all but "address" read-only:
 *   address (s)      "" this computer, "user@host[:port]" through ssh, or a D-Bus address for try-outs
 *   state (PbaConnectionState), connected (b: state is CONNECTED)
 *   host (s)         what the header shows: "This Computer", "nas.example.org"
 *   login (s)        the line under it: "Postbus 0.1.0", "admin via SSH"
 *   error (s)        (nullable) a sentence in the user's language, why it is not connected
 *   detail (s)       (nullable) ssh's own words
 * Signals:
 *   properties-changed (interface s, changed GVariant a{sv}, invalidated GStrv)
 *   bus-signal (interface s, name s, parameters GVariant)
 *   question (PbaQuestion, text s): somebody must call pba_connection_answer()
 */
#define PBA_TYPE_CONNECTION (pba_connection_get_type ())
G_DECLARE_FINAL_TYPE (PbaConnection, pba_connection, PBA, CONNECTION, GObject)

/** pba_connection_check_address: Returns: FALSE with a sentence when @address is no user@host of ours: a leading "-", blanks, a bad port. */
gboolean pba_connection_check_address (const char *address, GError **error);
/** pba_connection_new: @address as in the property. Does nothing until opened. */
PbaConnection *pba_connection_new (const char *address);
/** pba_connection_open: connects, and from then on again whenever the link is lost, until closed. */
void pba_connection_open (PbaConnection *self);
/** pba_connection_probe: one look whether the service is there: starts nothing, asks nothing, tries once. */
void pba_connection_probe (PbaConnection *self);
void pba_connection_close (PbaConnection *self);
/** pba_connection_retry: tries again now instead of when the waiting time is over. */
void pba_connection_retry (PbaConnection *self);
/** pba_connection_answer: @text (nullable): NULL when the user gave up. */
void pba_connection_answer (PbaConnection *self, const char *text);

const char *pba_connection_get_address (PbaConnection *self);
PbaConnectionState pba_connection_get_state (PbaConnection *self);
const char *pba_connection_get_host (PbaConnection *self);
const char *pba_connection_get_login (PbaConnection *self);
const char *pba_connection_get_error (PbaConnection *self);
const char *pba_connection_get_detail (PbaConnection *self);
/** pba_connection_has_method: whether the service at the other end has it, by its introspection ("Manager", "Confirm"). */
gboolean pba_connection_has_method (PbaConnection *self, const char *interface, const char *method);
/** pba_connection_get_node: (transfer none) (nullable): the introspection of the service's object. */
GDBusNodeInfo *pba_connection_get_node (PbaConnection *self);

/*
 * Calls, for the files of model/ only. @interface without the prefix ("Queue"), or in full when it has a dot.
 * Remote errors are stripped of their D-Bus prefix; of ours come as PB_ERROR codes.
 */
void pba_connection_call (PbaConnection *self, const char *interface, const char *method, GVariant *parameters, const char *reply_type,
                          GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_connection_poll: as pba_connection_call(), for what nobody is waiting for: fails rather than ask the user for a password. */
void pba_connection_poll (PbaConnection *self, const char *interface, const char *method, GVariant *parameters, const char *reply_type,
                          GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_connection_call_finish: Returns: (transfer full): the reply's tuple. */
GVariant *pba_connection_call_finish (PbaConnection *self, GAsyncResult *result, GError **error);
/** pba_connection_get_all: GetAll of one interface; finish with call_finish: (a{sv}). */
void pba_connection_get_all (PbaConnection *self, const char *interface, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/** pba_connection_get_property_async: Get; finish with call_finish: (v). */
void pba_connection_get_property_async (PbaConnection *self, const char *interface, const char *name, GCancellable *cancellable,
                                        GAsyncReadyCallback callback, gpointer user_data);

G_END_DECLS
