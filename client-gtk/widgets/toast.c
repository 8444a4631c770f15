/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The short messages at a window's foot. Whoever reads slowly, or by ear, may have them stay longer, or until they are
 * closed, by POSTBUS_ADMIN_TOAST_SECONDS in the environment. What is shown belongs to its overlay; the one shown last is known
 * there as long as it was not dismissed, so that the next can take its place.
 */
#include "widgets/toast.h"

#define SECONDS             5
#define SECONDS_WITH_BUTTON 10 /* to see it, to decide, and to get there */
#define MAX_SECONDS         3600
#define LAST                "pba-toast"

static guint
seconds_for (AdwToast *toast)
{
  const char *wanted = g_getenv ("POSTBUS_ADMIN_TOAST_SECONDS");
  guint64 seconds;

  if (wanted != NULL && g_ascii_string_to_unsigned (wanted, 10, 0, MAX_SECONDS, &seconds, NULL))
    return (guint) seconds;
  return adw_toast_get_button_label (toast) != NULL ? SECONDS_WITH_BUTTON : SECONDS;
}

static void
on_dismissed (AdwToast *toast, gpointer overlay)
{
  if (g_object_get_data (overlay, LAST) == toast)
    g_object_set_data (overlay, LAST, NULL);
}

void
pba_toast_show (AdwToastOverlay *overlay, AdwToast *toast)
{
  g_autoptr (AdwToast) last = g_object_steal_data (G_OBJECT (overlay), LAST);

  if (last != NULL)
    adw_toast_dismiss (last);
  adw_toast_set_timeout (toast, seconds_for (toast));
  g_object_set_data_full (G_OBJECT (overlay), LAST, g_object_ref (toast), g_object_unref);
  g_signal_connect_object (toast, "dismissed", G_CALLBACK (on_dismissed), overlay, 0);
  adw_toast_overlay_add_toast (overlay, toast);
}

void
pba_toast_say (AdwToastOverlay *overlay, const char *sentence)
{
  g_autofree char *escaped = g_markup_escape_text (sentence, -1);

  pba_toast_show (overlay, adw_toast_new (escaped));
}
