/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "pages/list-dialog.h"
#include "pages/list-field.h"
#include "pages/list-layout.h"
#include "widgets/entry-row.h"
#include "widgets/notice-bar.h"

/* Shared by list-dialog.c (fields and saving), list-dialog-rule.c (what whitelist and blacklist rules have more),
 * list-dialog-password.c (what relay exceptions have more) and list-dialog-account.c (what accounts have more). */

/* A password that belongs to a row and goes to the service behind it, by a call of its own. */
typedef struct
{
  void (*add) (PbaListDialog *self, AdwPreferencesGroup *group);
  void (*follow) (PbaListDialog *self);    /* a field has changed */
  gboolean (*has) (PbaListDialog *self);   /* one is typed, for a row that wants it */
  gboolean (*check) (PbaListDialog *self); /* what is typed may be sent; else its row says why not */
  void (*give) (PbaListDialog *self);      /* hands it over; ends in pba_list_dialog_end_password() */
} PbaDialogPassword;

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
  GVariant *draft;            /* (owned) (nullable): what a new row says at first */
  char *view;                 /* (owned) (nullable) */
  GPtrArray *fields;          /* (owned) (element-type PbaListField) */
  GtkWidget *focused;         /* (owned) (nullable): before the page was busy */
  GtkWidget *hint, *reset;    /* (unowned) (nullable) */
  GtkLabel *hint_label;       /* (unowned) */
  AdwPreferencesGroup *skips; /* (unowned) (nullable) */
  const PbaDialogPassword *password_kind;
  PbaEntryRow *password;      /* (unowned) (nullable) */
  PbaEntryRow *repeat;        /* (unowned) (nullable): of an account */
  GtkWidget *fill;            /* (unowned) (nullable): its button */
  GtkWidget *test;            /* (unowned) (nullable): the button that tests the relay */
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
extern const PbaDialogPassword pba_dialog_relay_password;
/** pba_list_dialog_end_password: the service has answered. @trouble (nullable): a sentence about what else went wrong; @error (nullable) stands at
 *  the row, with the rest saved. */
void pba_list_dialog_end_password (PbaListDialog *self, const char *trouble, const GError *error);

/* list-dialog-account.c */
extern const PbaDialogPassword pba_dialog_account_password;
