/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/secret.h"
#include <glib.h>

/**
 * pb_saslprep: the form in which passwords are compared, so that one typed on another keyboard is the same (RFC 4013).
 * @stored: for keeping, where code points that Unicode 3.2 does not know are forbidden (RFC 3454 7); else for asking, where they pass
 * Returns: (transfer full) (nullable): NULL for what is no UTF-8, is empty, or holds what no password may: control characters, private use, mixed
 * directions. Any thread.
 */
PbSecret *pb_saslprep (const PbSecret *password, gboolean stored);
