/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "model/connection.h"
#include "model/hosts.h"
#include <adwaita.h>

G_BEGIN_DECLS

/* The first page: this computer, user@host, recent hosts. Signal: "connect" (address s). */
#define PBA_TYPE_CONNECT_PAGE (pba_connect_page_get_type ())
G_DECLARE_FINAL_TYPE (PbaConnectPage, pba_connect_page, PBA, CONNECT_PAGE, AdwBin)

/** pba_connect_page_set_hosts: the recent ones. */
void pba_connect_page_set_hosts (PbaConnectPage *self, PbaHosts *hosts);
/** pba_connect_page_follow: shows state and trouble of a connection that is tried. @connection (nullable). */
void pba_connect_page_follow (PbaConnectPage *self, PbaConnection *connection);
/** pba_connect_page_look: whether the service runs on this computer. */
void pba_connect_page_look (PbaConnectPage *self);

G_END_DECLS
