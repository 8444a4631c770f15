/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Marks words that reach people by pb_say() but do not stand in its call, so that the catalogues get them (po/POTFILES.in names the file). */
#define N_(text) text
