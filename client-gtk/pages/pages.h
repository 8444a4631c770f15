/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/page.h"

G_BEGIN_DECLS

/*
 * The table of pages: sidebar, search and window are made from it. To add a page, write its file and put its row into pages.c.
 */
typedef struct
{
  const char *id;     /* "general" */
  const char *parent; /* (nullable): id of the entry it stands under */
  const char *title;  /* untranslated, header case */
  const char *icon;   /* (nullable): sub-pages have none */
  gboolean gap;       /* 13 px before it */
  const char *count;  /* (nullable): property of PbaServer for the pill */
  gboolean attention; /* the pill is amber */
  /* NULL-terminated: the settings interfaces it shows, for search; empty for none */
  const char *interfaces[8];
  GtkWidget *(*make) (PbaServer *server); /* (nullable): an entry that only opens */
} PbaPageSpec;

const PbaPageSpec *pba_pages (guint *n);
/** pba_page_lookup: (nullable). */
const PbaPageSpec *pba_page_lookup (const char *id);
/** pba_page_for_interface: (nullable): the page that shows the settings of @interface. */
const PbaPageSpec *pba_page_for_interface (const char *interface);

G_END_DECLS
