/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/snapshot-private.h"

/* What settings must be to each other: rows of one table. */
typedef enum
{
  PB_SEVERITY_ERROR,   /* refused when it would come about */
  PB_SEVERITY_PROBLEM, /* mail suffers; reported, not refused, so that settings can be changed one by one */
  PB_SEVERITY_WARNING,
} PbSeverity;

/**
 * pb_cross_check_refuse:
 * @values: the settings as they would be
 * @changed: (element-type utf8 anything): keys that change; rules that touch none of them are left out, so that an old mistake stops no other change
 * Errors: PB_ERROR_INVALID_VALUE
 */
gboolean pb_cross_check_refuse (const PbSettingValues *values, GHashTable *changed, GError **error);

/** pb_cross_check_report: (transfer full) not floating: a(sss) place, severity ("error", "problem", "warning"), words. @rows: of each list kind. */
GVariant *pb_cross_check_report (const PbSnapshot *snapshot, GPtrArray *const *rows);

/** pb_cross_check_lists: adds to @report what is wrong with lists; for pb_cross_check_report(). */
void pb_cross_check_lists (const PbSnapshot *snapshot, GPtrArray *const *rows, GVariantBuilder *report);
/** pb_cross_check_signing: likewise, with signing keys. */
void pb_cross_check_signing (const PbSnapshot *snapshot, GPtrArray *const *rows, GVariantBuilder *report);
/** pb_cross_check_add: one line of the report. */
void pb_cross_check_add (GVariantBuilder *report, PbSeverity severity, const char *place, const char *words);
