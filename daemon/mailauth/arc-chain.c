/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ARC fields of a message brought into their sets. Called by the verifier and the sealer; pure. The
 * fields are a stranger's: a set that is not whole, twice there or out of order breaks the chain, and is named.
 */
#include "mailauth/arc-chain.h"

#include <string.h>

#define MAX_FIELDS 200 /* of one name; more than any chain has */

/* i= of an ARC-Authentication-Results: "i=1; ..." (RFC 8617 4.1.1). Returns: 0 for none. */
static guint
read_results_instance (const PbField *field)
{
  gsize length;
  const char *value = pb_field_value (field, &length);
  const char *end = memchr (value, ';', length);
  g_autoptr (PbTagList) tags = NULL;
  const char *text;
  gint64 number;

  if (end == NULL)
    return 0;
  tags = pb_tag_list_parse (value, (gsize) (end - value));
  text = tags != NULL ? pb_tag_list_get (tags, "i") : NULL;
  if (text == NULL || !pb_tag_read_number (text, &number) || number < 1 || number > PB_ARC_MAX_SETS)
    return 0;
  return (guint) number;
}

/* i= of the two that are signatures. Returns: 0 for none. */
static guint
read_instance (const PbField *field)
{
  gsize length;
  const char *value = pb_field_value (field, &length);
  g_autoptr (PbTagList) tags = pb_tag_list_parse (value, length);
  const char *text = tags != NULL ? pb_tag_list_get (tags, "i") : NULL;
  gint64 number;

  if (text == NULL || !pb_tag_read_number (text, &number) || number < 1 || number > PB_ARC_MAX_SETS)
    return 0;
  return (guint) number;
}

/* Puts the fields named @name where they belong. Returns: what is wrong, or NULL. */
static const char *
sort_fields (PbArcChain *self, PbAuthMessage *message, const char *name, const PbField **places,
             guint (*instance_of) (const PbField *field))
{
  const GArray *indices = pb_auth_message_find (message, name);
  guint n_fields;
  const PbField *fields = pb_auth_message_fields (message, &n_fields);

  if (indices != NULL && indices->len > MAX_FIELDS)
    return "too many ARC fields";
  for (guint i = 0; indices != NULL && i < indices->len; i++)
    {
      const PbField *field = &fields[g_array_index (indices, guint, i)];
      guint instance = instance_of (field);

      if (instance == 0)
        return "an ARC field has no instance from 1 to 50";
      if (places[instance - 1] != NULL)
        return "an ARC set has a field twice";
      places[instance - 1] = field;
      self->n = MAX (self->n, instance);
    }
  return NULL;
}

/* cv= of seal @i as it must be: none at the bottom, pass above (4.1.3, 5.2). */
static const char *
check_seal (PbArcChain *self, guint i)
{
  gsize length;
  const char *value = pb_field_value (self->seals[i], &length);
  g_autoptr (PbTagList) tags = pb_tag_list_parse (value, length);
  const char *cv = tags != NULL ? pb_tag_list_get (tags, "cv") : NULL;
  const char *problem;

  self->parsed_seals[i] = pb_dkim_signature_parse (self->seals[i], PB_DKIM_ARC_SEAL, &problem);
  if (self->parsed_seals[i] == NULL)
    return problem;
  if (cv == NULL || g_ascii_strcasecmp (cv, i == 0 ? "none" : "pass") != 0)
    return "a seal does not vouch for the chain below it";
  return NULL;
}

const char *
pb_arc_chain_read (PbArcChain *self, PbAuthMessage *message)
{
  const char *problem;

  memset (self, 0, sizeof *self);
  problem =
    sort_fields (self, message, "ARC-Authentication-Results", self->results, read_results_instance);
  if (problem == NULL)
    problem = sort_fields (self, message, "ARC-Message-Signature", self->signatures, read_instance);
  if (problem == NULL)
    problem = sort_fields (self, message, "ARC-Seal", self->seals, read_instance);
  for (guint i = 0; problem == NULL && i < self->n; i++)
    if (self->results[i] == NULL || self->signatures[i] == NULL || self->seals[i] == NULL)
      problem = "an ARC set is not whole";
  for (guint i = 0; problem == NULL && i < self->n; i++)
    problem = check_seal (self, i);
  if (problem == NULL && self->n > 0)
    self->parsed_signature =
      pb_dkim_signature_parse (self->signatures[self->n - 1], PB_DKIM_ARC_MESSAGE, &problem);
  return problem;
}

void
pb_arc_chain_clear (PbArcChain *self)
{
  for (guint i = 0; i < PB_ARC_MAX_SETS; i++)
    g_clear_pointer (&self->parsed_seals[i], pb_dkim_signature_free);
  g_clear_pointer (&self->parsed_signature, pb_dkim_signature_free);
}

static void
append_field (GString *out, const PbField *field)
{
  pb_canonical_field (out, field->text, field->length, field->name_length, TRUE);
}

void
pb_arc_chain_append_sets (const PbArcChain *self, guint n, GString *out)
{
  for (guint i = 0; i < n; i++)
    {
      append_field (out, self->results[i]);
      append_field (out, self->signatures[i]);
      if (i + 1 < n)
        append_field (out, self->seals[i]);
    }
}
