/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manager.Validate as a list, the worst first. Made by PbaServer; changes of settings and lists ask
 * again, one question at a time, and only what the user asked for may bring up a password's question.
 * The rows of lists that are at fault are fetched to be named. A check that fails leaves what was found
 * and says why.
 */
#include "model/finding-private.h"

#include "model/words.h"

#define MAX_ROWS 50 /* rows that are named: more would be a list of its own */

struct _PbaFindings
{
  GObject parent_instance;

  PbaConnection *connection;  /* (owned) */
  PbaSettingsModel *settings; /* (owned) */
  GPtrArray *items;           /* (owned) (element-type PbaFinding) */
  GPtrArray *passed;          /* (owned) (element-type PbaFinding) */
  gint64 time;
  gboolean checking;
  gboolean again, again_asked; /* when this one is done; the user wants it */
  char *error;                 /* (owned) (nullable) */
};

enum
{
  PROP_COUNT = 1,
  PROP_TIME,
  PROP_CHECKING,
  PROP_ERROR,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

static GType
get_item_type (GListModel *model)
{
  return PBA_TYPE_FINDING;
}

static guint
get_n_items (GListModel *model)
{
  return PBA_FINDINGS (model)->items->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  PbaFindings *self = PBA_FINDINGS (model);

  return position < self->items->len ? g_object_ref (self->items->pdata[position]) : NULL;
}

static void
list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (PbaFindings, pba_findings, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_init))

static int
compare_findings (gconstpointer a, gconstpointer b)
{
  PbaFinding *first = *(PbaFinding *const *) a;
  PbaFinding *second = *(PbaFinding *const *) b;

  return (int) pba_finding_get_severity (first) - (int) pba_finding_get_severity (second);
}

/* Evidence of rows comes later and is not compared. */
static gboolean
is_same (PbaFinding *first, PbaFinding *second)
{
  return pba_finding_get_severity (first) == pba_finding_get_severity (second)
         && g_str_equal (pba_finding_get_key (first), pba_finding_get_key (second))
         && g_str_equal (pba_finding_get_interface (first), pba_finding_get_interface (second))
         && g_str_equal (pba_finding_get_title (first), pba_finding_get_title (second))
         && g_str_equal (pba_finding_get_sentence (first), pba_finding_get_sentence (second))
         && (pba_finding_is_of_row (first)
             || g_strcmp0 (pba_finding_get_evidence (first), pba_finding_get_evidence (second))
                  == 0);
}

static gboolean
are_same (GPtrArray *old, GPtrArray *new)
{
  if (old->len != new->len)
    return FALSE;
  for (guint i = 0; i < old->len; i++)
    if (!is_same (old->pdata[i], new->pdata[i]))
      return FALSE;
  return TRUE;
}

static void
on_row (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaFinding) finding = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) cells = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  if (cells != NULL)
    pba_finding_take_row (finding, cells);
}

static void
name_rows (PbaFindings *self)
{
  guint n = 0;

  for (guint i = 0; i < self->items->len && n < MAX_ROWS; i++)
    {
      PbaFinding *finding = self->items->pdata[i];

      if (!pba_finding_is_of_row (finding))
        continue;
      n++;
      pba_connection_poll (self->connection, pba_finding_get_interface (finding), "Get",
                           g_variant_new ("(s)", pba_finding_get_key (finding)), "(a{sv})", NULL,
                           on_row, g_object_ref (finding));
    }
}

static void
take (PbaFindings *self, GVariant *found)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_object_unref);
  guint old = self->items->len;
  GVariantIter iter;
  const char *place, *severity, *words;

  g_variant_iter_init (&iter, found);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &place, &severity, &words))
    g_ptr_array_add (items, pba_finding_new (self->settings, place, severity, words));
  g_ptr_array_sort (items, compare_findings);
  self->time = g_get_real_time () / G_USEC_PER_SEC;
  g_ptr_array_unref (self->passed);
  self->passed = pba_finding_list_passed (self->connection, self->settings, items);
  if (!are_same (self->items, items))
    {
      g_ptr_array_unref (self->items);
      self->items = g_steal_pointer (&items);
      g_list_model_items_changed (G_LIST_MODEL (self), 0, old, self->items->len);
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_COUNT]);
    }
  name_rows (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TIME]);
}

static void
set_error (PbaFindings *self, const GError *error)
{
  g_free (self->error);
  self->error = error != NULL ? pba_words_error (error) : NULL;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ERROR]);
}

static void check (PbaFindings *self, gboolean may_question);

static void
on_validated (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaFindings) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, &error);
  g_autoptr (GVariant) found = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  self->checking = FALSE;
  if (found != NULL)
    take (self, found);
  set_error (self, error);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CHECKING]);
  if (self->again)
    check (self, self->again_asked);
}

/* @may_question: the user may be asked for a password. */
static void
check (PbaFindings *self, gboolean may_question)
{
  self->again_asked = self->checking && (may_question || (self->again && self->again_asked));
  self->again = self->checking;
  if (self->checking || pba_connection_get_state (self->connection) != PBA_CONNECTION_CONNECTED)
    return;
  self->checking = TRUE;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CHECKING]);
  (may_question ? pba_connection_call : pba_connection_poll) (self->connection, "Manager",
                                                              "Validate", NULL, "(a(sss))", NULL,
                                                              on_validated, g_object_ref (self));
}

void
pba_findings_check (PbaFindings *self)
{
  check (self, TRUE);
}

static void
on_connected (PbaConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  check (user_data, TRUE);
}

static void
on_changed (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  check (user_data, FALSE);
}

static void
pba_findings_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaFindings *self = PBA_FINDINGS (object);

  if (property == PROP_COUNT)
    g_value_set_uint (value, self->items->len);
  else if (property == PROP_TIME)
    g_value_set_int64 (value, self->time);
  else if (property == PROP_CHECKING)
    g_value_set_boolean (value, self->checking);
  else
    g_value_set_string (value, self->error);
}

static void
pba_findings_finalize (GObject *object)
{
  PbaFindings *self = PBA_FINDINGS (object);

  g_object_unref (self->connection);
  g_object_unref (self->settings);
  g_ptr_array_unref (self->items);
  g_ptr_array_unref (self->passed);
  g_free (self->error);
  G_OBJECT_CLASS (pba_findings_parent_class)->finalize (object);
}

static void
pba_findings_class_init (PbaFindingsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_findings_get_gproperty;
  object_class->finalize = pba_findings_finalize;
  properties[PROP_COUNT] = g_param_spec_uint ("count", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_TIME] = g_param_spec_int64 ("time", NULL, NULL, 0, G_MAXINT64, 0, flags);
  properties[PROP_CHECKING] = g_param_spec_boolean ("checking", NULL, NULL, FALSE, flags);
  properties[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_findings_init (PbaFindings *self)
{
  self->items = g_ptr_array_new_with_free_func (g_object_unref);
  self->passed = g_ptr_array_new_with_free_func (g_object_unref);
}

PbaFindings *
pba_findings_new (PbaConnection *connection, PbaManager *manager, PbaSettingsModel *settings)
{
  PbaFindings *self = g_object_new (PBA_TYPE_FINDINGS, NULL);

  self->connection = g_object_ref (connection);
  self->settings = g_object_ref (settings);
  /* Titles come from the settings, so they must be there first. */
  g_signal_connect_object (settings, "notify::loaded", G_CALLBACK (on_changed), self, 0);
  g_signal_connect_object (connection, "notify::connected", G_CALLBACK (on_connected), self, 0);
  g_signal_connect_object (manager, "notify::revision", G_CALLBACK (on_changed), self, 0);
  pba_findings_check (self);
  return self;
}

GPtrArray *
pba_findings_get_passed (PbaFindings *self)
{
  return self->passed;
}

gint64
pba_findings_get_time (PbaFindings *self)
{
  return self->time;
}

const char *
pba_findings_get_error (PbaFindings *self)
{
  return self->error;
}
