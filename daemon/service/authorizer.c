/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Authorization, in one place. bus.c asks here before any method that is not open to all; nothing
 * else decides. A caller's uid comes from the bus daemon, an answer from polkit by its D-Bus
 * interface on the SAME connection: libpolkit-gobject always speaks to the system bus, where the
 * unique name of a caller on another bus would be somebody else. Anything but an explicit yes is no.
 * A caller's questions are decided in the order of its calls; what it asks twice at once is asked of
 * polkit once. When its name vanishes, polkit is told to stop, and what is kept of it goes. A message stays in
 * memory while its question is open, for minutes if the user's own agent is silent: so what one user may have
 * waiting is bounded. Main thread only; asks without blocking.
 */
#include "service/authorizer.h"

#include "dbus/errors.h"
#include "dbus/names.h"

#include <unistd.h>

#define KEEP_SECONDS 300
#define MAX_WAITING 500                   /* questions of one user before polkit */
#define MAX_WAITING_OCTETS (1024 * 1024)  /* of their messages, which GDBus keeps in some fifteen times as much; one alone may have more */
#define POLKIT_ALLOW_USER_INTERACTION 1u
#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
/* Without a user to wait for, a polkit that is silent this long is ill; a user may look for the password. */
#define ANSWER_MS (25 * 1000)
#define INTERACTIVE_ANSWER_MS (10 * 60 * 1000)

/* What one user has before polkit, by all its unique names. */
typedef struct
{
  gatomicrefcount refs;
  GHashTable *loads; /* (owned) where it is found */
  gint64 uid;        /* the key */
  guint n;           /* questions */
  gsize octets;      /* of their messages */
} PbLoad;

/* What is known of one unique name. */
typedef struct
{
  gatomicrefcount refs;
  GHashTable *callers;    /* (unowned) where it is found, unless gone */
  GHashTable *loads;      /* (unowned) of all users, unless gone */
  char *name;             /* (owned) */
  gint64 uid;             /* -1: not known yet */
  PbLoad *load;           /* (owned) (nullable) of that uid */
  gboolean gone;
  guint subscription;
  GHashTable *kept;       /* (owned) action -> monotonic microseconds until which the yes holds */
  GPtrArray *waiting;     /* (owned) (element-type PbQuestion, owned): for the uid, in the order of the calls */
  GPtrArray *checks;      /* (owned) (element-type PbPolkitCheck, unowned): under way */
} PbCaller;

struct _PbAuthorizer
{
  GDBusConnection *connection; /* (owned) (nullable) */
  GHashTable *callers;         /* (owned) unique name -> PbCaller */
  GHashTable *loads;           /* (owned) uid -> PbLoad (unowned) */
  GCancellable *cancellable;   /* (owned) of everything asked on @connection */
};

/* One question under way. */
typedef struct
{
  GDBusConnection *connection; /* (owned) */
  PbCaller *caller;         /* (owned) */
  char *action;             /* (owned) (nullable) */
  gboolean interactive;
  gsize octets;             /* of its message */
  gboolean is_counted;      /* in the load of the caller's uid */
  PbAuthorized func;
  gpointer user_data;
} PbQuestion;

/* One CheckAuthorization under way, for all questions that it answers. */
typedef struct
{
  PbCaller *caller;          /* (owned) */
  char *action;              /* (owned) */
  gboolean interactive;
  char *cancellation_id;     /* (owned) */
  GCancellable *cancellable; /* (owned) */
  GPtrArray *questions;      /* (owned) (element-type PbQuestion, owned) */
} PbPolkitCheck;

static PbLoad *
load_ref (GHashTable *loads, gint64 uid)
{
  PbLoad *load = g_hash_table_lookup (loads, &uid);

  if (load != NULL)
    {
      g_atomic_ref_count_inc (&load->refs);
      return load;
    }
  load = g_new0 (PbLoad, 1);
  g_atomic_ref_count_init (&load->refs);
  load->loads = g_hash_table_ref (loads);
  load->uid = uid;
  g_hash_table_insert (loads, &load->uid, load);
  return load;
}

static void
load_unref (PbLoad *load)
{
  if (!g_atomic_ref_count_dec (&load->refs))
    return;
  g_hash_table_remove (load->loads, &load->uid);
  g_hash_table_unref (load->loads);
  g_free (load);
}

static void
caller_unref (PbCaller *caller)
{
  if (!g_atomic_ref_count_dec (&caller->refs))
    return;
  g_clear_pointer (&caller->load, load_unref);
  g_hash_table_unref (caller->kept);
  g_ptr_array_unref (caller->waiting);
  g_ptr_array_unref (caller->checks);
  g_free (caller->name);
  g_free (caller);
}

/* The answers arrive as errors, later. */
static void
cancel_checks (PbCaller *caller)
{
  for (guint i = 0; i < caller->checks->len; i++)
    g_cancellable_cancel (((PbPolkitCheck *) caller->checks->pdata[i])->cancellable);
}

/* Takes the password dialogue off the user's screen. */
static void
tell_polkit_to_stop (GDBusConnection *connection, const PbCaller *caller)
{
  for (guint i = 0; i < caller->checks->len; i++)
    {
      const PbPolkitCheck *check = caller->checks->pdata[i];
      g_dbus_connection_call (connection, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CancelCheckAuthorization",
                              g_variant_new ("(s)", check->cancellation_id), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, -1,
                              NULL, NULL, NULL);
    }
}

static void
on_caller_vanished (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                    const char *signal, GVariant *parameters, gpointer user_data)
{
  PbAuthorizer *self = user_data;
  const char *name, *old_owner, *new_owner;

  g_variant_get (parameters, "(&s&s&s)", &name, &old_owner, &new_owner);
  PbCaller *caller = g_hash_table_lookup (self->callers, name);
  if (caller == NULL || *new_owner != '\0')
    return;
  caller->gone = TRUE;
  tell_polkit_to_stop (connection, caller);
  cancel_checks (caller);
  g_dbus_connection_signal_unsubscribe (connection, caller->subscription);
  g_hash_table_remove (self->callers, name);
}

static PbCaller *
find_caller (PbAuthorizer *self, const char *name)
{
  PbCaller *caller = g_hash_table_lookup (self->callers, name);
  if (caller != NULL)
    return caller;

  caller = g_new0 (PbCaller, 1);
  g_atomic_ref_count_init (&caller->refs);
  caller->callers = self->callers;
  caller->loads = self->loads;
  caller->name = g_strdup (name);
  caller->uid = -1;
  caller->kept = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  caller->waiting = g_ptr_array_new ();
  caller->checks = g_ptr_array_new ();
  caller->subscription = g_dbus_connection_signal_subscribe (
    self->connection, "org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged", "/org/freedesktop/DBus",
    name, G_DBUS_SIGNAL_FLAGS_NONE, on_caller_vanished, self, NULL);
  g_hash_table_insert (self->callers, caller->name, caller);
  return caller;
}

/* Returns: FALSE when the user has too much before polkit already. */
static gboolean
count_in (PbQuestion *question)
{
  PbLoad *load = question->caller->load;

  if (load->n >= MAX_WAITING || (load->n > 0 && question->octets > MAX_WAITING_OCTETS - MIN (load->octets, MAX_WAITING_OCTETS)))
    return FALSE;
  load->n++;
  load->octets += question->octets;
  question->is_counted = TRUE;
  return TRUE;
}

static void
count_out (PbQuestion *question)
{
  if (!question->is_counted)
    return;
  question->caller->load->n--;
  question->caller->load->octets -= question->octets;
}

static void
question_end (PbQuestion *question, PbAuthorization answer, PbError code, const char *why)
{
  g_autofree char *who = NULL;
  g_autoptr (GError) error = NULL;

  /* Whoever is told may ask the next question at once. */
  count_out (question);
  if (question->caller->uid >= 0)
    who = g_strdup_printf ("uid %" G_GINT64_FORMAT, question->caller->uid);
  if (answer != PB_AUTHORIZED_YES)
    error = g_error_new (PB_ERROR, (gint) code, "%s: %s", question->action != NULL ? question->action : "caller", why);
  question->func (answer, who, error, question->user_data);

  caller_unref (question->caller);
  g_object_unref (question->connection);
  g_free (question->action);
  g_free (question);
}

static void
question_answer (PbQuestion *question, PbAuthorization answer, const char *why)
{
  question_end (question, answer, PB_ERROR_NOT_AUTHORIZED, why);
}

/* Takes the check apart: its questions get the one answer. */
static void
check_answer (PbPolkitCheck *check, PbAuthorization answer, const char *why)
{
  g_ptr_array_remove_fast (check->caller->checks, check);
  for (guint i = 0; i < check->questions->len; i++)
    question_answer (check->questions->pdata[i], answer, why);
  g_ptr_array_unref (check->questions);
  g_object_unref (check->cancellable);
  caller_unref (check->caller);
  g_free (check->cancellation_id);
  g_free (check->action);
  g_free (check);
}

static void
keep_yes (PbPolkitCheck *check)
{
  gint64 *until = g_new (gint64, 1);

  *until = g_get_monotonic_time () + KEEP_SECONDS * G_USEC_PER_SEC;
  g_hash_table_insert (check->caller->kept, g_strdup (check->action), until);
}

static void
on_polkit_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PbPolkitCheck *check = user_data;
  gboolean authorized = FALSE, challenge = FALSE;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (reply != NULL)
    g_variant_get (reply, "((bba{ss}))", &authorized, &challenge, NULL);
  if (check->caller->gone)
    check_answer (check, PB_AUTHORIZED_NO, "the caller is gone");
  else if (reply == NULL)
    check_answer (check, PB_AUTHORIZED_NO, "not allowed, and no authorization service could be asked");
  else if (authorized)
    {
      if (check->interactive)
        keep_yes (check);
      check_answer (check, PB_AUTHORIZED_YES, NULL);
    }
  else if (challenge)
    check_answer (check, PB_AUTHORIZED_CHALLENGE,
                  check->interactive ? "needs an administrator's password, and nobody could be asked for it"
                                     : "needs an administrator's password, which this call did not allow to ask for");
  else
    check_answer (check, PB_AUTHORIZED_NO, "not allowed");
}

static gboolean
yes_is_kept (PbCaller *caller, const char *action)
{
  const gint64 *until = g_hash_table_lookup (caller->kept, action);
  return until != NULL && g_get_monotonic_time () < *until;
}

static PbPolkitCheck *
find_check (const PbQuestion *question)
{
  for (guint i = 0; i < question->caller->checks->len; i++)
    {
      PbPolkitCheck *check = question->caller->checks->pdata[i];
      if (check->interactive == question->interactive && g_str_equal (check->action, question->action))
        return check;
    }
  return NULL;
}

static PbPolkitCheck *
check_new (const PbQuestion *question)
{
  PbPolkitCheck *check = g_new0 (PbPolkitCheck, 1);

  check->caller = question->caller;
  g_atomic_ref_count_inc (&check->caller->refs);
  check->action = g_strdup (question->action);
  check->interactive = question->interactive;
  check->cancellation_id = g_uuid_string_random ();
  check->cancellable = g_cancellable_new ();
  check->questions = g_ptr_array_new ();
  g_ptr_array_add (check->caller->checks, check);
  return check;
}

static void
ask_polkit (PbQuestion *question)
{
  PbPolkitCheck *check = find_check (question);
  GVariantBuilder details;

  if (check != NULL)
    {
      g_ptr_array_add (check->questions, question);
      return;
    }
  check = check_new (question);
  g_ptr_array_add (check->questions, question);
  g_variant_builder_init (&details, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&details, "{sv}", "name", g_variant_new_string (question->caller->name));
  g_dbus_connection_call (question->connection, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization",
                          g_variant_new ("((s@a{sv})s@a{ss}us)", "system-bus-name", g_variant_builder_end (&details),
                                         check->action, g_variant_new_array (G_VARIANT_TYPE ("{ss}"), NULL, 0),
                                         check->interactive ? POLKIT_ALLOW_USER_INTERACTION : 0, check->cancellation_id),
                          G_VARIANT_TYPE ("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE,
                          check->interactive ? INTERACTIVE_ANSWER_MS : ANSWER_MS, check->cancellable, on_polkit_answered,
                          check);
}

/* The caller's uid is known: the unasked yes, else polkit. */
static void
question_decide (PbQuestion *question)
{
  PbCaller *caller = question->caller;

  if (caller->gone)
    question_answer (question, PB_AUTHORIZED_NO, "the caller is gone");
  else if (caller->uid == 0 || caller->uid == (gint64) geteuid () || question->action == NULL ||
           yes_is_kept (caller, question->action))
    question_answer (question, PB_AUTHORIZED_YES, NULL);
  else if (count_in (question))
    ask_polkit (question);
  else
    question_end (question, PB_AUTHORIZED_NO, PB_ERROR_BUSY,
                  "too many calls of this user wait to be allowed; try again when some are answered");
}

static void
forget_caller (PbCaller *caller, GDBusConnection *connection)
{
  if (caller->gone)
    return;
  caller->gone = TRUE;
  g_dbus_connection_signal_unsubscribe (connection, caller->subscription);
  g_hash_table_remove (caller->callers, caller->name);
}

static void
on_uid_known (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PbCaller *caller = user_data;
  g_autoptr (GPtrArray) waiting = g_steal_pointer (&caller->waiting);
  guint32 uid;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  caller->waiting = g_ptr_array_new ();
  if (reply != NULL)
    {
      g_variant_get (reply, "(u)", &uid);
      caller->uid = uid;
      if (!caller->gone)
        caller->load = load_ref (caller->loads, uid);
    }
  else /* It went before its going was watched: nothing else would end what is kept of it. */
    forget_caller (caller, G_DBUS_CONNECTION (source));
  for (guint i = 0; i < waiting->len; i++)
    question_decide (waiting->pdata[i]);
  caller_unref (caller);
}

PbAuthorizer *
pb_authorizer_new (void)
{
  PbAuthorizer *self = g_new0 (PbAuthorizer, 1);
  self->callers = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) caller_unref);
  self->loads = g_hash_table_new (g_int64_hash, g_int64_equal);
  return self;
}

void
pb_authorizer_set_connection (PbAuthorizer *self, GDBusConnection *connection)
{
  GHashTableIter iter;
  gpointer caller;

  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);

  g_hash_table_iter_init (&iter, self->callers);
  while (g_hash_table_iter_next (&iter, NULL, &caller))
    {
      ((PbCaller *) caller)->gone = TRUE;
      cancel_checks (caller);
      g_dbus_connection_signal_unsubscribe (self->connection, ((PbCaller *) caller)->subscription);
    }
  g_hash_table_remove_all (self->callers);

  g_set_object (&self->connection, connection);
  if (connection != NULL)
    self->cancellable = g_cancellable_new ();
}

void
pb_authorizer_free (PbAuthorizer *self)
{
  pb_authorizer_set_connection (self, NULL);
  g_hash_table_unref (self->callers);
  g_hash_table_unref (self->loads);
  g_free (self);
}

void
pb_authorizer_check (PbAuthorizer *self, GDBusConnection *connection, const char *sender, const char *action,
                     gboolean interactive, gsize octets, PbAuthorized func, gpointer user_data)
{
  if (connection != self->connection)
    {
      g_autoptr (GError) error = g_error_new (PB_ERROR, PB_ERROR_NOT_AUTHORIZED, "%s: the caller is gone",
                                              action != NULL ? action : "caller");
      func (PB_AUTHORIZED_NO, NULL, error, user_data);
      return;
    }

  PbQuestion *question = g_new0 (PbQuestion, 1);
  PbCaller *caller = find_caller (self, sender);

  question->connection = g_object_ref (self->connection);
  question->caller = caller;
  g_atomic_ref_count_inc (&caller->refs);
  question->action = g_strdup (action);
  question->interactive = interactive;
  question->octets = octets;
  question->func = func;
  question->user_data = user_data;

  if (caller->uid >= 0)
    {
      question_decide (question);
      return;
    }
  g_ptr_array_add (caller->waiting, question);
  if (caller->waiting->len > 1)
    return;
  g_atomic_ref_count_inc (&caller->refs);
  g_dbus_connection_call (self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          "GetConnectionUnixUser", g_variant_new ("(s)", sender), G_VARIANT_TYPE ("(u)"),
                          G_DBUS_CALL_FLAGS_NONE, -1, self->cancellable, on_uid_known, caller);
}

gint64
pb_authorizer_uid (PbAuthorizer *self, const char *sender)
{
  const PbCaller *caller = g_hash_table_lookup (self->callers, sender);

  return caller != NULL ? caller->uid : -1;
}
