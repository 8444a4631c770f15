/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/submission.h"

/**
 * pb_submission_dialogue: hands @mail over in the SMTP session at the other end of @fd, a blocking stream socket. Blocks, for as long as the session's own deadlines let it.
 * @sender: the reverse-path, "" for the null sender; @recipients: forward-paths; canonical addresses both
 * Errors: PB_ERROR, what the session said against it, with the place before it.
 * Returns: (transfer full) (nullable): the queue id.
 */
char *pb_submission_dialogue (int fd, const PbSubmissionMail *mail, const char *sender, GPtrArray *recipients, GError **error);
