/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "auth-helper/wire.h"

/* Below are the system's own users, from root to those of services; they have no mail and no login here. */
#define PB_PERSON_MIN_UID 1000
/* nobody, whom the kernel makes of foreign owners (uid_map(5)). */
#define PB_PERSON_NOBODY 65534

/** pb_person_find: asks NSS for the user of that @name, or, if there is none, of that name in lower case. May take long. Fills in @answer. */
void pb_person_find (const char *name, PbAuthAnswer *answer);
