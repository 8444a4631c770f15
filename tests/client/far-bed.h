/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bed.h"

typedef struct
{
  Bed bed;
  char *folder; /* (owned): keys, configurations and scripts */
  guint port;
  GSubprocess *sshd;    /* (owned) (nullable) */
  PbaConnection *link;  /* (owned): through ssh */
  GPtrArray *questions; /* (owned) (element-type utf8) */
  GPtrArray
    *answers; /* (owned) (element-type utf8) (nullable elements): given in turn, then NULL */
} Far;

/** far_is_possible: FALSE, and a line that skips the test, where a program is missing. */
gboolean far_is_possible (void);
void far_up (Far *far, gconstpointer mode);
void far_down (Far *far, gconstpointer mode);

/** far_path: (transfer full): of a file in the folder. The far end looks for "greeting", "no-bridge" and "helper" there, and leaves "bridge.pid". */
char *far_path (Far *far, const char *name);
void far_write (Far *far, const char *name, int mode, const char *text);
void far_make_key (Far *far, const char *name, const char *passphrase);
/** far_authorize: only @key is let in. */
void far_authorize (Far *far, const char *key);
/** far_offer: which key our ssh offers. */
void far_offer (Far *far, const char *key);
void far_start_sshd (Far *far);
void far_stop_sshd (Far *far);
/** far_answer: to the next question that has no answer yet. */
void far_answer (Far *far, const char *text);
/** far_open: opens the link and waits for what becomes of it. */
void far_open (Far *far, PbaConnectionState expected);
