/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hosts that were connected to, kept in hosts.ini of the user's configuration folder, a group a host.
 * Called by the connection page and the window. A file that is missing or broken is an empty list; a
 * file that cannot be written is a warning in the log, since nothing the user does depends on it.
 */
#include "model/hosts.h"

#include "model/connection.h"
#include "model/tunnel.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>

#define MOST_HOSTS 10

struct _PbaHost
{
  GObject parent_instance;

  char *address, *user, *host; /* (owned); user (nullable) */
  gint64 last_used;
};

G_DEFINE_FINAL_TYPE (PbaHost, pba_host, G_TYPE_OBJECT)

struct _PbaHosts
{
  GObject parent_instance;

  char *file;       /* (owned) */
  GPtrArray *hosts; /* (owned) (element-type PbaHost) */
};

static GType
get_item_type (GListModel *model)
{
  return PBA_TYPE_HOST;
}

static guint
get_n_items (GListModel *model)
{
  return PBA_HOSTS (model)->hosts->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  PbaHosts *self = PBA_HOSTS (model);

  return position < self->hosts->len ? g_object_ref (self->hosts->pdata[position]) : NULL;
}

static void
list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (PbaHosts, pba_hosts, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_init))

static void
pba_host_finalize (GObject *object)
{
  PbaHost *self = PBA_HOST (object);

  g_free (self->address);
  g_free (self->user);
  g_free (self->host);
  G_OBJECT_CLASS (pba_host_parent_class)->finalize (object);
}

static void
pba_host_class_init (PbaHostClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_host_finalize;
}

static void
pba_host_init (PbaHost *self)
{
}

/* Returns: (nullable) (transfer full): NULL when @address is none of ours. */
static PbaHost *
host_new (const char *address, gint64 last_used)
{
  g_autoptr (PbaHost) self = g_object_new (PBA_TYPE_HOST, NULL);

  if (!pba_tunnel_split (address, &self->user, &self->host, NULL, NULL))
    return NULL;
  self->address = g_strdup (address);
  self->last_used = last_used;
  return g_steal_pointer (&self);
}

const char *
pba_host_get_address (PbaHost *self)
{
  return self->address;
}

const char *
pba_host_get_host (PbaHost *self)
{
  return self->host;
}

static char *
describe_day (gint64 unix_seconds)
{
  g_autoptr (GDateTime) then = g_date_time_new_from_unix_local (unix_seconds);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  gint64 days;

  if (then == NULL || unix_seconds <= 0)
    return g_strdup (_ ("never used"));
  days = g_date_time_get_day_of_year (now) - g_date_time_get_day_of_year (then);
  if (g_date_time_get_year (now) != g_date_time_get_year (then))
    days = (g_date_time_to_unix (now) - unix_seconds) / 86400 + 7;
  if (days == 0)
    /* Translators: when a host was last used, see man 3 strftime */
    return g_date_time_format (then, _ ("today at %H:%M"));
  if (days == 1)
    return g_strdup (_ ("yesterday"));
  if (days > 0 && days < 7)
    /* Translators: a day of the past week, such as “last Friday” */
    return g_date_time_format (then, _ ("last %A"));
  if (g_date_time_get_year (now) == g_date_time_get_year (then))
    /* Translators: a day of this year, such as “3 November” */
    return g_date_time_format (then, _ ("%-d %B"));
  /* Translators: a day of another year, such as “3 November 2024” */
  return g_date_time_format (then, _ ("%-d %B %Y"));
}

char *
pba_host_dup_summary (PbaHost *self)
{
  g_autofree char *day = describe_day (self->last_used);

  if (self->user == NULL)
    return g_steal_pointer (&day);
  /* Translators: a user and when the host was last used: “admin, today at 08:55” */
  return g_strdup_printf (_ ("%s, %s"), self->user, day);
}

/* ---- the list ---- */

static void
save (PbaHosts *self)
{
  g_autoptr (GKeyFile) keys = g_key_file_new ();
  g_autofree char *folder = g_path_get_dirname (self->file);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < self->hosts->len; i++)
    {
      PbaHost *host = self->hosts->pdata[i];
      g_autofree char *group = g_strdup_printf ("Host %u", i + 1);

      g_key_file_set_string (keys, group, "Address", host->address);
      g_key_file_set_int64 (keys, group, "LastUsed", host->last_used);
    }
  g_mkdir_with_parents (folder, 0700);
  if (!g_key_file_save_to_file (keys, self->file, &error))
    g_warning ("The recent hosts could not be kept: %s", error->message);
}

static void
load (PbaHosts *self)
{
  g_autoptr (GKeyFile) keys = g_key_file_new ();
  g_auto (GStrv) groups = NULL;

  if (!g_key_file_load_from_file (keys, self->file, G_KEY_FILE_NONE, NULL))
    return;
  groups = g_key_file_get_groups (keys, NULL);
  for (guint i = 0; groups[i] != NULL && self->hosts->len < MOST_HOSTS; i++)
    {
      g_autofree char *address = g_key_file_get_string (keys, groups[i], "Address", NULL);
      PbaHost *host =
        address != NULL
          ? host_new (address, g_key_file_get_int64 (keys, groups[i], "LastUsed", NULL))
          : NULL;

      if (host != NULL)
        g_ptr_array_add (self->hosts, host);
    }
}

static gboolean
take_out (PbaHosts *self, const char *address)
{
  for (guint i = 0; i < self->hosts->len; i++)
    if (g_str_equal (pba_host_get_address (self->hosts->pdata[i]), address))
      {
        g_ptr_array_remove_index (self->hosts, i);
        g_list_model_items_changed (G_LIST_MODEL (self), i, 1, 0);
        return TRUE;
      }
  return FALSE;
}

static void
pba_hosts_finalize (GObject *object)
{
  PbaHosts *self = PBA_HOSTS (object);

  g_free (self->file);
  g_ptr_array_unref (self->hosts);
  G_OBJECT_CLASS (pba_hosts_parent_class)->finalize (object);
}

static void
pba_hosts_class_init (PbaHostsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_hosts_finalize;
}

static void
pba_hosts_init (PbaHosts *self)
{
  self->hosts = g_ptr_array_new_with_free_func (g_object_unref);
}

PbaHosts *
pba_hosts_new (const char *file)
{
  PbaHosts *self = g_object_new (PBA_TYPE_HOSTS, NULL);

  self->file = file != NULL
                 ? g_strdup (file)
                 : g_build_filename (g_get_user_config_dir (), "postbus-admin", "hosts.ini", NULL);
  load (self);
  return self;
}

void
pba_hosts_add (PbaHosts *self, const char *address)
{
  PbaHost *host = host_new (address, g_get_real_time () / G_USEC_PER_SEC);

  if (host == NULL)
    return;
  take_out (self, address);
  g_ptr_array_insert (self->hosts, 0, host);
  g_list_model_items_changed (G_LIST_MODEL (self), 0, 0, 1);
  while (self->hosts->len > MOST_HOSTS)
    take_out (self, pba_host_get_address (self->hosts->pdata[self->hosts->len - 1]));
  save (self);
}

void
pba_hosts_remove (PbaHosts *self, const char *address)
{
  if (take_out (self, address))
    save (self);
}
