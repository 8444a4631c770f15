/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "pages/list-item.h"
#include "pages/list-page.h"

/* Shared by list-page.c (the widget), list-bar.c (its header bar), list-selection.c (what is selected), list-actions.c (what is done to
 * rows) and list-transfer.c (CSV). */
struct _PbaListPage
{
  PbaPage parent_instance;

  GtkStack *stack; /* template children */
  GtkSearchBar *search_bar;
  GtkSearchEntry *search_entry;
  GtkListView *list_view;
  AdwBin *header_bin, *views_bin;
  AdwStatusPage *empty_page, *error_page;
  GtkWidget *header_scroller, *create_empty, *resting, *selecting, *footer_icon, *edit_button, *progress;
  GtkLabel *footer_label, *count_label, *selected_label;

  const PbaListLayout *layout;
  PbaListModel *model;             /* (owned) */
  GtkMultiSelection *selection;    /* (owned) */
  AdwViewStack *views;             /* (unowned) (nullable): the views' names, nothing to see */
  AdwViewSwitcherTitle *switcher;  /* (unowned) (nullable): in the header bar, of the views */
  GtkWidget *create, *search_button, *menu_button; /* (unowned): in the header bar */
  AdwButtonContent *create_content;                /* (unowned) */
  PbaListWidths widths;
  guint compact_source;
  gboolean compact, removing, moving;
  GHashTable *chosen; /* (owned) (element-type PbaListRow): what is selected, as far as it has come */
  gboolean choosing;
  char *wanted;       /* (owned) (nullable): Id of a row to be selected and focused once it is there */
  gboolean wanted_last; /* its place was asked for: a new row is the last one */
  guint wanted_views;   /* that many are looked through for it, page by page */
  guint focus_tick, focus_tries;
  GHashTable *removals; /* (owned): number -> GPtrArray of rows that a toast can put back */
  guint last_removal;
  GCancellable *cancellable; /* (owned) */
};

/** pba_list_page_get_view: (nullable): "whitelist". */
const char *pba_list_page_get_view (PbaListPage *self);
/** pba_list_page_get_selected: (transfer full): the row, when it is one that is selected. */
PbaListRow *pba_list_page_get_selected (PbaListPage *self);

void pba_list_page_show_footer (PbaListPage *self);
/** pba_list_page_show_view: rows of the view that is chosen. */
void pba_list_page_show_view (PbaListPage *self);

/* list-bar.c */
void pba_list_page_make_bar (PbaListPage *self);

/* list-selection.c */
void pba_list_page_follow_selection (PbaListPage *self);
void pba_list_page_forget_selection (PbaListPage *self);
/** pba_list_page_want: the row of this Id is selected and focused when the model has it, at once or after its next answer. */
void pba_list_page_want (PbaListPage *self, const char *id);
/** pba_list_page_search_row: likewise, wherever in the list it is. */
void pba_list_page_search_row (PbaListPage *self, const char *id);
/** pba_list_page_find: selects and focuses the row of this Id. Returns: FALSE when it is not among those that have come. */
gboolean pba_list_page_find (PbaListPage *self, const char *id);
/** pba_list_page_go_on_finding: rows that were waited for may have come. */
void pba_list_page_go_on_finding (PbaListPage *self);

/* list-actions.c */
void pba_list_page_create_row (PbaListPage *self);
void pba_list_page_edit_row (PbaListPage *self, PbaListRow *row);
void pba_list_page_toggle_row (PbaListPage *self, PbaListRow *row, gboolean on);
/** pba_list_page_remove_selected: removes, with an undo toast, or asks first where there is no undo. */
void pba_list_page_remove_selected (PbaListPage *self);
/** pba_list_page_go_on_removing: rows that were waited for may have come. */
void pba_list_page_go_on_removing (PbaListPage *self);
void pba_list_page_place_row (PbaListPage *self, PbaListRow *row, PbaListRow *at, gboolean after);
/** pba_list_page_step_row: one place up (-1) or down (1). */
void pba_list_page_step_row (PbaListPage *self, int step);

/* list-transfer.c */
void pba_list_page_import (PbaListPage *self);
void pba_list_page_export (PbaListPage *self);
