/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What became of each recipient of a message, and its compact form in the message's row.
 *
 * One column holds all recipients: most messages have one, and most rows are deleted before they ever
 * get a status. The writer changes it, the reader reads it. A damaged column is told by NULL, never
 * guessed at. Form: count, then for each a state octet and, when it is not done, attempts, next attempt,
 * the administrator's wish, last reply and who said it; numbers are LEB128.
 */
#include "store/status.h"

#include "store/seal.h"
#include <string.h>

#define STATE_MASK 0x0f
#define DELAY_TOLD 0x80
#define HAS_REPLY  0x40
#define BY_HAND    0x20
#define HAS_REMOTE 0x10

typedef struct
{
  const guint8 *at, *end;
  gboolean ok;
} Cursor;

gboolean
pb_class_from_name (const char *name, PbClass *class)
{
  static const char *const names[PB_N_CLASSES] = { "active", "deferred", "held" };

  for (guint i = 0; i < PB_N_CLASSES; i++)
    if (g_strcmp0 (name, names[i]) == 0)
      {
        *class = (PbClass) i;
        return TRUE;
      }
  return FALSE;
}

gboolean
pb_recipient_state_is_done (PbRecipientState state)
{
  return state == PB_RECIPIENT_DELIVERED || state == PB_RECIPIENT_FAILED;
}

/* What was held has a reply as well, and who released it has left a trace. */
gboolean
pb_recipient_status_is_deferred (const PbRecipientStatus *self)
{
  return self->attempts > 0 || (self->last_reply != NULL && self->by_hand == 0);
}

void
pb_recipient_status_clear (PbRecipientStatus *self)
{
  g_clear_pointer (&self->last_reply, g_free);
  g_clear_pointer (&self->last_remote, g_free);
}

PbStatusSet *
pb_status_set_new (guint n, gint64 next_attempt)
{
  PbStatusSet *self = g_new0 (PbStatusSet, 1);

  self->n = n;
  self->all = g_new0 (PbRecipientStatus, MAX (n, 1));
  for (guint i = 0; i < n; i++)
    {
      self->all[i].recipient = i;
      self->all[i].state = PB_RECIPIENT_QUEUED;
      self->all[i].next_attempt = next_attempt;
    }
  return self;
}

void
pb_status_set_free (PbStatusSet *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; self->all != NULL && i < self->n; i++)
    pb_recipient_status_clear (&self->all[i]);
  g_free (self->all);
  g_free (self);
}

static void
put_number (GByteArray *out, guint64 value)
{
  guint8 octet;

  do
    {
      octet = value & 0x7f;
      value >>= 7;
      if (value != 0)
        octet |= 0x80;
      g_byte_array_append (out, &octet, 1);
    }
  while (value != 0);
}

static guint64
take_number (Cursor *cursor)
{
  guint64 value = 0;

  for (guint shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7)
    {
      guint8 octet = *cursor->at++;

      value |= (guint64) (octet & 0x7f) << shift;
      if ((octet & 0x80) == 0)
        return value;
    }
  cursor->ok = FALSE;
  return 0;
}

static void
put_text (GByteArray *out, const char *text)
{
  gsize length = strlen (text);

  put_number (out, length);
  g_byte_array_append (out, (const guint8 *) text, (guint) length);
}

static void
put_status (GByteArray *out, const PbRecipientStatus *status)
{
  guint8 octet = (guint8) status->state;

  if (pb_recipient_state_is_done (status->state))
    {
      g_byte_array_append (out, &octet, 1);
      return;
    }
  octet |= (status->delay_told ? DELAY_TOLD : 0) | (status->by_hand != 0 ? BY_HAND : 0)
           | (status->last_reply != NULL ? HAS_REPLY : 0)
           | (status->last_remote != NULL ? HAS_REMOTE : 0);
  g_byte_array_append (out, &octet, 1);
  put_number (out, status->attempts);
  put_number (out, (guint64) status->next_attempt);
  if (status->by_hand != 0)
    put_number (out, status->by_hand);
  if (status->last_reply != NULL)
    put_text (out, status->last_reply);
  if (status->last_remote != NULL)
    put_text (out, status->last_remote);
}

GBytes *
pb_status_set_serialize (const PbStatusSet *self)
{
  g_autoptr (GByteArray) out = g_byte_array_sized_new (16 + self->n * 4);

  put_number (out, self->n);
  for (guint i = 0; i < self->n; i++)
    put_status (out, &self->all[i]);
  return pb_seal (out->data, out->len);
}

static char *
take_text (Cursor *cursor)
{
  guint64 length = take_number (cursor);
  char *text;

  if (!cursor->ok || length > (guint64) (cursor->end - cursor->at))
    {
      cursor->ok = FALSE;
      return NULL;
    }
  text = g_strndup ((const char *) cursor->at, (gsize) length);
  cursor->at += length;
  return text;
}

static gboolean
take_status (Cursor *cursor, PbRecipientStatus *status)
{
  guint8 octet;

  if (cursor->at >= cursor->end)
    return FALSE;
  octet = *cursor->at++;
  if ((octet & STATE_MASK) > PB_RECIPIENT_FAILED)
    return FALSE;
  status->state = (PbRecipientState) (octet & STATE_MASK);
  if (pb_recipient_state_is_done (status->state))
    return TRUE;
  status->delay_told = (octet & DELAY_TOLD) != 0;
  status->attempts = (guint) take_number (cursor);
  status->next_attempt = (gint64) take_number (cursor);
  if ((octet & BY_HAND) != 0)
    status->by_hand = (guint) take_number (cursor);
  if ((octet & HAS_REPLY) != 0)
    status->last_reply = take_text (cursor);
  if ((octet & HAS_REMOTE) != 0)
    status->last_remote = take_text (cursor);
  return cursor->ok;
}

PbStatusSet *
pb_status_set_parse (const void *data, gsize length, guint n)
{
  g_autoptr (PbStatusSet) self = NULL;
  gsize inner_length = 0;
  const guint8 *inner = pb_unseal (data, length, &inner_length);
  Cursor cursor;

  /* Each recipient has at least one octet, so a wild count cannot ask for wild memory. */
  if (inner == NULL || n > inner_length)
    return NULL;
  cursor = (Cursor){ inner, inner + inner_length, TRUE };
  if (take_number (&cursor) != n || !cursor.ok)
    return NULL;
  self = pb_status_set_new (n, 0);
  for (guint i = 0; i < n; i++)
    if (!take_status (&cursor, &self->all[i]))
      return NULL;
  return cursor.at == cursor.end ? g_steal_pointer (&self) : NULL;
}

/* An attempt that was under way when its recipient was held, or was to be tried anew, counts and changes nothing about that. What is held for damage keeps its reason. */
static void
status_mark_attempt (PbRecipientStatus *self, const PbRecipientStatus *status)
{
  self->attempts = status->attempts;
  self->delay_told |= status->delay_told;
  if (self->by_hand == 0)
    return;
  pb_recipient_status_clear (self);
  self->last_reply = g_strdup (status->last_reply);
  self->last_remote = g_strdup (status->last_remote);
}

void
pb_status_set_apply (PbStatusSet *self, const PbRecipientStatus *status)
{
  PbRecipientStatus *own;

  if (status->recipient >= self->n
      || pb_recipient_state_is_done (self->all[status->recipient].state))
    return;
  own = &self->all[status->recipient];
  if (status->state == PB_RECIPIENT_QUEUED
      && (own->state == PB_RECIPIENT_HELD || own->by_hand != status->by_hand))
    {
      status_mark_attempt (own, status);
      return;
    }
  pb_recipient_status_clear (own);
  *own = *status;
  own->by_hand = 0;
  own->last_reply = g_strdup (status->last_reply);
  own->last_remote = g_strdup (status->last_remote);
}

void
pb_status_set_quarantine (PbStatusSet *self, const char *reason)
{
  for (guint i = 0; i < self->n; i++)
    {
      PbRecipientStatus *status = &self->all[i];

      if (pb_recipient_state_is_done (status->state))
        continue;
      pb_recipient_status_clear (status);
      status->state = PB_RECIPIENT_HELD;
      status->by_hand = 0;
      status->last_reply = g_strdup (reason);
    }
}

/* Returns: whether anything is otherwise now. */
static gboolean
status_change (PbRecipientStatus *self, PbStoreChangeKind kind, gint64 now)
{
  PbRecipientState from = kind == PB_CHANGE_RELEASE ? PB_RECIPIENT_HELD : PB_RECIPIENT_QUEUED;

  if (pb_recipient_state_is_done (self->state) || (kind != PB_CHANGE_REMOVE && self->state != from))
    return FALSE;
  switch (kind)
    {
    case PB_CHANGE_HOLD:
      self->state = PB_RECIPIENT_HELD;
      self->by_hand++;
      break;
    case PB_CHANGE_RELEASE:
      self->state = PB_RECIPIENT_QUEUED;
      self->by_hand++;
      self->next_attempt = now;
      break;
    case PB_CHANGE_RETRY:
    case PB_CHANGE_REROUTE:
      self->by_hand++;
      self->next_attempt = now;
      break;
    case PB_CHANGE_REMOVE:
      self->state = PB_RECIPIENT_FAILED;
      break;
    }
  return TRUE;
}

gboolean
pb_status_set_change (PbStatusSet *self, PbStoreChangeKind kind, gint64 now)
{
  gboolean changed = FALSE;

  for (guint i = 0; i < self->n; i++)
    changed |= status_change (&self->all[i], kind, now);
  return changed;
}

void
pb_status_set_judge (const PbStatusSet *self, PbClass *class, gint64 *next_attempt, guint *left)
{
  *class = PB_CLASS_ACTIVE;
  *next_attempt = -1;
  *left = 0;
  for (guint i = 0; i < self->n; i++)
    {
      const PbRecipientStatus *status = &self->all[i];

      if (pb_recipient_state_is_done (status->state))
        continue;
      (*left)++;
      if (status->state == PB_RECIPIENT_HELD)
        *class = PB_CLASS_HELD;
      else if (pb_recipient_status_is_deferred (status) && *class == PB_CLASS_ACTIVE)
        *class = PB_CLASS_DEFERRED;
      if (status->state == PB_RECIPIENT_QUEUED
          && (*next_attempt < 0 || status->next_attempt < *next_attempt))
        *next_attempt = MAX (0, status->next_attempt);
    }
}

PbRecipientStatus *
pb_status_set_steal_left (PbStatusSet *self, guint *n_left)
{
  PbRecipientStatus *left = g_steal_pointer (&self->all);
  guint n = 0;

  for (guint i = 0; i < self->n; i++)
    if (!pb_recipient_state_is_done (left[i].state))
      left[n++] = left[i];
    else
      pb_recipient_status_clear (&left[i]);
  self->n = 0;
  *n_left = n;
  return left;
}
