/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/router.h"
#include "util/mailbox.h"
#include "util/secret.h"
#include <glib.h>

typedef enum
{
  PB_RELAY_SECRET_GIVEN,
  PB_RELAY_SECRET_NONE,    /* none was ever set */
  PB_RELAY_SECRET_STALE,   /* it was set for another relay or login, or the settings have changed since the route was made */
  PB_RELAY_SECRET_WAITING, /* whoever knows it is not there, or did not say it */
} PbRelaySecretAnswer;

/** PbRelaySecretFunc: @secret (transfer full): the password, to be dropped as soon as it is sent; NULL unless @answer is GIVEN. */
typedef void (*PbRelaySecretFunc) (PbRelaySecretAnswer answer, PbSecret *secret, gpointer user_data);

/*
 * Where the SMTP client has the passwords for relays from, and whom it tells how they fared: made by a floor above, so that delivery knows neither the store of
 * passwords nor the bus. A password belongs to one route: it is asked for anew for every connection, for exactly the route that the connection was made for, and
 * only once that connection is protected as the route demands. Every function may be called from any thread and never blocks.
 */
typedef struct
{
  /* @func is called exactly once, on @reply_to, later: at most a minute later, since somebody may have to be asked. */
  void (*ask) (gpointer source, const PbRoute *route, PbMailbox *reply_to, PbRelaySecretFunc func, gpointer user_data);
  /* @route's login was refused with @reply ("535 5.7.8 ..."), a 5xx or nonsense: an alert is raised and a password that came from somebody is forgotten. A 4xx
   * (RFC 4954 6: a temporary failure) says nothing of the password and is not told. */
  void (*refused) (gpointer source, const PbRoute *route, const char *reply);
  /* @route's login was taken: the alert ends. */
  void (*accepted) (gpointer source, const PbRoute *route);
  gpointer source; /* (unowned) outlives the SMTP agent */
} PbRelaySecretSource;

/** pb_relay_secret_ask: @source->ask(), or, where @source is NULL, the answer NONE. */
void pb_relay_secret_ask (const PbRelaySecretSource *source, const PbRoute *route, PbMailbox *reply_to, PbRelaySecretFunc func, gpointer user_data);

/** pb_relay_secret_refused / _accepted: nothing where @source is NULL. */
void pb_relay_secret_refused (const PbRelaySecretSource *source, const PbRoute *route, const char *reply);
void pb_relay_secret_accepted (const PbRelaySecretSource *source, const PbRoute *route);

/** pb_relay_secret_reason: (transfer none): why mail waits (status 4.7.0), in words; for any answer but GIVEN. */
const char *pb_relay_secret_reason (PbRelaySecretAnswer answer);
