/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/list-model.h"

/* Shared by list-model.c (what is seen) and list-write.c (what is changed). */
struct _PbaListModel
{
  GObject parent_instance;

  PbaConnection *connection; /* (owned) */
  const PbListSpec *spec;    /* (nullable): NULL for a query */
  PbListKind kind;
  char *interface, *method; /* (owned) */

  GCancellable *cancellable; /* (owned): of what is asked since the last change of question */
  char *search;              /* (owned) (nullable) */
  GVariant *filter;          /* (owned) (nullable) */
  guint64 revision;
  GPtrArray *rows;    /* (owned) (element-type PbaListRow) (nullable elements): total places */
  GHashTable *by_id;  /* (owned): id -> PbaListRow, borrows */
  GHashTable *asked;  /* (owned): pages under way */
  GHashTable *fresh;  /* (owned) (nullable): during a refresh: place -> cells */
  GArray *to_refresh; /* (owned) (nullable): pages still to be asked for by it */
  guint refresh_source;
  gboolean loaded, writable, used;
  gboolean outdated; /* rows of the last search are shown until the first page of this one has come */
  gboolean quiet; /* the refresh under way asks nobody for a password */
  char *error; /* (owned) (nullable) */

  GPtrArray *removed; /* (owned) (nullable) (element-type GVariant): by the last removal */
};

/** pba_list_model_find_row: (nullable) (transfer none). */
PbaListRow *pba_list_model_find_row (PbaListModel *self, const char *id);
/** pba_list_model_look: (transfer none): the row at a place, its page asked for when it is empty. */
PbaListRow *pba_list_model_look (PbaListModel *self, guint position);
/** pba_list_model_start_over: another question: what is there answers it no more. @keep: it is shown until there is an answer. */
void pba_list_model_start_over (PbaListModel *self, gboolean keep);
/** pba_list_model_turn_into: @rows (transfer full) are the rows now; announces what differs, stretch by stretch. */
void pba_list_model_turn_into (PbaListModel *self, GPtrArray *rows);
void pba_list_model_ask_page (PbaListModel *self, guint page, gboolean refreshing);
