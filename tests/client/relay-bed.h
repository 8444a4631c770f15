/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bed.h"
#include "model/relay-password.h"

/* A bed with a server's models and its relay's password, and a keyring on the one session bus of the program. */
typedef struct
{
  Bed bed;
  PbaServer *server;          /* (owned) */
  PbaRelayPassword *password; /* (owned) */
  GSubprocess *keyring;       /* (owned) (nullable) */
} Relay;

#define RELAY_TEST(path, function) g_test_add (path, Relay, "real", relay_up, function, relay_down)

/** relay_session_up: before all tests: libsecret keeps its connection to the session bus, so there is one for all. */
void relay_session_up (void);
void relay_session_down (void);
void relay_up (Relay *relay, gconstpointer mode);
/** relay_down: takes the keyring with it. */
void relay_down (Relay *relay, gconstpointer mode);

/** relay_start_keyring: @input goes to its standard input. Waits until it is there. */
void relay_start_keyring (Relay *relay, const char *const *argv, const char *input);
void relay_start_mock_keyring (Relay *relay);
/** relay_tell_keyring: (transfer full): of the mock's control interface. */
GVariant *relay_tell_keyring (Relay *relay, const char *method, GVariant *parameters);

/** relay_edit: a relay host with a login, not applied. */
void relay_edit (Relay *relay);
gboolean relay_apply (Relay *relay, GError **error);
/** relay_apply_well: must succeed. */
void relay_apply_well (Relay *relay);
void relay_wait_for (Relay *relay, PbaPasswordState state, gboolean in_keyring);
PbaSetting *relay_setting (Relay *relay, const char *key);
/** relay_tick: for what wakes nobody: looks again every 20 ms. Returns: a source's id. */
guint relay_tick (void);
