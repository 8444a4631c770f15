/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/** pb_helper_serve: serves the listening socket @fd until SIGTERM or SIGINT. @client: beside root and our own uid the one that may ask. Returns: an exit status. */
int pb_helper_serve (int fd, uid_t client);
