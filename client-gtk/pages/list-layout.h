/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/list-model.h"

G_BEGIN_DECLS

#define PBA_LIST_COLUMNS 3 /* at most, beside title, chips and switch */

/* A column of short text in a list's rows. */
typedef struct
{
  const char *title;  /* untranslated, header case */
  const char *sample; /* as wide as it usually gets */
  gboolean numeric;
  char *(*text) (PbaListRow *row); /* (transfer full) */
  const char *view; /* (nullable): only in this one */
} PbaListColumn;

/* How a list looks: what its rows show, what its dialog groups, what it is called. */
typedef struct
{
  PbListKind kind;
  const char *header;       /* over the first column, header case */
  const char *title_column; /* "Name" */
  char *(*subtitle) (PbaListRow *row);
  PbaListColumn columns[PBA_LIST_COLUMNS];
  const char *(*warning) (PbaListRow *row); /* (nullable): what is wrong with a row, NULL for nothing */
  const char *const *views; /* (nullable): values of its column "List": a view of its own each */
  const char *const *view_icons;
  gboolean ordered;          /* the order decides */
  const char *dialog_title;  /* header case */
  const char *empty_title;   /* header case */
  const char *icon;
  const char *search_hint;
  const char *footer;        /* (nullable) */
  char *(*count) (guint n);
  /* Columns by group of the dialog, groups apart by NULL, ended by two; "Password" is a relay's or an account's, which is no column. */
  const char *fields[20];
} PbaListLayout;

const PbaListLayout *pba_list_layout (PbListKind kind);
/** pba_list_layout_has: whether the list has a column of this name. */
gboolean pba_list_layout_has (const PbaListLayout *self, const char *column);
/** pba_list_layout_skips: whether rows of @view (nullable) show the checks that they skip. */
gboolean pba_list_layout_skips (const PbaListLayout *self, const char *view);
/** pba_list_layout_shows: whether rows of @view (nullable) have the @column-th of columns. */
gboolean pba_list_layout_shows (const PbaListLayout *self, guint column, const char *view);
/** pba_list_skips: NULL-terminated: what a whitelist rule can spare, in the order of the chips. */
extern const char *const pba_list_skips[];

G_END_DECLS
