/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One row of a list: an id, a place and cells. Made empty by list-model.c when somebody looks at its
 * place, filled when its page has come, filled anew when the row changed. Cells that are missing or of
 * another type read as nothing, so that a newer or older service breaks no page.
 */
#include "model/list-row-private.h"

#include <string.h>

struct _PbaListRow
{
  GObject parent_instance;

  char *id; /* (owned) (nullable) */
  guint position;
  GVariant *cells; /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE (PbaListRow, pba_list_row, G_TYPE_OBJECT)

enum
{
  PROP_ID = 1,
  PROP_POSITION,
  PROP_LOADED,
  PROP_CELLS,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

static void
pba_list_row_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaListRow *self = PBA_LIST_ROW (object);

  if (property == PROP_ID)
    g_value_set_string (value, self->id);
  else if (property == PROP_POSITION)
    g_value_set_uint (value, self->position);
  else if (property == PROP_LOADED)
    g_value_set_boolean (value, self->cells != NULL);
  else
    g_value_set_variant (value, self->cells);
}

static void
pba_list_row_finalize (GObject *object)
{
  PbaListRow *self = PBA_LIST_ROW (object);

  g_free (self->id);
  g_clear_pointer (&self->cells, g_variant_unref);
  G_OBJECT_CLASS (pba_list_row_parent_class)->finalize (object);
}

static void
pba_list_row_class_init (PbaListRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = pba_list_row_get_gproperty;
  object_class->finalize = pba_list_row_finalize;
  properties[PROP_ID] = g_param_spec_string ("id", NULL, NULL, NULL, flags);
  properties[PROP_POSITION] = g_param_spec_uint ("position", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_LOADED] = g_param_spec_boolean ("loaded", NULL, NULL, FALSE, flags);
  properties[PROP_CELLS] =
    g_param_spec_variant ("cells", NULL, NULL, G_VARIANT_TYPE_ANY, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_list_row_init (PbaListRow *self)
{
}

PbaListRow *
pba_list_row_new (guint position)
{
  PbaListRow *self = g_object_new (PBA_TYPE_LIST_ROW, NULL);

  self->position = position;
  return self;
}

void
pba_list_row_fill (PbaListRow *self, guint position, GVariant *cells)
{
  gboolean loaded = self->cells != NULL;
  GObject *object = G_OBJECT (self);

  g_object_freeze_notify (object);
  if (self->position != position)
    {
      self->position = position;
      g_object_notify_by_pspec (object, properties[PROP_POSITION]);
    }
  if (!loaded || !g_variant_equal (self->cells, cells))
    {
      g_variant_ref (cells);
      g_clear_pointer (&self->cells, g_variant_unref);
      self->cells = cells;
      g_object_notify_by_pspec (object, properties[PROP_CELLS]);
    }
  if (!loaded)
    {
      g_variant_lookup (cells, "Id", "s", &self->id);
      g_object_notify_by_pspec (object, properties[PROP_ID]);
      g_object_notify_by_pspec (object, properties[PROP_LOADED]);
    }
  g_object_thaw_notify (object);
}

const char *
pba_list_row_get_id (PbaListRow *self)
{
  return self->id;
}

guint
pba_list_row_get_position (PbaListRow *self)
{
  return self->position;
}

gboolean
pba_list_row_get_loaded (PbaListRow *self)
{
  return self->cells != NULL;
}

GVariant *
pba_list_row_get_cells (PbaListRow *self)
{
  return self->cells;
}

const char *
pba_list_row_get_text (PbaListRow *self, const char *column)
{
  const char *text = "";

  if (self->cells != NULL)
    g_variant_lookup (self->cells, column, "&s", &text);
  return text;
}

gboolean
pba_list_row_get_boolean (PbaListRow *self, const char *column)
{
  gboolean flag = FALSE;

  if (self->cells != NULL)
    g_variant_lookup (self->cells, column, "b", &flag);
  return flag;
}

gint64
pba_list_row_get_number (PbaListRow *self, const char *column)
{
  g_autoptr (GVariant) value =
    self->cells != NULL ? g_variant_lookup_value (self->cells, column, NULL) : NULL;

  if (value == NULL)
    return 0;
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_UINT32:
      return g_variant_get_uint32 (value);
    case G_VARIANT_CLASS_INT32:
      return g_variant_get_int32 (value);
    case G_VARIANT_CLASS_UINT64:
      return (gint64) MIN (g_variant_get_uint64 (value), (guint64) G_MAXINT64);
    case G_VARIANT_CLASS_INT64:
      return g_variant_get_int64 (value);
    case G_VARIANT_CLASS_BOOLEAN:
    case G_VARIANT_CLASS_BYTE:
    case G_VARIANT_CLASS_INT16:
    case G_VARIANT_CLASS_UINT16:
    case G_VARIANT_CLASS_HANDLE:
    case G_VARIANT_CLASS_DOUBLE:
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
    case G_VARIANT_CLASS_VARIANT:
    case G_VARIANT_CLASS_MAYBE:
    case G_VARIANT_CLASS_ARRAY:
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
      break;
    }
  return 0;
}

char **
pba_list_row_dup_texts (PbaListRow *self, const char *column)
{
  char **texts = NULL;

  if (self->cells != NULL)
    g_variant_lookup (self->cells, column, "^as", &texts);
  return texts != NULL ? texts : g_new0 (char *, 1);
}
