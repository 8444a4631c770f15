/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fields that sign a message: DKIM-Signature, and ARC's two that are made like it. Called by the
 * verifiers and by the signer; pure. A field is a stranger's text: what is missing, doubled or out of range
 * is named, and nothing of it is believed before its signature holds.
 */
#include "mailauth/dkim-signature.h"
#include "mailauth/dns-source.h"
#include "protocol/address.h"
#include "protocol/text.h"

#include <string.h>

#define MAX_HEADERS 500 /* names in h= */

const char *
pb_dkim_algorithm_name (PbDkimAlgorithm algorithm)
{
  switch (algorithm)
    {
    case PB_DKIM_RSA_SHA256:
      return "rsa-sha256";
    case PB_DKIM_ED25519_SHA256:
      return "ed25519-sha256";
    }
  return "";
}

static const char *
read_algorithm (PbDkimSignature *self, const PbTagList *tags)
{
  const char *value = pb_tag_list_get (tags, "a");

  if (value == NULL)
    return "no algorithm";
  if (g_ascii_strcasecmp (value, "rsa-sha256") == 0)
    self->algorithm = PB_DKIM_RSA_SHA256;
  else if (g_ascii_strcasecmp (value, "ed25519-sha256") == 0)
    self->algorithm = PB_DKIM_ED25519_SHA256;
  else if (g_ascii_strcasecmp (value, "rsa-sha1") == 0)
    return "rsa-sha1 is no longer safe"; /* RFC 8301 3.1 */
  else
    return "unknown algorithm";
  return NULL;
}

/* "relaxed" or "simple", of @length octets. */
static gboolean
read_form (const char *text, gsize length, gboolean *relaxed)
{
  *relaxed = length == strlen ("relaxed") && g_ascii_strncasecmp (text, "relaxed", length) == 0;
  return *relaxed
         || (length == strlen ("simple") && g_ascii_strncasecmp (text, "simple", length) == 0);
}

/* c=: "header/body"; the body's is simple when it is not named (3.5). A seal is always relaxed. */
static const char *
read_canonical (PbDkimSignature *self, const PbTagList *tags)
{
  const char *value = pb_tag_list_get (tags, "c");
  gsize length = value != NULL ? strcspn (value, "/") : 0;

  self->relaxed_header = self->kind == PB_DKIM_ARC_SEAL;
  if (value == NULL || self->kind == PB_DKIM_ARC_SEAL)
    return NULL;
  if (!read_form (value, length, &self->relaxed_header)
      || (value[length] == '/'
          && !read_form (value + length + 1, strlen (value + length + 1), &self->relaxed_body)))
    return "unknown canonicalization";
  return NULL;
}

/* As the DNS has it: in A-labels, whatever the signer wrote (RFC 8616 5). Returns: (transfer full) (nullable): NULL for what is no name. */
static char *
read_name (const char *text)
{
  g_autofree char *name = pb_text_is_ascii (text, strlen (text))
                            ? g_strdup (text)
                            : pb_domain_normalize (text, -1, TRUE);

  if (name == NULL || !pb_dns_name_is_valid (name))
    return NULL;
  for (const char *at = name; *at != '\0'; at++)
    if (!g_ascii_isalnum (*at) && strchr ("-_.", *at) == NULL)
      return NULL;
  return g_steal_pointer (&name);
}

static const char *
read_domain (PbDkimSignature *self, const PbTagList *tags)
{
  const char *domain = pb_tag_list_get (tags, "d");
  const char *selector = pb_tag_list_get (tags, "s");
  g_autofree char *name = NULL;

  if (domain == NULL || selector == NULL)
    return domain == NULL ? "no domain" : "no selector";
  name = read_name (domain);
  if (name == NULL)
    return "the domain is no name";
  self->domain = g_ascii_strdown (name, -1);
  self->selector = read_name (selector);
  return self->selector != NULL ? NULL : "the selector is no name";
}

/* @value with the domain behind its at sign as the DNS has it. */
static char *
read_address (const char *value)
{
  const char *at = strrchr (value, '@');
  g_autofree char *domain = at != NULL ? read_name (at + 1) : NULL;
  GString *out = g_string_new (value);

  if (domain == NULL)
    return g_string_free (out, FALSE);
  g_string_truncate (out, (gsize) (at + 1 - value));
  g_string_append (out, domain);
  return g_string_free (out, FALSE);
}

/* i= of DKIM: within d= (3.5). */
static const char *
read_identity (PbDkimSignature *self, const PbTagList *tags)
{
  const char *value = pb_tag_list_get (tags, "i"), *at;
  gsize length, tail = strlen (self->domain);

  if (value == NULL)
    {
      self->identity = g_strconcat ("@", self->domain, NULL);
      return NULL;
    }
  self->identity = read_address (value);
  at = strrchr (self->identity, '@');
  length = at != NULL ? strlen (at + 1) : 0;
  if (length < tail || g_ascii_strcasecmp (at + 1 + length - tail, self->domain) != 0
      || (length > tail && at[length - tail] != '.'))
    return "the identity is not of the domain";
  return NULL;
}

/* i= of ARC: the set it belongs to (RFC 8617 4.2.1). */
static const char *
read_instance (PbDkimSignature *self, const PbTagList *tags)
{
  const char *value = pb_tag_list_get (tags, "i");
  gint64 number;

  if (value == NULL || !pb_tag_read_number (value, &number) || number < 1 || number > 50)
    return "no instance from 1 to 50";
  self->instance = (guint) number;
  return NULL;
}

static const char *
read_headers (PbDkimSignature *self, const PbTagList *tags)
{
  const char *value = pb_tag_list_get (tags, "h");
  gboolean has_from = FALSE, seals = FALSE;

  if (value == NULL)
    return "no list of signed fields";
  self->headers = g_strsplit (value, ":", MAX_HEADERS + 1);
  if (g_strv_length (self->headers) > MAX_HEADERS)
    return "too many signed fields";
  for (char **name = self->headers; *name != NULL; name++)
    {
      g_strstrip (*name);
      has_from = has_from || g_ascii_strcasecmp (*name, "From") == 0;
      seals = seals || g_ascii_strcasecmp (*name, "ARC-Seal") == 0;
    }
  if (self->kind == PB_DKIM_ARC_MESSAGE && seals)
    return "ARC-Seal is among the signed fields"; /* RFC 8617 4.1.2 */
  /* Without From: a signature says nothing (RFC 6376 5.4); ARC does not demand it. */
  return has_from || self->kind == PB_DKIM_ARC_MESSAGE ? NULL : "From is not signed";
}

static const char *
read_hash (PbDkimSignature *self, const PbTagList *tags)
{
  const char *value = pb_tag_list_get (tags, "bh");
  g_autoptr (GBytes) hash = value != NULL ? pb_tag_decode_base64 (value) : NULL;

  if (hash == NULL || g_bytes_get_size (hash) != PB_BODY_HASH_LENGTH)
    return value == NULL ? "no body hash" : "the body hash is none";
  memcpy (self->body_hash, g_bytes_get_data (hash, NULL), PB_BODY_HASH_LENGTH);
  return NULL;
}

static const char *
read_signature (PbDkimSignature *self, const PbTagList *tags)
{
  const PbTag *tag = pb_tag_list_find (tags, "b");

  if (tag == NULL)
    return "no signature";
  self->b_start = tag->start;
  self->b_end = tag->end;
  self->signature = pb_tag_decode_base64 (tag->value);
  return self->signature != NULL && g_bytes_get_size (self->signature) > 0
           ? NULL
           : "the signature is no base64";
}

/* Reads an optional number into @number. */
static gboolean
read_optional (const PbTagList *tags, const char *name, gint64 *number)
{
  const char *value = pb_tag_list_get (tags, name);

  *number = -1;
  return value == NULL || pb_tag_read_number (value, number);
}

static const char *
read_numbers (PbDkimSignature *self, const PbTagList *tags)
{
  if (!read_optional (tags, "t", &self->made) || !read_optional (tags, "x", &self->expires)
      || !read_optional (tags, "l", &self->body_limit))
    return "a number is none";
  if (self->expires >= 0 && self->made > self->expires)
    return "it expires before it was made";
  return NULL;
}

static const char *
read_version (PbDkimSignature *self, const PbTagList *tags)
{
  const char *version = pb_tag_list_get (tags, "v");
  const char *query = pb_tag_list_get (tags, "q");

  if (version == NULL || strcmp (version, "1") != 0)
    return "not version 1";
  return query == NULL || pb_tag_has_word (query, "dns/txt") ? NULL : "unknown query method";
}

/* ARC-Seal knows few tags, and h= in it is an attack or a mistake (RFC 8617 4.1.3). */
static const char *
refuse_headers (PbDkimSignature *self, const PbTagList *tags)
{
  return pb_tag_list_find (tags, "h") != NULL || pb_tag_list_find (tags, "bh") != NULL
           ? "a seal signs no fields"
           : NULL;
}

typedef const char *(*Reader) (PbDkimSignature *self, const PbTagList *tags);

/* What each kind is made of. The domain stands first, so that it can be told of a signature that is refused. */
static const Reader readers[][10] = {
  [PB_DKIM_FIELD] = { read_domain, read_version, read_algorithm, read_canonical, read_identity,
                      read_headers, read_hash, read_signature, read_numbers },
  [PB_DKIM_ARC_MESSAGE] = { read_domain, read_instance, read_algorithm, read_canonical,
                            read_headers, read_hash, read_signature, read_numbers },
  [PB_DKIM_ARC_SEAL] = { read_domain, read_instance, read_algorithm, read_canonical, refuse_headers,
                         read_signature, read_numbers },
};

PbDkimSignature *
pb_dkim_signature_parse (const PbField *field, PbDkimKind kind, const char **problem)
{
  g_autoptr (PbDkimSignature) self = g_new0 (PbDkimSignature, 1);
  g_autoptr (PbTagList) tags = NULL;
  gsize length;
  const char *value = pb_field_value (field, &length);

  self->kind = kind;
  *problem = NULL;
  tags = pb_tag_list_parse (value, length);
  if (tags == NULL)
    *problem = "its tags are none";
  for (const Reader *reader = readers[kind]; *problem == NULL && *reader != NULL; reader++)
    *problem = (*reader) (self, tags);
  return *problem == NULL ? g_steal_pointer (&self) : NULL;
}

void
pb_dkim_signature_free (PbDkimSignature *self)
{
  g_free (self->domain);
  g_free (self->selector);
  g_free (self->identity);
  g_strfreev (self->headers);
  g_clear_pointer (&self->signature, g_bytes_unref);
  g_free (self);
}

char *
pb_dkim_signature_key_name (const PbDkimSignature *self)
{
  return g_strconcat (self->selector, "._domainkey.", self->domain, NULL);
}

void
pb_dkim_signature_append_field (const PbDkimSignature *self, const PbField *field, GString *out)
{
  g_autoptr (GString) emptied = g_string_sized_new (field->length);
  gsize length, before;
  const char *value = pb_field_value (field, &length);

  before = (gsize) (value - field->text) + self->b_start;
  g_string_append_len (emptied, field->text, (gssize) before);
  g_string_append_len (emptied, value + self->b_end, (gssize) (length - self->b_end));
  pb_canonical_field (out, emptied->str, emptied->len, field->name_length, self->relaxed_header);
  if (self->relaxed_header)
    g_string_truncate (out, out->len - 2);
}

void
pb_dkim_append_headers (GString *out, PbAuthMessage *message, char *const *names, gboolean relaxed)
{
  g_autoptr (GHashTable) used = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint n_fields;
  const PbField *fields = pb_auth_message_fields (message, &n_fields);

  for (; *names != NULL; names++)
    {
      const GArray *indices = pb_auth_message_find (message, *names);
      char *name = g_ascii_strdown (*names, -1);
      guint n_used = GPOINTER_TO_UINT (g_hash_table_lookup (used, name));
      const PbField *field;

      g_hash_table_replace (used, name, GUINT_TO_POINTER (n_used + 1));
      /* A name with no field left signs that there is none (5.4.2). */
      if (indices == NULL || n_used >= indices->len)
        continue;
      field = &fields[g_array_index (indices, guint, indices->len - 1 - n_used)];
      pb_canonical_field (out, field->text, field->length, field->name_length, relaxed);
    }
}
