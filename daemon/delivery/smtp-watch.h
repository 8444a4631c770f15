/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/tls.h"
#include <glib.h>

/* The way of a connection, in this order but for TLS_IMPLICIT, where TLS comes before the greeting. */
typedef enum
{
  PB_SMTP_STEP_RESOLVE,
  PB_SMTP_STEP_CONNECT,
  PB_SMTP_STEP_GREETING,
  PB_SMTP_STEP_TLS,
  PB_SMTP_STEP_LOGIN,
} PbSmtpStep;

typedef enum
{
  PB_SMTP_STEP_OK,
  PB_SMTP_STEP_WARNING,
  PB_SMTP_STEP_FAILED, /* the next host is tried, if there is one */
} PbSmtpStepState;

/*
 * Somebody who looks on while a delivery's connection is opened (PbDelivery.watch). Such a delivery gets a connection of its own, which ends with it. Told on the
 * reactor's thread, until the delivery is handed back.
 */
typedef struct _PbSmtpWatch PbSmtpWatch;
struct _PbSmtpWatch
{
  /* @remote: (nullable) which host; @detail: in words; @peer: (nullable) whose certificate, where the handshake came so far. Nothing is kept beyond the call. */
  void (*step) (PbSmtpWatch *self, PbSmtpStep step, PbSmtpStepState state, const char *remote, const char *detail, const PbTlsPeer *peer);
};
