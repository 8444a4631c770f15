/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "service/drop-refused.h"
#include "service/submission.h"

/* The drop directory's files, as the drop keeper's thread works on them. All of it blocks, but new and free. */
typedef struct _PbDropFolder PbDropFolder;

/** pb_drop_folder_new: @path: made when it is first looked into, where it is missing. */
PbDropFolder *pb_drop_folder_new (const char *path);
void pb_drop_folder_free (PbDropFolder *self);

/** pb_drop_folder_is_open: whether it was there, or could be made. */
gboolean pb_drop_folder_is_open (const PbDropFolder *self);

/**
 * pb_drop_folder_look: goes on with the round through the folder, or begins one, and removes what postbus-drop has never finished.
 * @more: (out): the round is not at its end
 * Returns: (transfer full) (element-type utf8): names that wait, the oldest first.
 */
GPtrArray *pb_drop_folder_look (PbDropFolder *self, gboolean *more);

/**
 * pb_drop_folder_read:
 * @problem: (out) (transfer full) (nullable): why it is no message
 * Returns: (transfer full) (nullable): NULL without a problem when it is not there, or not to be read now.
 */
PbSubmissionMail *pb_drop_folder_read (PbDropFolder *self, const char *name, char **problem);

/** pb_drop_folder_open: Returns: -1 when it cannot be read now. */
int pb_drop_folder_open (PbDropFolder *self, const char *name);

/** pb_drop_folder_put_away: @refused: it is kept aside, else removed. What cannot be done is logged. */
void pb_drop_folder_put_away (PbDropFolder *self, const char *name, gboolean refused);

/** pb_drop_folder_kept: what refused files there are, as far as is known. */
PbDropRefused pb_drop_folder_kept (const PbDropFolder *self);
