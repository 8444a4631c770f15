/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/findings.h"

G_BEGIN_DECLS

/* One thing that the service looked at: how the Internet sees it. Constant. Texts are in the user's language. */
typedef struct
{
  char *name, *subject;              /* (owned): "dmarc" and a domain, which may be "" */
  char *evidence, *remedy, *record; /* (owned): "" for none */
  PbaSeverity severity;             /* PBA_SEVERITY_WARNING, too, for what cannot be told */
  gboolean unknown;                 /* it cannot be told from inside */
} PbaSetupResult;

/*
 * Diagnostics.CheckSetup, asked on demand alone: it looks around in the DNS and may take 20 seconds. Signal: "changed": it began, or there is an answer, or the
 * reason why there is none.
 */
#define PBA_TYPE_SETUP_CHECK (pba_setup_check_get_type ())
G_DECLARE_FINAL_TYPE (PbaSetupCheck, pba_setup_check, PBA, SETUP_CHECK, GObject)

PbaSetupCheck *pba_setup_check_new (PbaConnection *connection);
/** pba_setup_check_run: the user is asked for a password if it takes one. Does nothing where the service cannot, and while an answer is awaited. */
void pba_setup_check_run (PbaSetupCheck *self);
gboolean pba_setup_check_get_running (PbaSetupCheck *self);
/** pba_setup_check_get_error: (nullable): of the last run. */
const char *pba_setup_check_get_error (PbaSetupCheck *self);
/** pba_setup_check_get_results: (transfer none) (element-type PbaSetupResult): in the service's order, until the next "changed". */
GPtrArray *pba_setup_check_get_results (PbaSetupCheck *self);
/** pba_setup_check_count: results that are neither fine nor unknown. */
guint pba_setup_check_count (PbaSetupCheck *self);

G_END_DECLS
