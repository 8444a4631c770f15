/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "widgets/page.h"

G_BEGIN_DECLS

/*
 * The table of pages: sidebar, search and window are made from it. To add a page, write its file and put its row into pages.c.
 */
typedef struct _PbaPageSpec PbaPageSpec;
struct _PbaPageSpec
{
  const char *id;     /* "general" */
  const char *parent; /* (nullable): id of the entry it stands under */
  const char *title;  /* untranslated, header case */
  const char *icon;   /* (nullable): sub-pages have none */
  gboolean gap;       /* 13 px before it */
  const char *count;  /* (nullable): property of PbaServer for the pill */
  gboolean attention; /* the pill is amber */
  /* NULL-terminated: the settings interfaces it shows; "*" is what no other page has (a newer service's) */
  const char *interfaces[10];
  /* (nullable): NULL for an entry that only opens. Returns: (transfer floating): a PbaPage */
  GtkWidget *(*make) (PbaServer *server, const PbaPageSpec *spec);
};

const PbaPageSpec *pba_pages (guint *n);
/** pba_page_lookup: (nullable). */
const PbaPageSpec *pba_page_lookup (const char *id);
/** pba_page_to_show: (nullable): the page of that id, of an entry that only opens its first sub-page. */
const PbaPageSpec *pba_page_to_show (const char *id);
/** pba_page_for_interface: (nullable): the page that shows the settings, or the list, of @interface. */
const PbaPageSpec *pba_page_for_interface (const char *interface);

G_END_DECLS
