/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sessions that are open now, and who sent and received most, by Statistics.Sessions and Statistics.Top.
 * Made by the overview, which asks again while it is seen. Rows that lack what every row has are left out.
 */
#include "model/activity.h"

#define MAX_BUSIEST 5

struct _PbaActivity
{
  GObject parent_instance;

  PbaConnection *connection;     /* (owned) */
  GPtrArray *sessions, *busiest; /* (owned) */
  gboolean asking;
  guint question; /* number of the last about the busiest */
};

G_DEFINE_FINAL_TYPE (PbaActivity, pba_activity, G_TYPE_OBJECT)

static guint sessions_signal, busiest_signal;

static void
session_free (gpointer data)
{
  PbaSession *self = data;

  g_free (self->client);
  g_free (self->role);
  g_free (self->state);
  g_free (self->tls);
  g_free (self->helo);
  g_free (self->login);
  g_free (self->sender);
  g_free (self);
}

static void
busiest_free (gpointer data)
{
  PbaBusiest *self = data;

  g_free (self->name);
  g_free (self);
}

/* Returns: (transfer full) (nullable). */
static PbaSession *
session_new (GVariant *row)
{
  PbaSession *self = g_new0 (PbaSession, 1);
  guint64 since = 0, in = 0, out = 0;

  if (!g_variant_lookup (row, "Client", "s", &self->client)
      || !g_variant_lookup (row, "Role", "s", &self->role)
      || !g_variant_lookup (row, "State", "s", &self->state))
    {
      session_free (self);
      return NULL;
    }
  g_variant_lookup (row, "Tls", "s", &self->tls);
  g_variant_lookup (row, "Helo", "s", &self->helo);
  g_variant_lookup (row, "Login", "s", &self->login);
  g_variant_lookup (row, "Sender", "s", &self->sender);
  g_variant_lookup (row, "Recipients", "u", &self->recipients);
  g_variant_lookup (row, "Since", "t", &since);
  g_variant_lookup (row, "BytesIn", "t", &in);
  g_variant_lookup (row, "BytesOut", "t", &out);
  self->since = (gint64) MIN (since, G_MAXINT64);
  self->octets = in + out;
  return self;
}

static void
on_sessions (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaActivity) self = user_data;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) rows = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
  GVariantIter iter;
  GVariant *row;

  self->asking = FALSE;
  if (rows == NULL)
    return;
  g_ptr_array_set_size (self->sessions, 0);
  g_variant_iter_init (&iter, rows);
  while (g_variant_iter_loop (&iter, "@a{sv}", &row))
    {
      PbaSession *session = session_new (row);

      if (session != NULL)
        g_ptr_array_add (self->sessions, session);
    }
  g_signal_emit (self, sessions_signal, 0);
}

/* One question about the busiest. */
typedef struct
{
  PbaActivity *self; /* (owned) */
  guint number;
} Question;

static void
take_busiest (PbaActivity *self, GVariant *rows)
{
  GVariantIter iter;
  GVariant *row;

  g_ptr_array_set_size (self->busiest, 0);
  g_variant_iter_init (&iter, rows);
  while (g_variant_iter_loop (&iter, "@a{sv}", &row))
    {
      PbaBusiest *busiest = g_new0 (PbaBusiest, 1);

      g_ptr_array_add (self->busiest, busiest);
      g_variant_lookup (row, "Messages", "t", &busiest->messages);
      g_variant_lookup (row, "Refused", "t", &busiest->refused);
      if (!g_variant_lookup (row, "Name", "s", &busiest->name))
        g_ptr_array_set_size (self->busiest, (int) self->busiest->len - 1);
    }
}

static void
on_busiest (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Question *question = user_data;
  g_autoptr (PbaActivity) self = question->self;
  g_autoptr (GVariant) reply = pba_connection_call_finish (PBA_CONNECTION (source), result, NULL);
  g_autoptr (GVariant) rows = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  if (rows == NULL || question->number != self->question)
    return;
  take_busiest (self, rows);
  g_signal_emit (self, busiest_signal, 0);
}

static void
pba_activity_finalize (GObject *object)
{
  PbaActivity *self = PBA_ACTIVITY (object);

  g_ptr_array_unref (self->sessions);
  g_ptr_array_unref (self->busiest);
  g_object_unref (self->connection);
  G_OBJECT_CLASS (pba_activity_parent_class)->finalize (object);
}

static void
pba_activity_class_init (PbaActivityClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_activity_finalize;
  sessions_signal = g_signal_new ("sessions", PBA_TYPE_ACTIVITY, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                  NULL, G_TYPE_NONE, 0);
  busiest_signal = g_signal_new ("busiest", PBA_TYPE_ACTIVITY, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
}

static void
pba_activity_init (PbaActivity *self)
{
  self->sessions = g_ptr_array_new_with_free_func (session_free);
  self->busiest = g_ptr_array_new_with_free_func (busiest_free);
}

PbaActivity *
pba_activity_new (PbaConnection *connection)
{
  PbaActivity *self = g_object_new (PBA_TYPE_ACTIVITY, NULL);

  self->connection = g_object_ref (connection);
  return self;
}

gboolean
pba_activity_get_supported (PbaActivity *self)
{
  return pba_connection_has_method (self->connection, "Statistics", "Sessions");
}

void
pba_activity_ask_sessions (PbaActivity *self)
{
  if (self->asking || !pba_activity_get_supported (self)
      || pba_connection_get_state (self->connection) != PBA_CONNECTION_CONNECTED)
    return;
  self->asking = TRUE;
  pba_connection_poll (self->connection, "Statistics", "Sessions", NULL, "(aa{sv})", NULL,
                       on_sessions, g_object_ref (self));
}

void
pba_activity_ask_busiest (PbaActivity *self, PbaBusiestKind kind, guint span)
{
  static const char *const words[] = { "senders", "recipients", "hosts" };
  Question *question;

  G_STATIC_ASSERT (G_N_ELEMENTS (words) == PBA_N_BUSIEST);
  if (!pba_connection_has_method (self->connection, "Statistics", "Top")
      || pba_connection_get_state (self->connection) != PBA_CONNECTION_CONNECTED)
    return;
  question = g_new0 (Question, 1);
  question->self = g_object_ref (self);
  question->number = ++self->question;
  pba_connection_poll (self->connection, "Statistics", "Top",
                       g_variant_new ("(suu)", words[kind], span, MAX_BUSIEST), "(aa{sv})", NULL,
                       on_busiest, question);
}

GPtrArray *
pba_activity_get_sessions (PbaActivity *self)
{
  return self->sessions;
}

GPtrArray *
pba_activity_get_busiest (PbaActivity *self)
{
  return self->busiest;
}
