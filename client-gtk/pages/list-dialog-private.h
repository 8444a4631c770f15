/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "pages/list-dialog.h"
#include "pages/list-field.h"
#include "pages/list-layout.h"
#include "widgets/entry-row.h"
#include "widgets/notice-bar.h"

/* Shared by list-dialog.c (fields and saving), list-dialog-rule.c (what whitelist and blacklist rules have more) and
 * list-dialog-password.c (what relay exceptions have more). */
struct _PbaListDialog
{
  AdwWindow parent_instance;

  AdwPreferencesPage *page; /* template children */
  PbaNoticeBar *notice;
  GtkWidget *cancel, *save, *spinner;

  PbaServer *server;   /* (owned) */
  PbaListModel *model; /* (owned) */
  const PbaListLayout *layout;
  char *id;                   /* (owned) (nullable): of the row that is edited */
  GVariant *base;             /* (owned) (nullable): its cells as they were shown first */
  char *view;                 /* (owned) (nullable) */
  GPtrArray *fields;          /* (owned) (element-type PbaListField) */
  GtkWidget *focused;         /* (owned) (nullable): before the page was busy */
  GtkWidget *hint, *reset;    /* (unowned) (nullable) */
  GtkLabel *hint_label;       /* (unowned) */
  AdwPreferencesGroup *skips; /* (unowned) (nullable) */
  PbaEntryRow *password;      /* (unowned) (nullable) */
  GtkWidget *fill;            /* (unowned) (nullable): its button */
  GCancellable *cancellable;  /* (owned) */
};

/** pba_list_dialog_find: (nullable) (transfer none): the field of a column. */
PbaListField *pba_list_dialog_find (PbaListDialog *self, const char *column);
/** pba_list_dialog_chosen: the bus word of a choice, "" without one. */
const char *pba_list_dialog_chosen (PbaListDialog *self, const char *column);
/** pba_list_dialog_is_on: of a switch, FALSE without one. */
gboolean pba_list_dialog_is_on (PbaListDialog *self, const char *column);
/** pba_list_dialog_differs: the column says something else than it was shown first. */
gboolean pba_list_dialog_differs (PbaListDialog *self, const char *column);
/** pba_list_dialog_finish: the row is saved; @trouble (nullable): a sentence about what is not. */
void pba_list_dialog_finish (PbaListDialog *self, const char *trouble);
/** pba_list_dialog_set_busy: while it is saved, nothing can be changed. */
void pba_list_dialog_set_busy (PbaListDialog *self, gboolean busy);

/* list-dialog-rule.c */
/** pba_list_dialog_dress_rule: puts beside a field what a rule has there more. */
void pba_list_dialog_dress_rule (PbaListDialog *self, AdwPreferencesGroup *group, const char *column);
void pba_list_dialog_follow_kind (PbaListDialog *self);

/* list-dialog-password.c */
void pba_list_dialog_add_password (PbaListDialog *self, AdwPreferencesGroup *group);
void pba_list_dialog_follow_login (PbaListDialog *self);
/** pba_list_dialog_has_password: one is typed, for an exception that wants it. */
gboolean pba_list_dialog_has_password (PbaListDialog *self);
/** pba_list_dialog_give_password: hands it over and finishes; an error stands at its row. */
void pba_list_dialog_give_password (PbaListDialog *self);
