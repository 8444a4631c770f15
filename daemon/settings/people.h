/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/mailbox.h"
#include <glib.h>

/*
 * Which names are those of the system's users who have mail here (Mailboxes.AccountSource pam or both): what was found out, for a while, and the way to ask. Bounded,
 * any thread. Snapshots carry it, so that every floor that resolves an address sees the same people; it is no part of a revision.
 */
typedef struct _PbPeople PbPeople;

typedef enum
{
  PB_PERSON_KNOWN,
  PB_PERSON_UNKNOWN, /* nobody of that name has mail here */
  PB_PERSON_UNASKED, /* not known now */
  PB_PERSON_TROUBLE, /* was asked, and could not be told */
} PbPersonState;

typedef struct
{
  PbPersonState state;
  guint32 uid; /* KNOWN */
} PbPerson;

/** PbPeopleAsk: find out about @name, without blocking; pb_people_answer() must follow, from any thread. */
typedef void (*PbPeopleAsk) (const char *name, gpointer data);
typedef void (*PbPersonFound) (const PbPerson *person, gpointer user_data);

/** pb_people_new: keeps at most @max answers. @ask runs in the asking thread. */
PbPeople *pb_people_new (guint max, PbPeopleAsk ask, gpointer data);
PbPeople *pb_people_ref (PbPeople *self);
void pb_people_unref (PbPeople *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbPeople, pb_people_unref)

/** pb_people_close: nothing can be asked any more: whoever waits, and whoever asks from now on, gets TROUBLE. */
void pb_people_close (PbPeople *self);

/** pb_people_peek: what is known of @name. Never TROUBLE, which is not kept: UNASKED. */
PbPerson pb_people_peek (PbPeople *self, const char *name);

/** pb_people_find: @func in @reply_to's thread exactly once, never UNASKED. Those who ask for the same @name at one time are answered together. */
void pb_people_find (PbPeople *self, const char *name, PbMailbox *reply_to, PbPersonFound func, gpointer user_data);

/** pb_people_answer: what was found out about @name. An answer that nobody waits for is dropped. */
void pb_people_answer (PbPeople *self, const char *name, const PbPerson *person);

/** pb_people_name_is_possible: pure: whether a user of the system can be called @name at all; else nobody is asked. */
gboolean pb_people_name_is_possible (const char *name);
