/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/relay-keeper.h"

/* One connection that waits for a password. */
typedef struct
{
  PbRelayKeeper *keeper; /* (unowned) */
  PbRoute *route;        /* (owned) */
  PbMailbox *reply_to;   /* (owned) */
  PbRelaySecretFunc func;
  gpointer user_data;
  guint timer; /* source id, 0: none */
  PbRelaySecretAnswer answer;
  PbSecret *secret; /* (owned) (nullable) */
} PbRelayAsking;

/* What is known of one relay's login, under its route's key. */
typedef struct
{
  PbRelayKeeper *keeper; /* (unowned) */
  PbRoute *route;      /* (owned) */
  GQueue waiting;      /* (element-type PbRelayAsking) (owned) */
  gboolean asked;      /* clients are being asked */
  gboolean missed;     /* mail had to wait for the password */
  gint64 quiet_until;  /* monotonic microseconds */
  PbSecret *said;      /* (owned) (nullable) by a client */
  guint forget_timer;  /* source id, 0: none */
  char *refused;       /* (owned) (nullable) the relay's reply to the last login */
  GBytes *sealed;      /* (owned) (nullable) what was kept then */
} PbRelayKeeping;

struct _PbRelayKeeper
{
  PbRelaySecretSource source;
  PbRelayKeeperTimes times;
  PbRegistry *registry;   /* (unowned) */
  PbMailbox *mailbox;     /* (owned) */
  PbSecretAgents *agents; /* (unowned) */
  PbAlerts *alerts;       /* (unowned) */
  GHashTable *logins;     /* (owned) key -> PbRelayKeeping */
  GPtrArray *stale;       /* (owned) (element-type utf8) relays whose password was told to be stale */
  gulong settings_handler, list_handler;
  void (*wake) (gpointer user_data);
  gpointer wake_data;
  gint closed; /* atomic: nobody is asked any more */
};

gboolean pb_relay_keeper_is_closed (PbRelayKeeper *self);

/** pb_relay_keeper_raise_missing: mail for @route waits for its password, where mail goes there at all. */
void pb_relay_keeper_raise_missing (PbRelayKeeper *self, const PbRoute *route, PbRelaySecretAnswer answer);
void pb_relay_keeper_end_missing (PbRelayKeeper *self, const PbRoute *route);

/* ---- relay-keeping.c ---- */

PbRelayAsking *pb_relay_asking_new (PbRelayKeeper *keeper, const PbRoute *route, PbMailbox *reply_to, PbRelaySecretFunc func, gpointer user_data);
/** pb_relay_asking_answer: @self (transfer full), @secret (transfer full) (nullable). Any thread, as long as it waits for no client. */
void pb_relay_asking_answer (PbRelayAsking *self, PbRelaySecretAnswer answer, PbSecret *secret);

/** pb_relay_keeper_find: (transfer none): what is known of @route's login, now at the latest. */
PbRelayKeeping *pb_relay_keeper_find (PbRelayKeeper *self, PbRoute *route);
void pb_relay_keeping_free (gpointer keeping);
/** pb_relay_keeping_forget: what a client said is wiped, once no connection uses it any more. */
void pb_relay_keeping_forget (PbRelayKeeping *self);
/** pb_relay_keeping_used: its password went to a connection. */
void pb_relay_keeping_used (PbRelayKeeping *self);
/** pb_relay_keeping_wait: @asking (transfer full) waits for a client, or is answered that there is none. */
void pb_relay_keeping_wait (PbRelayKeeping *self, PbRelayAsking *asking);
