/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/secret.h"
#include <glib.h>

#define PB_MASTER_KEY_CREDENTIAL "postbus-master-key"
#define PB_MASTER_KEY_FILE "master.key"

/**
 * pb_master_key_load:
 * @credentials: (nullable): the folder of the service manager's credentials ($CREDENTIALS_DIRECTORY)
 * @directory: state directory, whose lock the caller holds
 * @source: (out) (transfer full): the path the key came from
 * The key that all secrets are sealed under: the credential where there is one, else the file in @directory, which is made where there is none. Blocks
 * (start-up). Refuses a key of another size, and a file that is not a plain one, of another user, or open to others; overwrites nothing.
 * Returns: (transfer full) (nullable). Errors: G_FILE_ERROR, naming the path.
 */
PbSecret *pb_master_key_load (const char *credentials, const char *directory, char **source, GError **error);
