/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "delivery/smtp-private.h"
#include "delivery/sts-policies.h"

/* The destinations and connections of one reactor; everything here is called on its thread but pb_smtp_pool_new(). */
typedef struct _PbSmtpPool PbSmtpPool;

/** pb_smtp_pool_new: @context is copied, all in it borrowed; its events are the pool's own. */
PbSmtpPool *pb_smtp_pool_new (const PbSmtpContext *context, PbResolver *resolver, guint16 mx_port);

/** pb_smtp_pool_obey_policies: before the first job. @policies is borrowed. */
void pb_smtp_pool_obey_policies (PbSmtpPool *self, PbStsPolicies *policies);

/** pb_smtp_pool_add: @job (transfer full) is answered once, later. */
void pb_smtp_pool_add (PbSmtpPool *self, PbSmtpJob *job);

/** pb_smtp_pool_shut_down: nothing new is begun; what is under way has timeouts->shutdown left; then everything is answered, @self freed and @done called. */
void pb_smtp_pool_shut_down (PbSmtpPool *self, PbMailFunc done, gpointer data);
