/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of pages, in the order of the sidebar. The window makes a page from its row when it is
 * first gone to. Entries with sub-pages have no page of their own.
 */
#include "pages/pages.h"

#include "widgets/settings-page.h"

#include <glib/gi18n.h>

/* Pages that are nothing but the settings of their row. */
static GtkWidget *
make_settings (PbaServer *server, const PbaPageSpec *spec)
{
  return pba_settings_page_new (server, _ (spec->title), spec->interfaces);
}

static const PbaPageSpec pages[] = {
  { .id = "general",
    .title = N_ ("General"),
    .icon = "applications-system-symbolic",
    .gap = TRUE,
    .interfaces = { "General", "Tls", "Dns", "Mailboxes", "HistorySettings", "Reports", "Metrics",
                    "*" },
    .make = make_settings },
  { .id = "delivery", .title = N_ ("Delivery"), .icon = "mail-send-symbolic" },
  { .id = "relay-settings",
    .parent = "delivery",
    .title = N_ ("Relay Settings"),
    .interfaces = { "Delivery", "Queueing", "Outbound" },
    .make = make_settings },
  { .id = "security", .title = N_ ("Security"), .icon = "security-high-symbolic" },
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
    .make = make_settings },
  { .id = "blocklists",
    .parent = "security",
    .title = N_ ("Blocklists"),
    .interfaces = { "Dnsbl" },
    .make = make_settings },
  { .id = "antivirus",
    .parent = "security",
    .title = N_ ("Antivirus"),
    .interfaces = { "Antivirus" },
    .make = make_settings },
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
pba_page_for_interface (const char *interface)
{
  const PbaPageSpec *rest = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      if (g_strv_contains (pages[i].interfaces, interface))
        return &pages[i];
      if (g_strv_contains (pages[i].interfaces, "*"))
        rest = &pages[i];
    }
  return rest;
}
