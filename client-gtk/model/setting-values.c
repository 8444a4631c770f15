/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is asked of a setting: its constants, its values, and pending by type. Called by rows, pages
 * and the settings model. Getters of pending are harmless before the first load.
 */
#include "model/setting-private.h"

#include "model/words.h"

const char *
pba_setting_get_key (PbaSetting *self)
{
  return self->key;
}

const char *
pba_setting_get_interface (PbaSetting *self)
{
  return self->interface;
}

const char *
pba_setting_get_name (PbaSetting *self)
{
  return self->name;
}

PbaSettingKind
pba_setting_get_kind (PbaSetting *self)
{
  return self->kind;
}

const char *
pba_setting_get_title (PbaSetting *self)
{
  return self->title;
}

const char *
pba_setting_get_help (PbaSetting *self)
{
  return self->help;
}

const char *
pba_setting_get_group (PbaSetting *self)
{
  return self->group;
}

const char *
pba_setting_get_group_id (PbaSetting *self)
{
  return self->group_id;
}

const char *
pba_setting_get_unit (PbaSetting *self)
{
  return self->unit;
}

guint32
pba_setting_get_minimum (PbaSetting *self)
{
  return self->minimum;
}

guint32
pba_setting_get_maximum (PbaSetting *self)
{
  return self->maximum;
}

const char *const *
pba_setting_get_choices (PbaSetting *self)
{
  return (const char *const *) self->choices;
}

char *
pba_setting_dup_choice_title (PbaSetting *self, const char *choice)
{
  return pba_words_choice (self->key, choice);
}

GVariant *
pba_setting_get_default (PbaSetting *self)
{
  return self->def;
}

gboolean
pba_setting_get_effective (PbaSetting *self)
{
  return self->effective;
}

gboolean
pba_setting_get_private (PbaSetting *self)
{
  return self->is_private;
}

gboolean
pba_setting_get_readable (PbaSetting *self)
{
  return !self->unreadable;
}

gboolean
pba_setting_get_known (PbaSetting *self)
{
  return self->spec != NULL;
}

gboolean
pba_setting_get_known_interface (PbaSetting *self)
{
  return g_strv_contains (pb_setting_interfaces (), self->interface);
}

guint
pba_setting_get_rank (PbaSetting *self)
{
  return self->rank;
}

const char *
pba_setting_get_note (PbaSetting *self)
{
  return self->note;
}

const char *
pba_setting_get_warning (PbaSetting *self)
{
  return self->warning;
}

GVariant *
pba_setting_get_value (PbaSetting *self)
{
  return self->value;
}

GVariant *
pba_setting_get_pending (PbaSetting *self)
{
  return self->pending;
}

gboolean
pba_setting_get_changed (PbaSetting *self)
{
  return self->value != NULL && self->pending != NULL
         && !g_variant_equal (self->value, self->pending);
}

gboolean
pba_setting_get_conflict (PbaSetting *self)
{
  return self->conflict;
}

const char *
pba_setting_get_error (PbaSetting *self)
{
  return self->problem != NULL ? self->problem : self->refusal;
}

/* Pending when it is there and of @type. */
static GVariant *
pending_of (PbaSetting *self, const GVariantType *type)
{
  return self->pending != NULL && g_variant_is_of_type (self->pending, type) ? self->pending : NULL;
}

gboolean
pba_setting_get_boolean (PbaSetting *self)
{
  GVariant *pending = pending_of (self, G_VARIANT_TYPE_BOOLEAN);

  return pending != NULL && g_variant_get_boolean (pending);
}

void
pba_setting_set_boolean (PbaSetting *self, gboolean value)
{
  pba_setting_set_pending (self, g_variant_new_boolean (value));
}

guint32
pba_setting_get_number (PbaSetting *self)
{
  GVariant *pending = pending_of (self, G_VARIANT_TYPE_UINT32);

  return pending != NULL ? g_variant_get_uint32 (pending) : 0;
}

void
pba_setting_set_number (PbaSetting *self, guint32 value)
{
  pba_setting_set_pending (self, g_variant_new_uint32 (value));
}

const char *
pba_setting_get_text (PbaSetting *self)
{
  GVariant *pending = pending_of (self, G_VARIANT_TYPE_STRING);

  return pending != NULL ? g_variant_get_string (pending, NULL) : "";
}

void
pba_setting_set_text (PbaSetting *self, const char *value)
{
  pba_setting_set_pending (self, g_variant_new_string (value));
}

char **
pba_setting_dup_texts (PbaSetting *self)
{
  GVariant *pending = pending_of (self, G_VARIANT_TYPE_STRING_ARRAY);

  return pending != NULL ? g_variant_dup_strv (pending, NULL) : g_new0 (char *, 1);
}

void
pba_setting_set_texts (PbaSetting *self, const char *const *values)
{
  pba_setting_set_pending (self, g_variant_new_strv (values, -1));
}
