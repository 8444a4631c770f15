/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whose mailbox an address is, where the answer may have to be waited for: resolves, asks about the name
 * that is missing, resolves again. Called by the policy at RCPT and by the queue before an attempt.
 */
#include "settings/snapshot.h"

#include <string.h>

/* More names than one local part can be asked about; answers could be pushed out between two questions. */
#define MAX_QUESTIONS 8

typedef struct
{
  PbSnapshot *snapshot; /* (owned) */
  gboolean aliases;
  char *local, *domain; /* (owned) (nullable) */
  PbMailbox *reply_to;  /* (owned) */
  PbLocalFound func;
  gpointer user_data;
  guint questions;
  PbPersonFound on_person; /* what follows an answer: the steps go round in a circle */
} Search;

static PbLocal
resolve (const Search *self)
{
  return self->aliases
           ? pb_snapshot_resolve_local (self->snapshot, self->local, self->domain)
           : pb_snapshot_resolve_mailbox (self->snapshot, self->local, self->domain);
}

static void
search_finish (Search *self, const PbLocal *found)
{
  self->func (found, self->user_data);
  pb_snapshot_unref (self->snapshot);
  g_free (self->local);
  g_free (self->domain);
  pb_mailbox_unref (self->reply_to);
  g_free (self);
}

static void
on_resolved (gpointer data)
{
  Search *self = data;
  const PbLocal found = resolve (self);

  search_finish (self, &found);
}

static void
search_step (Search *self, gboolean may_finish)
{
  const PbLocal found = resolve (self);

  if (found.kind == PB_LOCAL_PENDING && self->snapshot->people != NULL)
    {
      g_autofree char *name = g_ascii_strdown (self->local, (gssize) found.ask);

      pb_people_find (self->snapshot->people, name, self->reply_to, self->on_person, self);
    }
  else if (may_finish)
    search_finish (self, &found);
  else
    pb_mailbox_post (self->reply_to, on_resolved, self);
}

static void
on_person (const PbPerson *person, gpointer user_data)
{
  static const PbLocal untold = { .kind = PB_LOCAL_PENDING };
  Search *self = user_data;

  if (person->state == PB_PERSON_TROUBLE || ++self->questions > MAX_QUESTIONS)
    search_finish (self, &untold);
  else
    search_step (self, TRUE);
}

void
pb_snapshot_find_local (PbSnapshot *self, gboolean aliases, const char *local, const char *domain,
                        PbMailbox *reply_to, PbLocalFound func, gpointer user_data)
{
  Search *search = g_new0 (Search, 1);

  search->snapshot = pb_snapshot_ref (self);
  search->aliases = aliases;
  search->local = g_strdup (local);
  search->domain = g_strdup (domain);
  search->reply_to = pb_mailbox_ref (reply_to);
  search->func = func;
  search->user_data = user_data;
  search->on_person = on_person;
  search_step (search, FALSE);
}
