/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Introspection of the list interfaces: the one shape of methods and the signal that all lists
 * share, with the columns of each as annotations, so that a person with busctl can read what a row
 * holds. Built once per list, never freed, read from any thread.
 */
#include "dbus/interface-info.h"
#include "dbus/list-kinds.h"
#include "dbus/names.h"

#include <string.h>

static void
append_facts (GString *text, const PbColumnSpec *column)
{
  g_string_append_printf (text, "type %s", column->type);
  if ((column->flags & PB_COLUMN_REQUIRED) != 0)
    g_string_append (text, "; required");
  else
    g_string_append_printf (text, "; default %s", column->def);
  if ((column->flags & PB_COLUMN_READ_ONLY) != 0)
    g_string_append (text, "; read-only");
  if ((column->flags & PB_COLUMN_UNIQUE) != 0)
    g_string_append (text, "; unique");
  if ((column->flags & PB_COLUMN_INEFFECTIVE) != 0)
    g_string_append (text, "; not obeyed yet");
  if (column->maximum != 0)
    g_string_append_printf (text, "; %u to %u", column->minimum, column->maximum);
  if (column->choices != NULL)
    g_string_append_printf (text, "; one of %s", column->choices);
  else if (strchr (column->type, 's') != NULL)
    g_string_append_printf (text, "; %s%s", column->type[0] == 'a' ? "each " : "",
                            pb_check_words (column->check));
}

static GDBusAnnotationInfo **
describe_columns (const PbListSpec *spec)
{
  PbInfoList *list = pb_info_list_new ();

  pb_info_list_add_annotation (list, "Title", spec->title);
  pb_info_list_add_annotation (list, "Help", spec->help);
  pb_info_list_add_annotation (list, "Effective", spec->ineffective ? "false" : "true");
  for (guint i = 0; i < spec->n_columns; i++)
    {
      const PbColumnSpec *column = &spec->columns[i];
      g_autofree char *key = g_strconcat ("Column.", column->name, NULL);
      g_autoptr (GString) text = g_string_new (NULL);

      append_facts (text, column);
      g_string_append_printf (text, ". %s", column->help);
      pb_info_list_add_annotation (list, key, text->str);
    }
  return pb_info_list_end (list);
}

static GDBusMethodInfo **
describe_methods (const PbListSpec *spec)
{
  PbInfoList *list = pb_info_list_new ();

  pb_info_list_add (
    list,
    pb_info_method ("List", pb_info_args ("a{sv}", "filter", "u", "offset", "u", "limit", NULL),
                    pb_info_args ("t", "revision", "u", "total", "aa{sv}", "rows", NULL),
                    "A page of at most 500 rows; filter Search s finds text in any cell."));
  pb_info_list_add (list, pb_info_method ("Get", pb_info_args ("s", "id", NULL),
                                          pb_info_args ("a{sv}", "row", NULL), "The row of this id."));
  pb_info_list_add (list, pb_info_method ("Add", pb_info_args ("a{sv}", "row", NULL),
                                          pb_info_args ("s", "id", NULL),
                                          "Adds a row at the end; cells left out get defaults."));
  pb_info_list_add (list, pb_info_method ("Update", pb_info_args ("s", "id", "a{sv}", "row", NULL),
                                          NULL, "Changes the cells that are given."));
  pb_info_list_add (list, pb_info_method ("Remove", pb_info_args ("as", "ids", NULL), NULL,
                                          "Removes rows, all or none."));
  pb_info_list_add (list, pb_info_method ("Move", pb_info_args ("s", "id", "u", "position", NULL),
                                          NULL, "Moves a row to a position, counted from 0."));
  pb_info_list_add (list, pb_info_method ("Replace", pb_info_args ("aa{sv}", "rows", NULL), NULL,
                                          "Makes these all the rows, in this order; those with a "
                                          "known Id are changed, the others added."));
  if (spec == pb_list_spec (PB_LIST_ACCOUNTS))
    pb_info_list_add (
      list, pb_info_method ("SetPassword", pb_info_args ("s", "id", "ay", "password", NULL), NULL,
                            "Sets the password with which the account logs in: UTF-8, up to 1024 "
                            "octets, one NUL at the end is cut. Empty takes it away. It cannot be "
                            "read again; only a SCRAM-SHA-256 verifier of it is kept."));
  return pb_info_list_end (list);
}

static GDBusInterfaceInfo *
describe_list (const PbListSpec *spec)
{
  GDBusInterfaceInfo *info = g_new0 (GDBusInterfaceInfo, 1);
  PbInfoList *signals = pb_info_list_new ();

  pb_info_list_add (signals, pb_info_signal ("Changed", pb_info_args ("t", "revision", NULL),
                                             "Sent after every change of the rows."));
  info->ref_count = -1;
  info->name = g_strconcat (PB_INTERFACE_PREFIX, spec->name, NULL);
  info->methods = describe_methods (spec);
  info->signals = pb_info_list_end (signals);
  info->annotations = describe_columns (spec);
  return info;
}

GDBusInterfaceInfo *
pb_list_interface_info (PbListKind kind)
{
  static gsize infos[PB_N_LISTS];

  g_return_val_if_fail (kind < PB_N_LISTS, NULL);
  if (g_once_init_enter (&infos[kind]))
    g_once_init_leave (&infos[kind], (gsize) describe_list (pb_list_spec (kind)));
  return (GDBusInterfaceInfo *) infos[kind];
}
