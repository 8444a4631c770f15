/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Between those who ask on any thread and the helper's client, which lives on the main one: questions
 * come by the main thread's mailbox, answers go back by the asker's. Nothing here knows PAM or NSS; who
 * of the system's users is a person with mail is decided here, from what the helper says of them.
 */
#include "service/system-accounts.h"

#include "protocol/address.h"
#include "service/auth-client.h"
#include "settings/people.h"
#include <string.h>

#define MAX_PEOPLE 10000 /* answers kept: some 2 MiB */

struct _PbSystemAccounts
{
  PbMailbox *mailbox;   /* (owned) the main thread's */
  PbRegistry *registry; /* (not owned) */
  PbPeople *people;     /* (owned) */
  PbAuthClient *client; /* (owned) (nullable) NULL once closed */
};

/* ---- names ---- */

typedef struct
{
  PbSystemAccounts *accounts; /* (not owned) */
  char *name;                 /* (owned) */
} LookUp;

static void
on_looked_up (const PbAuthAnswer *answer, gpointer user_data)
{
  LookUp *self = user_data;
  PbPerson person = { PB_PERSON_UNKNOWN, 0 };

  if (answer->verdict == PB_AUTH_TROUBLE)
    person.state = PB_PERSON_TROUBLE;
  else if (pb_auth_is_person (answer) && answer->login_shell)
    person = (PbPerson){ PB_PERSON_KNOWN, answer->uid };
  pb_people_answer (self->accounts->people, self->name, &person);
  g_free (self->name);
  g_free (self);
}

/* On the main thread. */
static void
on_look_up (gpointer data)
{
  static const PbAuthAnswer trouble = { .verdict = PB_AUTH_TROUBLE }, none = { .verdict = PB_AUTH_NO };
  LookUp *self = data;

  if (self->accounts->client == NULL)
    on_looked_up (&trouble, self);
  else if (!pb_auth_name_is_valid (self->name))
    on_looked_up (&none, self);
  else
    pb_auth_client_look_up (self->accounts->client, self->name, on_looked_up, self);
}

/* A PbPeopleAsk, on any thread. */
static void
ask_person (const char *name, gpointer data)
{
  PbSystemAccounts *self = data;
  LookUp *look_up = g_new (LookUp, 1);

  *look_up = (LookUp){ self, g_strdup (name) };
  pb_mailbox_post (self->mailbox, on_look_up, look_up);
}

/* ---- passwords ---- */

typedef struct
{
  PbSystemAccounts *accounts; /* (not owned) */
  char *user, *client;        /* (owned) */
  PbSecret *password;         /* (owned) */
  PbMailbox *reply_to;        /* (owned) */
  PbPasswordChecked func;
  gpointer user_data;
  PbAuthAnswer answer;
} Check;

static PbPasswordVerdict
check_verdict (const Check *self)
{
  switch (self->answer.verdict)
    {
    case PB_AUTH_YES:
      return pb_auth_is_person (&self->answer) ? PB_PASSWORD_RIGHT : PB_PASSWORD_WRONG;
    case PB_AUTH_NO:
      return PB_PASSWORD_WRONG;
    case PB_AUTH_TROUBLE:
      break;
    }
  return PB_PASSWORD_TROUBLE;
}

/* On the asker's thread. */
static void
on_told (gpointer data)
{
  Check *self = data;
  PbPasswordVerdict verdict = check_verdict (self);
  gboolean right = verdict == PB_PASSWORD_RIGHT;
  char mailbox[PB_LOCAL_MAILBOX_TEXT];

  self->func (verdict, right ? self->answer.name : NULL,
              right ? pb_local_format_mailbox (self->answer.uid, mailbox) : NULL, self->user_data);
  g_free (self->user);
  g_free (self->client);
  pb_mailbox_unref (self->reply_to);
  g_free (self);
}

static void
on_authenticated (const PbAuthAnswer *answer, gpointer user_data)
{
  Check *self = user_data;

  self->answer = *answer;
  g_clear_pointer (&self->password, pb_secret_unref);
  pb_mailbox_post (self->reply_to, on_told, self);
}

/* A user who gives an address of ours means the name in it; other names with an @ are the directory's. */
static void
cut_domain (PbSystemAccounts *self, char *user)
{
  char *at = strrchr (user, '@');
  g_autofree char *domain = at != NULL ? pb_domain_fold (at + 1) : NULL;
  g_autoptr (PbSnapshot) snapshot = NULL;

  if (domain == NULL)
    return;
  snapshot = pb_registry_snapshot (self->registry);
  if (pb_snapshot_is_local_domain (snapshot, domain))
    *at = '\0';
}

/* On the main thread. */
static void
on_check (gpointer data)
{
  static const PbAuthAnswer trouble = { .verdict = PB_AUTH_TROUBLE }, no = { .verdict = PB_AUTH_NO };
  Check *self = data;

  cut_domain (self->accounts, self->user);
  if (self->accounts->client == NULL)
    on_authenticated (&trouble, self);
  else if (!pb_auth_name_is_valid (self->user) || self->password->length > PB_AUTH_MAX_PASSWORD
           || memchr (self->password->data, '\0', self->password->length) != NULL)
    on_authenticated (&no, self);
  else
    pb_auth_client_authenticate (self->accounts->client, self->user, self->password, self->client,
                                 on_authenticated, self);
}

void
pb_system_accounts_check_password (const char *user, PbSecret *password, const char *client,
                                   PbMailbox *reply_to, PbPasswordChecked func, gpointer user_data,
                                   gpointer data)
{
  PbSystemAccounts *self = data;
  Check *check = g_new0 (Check, 1);

  check->accounts = self;
  check->user = g_strdup (user);
  check->client = g_strdup (client != NULL ? client : "");
  check->password = pb_secret_ref (password);
  check->reply_to = pb_mailbox_ref (reply_to);
  check->func = func;
  check->user_data = user_data;
  pb_mailbox_post (self->mailbox, on_check, check);
}

/* ---- life ---- */

PbSystemAccounts *
pb_system_accounts_new (const char *path, PbRegistry *registry, PbMailbox *mailbox)
{
  PbSystemAccounts *self = g_new0 (PbSystemAccounts, 1);

  self->mailbox = pb_mailbox_ref (mailbox);
  self->registry = registry;
  self->client = pb_auth_client_new (path);
  self->people = pb_people_new (MAX_PEOPLE, ask_person, self);
  pb_registry_use_people (registry, self->people);
  return self;
}

void
pb_system_accounts_close (PbSystemAccounts *self)
{
  g_clear_pointer (&self->client, pb_auth_client_free);
  pb_people_close (self->people);
}

void
pb_system_accounts_free (PbSystemAccounts *self)
{
  pb_system_accounts_close (self);
  /* Questions that came after the close. */
  pb_mailbox_dispatch (self->mailbox);
  pb_people_unref (self->people);
  pb_mailbox_unref (self->mailbox);
  g_free (self);
}
