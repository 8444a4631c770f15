/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/hosts.h"
#include <adwaita.h>

G_BEGIN_DECLS

/* The window: connection page, then sidebar and pages of one server. */
#define PBA_TYPE_WINDOW (pba_window_get_type ())
G_DECLARE_FINAL_TYPE (PbaWindow, pba_window, PBA, WINDOW, AdwApplicationWindow)

GtkWidget *pba_window_new (AdwApplication *application, PbaHosts *hosts);
/** pba_window_connect: @address as of PbaConnection. */
void pba_window_connect (PbaWindow *self, const char *address);
/** pba_window_present_connected: shows it with its first page, if the connection that is being made comes at once; else as it is. */
void pba_window_present_connected (PbaWindow *self);
/** pba_window_go: @page, and there to @key (nullable). Before the connection is there, it is gone to then. */
void pba_window_go (PbaWindow *self, const char *page, const char *key);

G_END_DECLS
