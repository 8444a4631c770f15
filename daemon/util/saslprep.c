/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SASLprep (RFC 4013) of passwords, by libidn. Called when a password is set and when one is given in
 * the clear; SCRAM's clients do the same on their side. Printable ASCII is its own prepared form and
 * never leaves its PbSecret; anything else is worked on in pages of ours, but libidn normalizes by
 * way of the heap and does not wipe that.
 */
#include "util/saslprep.h"

#include <stringprep.h>
#include <string.h>

#define ROOM 20 /* code points that one may become in NFKC: 18 at most */

static gboolean
has_control (const PbSecret *text)
{
  for (gsize i = 0; i < text->length; i++)
    if (text->data[i] < ' ' || text->data[i] == 0x7f)
      return TRUE;
  return FALSE;
}

static gboolean
is_ascii (const PbSecret *text)
{
  for (gsize i = 0; i < text->length; i++)
    if (text->data[i] > '~')
      return FALSE;
  return TRUE;
}

/* (transfer full): the code points, with room for what they may become. */
static PbSecret *
to_ucs4 (const PbSecret *text, gsize *length, gsize *room)
{
  gsize n = (gsize) g_utf8_strlen ((const char *) text->data, (gssize) text->length);
  PbSecret *wide = pb_secret_new ((n * ROOM + 1) * sizeof (gunichar));
  gunichar *to = (gunichar *) (gpointer) wide->data;
  const char *at = (const char *) text->data;

  for (gsize i = 0; i < n; i++, at = g_utf8_next_char (at))
    to[i] = g_utf8_get_char (at);
  *length = n;
  *room = n * ROOM + 1;
  return wide;
}

static PbSecret *
to_utf8 (const PbSecret *wide, gsize length)
{
  const gunichar *from = (const gunichar *) (gconstpointer) wide->data;
  PbSecret *text;
  gsize size = 0;

  for (gsize i = 0; i < length; i++)
    size += (gsize) g_unichar_to_utf8 (from[i], NULL);
  text = pb_secret_new (size);
  size = 0;
  for (gsize i = 0; i < length; i++)
    size += (gsize) g_unichar_to_utf8 (from[i], (char *) text->data + size);
  return text;
}

PbSecret *
pb_saslprep (const PbSecret *password, gboolean stored)
{
  g_autoptr (PbSecret) wide = NULL;
  gsize length, room;

  if (password->length == 0 || has_control (password))
    return NULL;
  if (is_ascii (password))
    return pb_secret_copy (password->data, password->length);
  if (!g_utf8_validate_len ((const char *) password->data, password->length, NULL))
    return NULL;
  wide = to_ucs4 (password, &length, &room);
  if (stringprep_4i ((uint32_t *) (gpointer) wide->data, &length, room,
                     stored ? STRINGPREP_NO_UNASSIGNED : 0, stringprep_saslprep)
      != STRINGPREP_OK)
    return NULL;
  return length > 0 ? to_utf8 (wide, length) : NULL;
}
