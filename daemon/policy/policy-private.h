/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "policy/policy.h"

/** pb_policy_judge_rows: pb_policy_judge() over any table; the unit tests bring their own rows. */
gboolean pb_policy_judge_rows (const PbPolicyRow *rows, guint n_rows, PbStage stage,
                               const PbJudged *judged, GArray *trail, PbVerdict *verdict,
                               PbPolicyDone done, gpointer user_data, PbPolicyRun **run);
