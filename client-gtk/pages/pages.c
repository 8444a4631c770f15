/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of pages, in the order of the sidebar. The window makes a page from its row when it is
 * first gone to. Entries with sub-pages have no page of their own.
 */
#include "pages/pages.h"

#include "pages/antivirus-page.h"
#include "pages/blocklists-page.h"
#include "pages/blocks-page.h"
#include "pages/general-page.h"
#include "pages/list-page.h"
#include "pages/mail-auth-page.h"
#include "pages/messages-page.h"
#include "pages/overview-page.h"
#include "pages/queue-page.h"
#include "pages/relay-page.h"
#include "pages/setup-page.h"
#include "pages/tally-page.h"
#include "widgets/settings-page.h"

#include <glib/gi18n.h>

/* Pages that are nothing but the settings of their row. */
static GtkWidget *
make_settings (PbaServer *server, const PbaPageSpec *spec)
{
  return pba_settings_page_new (server, _ (spec->title), spec->interfaces);
}

static GtkWidget *
make_general (PbaServer *server, const PbaPageSpec *spec)
{
  return pba_general_page_new (server, _ (spec->title), spec->interfaces);
}

static GtkWidget *
make_relay (PbaServer *server, const PbaPageSpec *spec)
{
  return pba_relay_page_new (server, _ (spec->title), spec->interfaces);
}

static GtkWidget *
make_mail_auth (PbaServer *server, const PbaPageSpec *spec)
{
  return pba_mail_auth_page_new (server, _ (spec->title), spec->interfaces);
}

static GtkWidget *
make_blocklists (PbaServer *server, const PbaPageSpec *spec)
{
  return pba_blocklists_page_new (server, _ (spec->title), spec->interfaces);
}

static GtkWidget *
make_antivirus (PbaServer *server, const PbaPageSpec *spec)
{
  return pba_antivirus_page_new (server, _ (spec->title), spec->interfaces);
}

/* Pages that are nothing but a list: which one is told by their id. */
static const struct
{
  const char *id;
  PbListKind kind;
} list_pages[] = {
  { "relay-exceptions", PB_LIST_RELAY_EXCEPTIONS },
  { "trusted-list", PB_LIST_TRUSTED_LIST },
  { "domain-list", PB_LIST_DOMAIN_LIST },
  { "access-list", PB_LIST_ACCESS_LIST },
  { "blocklist-zones", PB_LIST_DNSBL_ZONES },
  { "account-list", PB_LIST_ACCOUNTS },
  { "aliases", PB_LIST_ALIASES },
  { "local-domains", PB_LIST_LOCAL_DOMAINS },
};

static GtkWidget *
make_list (PbaServer *server, const PbaPageSpec *spec)
{
  for (guint i = 0; i < G_N_ELEMENTS (list_pages); i++)
    if (g_str_equal (list_pages[i].id, spec->id))
      return pba_list_page_new (server, _ (spec->title), list_pages[i].kind);
  g_return_val_if_reached (NULL);
}

static GtkWidget *
make_overview (PbaServer *server, const PbaPageSpec *spec)
{
  return pba_overview_page_new (server, _ (spec->title));
}

static GtkWidget *
make_queue (PbaServer *server, const PbaPageSpec *spec)
{
  return pba_queue_page_new (server, _ (spec->title));
}

/* What a service that is merely away can do shows when it is back. */
static gboolean
is_away (PbaServer *server)
{
  return pba_connection_get_state (pba_server_get_connection (server)) != PBA_CONNECTION_CONNECTED;
}

/* An older service blocks nobody: then there are only counters. */
static GtkWidget *
make_blocks (PbaServer *server, const PbaPageSpec *spec)
{
  if (pba_blocks_get_supported (pba_server_get_blocks (server)) || is_away (server))
    return pba_blocks_page_new (server, _ (spec->title), spec->icon);
  return pba_tally_page_new (server, _ (spec->title), spec->id, spec->icon);
}

/* An older service keeps no history: likewise. */
static GtkWidget *
make_messages (PbaServer *server, const PbaPageSpec *spec)
{
  if (pba_history_get_supported (pba_server_get_history (server)) || is_away (server))
    return pba_messages_page_new (server, _ (spec->title));
  return pba_tally_page_new (server, _ (spec->title), spec->id, spec->icon);
}

static GtkWidget *
make_setup (PbaServer *server, const PbaPageSpec *spec)
{
  return pba_setup_page_new (server, _ (spec->title));
}

static const PbaPageSpec pages[] = {
  { .id = "overview",
    .title = N_ ("Overview"),
    .icon = "power-profile-performance-symbolic",
    .make = make_overview },
  { .id = "general",
    .title = N_ ("General"),
    .icon = "applications-system-symbolic",
    .gap = TRUE,
    .interfaces = { "General", "Tls", "Dns", "Mailboxes", "HistorySettings", "Reports", "Metrics",
                    "*" },
    .make = make_general },
  { .id = "delivery", .title = N_ ("Delivery"), .icon = "mail-send-symbolic" },
  { .id = "relay-settings",
    .parent = "delivery",
    .title = N_ ("Relay Settings"),
    .interfaces = { "Delivery", "Queueing", "Outbound" },
    .make = make_relay },
  { .id = "relay-exceptions",
    .parent = "delivery",
    .title = N_ ("Relay Exceptions"),
    .make = make_list },
  { .id = "relay-control",
    .title = N_ ("Relay Control"),
    .icon = "network-transmit-receive-symbolic" },
  { .id = "trusted-list",
    .parent = "relay-control",
    .title = N_ ("Trusted List"),
    .make = make_list },
  { .id = "domain-list",
    .parent = "relay-control",
    .title = N_ ("Domain List"),
    .make = make_list },
  { .id = "security", .title = N_ ("Security"), .icon = "security-high-symbolic" },
  { .id = "access-list",
    .parent = "security",
    .title = N_ ("Blacklist and Whitelist"),
    .make = make_list },
  { .id = "sender-policy",
    .parent = "security",
    .title = N_ ("Sender Policy"),
    .interfaces = { "SenderPolicy" },
    .make = make_settings },
  { .id = "connection-policy",
    .parent = "security",
    .title = N_ ("Connection Policy"),
    .interfaces = { "ConnectionPolicy" },
    .make = make_settings },
  { .id = "advanced",
    .parent = "security",
    .title = N_ ("Advanced"),
    .interfaces = { "Advanced", "AuthLimits" },
    .make = make_settings },
  { .id = "mail-authentication",
    .parent = "security",
    .title = N_ ("Mail Authentication"),
    .interfaces = { "MailAuth" },
    .make = make_mail_auth },
  { .id = "blocklists",
    .parent = "security",
    .title = N_ ("Blocklists"),
    .interfaces = { "Dnsbl" },
    .make = make_blocklists },
  { .id = "blocklist-zones",
    .parent = "security",
    .title = N_ ("Blocklist Zones"),
    .make = make_list },
  { .id = "antivirus",
    .parent = "security",
    .title = N_ ("Antivirus"),
    .interfaces = { "Antivirus" },
    .make = make_antivirus },
  { .id = "accounts", .title = N_ ("Accounts"), .icon = "system-users-symbolic" },
  { .id = "account-list", .parent = "accounts", .title = N_ ("Accounts"), .make = make_list },
  { .id = "aliases", .parent = "accounts", .title = N_ ("Aliases"), .make = make_list },
  { .id = "local-domains", .parent = "accounts", .title = N_ ("Domains"), .make = make_list },
  { .id = "queue",
    .title = N_ ("Queue"),
    .icon = "document-open-recent-symbolic",
    .gap = TRUE,
    .count = "queue-count",
    .make = make_queue },
  { .id = "messages",
    .title = N_ ("Messages"),
    .icon = "mail-unread-symbolic",
    .make = make_messages },
  { .id = "blocks",
    .title = N_ ("Blocks"),
    .icon = "action-unavailable-symbolic",
    .count = "block-count",
    .make = make_blocks },
  { .id = "setup-check",
    .title = N_ ("Setup Check"),
    .icon = "selection-mode-symbolic",
    .gap = TRUE,
    .count = "problem-count",
    .attention = TRUE,
    .make = make_setup },
};

const PbaPageSpec *
pba_pages (guint *n)
{
  *n = G_N_ELEMENTS (pages);
  return pages;
}

const PbaPageSpec *
pba_page_lookup (const char *id)
{
  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    if (g_str_equal (pages[i].id, id))
      return &pages[i];
  return NULL;
}

const PbaPageSpec *
pba_page_to_show (const char *id)
{
  const PbaPageSpec *spec = pba_page_lookup (id);

  if (spec == NULL || spec->make != NULL)
    return spec;
  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    if (g_strcmp0 (pages[i].parent, id) == 0)
      return &pages[i];
  return NULL;
}

const PbaPageSpec *
pba_page_for_interface (const char *interface)
{
  const PbaPageSpec *rest = NULL;
  PbListKind kind;

  for (guint i = 0; pb_list_lookup (interface, &kind) && i < G_N_ELEMENTS (list_pages); i++)
    if (list_pages[i].kind == kind)
      return pba_page_lookup (list_pages[i].id);
  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      if (g_strv_contains (pages[i].interfaces, interface))
        return &pages[i];
      if (g_strv_contains (pages[i].interfaces, "*"))
        rest = &pages[i];
    }
  return rest;
}
