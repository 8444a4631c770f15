/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages and Blocks, for as long as the service has no interface for them: one sentence that says so,
 * and groups of counters as a table gives them. A counter that the service lacks has no row; refusals
 * get a row for every check that has refused. Made by the table of pages.
 */
#include "pages/tally-page.h"

#include "dbus/names.h"
#include "model/reply.h"
#include "model/words.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>
#include <string.h>

#define MAX_GROUPS 3

typedef struct
{
  const char *counter, *title; /* a counter that ends in "." stands for all that begin so */
  gboolean octets;
} Row;

typedef struct
{
  const char *title;
  const char *nothing; /* (nullable): in place of rows when there are none */
  Row rows[6];
} Group;

typedef struct
{
  const char *id, *interface;
  const char *absent_title, *absent; /* what the service does not do */
  Group groups[MAX_GROUPS];
} Tally;

static const Tally tallies[] = {
  { "messages",
    "History",
    N_ ("No Record of Messages Yet"),
    N_ ("This server does not keep what became of single messages, so they cannot be looked up "
        "here. It counts them."),
    { { N_ ("Incoming Mail"),
        NULL,
        { { "accepted", N_ ("Accepted") }, { "bytes.in", N_ ("Received"), TRUE } } },
      { N_ ("Outgoing Mail"),
        NULL,
        { { "delivered", N_ ("Delivered") },
          { "deferred", N_ ("Deferred") },
          { "bounced", N_ ("Bounced") },
          { "discarded", N_ ("Discarded") },
          { "bytes.out", N_ ("Sent"), TRUE } } },
      { N_ ("Refused"), N_ ("Nothing Was Refused"), { { "refused.", NULL } } } } },
  { "blocks",
    "Blocks",
    N_ ("No Blocks Yet"),
    N_ ("This server does not block clients by itself, so there is nothing to lift here. It counts "
        "what it refuses."),
    { { N_ ("Connections"),
        NULL,
        { { "connections", N_ ("Connections") },
          { "tls.in", N_ ("Encrypted") },
          { "refused.connections", N_ ("Refused: too many connections") } } },
      { N_ ("Logins"),
        NULL,
        { { "auth.ok", N_ ("Accepted") }, { "auth.failed", N_ ("Refused") } } } } },
};

struct _PbaTallyPage
{
  PbaPage parent_instance;

  const Tally *tally;
  AdwPreferencesPage *preferences; /* all (unowned) */
  GtkWidget *notice;               /* the sentence */
  GtkWidget *retry;
  AdwPreferencesGroup *groups[MAX_GROUPS]; /* (nullable) */
  GHashTable *values;                      /* (owned): counter -> the label of its row, borrowed */
  char *shown; /* (owned) (nullable): names of the counters that have rows */
};

G_DEFINE_FINAL_TYPE (PbaTallyPage, pba_tally_page, PBA_TYPE_PAGE)

static PbaStatistics *
statistics_of (PbaTallyPage *self)
{
  return pba_server_get_statistics (pba_page_get_server (PBA_PAGE (self)));
}

/* ---- rows ---- */

static void
add_row (PbaTallyPage *self, AdwPreferencesGroup *group, const char *counter, const char *title)
{
  GtkWidget *row =
    g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", title, "title-lines", 0, NULL);
  GtkWidget *value = gtk_label_new (NULL);

  gtk_widget_add_css_class (value, "dim-label");
  gtk_widget_add_css_class (value, "numeric");
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), value);
  adw_preferences_group_add (group, row);
  g_hash_table_insert (self->values, g_strdup (counter), value);
}

static void
add_checks (PbaTallyPage *self, AdwPreferencesGroup *group, const Group *spec)
{
  g_autoptr (GPtrArray) names = pba_statistics_list (statistics_of (self), spec->rows[0].counter);

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = names->pdata[i];
      g_autofree char *title = pba_check_title (name + strlen (spec->rows[0].counter));

      add_row (self, group, name, title);
    }
  if (names->len == 0)
    adw_preferences_group_add (group, g_object_new (ADW_TYPE_ACTION_ROW, "title", _ (spec->nothing),
                                                    NULL));
}

static void
make_group (PbaTallyPage *self, guint number)
{
  const Group *spec = &self->tally->groups[number];
  AdwPreferencesGroup *group;

  if (self->groups[number] != NULL)
    adw_preferences_page_remove (self->preferences, self->groups[number]);
  self->groups[number] = NULL;
  if (spec->title == NULL || !pba_statistics_get_known (statistics_of (self)))
    return;
  group = self->groups[number] = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  adw_preferences_group_set_title (group, _ (spec->title));
  if (number == 0)
    adw_preferences_group_set_description (group, _ ("Since the service started"));
  adw_preferences_page_add (self->preferences, group);
  if (spec->rows[0].title == NULL)
    add_checks (self, group, spec);
  for (const Row *row = spec->rows; row->title != NULL; row++)
    if (pba_statistics_has (statistics_of (self), row->counter))
      add_row (self, group, row->counter, _ (row->title));
}

static gboolean
is_octets (PbaTallyPage *self, const char *counter)
{
  for (guint i = 0; i < MAX_GROUPS; i++)
    for (const Row *row = self->tally->groups[i].rows; row->title != NULL; row++)
      if (g_str_equal (row->counter, counter))
        return row->octets;
  return FALSE;
}

static void
show_values (PbaTallyPage *self)
{
  GHashTableIter iter;
  gpointer counter, value;

  g_hash_table_iter_init (&iter, self->values);
  while (g_hash_table_iter_next (&iter, &counter, &value))
    {
      guint64 count = pba_statistics_get (statistics_of (self), counter);
      GtkWidget *row = gtk_widget_get_ancestor (value, ADW_TYPE_ACTION_ROW);
      const char *title = adw_preferences_row_get_title (ADW_PREFERENCES_ROW (row));
      g_autofree char *text =
        is_octets (self, counter) ? pba_words_size (count) : pba_words_count (count);
      g_autofree char *name = g_strdup_printf ("%s, %s", title, text);

      gtk_label_set_label (value, text);
      pba_accessible_name (row, name);
    }
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Which rows there are changes when a check refuses for the first time. */
static void
on_updated (PbaTallyPage *self)
{
  g_autoptr (GPtrArray) names = pba_statistics_list (statistics_of (self), "");
  g_autofree char *signature = NULL;

  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  signature = g_strjoinv (" ", (char **) names->pdata);
  if (g_strcmp0 (signature, self->shown) != 0)
    {
      g_hash_table_remove_all (self->values);
      for (guint i = 0; i < MAX_GROUPS; i++)
        make_group (self, i);
      g_free (self->shown);
      self->shown = g_steal_pointer (&signature);
    }
  show_values (self);
}

/* ---- the page ---- */

static gboolean
has_interface (PbaTallyPage *self)
{
  PbaConnection *connection = pba_server_get_connection (pba_page_get_server (PBA_PAGE (self)));
  GDBusNodeInfo *node = pba_connection_get_node (connection);
  g_autofree char *name = g_strconcat (PB_INTERFACE_PREFIX, self->tally->interface, NULL);

  return node != NULL && g_dbus_node_info_lookup_interface (node, name) != NULL;
}

static void
show_notice (GtkWidget *row, const char *title, const char *sentence)
{
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), sentence);
  pba_accessible_name (row, title);
  pba_accessible_describe (row, sentence);
}

static void
show_notices (PbaTallyPage *self)
{
  const char *error = pba_statistics_get_error (statistics_of (self));

  if (has_interface (self))
    show_notice (self->notice, _ ("Not in This Version"),
                 _ ("The server offers more than this program can show. Update it on this "
                    "computer."));
  else
    show_notice (self->notice, _ (self->tally->absent_title), _ (self->tally->absent));
  gtk_widget_set_visible (self->retry, error != NULL);
  if (error != NULL)
    show_notice (self->retry, _ ("The counters cannot be read"), error);
}

static void
on_retry (PbaTallyPage *self)
{
  pba_statistics_retry (statistics_of (self));
}

static void
pba_tally_page_shown (PbaPage *page)
{
  pba_statistics_set_watched (statistics_of (PBA_TALLY_PAGE (page)), TRUE);
}

static void
pba_tally_page_hidden (PbaPage *page)
{
  pba_statistics_set_watched (statistics_of (PBA_TALLY_PAGE (page)), FALSE);
}

static void
pba_tally_page_finalize (GObject *object)
{
  PbaTallyPage *self = PBA_TALLY_PAGE (object);

  g_hash_table_unref (self->values);
  g_free (self->shown);
  G_OBJECT_CLASS (pba_tally_page_parent_class)->finalize (object);
}

static void
pba_tally_page_class_init (PbaTallyPageClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_tally_page_finalize;
  PBA_PAGE_CLASS (klass)->shown = pba_tally_page_shown;
  PBA_PAGE_CLASS (klass)->hidden = pba_tally_page_hidden;
}

static GtkWidget *
make_notice (AdwPreferencesGroup *group, const char *icon)
{
  GtkWidget *row = g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title-lines", 0,
                                 "subtitle-lines", 0, NULL);
  GtkWidget *image = g_object_new (GTK_TYPE_IMAGE, "icon-name", icon, "accessible-role",
                                   GTK_ACCESSIBLE_ROLE_PRESENTATION, NULL);

  adw_action_row_add_prefix (ADW_ACTION_ROW (row), image);
  adw_preferences_group_add (group, row);
  return row;
}

static void
pba_tally_page_init (PbaTallyPage *self)
{
  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->preferences = ADW_PREFERENCES_PAGE (adw_preferences_page_new ());
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (self->preferences));
}

static void
make_notices (PbaTallyPage *self, const char *icon)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  GtkWidget *button = gtk_button_new_with_label (_ ("Try Again"));

  self->notice = make_notice (group, icon);
  self->retry = make_notice (group, "dialog-warning-symbolic");
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  g_signal_connect_object (button, "clicked", G_CALLBACK (on_retry), self, G_CONNECT_SWAPPED);
  adw_action_row_add_suffix (ADW_ACTION_ROW (self->retry), button);
  adw_preferences_page_add (self->preferences, group);
}

GtkWidget *
pba_tally_page_new (PbaServer *server, const char *title, const char *id, const char *icon)
{
  PbaTallyPage *self = g_object_new (PBA_TYPE_TALLY_PAGE, "server", server, "title", title, NULL);

  self->tally = tallies;
  while (!g_str_equal (self->tally->id, id))
    self->tally++;
  make_notices (self, icon);
  pba_accessible_name_lists (GTK_WIDGET (self), title);
  g_signal_connect_object (statistics_of (self), "updated", G_CALLBACK (on_updated), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (statistics_of (self), "notify::error", G_CALLBACK (show_notices), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (pba_server_get_connection (server), "notify::connected",
                           G_CALLBACK (show_notices), self, G_CONNECT_SWAPPED);
  show_notices (self);
  on_updated (self);
  return GTK_WIDGET (self);
}
