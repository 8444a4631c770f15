/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Introspection of the settings interfaces, put together from the table's rows: each property with
 * its default, range, choices, unit, words and whether anything obeys it yet. Called by the bus
 * object and by tools that describe the interfaces; built once, never freed, read from any thread.
 */
#include "dbus/computed.h"
#include "dbus/interface-info.h"
#include "dbus/names.h"
#include "dbus/settings-table.h"

#include <string.h>

static void
add_annotation (PbInfoList *list, const char *key, const char *value)
{
  GDBusAnnotationInfo *info = g_new0 (GDBusAnnotationInfo, 1);

  info->ref_count = -1;
  info->key = g_strdup (key);
  info->value = g_strdup (value);
  pb_info_list_add (list, info);
}

/* Text as it stands, the rest as GVariant prints it: what a person wants to read in busctl. One that is empty
 * though the setting must not be stands for what the daemon works out. */
static void
describe_default (PbInfoList *list, const PbSettingSpec *spec)
{
  g_autoptr (GVariant) value = pb_setting_default (spec);
  g_autofree char *text =
    spec->type[0] == 's' ? g_variant_dup_string (value, NULL) : g_variant_print (value, FALSE);

  if (text[0] != '\0' || (spec->flags & PB_SETTING_MAY_BE_EMPTY) != 0)
    add_annotation (list, PB_ANNOTATION_PREFIX "Default", text);
}

static void
describe_flags (PbInfoList *list, PbSettingFlags flags)
{
  static const struct
  {
    PbSettingFlags flag;
    const char *name;
  } shown[] = {
    { PB_SETTING_PRIVATE, "Private" },
    { PB_SETTING_SECRET, "Secret" },
    { PB_SETTING_RESTART, "Restart" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (shown); i++)
    if ((flags & shown[i].flag) != 0)
      pb_info_list_add_annotation (list, shown[i].name, "true");
  /* Private values are never part of a signal: those who may see them ask again. */
  if ((flags & (PB_SETTING_PRIVATE | PB_SETTING_SECRET)) != 0)
    add_annotation (list, "org.freedesktop.DBus.Property.EmitsChangedSignal", "invalidates");
}

static GDBusPropertyInfo *
describe_setting (const PbSettingSpec *spec)
{
  GDBusPropertyInfo *info = g_new0 (GDBusPropertyInfo, 1);
  PbInfoList *list = pb_info_list_new ();

  describe_default (list, spec);
  if (spec->type[0] == 'u')
    {
      g_autofree char *minimum = g_strdup_printf ("%u", spec->minimum);
      g_autofree char *maximum = g_strdup_printf ("%u", spec->maximum);

      pb_info_list_add_annotation (list, "Minimum", minimum);
      pb_info_list_add_annotation (list, "Maximum", maximum);
    }
  pb_info_list_add_annotation (list, "Choices", spec->choices);
  if (strchr (spec->type, 's') != NULL && spec->choices == NULL)
    pb_info_list_add_annotation (list, "Form", pb_check_words (spec->check));
  pb_info_list_add_annotation (list, "Unit", spec->unit);
  pb_info_list_add_annotation (list, "Group", spec->group);
  pb_info_list_add_annotation (list, "Title", spec->title);
  pb_info_list_add_annotation (list, "Help", spec->help);
  pb_info_list_add_annotation (list, "Effective",
                               spec->flags & PB_SETTING_INEFFECTIVE ? "false" : "true");
  describe_flags (list, spec->flags);

  info->ref_count = -1;
  info->name = g_strdup (spec->name);
  info->signature = g_strdup (spec->type);
  info->flags = G_DBUS_PROPERTY_INFO_FLAGS_READABLE | G_DBUS_PROPERTY_INFO_FLAGS_WRITABLE;
  info->annotations = pb_info_list_end (list);
  return info;
}

static GDBusPropertyInfo *
describe_computed (const PbComputedSpec *spec)
{
  GDBusPropertyInfo *info = g_new0 (GDBusPropertyInfo, 1);
  PbInfoList *list = pb_info_list_new ();

  pb_info_list_add_annotation (list, "Choices", spec->choices);
  pb_info_list_add_annotation (list, "Group", spec->group);
  pb_info_list_add_annotation (list, "Title", spec->title);
  pb_info_list_add_annotation (list, "Help", spec->help);
  pb_info_list_add_annotation (list, "Effective",
                               spec->flags & PB_SETTING_INEFFECTIVE ? "false" : "true");
  describe_flags (list, spec->flags);
  info->ref_count = -1;
  info->name = g_strdup (spec->name);
  info->signature = g_strdup (spec->type);
  info->flags = G_DBUS_PROPERTY_INFO_FLAGS_READABLE;
  info->annotations = pb_info_list_end (list);
  return info;
}

/* The keys that mail is signed with. */
static GDBusMethodInfo **
describe_keys (void)
{
  PbInfoList *list = pb_info_list_new ();

  pb_info_list_add (
    list, pb_info_method ("CreateKey", pb_info_args ("s", "domain", "s", "selector", "s", "algorithm", NULL),
                          pb_info_args ("s", "id", NULL),
                          "Makes a key for mail of a domain. domain: a local one. selector: letters, digits and hyphens; empty: one is chosen. "
                          "algorithm: rsa (2048 bits) or ed25519. id: of the key, which signs nothing until its DNS record, which ListKeys "
                          "gives, is published and ActivateKey was called. Needs the action modify-settings."));
  pb_info_list_add (
    list, pb_info_method ("ListKeys", NULL, pb_info_args ("aa{sv}", "keys", NULL),
                          "Tells all keys. keys: Id s, Domain s, Selector s, Algorithm s, Active b, Usable b (the master key opens it), Made t "
                          "(Unix seconds), RecordName s and Record s: the TXT record to publish. Needs the action view."));
  pb_info_list_add (list,
                    pb_info_method ("ActivateKey", pb_info_args ("s", "id", "b", "active", NULL), NULL,
                                    "Switches a key on or off. id: of ListKeys. active: whether mail is signed with it. Of each algorithm the newest active key of a domain "
                                    "signs. Needs the action modify-settings."));
  pb_info_list_add (list,
                    pb_info_method ("RemoveKey", pb_info_args ("s", "id", NULL), NULL,
                                    "Removes a key for good. id: of ListKeys. Mail under way that it signed can be verified as long as its DNS record stays. "
                                    "Needs the action modify-settings."));
  return pb_info_list_end (list);
}

/* Certificates come over the bus, too. */
static GDBusMethodInfo **
describe_import (void)
{
  PbInfoList *list = pb_info_list_new ();

  pb_info_list_add (list, pb_info_method ("Import", pb_info_args ("ay", "chain", "ay", "key", NULL), NULL,
                                          "Takes a certificate and its key, which are checked, kept in the state directory and in "
                                          "force at once: CertificateFile and KeyFile then name them. chain: PEM, the server's own "
                                          "certificate first, at most 256 KiB. key: PEM, without a passphrase, likewise. Needs the action set-secrets."));
  return pb_info_list_end (list);
}

static GHashTable *
describe_interfaces (void)
{
  GHashTable *infos = g_hash_table_new (g_str_hash, g_str_equal);
  const char *const *names = pb_setting_interfaces ();

  for (guint i = 0; names[i] != NULL; i++)
    {
      GDBusInterfaceInfo *info = g_new0 (GDBusInterfaceInfo, 1);
      PbInfoList *list = pb_info_list_new ();

      for (guint id = 0; id < PB_N_SETTINGS; id++)
        if (g_str_equal (pb_setting_spec (id)->interface, names[i]))
          pb_info_list_add (list, describe_setting (pb_setting_spec (id)));
      for (guint id = 0; id < PB_N_COMPUTED; id++)
        if (g_str_equal (pb_computed_spec (id)->interface, names[i]))
          pb_info_list_add (list, describe_computed (pb_computed_spec (id)));
      info->ref_count = -1;
      info->name = g_strconcat (PB_INTERFACE_PREFIX, names[i], NULL);
      info->properties = pb_info_list_end (list);
      if (g_str_equal (names[i], "Tls"))
        info->methods = describe_import ();
      else if (g_str_equal (names[i], "MailAuth"))
        info->methods = describe_keys ();
      g_hash_table_insert (infos, (char *) names[i], info);
    }
  return infos;
}

GDBusInterfaceInfo *
pb_setting_interface_info (const char *interface)
{
  static gsize infos;

  if (g_once_init_enter (&infos))
    g_once_init_leave (&infos, (gsize) describe_interfaces ());
  return g_hash_table_lookup ((GHashTable *) infos, interface);
}
