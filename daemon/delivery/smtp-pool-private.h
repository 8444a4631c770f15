/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/smtp-pool.h"

struct _PbSmtpPool
{
  PbSmtpContext context;
  PbResolver *resolver;     /* borrowed */
  guint16 mx_port;
  GHashTable *destinations; /* (owned) key -> PbSmtpDestination */
  GHashTable *bad_hosts;    /* (owned) "address port" -> gint64* until when it is tried last */
  PbIp *own;                /* (owned) (nullable) this machine's addresses */
  guint n_own;
  gint64 own_until;         /* when they are read anew */
  PbTlsContext *unverified; /* (owned) (nullable) */
  PbTlsContext *dane;       /* (owned) (nullable) by TLSA records that each connection brings */
  PbTlsContext *verified;   /* (owned) (nullable) by the system's authorities */
  gint64 verified_until;    /* when those are read anew */
  PbStsPolicies *policies;  /* (nullable) borrowed */
  GHashTable *inquiries;    /* (owned) domain -> jobs that wait for its policy; smtp-policy.c's */
  GHashTable *verdicts;     /* (owned) domain -> what was found lately; smtp-policy.c's */
  gboolean shutting_down;
  PbTimer shutdown_timer;
  PbMailFunc done;
  gpointer done_data;
};

/* Where mail with one route key goes: what waits for it and its connections. */
typedef struct
{
  PbSmtpPool *pool;
  char *key;        /* (owned) */
  GQueue waiting;   /* (element-type PbSmtpJob) */
  GQueue slots;     /* (element-type PbSmtpSlot) connections, opening ones too */
  GQueue idle;      /* (element-type PbSmtpSlot) */
  guint n_open;     /* slots past EHLO */
  guint limit;
  PbStsVerdict sts; /* what the domain demands; nothing for who is not asked */
  gint64 no_more_until; /* further connections were refused */
  PbTimer ramp;
} PbSmtpDestination;

/* One connection's place: from the look-up of hosts over the attempts at each to its end. */
typedef struct
{
  PbSmtpDestination *destination;
  PbSmtpLookup *lookup;         /* (nullable) while it goes on */
  struct _PbSmtpTrust *trust;   /* (nullable) while the authorities are read */
  PbSmtpHosts *hosts;           /* (owned) (nullable) */
  guint next_host;
  PbRoute *route;               /* (owned) */
  PbTlsContext *tls;            /* (owned) (nullable) for the demands on the host that is tried */
  gboolean in_clear;            /* the host before failed at TLS, and is tried once more without */
  PbTranscript *transcript;     /* (owned) (nullable) what was said until now, while nothing is open */
  char *hostname;               /* (owned) ours */
  PbSmtpConnection *connection; /* (nullable) frees itself */
  gboolean open;
  PbSmtpWatch *watch;           /* (not owned) (nullable) of the one delivery that it is for */
  PbSmtpFailure failure;        /* the weightiest so far: a deferral before a failure */
} PbSmtpSlot;

/* smtp-slot.c */
extern const PbSmtpConnectionEvents pb_smtp_slot_events;

/** pb_smtp_slot_open: a further connection for @destination; @job's route and host name are used. */
void pb_smtp_slot_open (PbSmtpDestination *destination, const PbSmtpJob *job);

/** pb_smtp_slot_give_up: at shutdown, whatever its state. May free the destination. */
void pb_smtp_slot_give_up (PbSmtpSlot *self);

/* smtp-trust.c */
typedef struct _PbSmtpTrust PbSmtpTrust;

/** PbSmtpTrustFound: @context (transfer full) (nullable): NULL when TLS cannot be had here at all, for @why. */
typedef void (*PbSmtpTrustFound) (PbTlsContext *context, const char *why, gpointer user_data);

/**
 * pb_smtp_trust_find: a context for what @security demands, which wants TLS; @look: one that verifies in any case. @func is called on the reactor's thread, perhaps before this returns (then NULL is returned).
 * Returns: (nullable) a handle, valid until @func is called, for pb_smtp_trust_cancel().
 */
PbSmtpTrust *pb_smtp_trust_find (PbSmtpPool *pool, const PbSmtpSecurity *security, gboolean look, PbSmtpTrustFound func, gpointer user_data);

/** pb_smtp_trust_cancel: @func will not be called, and the pool not be touched. */
void pb_smtp_trust_cancel (PbSmtpTrust *self);

/* smtp-policy.c */

/** pb_smtp_policy_begin: a pool's tables. */
void pb_smtp_policy_begin (PbSmtpPool *pool);
void pb_smtp_policy_end (PbSmtpPool *pool);

/** pb_smtp_policy_is_wanted: whether @delivery obeys what its domain demands: it goes by MX, and Outbound.MtaSts is on. */
gboolean pb_smtp_policy_is_wanted (const PbSmtpPool *pool, const PbDelivery *delivery);

/** pb_smtp_policy_ask: @job (transfer full) comes to pb_smtp_pool_take() once its domain's policy is known, perhaps before this returns. */
void pb_smtp_policy_ask (PbSmtpPool *pool, PbSmtpJob *job);

/** pb_smtp_policy_give_up: at shutdown: (transfer full) (element-type PbSmtpJob): those that wait for a policy. */
GQueue *pb_smtp_policy_give_up (PbSmtpPool *pool);

/** pb_smtp_policy_copy: into @to, which had nothing. */
void pb_smtp_policy_copy (PbStsVerdict *to, const PbStsVerdict *from);
void pb_smtp_policy_clear (PbStsVerdict *self);

/* smtp-pool.c */

/** pb_smtp_pool_take: @job (transfer full) waits for a connection from now on. @sts: (nullable): what its domain demands. */
void pb_smtp_pool_take (PbSmtpPool *self, PbSmtpJob *job, const PbStsVerdict *sts);
void pb_smtp_destination_pump (PbSmtpDestination *self);

/** pb_smtp_destination_slot_gone: @failure (nullable): it could not be opened, @transcript tells how. May free @self. */
void pb_smtp_destination_slot_gone (PbSmtpDestination *self, const PbSmtpFailure *failure, const PbTranscript *transcript);
