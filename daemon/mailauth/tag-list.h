/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* A tag=value list (RFC 6376 3.2), as DKIM and ARC fields, key records and DMARC records are. */
typedef struct
{
  char *name;  /* (owned) as written; tag names are case-sensitive */
  char *value; /* (owned) white space at both ends cut, folds kept */
  gsize start, end; /* where the value stands in the text, all of it up to ";" or the end */
} PbTag;

typedef struct
{
  PbTag *tags; /* (owned) in the order of the text */
  guint n_tags;
} PbTagList;

#define PB_TAG_LIST_MAX 64 /* tags in one list; no honest one has half of it */

/** pb_tag_list_parse: Returns: (transfer full) (nullable): NULL when @text is no such list, or a name stands in it twice. */
PbTagList *pb_tag_list_parse (const char *text, gsize length);

/** pb_tag_list_parse_lenient: what is no tag, or was named before, is passed over (RFC 9989 4.7). Returns: (transfer full). */
PbTagList *pb_tag_list_parse_lenient (const char *text, gsize length);
void pb_tag_list_free (PbTagList *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbTagList, pb_tag_list_free)

/** pb_tag_list_find: Returns: (nullable). */
const PbTag *pb_tag_list_find (const PbTagList *self, const char *name);

/** pb_tag_list_get: the value of @name. Returns: (transfer none) (nullable). */
const char *pb_tag_list_get (const PbTagList *self, const char *name);

/** pb_tag_decode_base64: @value without its white space. Returns: (transfer full) (nullable): NULL when it is no base64 (RFC 4648 4). */
GBytes *pb_tag_decode_base64 (const char *value);

/** pb_tag_has_word: whether @word, without regard to case, is one of @value's words between colons (RFC 6376 3.6.1). */
gboolean pb_tag_has_word (const char *value, const char *word);

/** pb_tag_read_number: up to 18 digits and nothing else. Returns: FALSE when it is no such number. */
gboolean pb_tag_read_number (const char *value, gint64 *number);
