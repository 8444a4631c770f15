/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

/*
 * The short messages at a window's foot. One at a time: a new one takes the place of the one before, which would else keep it
 * back until its own time is over. One with a button, such as Undo, stays longer.
 */

/** pba_toast_show: @toast: (transfer full). */
void pba_toast_show (AdwToastOverlay *overlay, AdwToast *toast);
/** pba_toast_say: a toast that says @sentence, which is no markup. */
void pba_toast_say (AdwToastOverlay *overlay, const char *sentence);
