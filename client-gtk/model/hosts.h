/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A host once connected to: its address ("admin@nas.example.org:2222"), host, and a summary ("admin, yesterday") in the user's language. */
#define PBA_TYPE_HOST (pba_host_get_type ())
G_DECLARE_FINAL_TYPE (PbaHost, pba_host, PBA, HOST, GObject)
const char *pba_host_get_address (PbaHost *self);
const char *pba_host_get_host (PbaHost *self);
char *pba_host_dup_summary (PbaHost *self);

/* Recent hosts, the last used first: a GListModel of PbaHost kept in hosts.ini of the user's configuration folder. */
#define PBA_TYPE_HOSTS (pba_hosts_get_type ())
G_DECLARE_FINAL_TYPE (PbaHosts, pba_hosts, PBA, HOSTS, GObject)
/** pba_hosts_new: @file (nullable): another file, for tests. A broken file counts as empty. */
PbaHosts *pba_hosts_new (const char *file);
/** pba_hosts_add: moves @address to the top. */
void pba_hosts_add (PbaHosts *self, const char *address);
void pba_hosts_remove (PbaHosts *self, const char *address);

G_END_DECLS
