/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "pages/queue-item.h"
#include "pages/queue-page.h"
#include "widgets/compact-bin.h"
#include "widgets/notice-bar.h"

/* Shared by queue-page.c (the widget), queue-selection.c (what is selected) and queue-actions.c (what is done to it). */
struct _PbaQueuePage
{
  PbaPage parent_instance;

  GtkStack *stack; /* template children */
  GtkSearchBar *search_bar;
  GtkSearchEntry *search_entry;
  GtkListView *list_view;
  PbaCompactBin *table;
  GtkWidget *header_scroller;
  AdwBin *header_bin, *views_bin;
  AdwStatusPage *empty_page, *error_page;
  GtkLabel *count_label, *whole_label, *selected_label;
  GtkWidget *resting, *selecting, *buttons, *more_button, *hold_button, *release_button, *progress;
  PbaNoticeBar *notice;

  PbaQueue *queue;                /* (owned) */
  PbaListModel *model;            /* (owned) */
  GtkMultiSelection *selection;   /* (owned) */
  AdwViewStack *views;            /* (unowned): the views' names, nothing to see */
  AdwViewSwitcherTitle *switcher; /* (unowned): in the header bar */
  PbaQueueWidths widths;
  guint minute_source, minute;
  GHashTable *chosen;        /* (owned) (element-type PbaListRow): what is selected, as far as it has come */
  gboolean choosing;
  gboolean all;              /* all that the view shows is selected, and stays so */
  PbaQueueAction pending;    /* to be done once all rows that are selected have come */
  gboolean waiting, acting;
  GHashTable *undos;         /* (owned): number -> PbaQueueChoice of what a toast can undo */
  guint last_undo;
  GCancellable *cancellable; /* (owned) */
};

/** pba_queue_page_get_state: (nullable): the state that the view shows; NULL shows all. */
const char *pba_queue_page_get_state (PbaQueuePage *self);
void pba_queue_page_show_footer (PbaQueuePage *self);

/* queue-selection.c */
void pba_queue_page_follow_selection (PbaQueuePage *self);
void pba_queue_page_forget_selection (PbaQueuePage *self);
guint pba_queue_page_count_selected (PbaQueuePage *self);
/** pba_queue_page_has_selected: whether a row that is selected, and known, is in @state, or is not. */
gboolean pba_queue_page_has_selected (PbaQueuePage *self, const char *state, gboolean in_it);
/** pba_queue_page_choose: (transfer full) (nullable): what is selected. NULL while rows of it are still on their way: they were asked for. */
PbaQueueChoice *pba_queue_page_choose (PbaQueuePage *self);

/* queue-actions.c */
void pba_queue_page_install_actions (GtkWidgetClass *widget_class);
void pba_queue_page_add_keys (PbaQueuePage *self);
/** pba_queue_page_show_actions: what can be done to what is selected. */
void pba_queue_page_show_actions (PbaQueuePage *self);
/** pba_queue_page_go_on_acting: rows that were waited for may have come. */
void pba_queue_page_go_on_acting (PbaQueuePage *self);
