/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One setting: what the service says of it in its introspection, joined with what our copy of the
 * table knows; the value that holds and the one the user made of it. Made and fed by
 * settings-model.c; rows bind to the properties. Every pending value is judged at once by the same
 * code that the service judges with; the sentence is in "error". Owned by the model, lives on the
 * main thread.
 */
#include "model/setting-private.h"

#include "model/words.h"

#include <glib/gi18n.h>
#include <string.h>

G_DEFINE_ENUM_TYPE (PbaSettingKind, pba_setting_kind,
                    G_DEFINE_ENUM_VALUE (PBA_SETTING_SWITCH, "switch"),
                    G_DEFINE_ENUM_VALUE (PBA_SETTING_NUMBER, "number"),
                    G_DEFINE_ENUM_VALUE (PBA_SETTING_LIMIT, "limit"),
                    G_DEFINE_ENUM_VALUE (PBA_SETTING_POLICY, "policy"),
                    G_DEFINE_ENUM_VALUE (PBA_SETTING_CHOICE, "choice"),
                    G_DEFINE_ENUM_VALUE (PBA_SETTING_RADIO, "radio"),
                    G_DEFINE_ENUM_VALUE (PBA_SETTING_TEXT, "text"),
                    G_DEFINE_ENUM_VALUE (PBA_SETTING_LIST, "list"))

G_DEFINE_FINAL_TYPE (PbaSetting, pba_setting, G_TYPE_OBJECT)

enum
{
  PROP_KEY = 1,
  PROP_INTERFACE,
  PROP_NAME,
  PROP_TYPE,
  PROP_TITLE,
  PROP_HELP,
  PROP_GROUP,
  PROP_UNIT,
  PROP_ERROR,
  PROP_WAS,
  PROP_NOTE,
  PROP_WARNING, /* the last of the strings */
  PROP_KIND,
  PROP_MINIMUM,
  PROP_MAXIMUM,
  PROP_CHOICES,
  PROP_EFFECTIVE,
  PROP_PRIVATE,
  PROP_KNOWN,
  PROP_READABLE,
  PROP_WRITABLE,
  PROP_CHANGED,
  PROP_CONFLICT,
  PROP_VALUE,
  PROP_PENDING,
  N_PROPERTIES,
};
static GParamSpec *properties[N_PROPERTIES];

/* Limits: 0 is "off", so they get a switch. */
static const char *const limits[] = {
  "ConnectionPolicy.MaxConnections",
  "ConnectionPolicy.MaxMessagesPerMinute",
  "ConnectionPolicy.MaxConnectionsPerMinute",
  "Advanced.MaxUnknownRecipients",
  "AuthLimits.FailuresPerHour",
  NULL,
};

static void
notify (PbaSetting *self, guint property)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

static PbaSettingKind
find_kind (PbaSetting *self)
{
  static const char *const policy[] = { "off", "watch", "enforce", NULL };

  if (self->type[0] == 'b')
    return PBA_SETTING_SWITCH;
  if (self->type[0] == 'u')
    return g_strv_contains (limits, self->key) && self->minimum == 0 ? PBA_SETTING_LIMIT
                                                                     : PBA_SETTING_NUMBER;
  if (self->type[0] == 'a')
    return PBA_SETTING_LIST;
  if (self->choices == NULL)
    return PBA_SETTING_TEXT;
  if (g_str_equal (self->key, "Delivery.Mode") && g_strv_length (self->choices) == 2)
    return PBA_SETTING_RADIO;
  return g_strv_equal ((const char *const *) self->choices, policy) ? PBA_SETTING_POLICY
                                                                    : PBA_SETTING_CHOICE;
}

static const char *
annotation (GDBusPropertyInfo *info, const char *key, const char *otherwise)
{
  const char *text = g_dbus_annotation_info_lookup (info->annotations, key);

  return text != NULL ? text : otherwise;
}

/* Text stands as it is in the annotation, the rest as GVariant prints it. */
static GVariant *
parse_default (PbaSetting *self, const char *text)
{
  if (text == NULL)
    return NULL;
  if (self->type[0] == 's')
    return g_variant_ref_sink (g_variant_new_string (text));
  return g_variant_parse (G_VARIANT_TYPE (self->type), text, NULL, NULL, NULL);
}

void
pba_setting_describe (PbaSetting *self, GDBusPropertyInfo *info)
{
  const char *choices = annotation (info, "org.postbus.Choices", NULL);

  g_free (self->title);
  g_free (self->help);
  g_free (self->group);
  g_free (self->group_id);
  g_free (self->unit);
  g_strfreev (self->choices);
  g_clear_pointer (&self->def, g_variant_unref);

  self->title = g_strdup (_ (annotation (info, "org.postbus.Title", self->name)));
  self->help = pba_words_help (annotation (info, "org.postbus.Help", ""));
  self->group_id = g_strdup (annotation (info, "org.postbus.Group", self->interface));
  self->group = g_strdup (_ (self->group_id));
  self->unit = g_strdup (pba_words_unit (annotation (info, "org.postbus.Unit", "")));
  self->minimum = g_ascii_strtoull (annotation (info, "org.postbus.Minimum", "0"), NULL, 10);
  self->maximum =
    g_ascii_strtoull (annotation (info, "org.postbus.Maximum", "4294967295"), NULL, 10);
  self->choices = choices != NULL ? g_strsplit (choices, "|", -1) : NULL;
  self->def = parse_default (self, annotation (info, "org.postbus.Default", NULL));
  self->effective = !g_str_equal (annotation (info, "org.postbus.Effective", "true"), "false");
  self->is_private = g_str_equal (annotation (info, "org.postbus.Private", "false"), "true");
  self->kind = find_kind (self);
}

PbaSetting *
pba_setting_new (const char *interface, GDBusPropertyInfo *info)
{
  PbaSetting *self = g_object_new (PBA_TYPE_SETTING, NULL);

  self->interface = g_strdup (interface);
  self->name = g_strdup (info->name);
  self->key = g_strconcat (interface, ".", info->name, NULL);
  self->type = g_strdup (info->signature);
  self->spec = pb_setting_lookup (self->key);
  /* A newer service may have made another type of it: then the table's row is not about it. */
  if (self->spec != NULL && !g_str_equal (self->spec->type, self->type))
    self->spec = NULL;
  self->rank = G_MAXUINT;
  for (guint id = 0; self->spec != NULL && id < PB_N_SETTINGS; id++)
    if (pb_setting_spec (id) == self->spec)
      self->rank = id;
  pba_setting_describe (self, info);
  return self;
}

/* A newer service may allow more than our table: its own range and choices then count. */
static char *
judge_by_annotations (PbaSetting *self)
{
  if (self->type[0] == 'u'
      && (g_variant_get_uint32 (self->pending) < self->minimum
          || g_variant_get_uint32 (self->pending) > self->maximum))
    return g_strdup_printf ("must be between %u and %u", self->minimum, self->maximum);
  if (self->type[0] == 's' && self->choices != NULL
      && !g_strv_contains ((const char *const *) self->choices,
                           g_variant_get_string (self->pending, NULL)))
    {
      g_autofree char *all = g_strjoinv (", ", self->choices);

      return g_strdup_printf ("must be one of %s", all);
    }
  return NULL;
}

static char *
judge (PbaSetting *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *words = NULL;

  if (self->pending == NULL || self->value == NULL || g_variant_equal (self->pending, self->value))
    return NULL;
  if (self->spec != NULL && self->type[0] != 'u' && self->choices == NULL)
    return pb_setting_validate (self->spec, self->pending, &error)
             ? NULL
             : pba_words_problem (error->message);
  words = judge_by_annotations (self);
  return words != NULL ? pba_words_problem (words) : NULL;
}

/* Announces what followed from another value or pending. */
static void
reconsider (PbaSetting *self)
{
  G_GNUC_UNUSED g_autofree char *old = g_steal_pointer (&self->problem);

  self->problem = judge (self);
  notify (self, PROP_PENDING);
  notify (self, PROP_CHANGED);
  notify (self, PROP_WAS);
  notify (self, PROP_ERROR);
}

void
pba_setting_set_pending (PbaSetting *self, GVariant *value)
{
  g_autoptr (GVariant) taken = g_variant_ref_sink (value);

  if (!g_variant_is_of_type (taken, G_VARIANT_TYPE (self->type)))
    return;
  if (self->value == NULL || (self->pending != NULL && g_variant_equal (self->pending, taken)))
    return;
  g_clear_pointer (&self->pending, g_variant_unref);
  self->pending = g_steal_pointer (&taken);
  g_clear_pointer (&self->refusal, g_free);
  if (g_variant_equal (self->pending, self->value))
    pba_setting_clear_conflict (self);
  reconsider (self);
}

void
pba_setting_take_value (PbaSetting *self, GVariant *value)
{
  gboolean edited = pba_setting_get_changed (self);

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE (self->type)))
    return;
  if (self->unreadable)
    {
      self->unreadable = FALSE;
      notify (self, PROP_READABLE);
    }
  if (self->value != NULL && g_variant_equal (self->value, value))
    return;
  g_clear_pointer (&self->value, g_variant_unref);
  self->value = g_variant_ref (value);
  if (!edited)
    {
      g_clear_pointer (&self->pending, g_variant_unref);
      self->pending = g_variant_ref (value);
      g_clear_pointer (&self->refusal, g_free);
    }
  if (self->conflict != (edited && !g_variant_equal (self->pending, value)))
    {
      self->conflict = !self->conflict;
      notify (self, PROP_CONFLICT);
    }
  notify (self, PROP_VALUE);
  reconsider (self);
}

void
pba_setting_applied (PbaSetting *self, GVariant *value)
{
  g_clear_pointer (&self->value, g_variant_unref);
  self->value = g_variant_ref (value);
  g_clear_pointer (&self->refusal, g_free);
  pba_setting_clear_conflict (self);
  notify (self, PROP_VALUE);
  reconsider (self);
}

void
pba_setting_clear_conflict (PbaSetting *self)
{
  if (!self->conflict)
    return;
  self->conflict = FALSE;
  notify (self, PROP_CONFLICT);
}

void
pba_setting_set_error (PbaSetting *self, const char *sentence)
{
  g_free (self->refusal);
  self->refusal = g_strdup (sentence);
  notify (self, PROP_ERROR);
}

void
pba_setting_set_unreadable (PbaSetting *self)
{
  if (self->unreadable)
    return;
  self->unreadable = TRUE;
  notify (self, PROP_READABLE);
}

void
pba_setting_set_writable (PbaSetting *self, gboolean writable)
{
  if (self->writable == writable)
    return;
  self->writable = writable;
  notify (self, PROP_WRITABLE);
}

void
pba_setting_undo (PbaSetting *self)
{
  if (self->value != NULL)
    pba_setting_set_pending (self, self->value);
}

void
pba_setting_set_help (PbaSetting *self, const char *help)
{
  g_free (self->help);
  self->help = g_strdup (help);
  notify (self, PROP_HELP);
}

void
pba_setting_set_note (PbaSetting *self, const char *note)
{
  if (g_strcmp0 (self->note, note) == 0)
    return;
  g_free (self->note);
  self->note = g_strdup (note);
  notify (self, PROP_NOTE);
}

void
pba_setting_set_warning (PbaSetting *self, const char *sentence)
{
  if (g_strcmp0 (self->warning, sentence) == 0)
    return;
  g_free (self->warning);
  self->warning = g_strdup (sentence);
  notify (self, PROP_WARNING);
}

static char *
describe_was (PbaSetting *self)
{
  g_autofree char *old = NULL;

  if (!pba_setting_get_changed (self))
    return NULL;
  old = pba_words_value (self->key, (const char *const *) self->choices, self->value);
  /* Translators: what a changed setting was before: “Was 1000” */
  return g_strdup_printf (_ ("Was %s"), old);
}

static void
get_flag (PbaSetting *self, guint property, GValue *value)
{
  const gboolean flags[N_PROPERTIES] = {
    [PROP_EFFECTIVE] = self->effective, [PROP_PRIVATE] = self->is_private,
    [PROP_KNOWN] = self->spec != NULL,  [PROP_READABLE] = !self->unreadable,
    [PROP_WRITABLE] = self->writable,   [PROP_CHANGED] = pba_setting_get_changed (self),
    [PROP_CONFLICT] = self->conflict,
  };

  g_value_set_boolean (value, flags[property]);
}

static void
pba_setting_get_gproperty (GObject *object, guint property, GValue *value, GParamSpec *pspec)
{
  PbaSetting *self = PBA_SETTING (object);
  const char *const strings[PROP_WARNING + 1] = {
    [PROP_KEY] = self->key,
    [PROP_INTERFACE] = self->interface,
    [PROP_NAME] = self->name,
    [PROP_TYPE] = self->type,
    [PROP_TITLE] = self->title,
    [PROP_HELP] = self->help,
    [PROP_GROUP] = self->group,
    [PROP_UNIT] = self->unit,
    [PROP_ERROR] = pba_setting_get_error (self),
    [PROP_NOTE] = self->note,
    [PROP_WARNING] = self->warning,
  };

  if (property == PROP_WAS)
    g_value_take_string (value, describe_was (self));
  else if (property <= PROP_WARNING)
    g_value_set_string (value, strings[property]);
  else if (property == PROP_KIND)
    g_value_set_enum (value, self->kind);
  else if (property == PROP_MINIMUM || property == PROP_MAXIMUM)
    g_value_set_uint (value, property == PROP_MINIMUM ? self->minimum : self->maximum);
  else if (property == PROP_CHOICES)
    g_value_set_boxed (value, self->choices);
  else if (property == PROP_VALUE || property == PROP_PENDING)
    g_value_set_variant (value, property == PROP_VALUE ? self->value : self->pending);
  else
    get_flag (self, property, value);
}

static void
pba_setting_set_gproperty (GObject *object, guint property, const GValue *value, GParamSpec *pspec)
{
  PbaSetting *self = PBA_SETTING (object);

  if (property == PROP_HELP)
    pba_setting_set_help (self, g_value_get_string (value));
  else if (property == PROP_NOTE)
    pba_setting_set_note (self, g_value_get_string (value));
  else if (property == PROP_PENDING && g_value_get_variant (value) != NULL)
    pba_setting_set_pending (self, g_value_get_variant (value));
}

static void
pba_setting_finalize (GObject *object)
{
  PbaSetting *self = PBA_SETTING (object);
  char *const texts[] = { self->key,     self->interface, self->name,   self->type, self->title,
                          self->help,    self->group_id,  self->group,  self->unit, self->problem,
                          self->refusal, self->note,      self->warning };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (texts[i]);
  g_strfreev (self->choices);
  g_clear_pointer (&self->def, g_variant_unref);
  g_clear_pointer (&self->value, g_variant_unref);
  g_clear_pointer (&self->pending, g_variant_unref);
  G_OBJECT_CLASS (pba_setting_parent_class)->finalize (object);
}

static void
install_flags (GParamFlags flags)
{
  static const char *const names[] = { "effective", "private", "known",   "readable",
                                       "writable",  "changed", "conflict" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    properties[PROP_EFFECTIVE + i] = g_param_spec_boolean (names[i], NULL, NULL, FALSE, flags);
}

static void
pba_setting_class_init (PbaSettingClass *klass)
{
  static const char *const strings[] = {
    "key",   "interface", "name",  "type", "title", "help",
    "group", "unit",      "error", "was",  "note",  "warning"
  };
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  const GParamFlags both = readable | G_PARAM_WRITABLE;

  object_class->finalize = pba_setting_finalize;
  object_class->get_property = pba_setting_get_gproperty;
  object_class->set_property = pba_setting_set_gproperty;

  for (guint i = PROP_KEY; i <= PROP_WARNING; i++)
    properties[i] = g_param_spec_string (strings[i - PROP_KEY], NULL, NULL, NULL,
                                         i == PROP_HELP || i == PROP_NOTE ? both : readable);
  properties[PROP_KIND] =
    g_param_spec_enum ("kind", NULL, NULL, PBA_TYPE_SETTING_KIND, PBA_SETTING_SWITCH, readable);
  properties[PROP_MINIMUM] = g_param_spec_uint ("minimum", NULL, NULL, 0, G_MAXUINT32, 0, readable);
  properties[PROP_MAXIMUM] = g_param_spec_uint ("maximum", NULL, NULL, 0, G_MAXUINT32, 0, readable);
  properties[PROP_CHOICES] = g_param_spec_boxed ("choices", NULL, NULL, G_TYPE_STRV, readable);
  install_flags (readable);
  properties[PROP_VALUE] =
    g_param_spec_variant ("value", NULL, NULL, G_VARIANT_TYPE_ANY, NULL, readable);
  properties[PROP_PENDING] =
    g_param_spec_variant ("pending", NULL, NULL, G_VARIANT_TYPE_ANY, NULL, both);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
pba_setting_init (PbaSetting *self)
{
  self->writable = TRUE;
}
