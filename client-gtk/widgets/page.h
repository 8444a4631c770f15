/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/server.h"
#include <adwaita.h>

G_BEGIN_DECLS

/*
 * What stands in the content pane: the base of every page. A page is made when it is first gone to and lives until the connection
 * is closed. The window shows what it says of itself. Properties:
 *   server (PbaServer, construct-only)
 *   title (s), subtitle (s, nullable: the parent's title stands in)
 *   settings (b): Discard and Apply belong to it (header bar; narrow: the bottom bar)
 *   narrow (b): the window is folded; bind narrow forms to it
 *   header-start, header-end, header-title (GtkWidget, nullable): its own widgets in the header bar; header-title replaces the window title
 * Signals: "toast" (AdwToast) and "go" (page id s, key s nullable), emitted by pba_page_toast() and pba_page_go().
 */
#define PBA_TYPE_PAGE (pba_page_get_type ())
G_DECLARE_DERIVABLE_TYPE (PbaPage, pba_page, PBA, PAGE, AdwBin)

struct _PbaPageClass
{
  AdwBinClass parent_class;
  /** shown, hidden: it became, or is no longer, the page that is seen: begin and end to poll. */
  void (*shown) (PbaPage *self);
  void (*hidden) (PbaPage *self);
  /** reveal: scrolls to and focuses what @key names ("General.MaxHops", or of the page's own). Returns: whether there is such a thing. */
  gboolean (*reveal) (PbaPage *self, const char *key);
};

PbaServer *pba_page_get_server (PbaPage *self);
gboolean pba_page_get_narrow (PbaPage *self);
void pba_page_set_title (PbaPage *self, const char *title);
void pba_page_set_subtitle (PbaPage *self, const char *subtitle);
void pba_page_shown (PbaPage *self);
void pba_page_hidden (PbaPage *self);
gboolean pba_page_reveal (PbaPage *self, const char *key);
/** pba_page_toast: @button, @callback (nullable): such as Undo. @callback is run with the page and @user_data. */
void pba_page_toast (PbaPage *self, const char *title, const char *button, void (*callback) (PbaPage *self, gpointer user_data), gpointer user_data);
/** pba_page_toast_error: a toast with pba_words_error() of @error. */
void pba_page_toast_error (PbaPage *self, const GError *error);
/** pba_page_go: to another page, and there to @key (nullable). */
void pba_page_go (PbaPage *self, const char *page, const char *key);

G_END_DECLS
