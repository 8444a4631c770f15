/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "auth-helper/wire.h"

/** pb_person_find: asks NSS for the user of that @name, or, if there is none, of that name in lower case. May take long. Fills in @answer. */
void pb_person_find (const char *name, PbAuthAnswer *answer);
