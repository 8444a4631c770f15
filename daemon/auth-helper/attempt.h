/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "auth-helper/wire.h"

/**
 * pb_attempt_authenticate: asks PAM's service "postbus" about the user and password of @request, and whether the account may be used at all. A wrong password takes seconds.
 * YES only for a person's account: pb_auth_is_person(), so never root.
 */
void pb_attempt_authenticate (const PbAuthRequest *request, PbAuthAnswer *answer);
