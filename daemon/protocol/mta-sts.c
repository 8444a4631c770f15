/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MTA-STS as text (RFC 8461): the record that says that a domain has a policy, and the policy. Pure; called
 * by the keeper of policies with what DNS and a web server of somebody's sent, so nothing is taken on trust.
 * What breaks the grammar is no policy at all: half of one would protect half, or hold up mail for a slip.
 */
#include "protocol/mta-sts.h"

#include <string.h>

#define MAX_NAME  253
#define MAX_LABEL 63
#define VERSION   "STSv1"

static const char *const mode_names[] = {
  [PB_STS_NONE] = "none",
  [PB_STS_TESTING] = "testing",
  [PB_STS_ENFORCE] = "enforce",
};

const char *
pb_sts_mode_name (PbStsMode mode)
{
  return mode_names[mode];
}

gboolean
pb_sts_mode_from_name (const char *name, PbStsMode *mode)
{
  for (guint i = 0; i < G_N_ELEMENTS (mode_names); i++)
    if (strcmp (name, mode_names[i]) == 0)
      {
        *mode = (PbStsMode) i;
        return TRUE;
      }
  return FALSE;
}

/* ---- a policy as a thing ---- */

static void
policy_clear (gpointer data)
{
  PbStsPolicy *self = data;

  g_strfreev (self->mx);
}

PbStsPolicy *
pb_sts_policy_ref (PbStsPolicy *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pb_sts_policy_unref (PbStsPolicy *self)
{
  g_atomic_rc_box_release_full (self, policy_clear);
}

gboolean
pb_sts_policy_equal (const PbStsPolicy *self, const PbStsPolicy *other)
{
  return self->mode == other->mode && self->max_age == other->max_age
         && g_strv_equal ((const char *const *) self->mx, (const char *const *) other->mx);
}

/* A host name (RFC 5321 4.1.2), with the "_" that some have for all that. */
static gboolean
is_host (const char *name)
{
  gsize length = strlen (name), label = 0;

  if (length == 0 || length > MAX_NAME)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    {
      if (name[i] == '.')
        {
          if (label == 0 || name[i - 1] == '-')
            return FALSE;
          label = 0;
          continue;
        }
      if ((!g_ascii_isalnum (name[i]) && name[i] != '-' && name[i] != '_')
          || (label == 0 && name[i] == '-') || ++label > MAX_LABEL)
        return FALSE;
    }
  return label > 0 && name[length - 1] != '-';
}

static gboolean
is_pattern (const char *pattern)
{
  return is_host (g_str_has_prefix (pattern, "*.") ? pattern + 2 : pattern);
}

/* @mx: (transfer full). */
static PbStsPolicy *
policy_take (PbStsMode mode, guint32 max_age, char **mx)
{
  PbStsPolicy *self = g_atomic_rc_box_new0 (PbStsPolicy);

  self->mode = mode;
  self->max_age = max_age;
  self->mx = mx;
  self->n_mx = g_strv_length (mx);
  return self;
}

PbStsPolicy *
pb_sts_policy_new (PbStsMode mode, guint32 max_age, const char *const *mx)
{
  g_autoptr (GStrvBuilder) patterns = g_strv_builder_new ();
  guint n = 0;

  for (; mx[n] != NULL; n++)
    {
      g_autofree char *pattern = g_ascii_strdown (mx[n], -1);

      if (!is_pattern (pattern))
        return NULL;
      g_strv_builder_add (patterns, pattern);
    }
  if (n == 0 && mode != PB_STS_NONE)
    return NULL;
  return policy_take (mode, MIN (max_age, PB_STS_MAX_AGE_TOP), g_strv_builder_end (patterns));
}

gboolean
pb_sts_policy_matches (const PbStsPolicy *self, const char *host)
{
  const char *dot = strchr (host, '.');

  for (guint i = 0; i < self->n_mx; i++)
    {
      const char *pattern = self->mx[i];

      if (g_ascii_strcasecmp (pattern, host) == 0)
        return TRUE;
      if (pattern[0] == '*' && dot != NULL && dot != host && g_ascii_strcasecmp (pattern + 1, dot) == 0)
        return TRUE;
    }
  return FALSE;
}

/* ---- its file ---- */

/* What was read so far. */
typedef struct
{
  gboolean has_version, has_mode, has_max_age;
  PbStsMode mode;
  guint32 max_age;
  GPtrArray *mx; /* (owned) of (owned) char * */
} Draft;

static void
draft_clear (Draft *self)
{
  g_ptr_array_unref (self->mx);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Draft, draft_clear)

/* Each takes one value. Returns: (nullable) (static) what is wrong with it. */
static const char *
take_version (Draft *self, const char *value)
{
  if (self->has_version)
    return NULL;
  self->has_version = TRUE;
  return strcmp (value, VERSION) == 0 ? NULL : "it is of another version than STSv1";
}

static const char *
take_mode (Draft *self, const char *value)
{
  if (self->has_mode)
    return NULL;
  self->has_mode = TRUE;
  return pb_sts_mode_from_name (value, &self->mode) ? NULL : "its mode is none of enforce, testing, none";
}

static const char *
take_max_age (Draft *self, const char *value)
{
  gsize length = strlen (value);

  if (self->has_max_age)
    return NULL;
  self->has_max_age = TRUE;
  if (length == 0 || length > 10 || strspn (value, "0123456789") != length)
    return "its max_age is no number of seconds";
  self->max_age = (guint32) MIN (g_ascii_strtoull (value, NULL, 10), PB_STS_MAX_AGE_TOP);
  return NULL;
}

static const char *
take_mx (Draft *self, const char *value)
{
  if (!is_pattern (value))
    return "one of its mx is no host name";
  g_ptr_array_add (self->mx, g_ascii_strdown (value, -1));
  return NULL;
}

static const struct
{
  const char *name;
  const char *(*take) (Draft *self, const char *value);
} keys[] = {
  { "version", take_version },
  { "mode", take_mode },
  { "max_age", take_max_age },
  { "mx", take_mx },
};

static gboolean
is_key (const char *text)
{
  if (!g_ascii_isalnum (text[0]))
    return FALSE;
  for (const char *p = text; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && strchr ("_-.", *p) == NULL)
      return FALSE;
  return TRUE;
}

/* @line: without its end; spoilt. */
static const char *
take_line (Draft *self, char *line)
{
  char *value = strchr (line, ':');

  g_strchomp (line);
  if (line[0] == '\0')
    return NULL;
  if (value == NULL)
    return "a line of it is no key and value";
  *value++ = '\0';
  if (!is_key (line))
    return "a line of it is no key and value";
  value += strspn (value, " \t");
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (strcmp (line, keys[i].name) == 0)
      return keys[i].take (self, value);
  return NULL;
}

static const char *
take_lines (Draft *self, char *text)
{
  char *line = text;

  while (line != NULL)
    {
      char *next = strchr (line, '\n');
      const char *why;

      if (next != NULL)
        {
          *next = '\0';
          if (next > line && next[-1] == '\r')
            next[-1] = '\0';
          next++;
        }
      why = take_line (self, line);
      if (why != NULL)
        return why;
      line = next;
    }
  return NULL;
}

/* Text: UTF-8, and of the control characters only those that stand between lines and words. */
static gboolean
is_text (const char *data, gsize length)
{
  for (gsize i = 0; i < length; i++)
    {
      gboolean crlf = data[i] == '\r' && i + 1 < length && data[i + 1] == '\n';

      if (g_ascii_iscntrl (data[i]) && data[i] != '\n' && data[i] != '\t' && !crlf)
        return FALSE;
    }
  return g_utf8_validate_len (data, length, NULL);
}

static const char *
find_lack (const Draft *self)
{
  if (!self->has_version)
    return "it has no version";
  if (!self->has_mode)
    return "it has no mode";
  if (!self->has_max_age)
    return "it has no max_age";
  return self->mx->len == 0 && self->mode != PB_STS_NONE ? "it has no mx" : NULL;
}

PbStsPolicy *
pb_sts_policy_parse (const char *data, gsize length, const char **why)
{
  g_auto (Draft) draft = { .mx = g_ptr_array_new_with_free_func (g_free) };
  g_autofree char *text = NULL;
  const char *wrong = NULL;

  if (length > PB_STS_MAX_POLICY)
    wrong = "it is longer than 64 KiB";
  else if (!is_text (data, length))
    wrong = "it is no text";
  else
    {
      text = g_strndup (data, length);
      wrong = take_lines (&draft, text);
    }
  if (wrong == NULL)
    wrong = find_lack (&draft);
  if (why != NULL)
    *why = wrong;
  if (wrong != NULL)
    return NULL;
  g_ptr_array_add (draft.mx, NULL);
  return policy_take (draft.mode, draft.max_age, g_strdupv ((char **) draft.mx->pdata));
}

/* ---- the record ---- */

/* *WSP ";" *WSP. Returns: what is behind it, or NULL. */
static const char *
skip_delimiter (const char *at)
{
  at += strspn (at, " \t");
  if (*at != ';')
    return NULL;
  at++;
  return at + strspn (at, " \t");
}

/* The id's value, or an extension's. Returns: what is behind the field, or NULL where it is none. */
static const char *
skip_field (const char *at, char id[PB_STS_MAX_ID + 1])
{
  gboolean is_id = g_str_has_prefix (at, "id=");
  const char *value = at;
  gsize length = 0;

  while (g_ascii_isalnum (*value) || (value > at && strchr ("_-.", *value) != NULL && *value != '\0'))
    value++;
  if (value == at || value - at > 32 || *value != '=')
    return NULL;
  value++;
  while (g_ascii_isgraph (value[length]) && value[length] != ';' && value[length] != '=')
    {
      if (is_id && !g_ascii_isalnum (value[length]))
        return NULL;
      length++;
    }
  if (length == 0 || (is_id && length > PB_STS_MAX_ID))
    return NULL;
  /* Of two the first counts, as with the policy's keys. */
  if (is_id && id[0] == '\0')
    memcpy (id, value, length);
  return value + length;
}

static gboolean
parse_record (const char *text, char id[PB_STS_MAX_ID + 1])
{
  const char *at = text + strlen ("v=" VERSION);

  for (;;)
    {
      if (at[strspn (at, " \t")] == '\0')
        break;
      at = skip_delimiter (at);
      if (at == NULL)
        return FALSE;
      if (*at == '\0')
        break;
      at = skip_field (at, id);
      if (at == NULL)
        return FALSE;
    }
  return id[0] != '\0';
}

/* "v=STSv1;", with the blanks that its grammar allows before the semicolon. */
static gboolean
is_record (const char *text)
{
  return g_str_has_prefix (text, "v=" VERSION) && skip_delimiter (text + strlen ("v=" VERSION)) != NULL;
}

PbStsRecord
pb_sts_record_find (const char *const *texts, char id[PB_STS_MAX_ID + 1])
{
  const char *found = NULL;

  memset (id, 0, PB_STS_MAX_ID + 1);
  for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      if (!is_record (texts[i]))
        continue;
      if (found != NULL)
        return PB_STS_RECORD_SEVERAL;
      found = texts[i];
    }
  if (found == NULL)
    return PB_STS_RECORD_ABSENT;
  if (parse_record (found, id))
    return PB_STS_RECORD_OK;
  memset (id, 0, PB_STS_MAX_ID + 1);
  return PB_STS_RECORD_BAD;
}
