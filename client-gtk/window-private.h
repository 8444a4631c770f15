/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "pages/connect-page.h"
#include "client-gtk/sidebar.h"
#include "widgets/notice-bar.h"
#include "client-gtk/window.h"

/* Shared by window.c (the widget), window-pages.c (pages and header), window-link.c (the connection) and
 * window-apply.c (Apply, Discard, closing). */
struct _PbaWindow
{
  AdwApplicationWindow parent_instance;

  AdwToastOverlay *toasts; /* template children */
  GtkStack *stack, *pages;
  PbaConnectPage *connect_page;
  AdwLeaflet *leaflet;
  PbaSidebar *sidebar;
  GtkToggleButton *search_button;
  GtkMenuButton *connect_menu, *main_menu_button;
  AdwWindowTitle *host_title, *page_title;
  GtkStack *title_stack, *start_stack, *end_stack;
  GtkWidget *discard_button, *apply_button, *back_button, *bottom_bar;
  PbaNoticeBar *notice;

  PbaHosts *hosts;           /* (owned) */
  PbaConnection *connection; /* (owned) (nullable) */
  PbaServer *server;         /* (owned) (nullable): from the first time it is connected */
  PbaPage *page;             /* (unowned) (nullable): what is seen */
  char *wanted_page, *wanted_key; /* (owned) (nullable): gone to when connected */
  GtkWindow *question;       /* (unowned) (nullable): an open question of ssh */
  GtkWindow *relay_question; /* (unowned) (nullable): an open question for a relay's password */
  gboolean notice_is_link;   /* what the bar is about: the link, else the conflict */
  gboolean close_after_apply;
  guint told;                /* of which alerts the desktop is, a bit each: window-alerts.c */
  guint present_source;      /* it is not shown yet, see pba_window_present_connected() */
  gboolean on_trial;         /* what is being applied is taken back unless it is kept */
};

/* window-pages.c */
void pba_window_show_page (PbaWindow *self, const char *id, const char *key);
/** pba_window_forget_pages: with the server they were of. */
void pba_window_forget_pages (PbaWindow *self);
/** pba_window_update_header: title, its own widgets, Apply and Discard, the bottom bar. */
void pba_window_update_header (PbaWindow *self);
/** pba_window_go_to_setting: the row of @key, on whatever page. */
void pba_window_go_to_setting (PbaWindow *self, const char *key);

/* window-link.c */
void pba_window_disconnect (PbaWindow *self);
void pba_window_update_notice (PbaWindow *self);
/** pba_window_forget_present: it goes, or is shown. */
void pba_window_forget_present (PbaWindow *self);
void pba_window_notice_clicked (PbaWindow *self, gboolean first);

/* window-alerts.c */
/** pba_window_follow_alerts: of the server that it has now. */
void pba_window_follow_alerts (PbaWindow *self);
/** pba_window_forget_alerts: what the desktop was told is over. */
void pba_window_forget_alerts (PbaWindow *self);

/* window-apply.c */
void pba_window_apply (PbaWindow *self);
void pba_window_discard (PbaWindow *self);
/** pba_window_may_close: FALSE when there is something to ask first; it then closes by itself. */
gboolean pba_window_may_close (PbaWindow *self);
