/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small constructors for GDBusInterfaceInfo trees, for the tables whose interfaces are built at run
 * time. Called once per interface; nothing is ever freed. GDBus reads the trees from any thread,
 * which is safe since they never change after they were handed out.
 */
#include "dbus/interface-info.h"

#include "dbus/names.h"

struct _PbInfoList
{
  GPtrArray *items; /* (owned) */
};

PbInfoList *
pb_info_list_new (void)
{
  PbInfoList *self = g_new (PbInfoList, 1);

  self->items = g_ptr_array_new ();
  return self;
}

void
pb_info_list_add (PbInfoList *self, gpointer info)
{
  g_ptr_array_add (self->items, info);
}

void
pb_info_list_add_annotation (PbInfoList *self, const char *key, const char *value)
{
  GDBusAnnotationInfo *info;

  if (value == NULL || value[0] == '\0')
    return;
  info = g_new0 (GDBusAnnotationInfo, 1);
  info->ref_count = -1;
  info->key = g_strconcat (PB_ANNOTATION_PREFIX, key, NULL);
  info->value = g_strdup (value);
  g_ptr_array_add (self->items, info);
}

gpointer
pb_info_list_end (PbInfoList *self)
{
  GPtrArray *items = self->items;

  g_free (self);
  if (items->len == 0)
    {
      g_ptr_array_free (items, TRUE);
      return NULL;
    }
  g_ptr_array_add (items, NULL);
  return g_ptr_array_free (items, FALSE);
}

GDBusArgInfo **
pb_info_args (const char *signature, ...)
{
  PbInfoList *list = pb_info_list_new ();
  va_list args;

  va_start (args, signature);
  for (const char *type = signature; type != NULL; type = va_arg (args, const char *))
    {
      GDBusArgInfo *info = g_new0 (GDBusArgInfo, 1);

      info->ref_count = -1;
      info->signature = g_strdup (type);
      info->name = g_strdup (va_arg (args, const char *));
      pb_info_list_add (list, info);
    }
  va_end (args);
  return pb_info_list_end (list);
}

static GDBusAnnotationInfo **
help_annotation (const char *help)
{
  PbInfoList *list = pb_info_list_new ();

  pb_info_list_add_annotation (list, "Help", help);
  return pb_info_list_end (list);
}

GDBusMethodInfo *
pb_info_method (const char *name, GDBusArgInfo **in, GDBusArgInfo **out, const char *help)
{
  GDBusMethodInfo *info = g_new0 (GDBusMethodInfo, 1);

  info->ref_count = -1;
  info->name = g_strdup (name);
  info->in_args = in;
  info->out_args = out;
  info->annotations = help_annotation (help);
  return info;
}

GDBusSignalInfo *
pb_info_signal (const char *name, GDBusArgInfo **args, const char *help)
{
  GDBusSignalInfo *info = g_new0 (GDBusSignalInfo, 1);

  info->ref_count = -1;
  info->name = g_strdup (name);
  info->args = args;
  info->annotations = help_annotation (help);
  return info;
}
