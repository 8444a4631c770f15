/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The subscribers of Statistics. GDBus keeps what it could not send yet without a bound, and so does a bus
 * for one of its connections for long: so each subscriber is asked every few updates whether it reads, by
 * Peer.Ping, which its library answers. Until the answer is there nothing more is sent, and what has changed
 * meanwhile comes in one; without an answer in a minute the subscription ends. Whoever leaves the bus is
 * dropped at once. There is a bound to them all, and a lower one to those of one user. Used by the bus object of the statistics.
 */
#include "service/subscribers.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "util/log.h"

#define MAX_SUBSCRIBERS 200
#define MAX_OF_USER     50
#define PING_AFTER      10 /* updates */
#define PING_MS         60000

typedef struct
{
  PbSubscribers *subscribers;  /* (unowned) */
  GDBusConnection *connection; /* (owned) */
  char *name;                  /* (owned) unique name */
  gint64 uid;                  /* -1: the bus does not tell */
  guint subscription;          /* to its leaving */
  gulong closed_handler;
  GCancellable *cancellable;   /* (owned) of a ping */
  gboolean asked;              /* a ping is under way */
  guint n_sent;                /* since the last ping */
  guint64 told;                /* the look whose figures it has; 0: none */
} Subscriber;

struct _PbSubscribers
{
  GPtrArray *all; /* (owned) (element-type Subscriber) */
};

static void
subscriber_free (gpointer data)
{
  Subscriber *self = data;

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  g_signal_handler_disconnect (self->connection, self->closed_handler);
  g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  g_object_unref (self->connection);
  g_free (self->name);
  g_free (self);
}

static void
forget (Subscriber *subscriber)
{
  g_ptr_array_remove_fast (subscriber->subscribers->all, subscriber);
}

static Subscriber *
find (const PbSubscribers *self, GDBusConnection *connection, const char *name)
{
  for (guint i = 0; i < self->all->len; i++)
    {
      Subscriber *subscriber = self->all->pdata[i];

      if (subscriber->connection == connection && g_str_equal (subscriber->name, name))
        return subscriber;
    }
  return NULL;
}

static void
on_name_owner_changed (GDBusConnection *connection, const char *sender, const char *path,
                       const char *interface, const char *signal, GVariant *parameters,
                       gpointer user_data)
{
  const char *new_owner;

  g_variant_get_child (parameters, 2, "&s", &new_owner);
  if (*new_owner == '\0')
    forget (user_data);
}

static void
on_closed (GDBusConnection *connection, gboolean remote_peer_vanished, GError *error,
           gpointer user_data)
{
  forget (user_data);
}

/* Whether it is gone, or does not read. Any other answer shows that it does. */
static gboolean
is_silence (const GError *error)
{
  static const GDBusError silent[] = { G_DBUS_ERROR_SERVICE_UNKNOWN,
                                       G_DBUS_ERROR_NAME_HAS_NO_OWNER, G_DBUS_ERROR_NO_REPLY,
                                       G_DBUS_ERROR_DISCONNECTED, G_DBUS_ERROR_LIMITS_EXCEEDED,
                                       G_DBUS_ERROR_TIMEOUT, G_DBUS_ERROR_TIMED_OUT };

  for (guint i = 0; i < G_N_ELEMENTS (silent); i++)
    if (g_error_matches (error, G_DBUS_ERROR, silent[i]))
      return TRUE;
  return error->domain == G_IO_ERROR && !g_dbus_error_is_remote_error (error);
}

static void
on_pong (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  GVariant *body = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  Subscriber *subscriber;

  g_clear_pointer (&body, g_variant_unref);
  /* Its subscription is gone, and so is what we were given. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  subscriber = user_data;
  subscriber->asked = FALSE;
  if (error == NULL || !is_silence (error))
    return;
  pb_log (PB_LOG_INFO, "subscriber dropped", "subscriber", subscriber->name, "reason",
          error->message, NULL);
  forget (subscriber);
}

static void
ping (Subscriber *self)
{
  self->asked = TRUE;
  self->n_sent = 0;
  g_dbus_connection_call (self->connection, self->name, "/", "org.freedesktop.DBus.Peer", "Ping",
                          NULL, NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, PING_MS, self->cancellable,
                          on_pong, self);
}

/* Returns: (transfer full): those that have changed since look @told, as Update has them; NULL: none. */
static GVariant *
make_update (const PbFigure *figures, guint n, guint64 told)
{
  GVariantBuilder changed;
  gboolean any = FALSE;

  g_variant_builder_init (&changed, G_VARIANT_TYPE ("a{st}"));
  for (guint i = 0; i < n; i++)
    if (figures[i].changed > told)
      {
        g_variant_builder_add (&changed, "{st}", figures[i].name, figures[i].value);
        any = TRUE;
      }
  if (any)
    return g_variant_ref_sink (g_variant_new ("(@a{st})", g_variant_builder_end (&changed)));
  g_variant_builder_clear (&changed);
  return NULL;
}

static void
tell (Subscriber *self, GVariant *update, guint64 look)
{
  self->told = look;
  if (update == NULL)
    return;
  g_dbus_connection_emit_signal (self->connection, self->name, PB_OBJECT_PATH,
                                 PB_INTERFACE_PREFIX "Statistics", "Update", update, NULL);
  self->n_sent++;
  if (self->n_sent >= PING_AFTER)
    ping (self);
}

void
pb_subscribers_tell (PbSubscribers *self, PbStatistics *statistics)
{
  g_autoptr (GVariant) common = NULL;
  const PbFigure *figures;
  guint64 look;
  guint n;

  if (self->all->len == 0)
    return;
  figures = pb_statistics_figures (statistics, &n, &look);
  common = make_update (figures, n, look - 1);
  for (guint i = 0; i < self->all->len; i++)
    {
      Subscriber *subscriber = self->all->pdata[i];
      g_autoptr (GVariant) own = NULL;

      if (subscriber->asked)
        continue;
      if (subscriber->told == look - 1)
        {
          tell (subscriber, common, look);
          continue;
        }
      own = make_update (figures, n, subscriber->told);
      tell (subscriber, own, look);
    }
}

PbSubscribers *
pb_subscribers_new (void)
{
  PbSubscribers *self = g_new0 (PbSubscribers, 1);

  self->all = g_ptr_array_new_with_free_func (subscriber_free);
  return self;
}

void
pb_subscribers_free (PbSubscribers *self)
{
  g_ptr_array_unref (self->all);
  g_free (self);
}

static guint
count_of_user (const PbSubscribers *self, gint64 uid)
{
  guint n = 0;

  for (guint i = 0; i < self->all->len; i++)
    n += ((const Subscriber *) self->all->pdata[i])->uid == uid;
  return n;
}

static gboolean
has_place (const PbSubscribers *self, gint64 uid, GError **error)
{
  guint of_user = count_of_user (self, uid);

  if (self->all->len < MAX_SUBSCRIBERS && of_user < MAX_OF_USER)
    return TRUE;
  g_set_error (error, PB_ERROR, PB_ERROR_BUSY,
               "Subscribe: at most %u subscribers of a user, and %u in all; there are %u and %u",
               MAX_OF_USER, MAX_SUBSCRIBERS, of_user, self->all->len);
  return FALSE;
}

gboolean
pb_subscribers_add (PbSubscribers *self, GDBusConnection *connection, const char *sender, gint64 uid,
                    GError **error)
{
  Subscriber *subscriber = find (self, connection, sender);

  if (subscriber != NULL)
    {
      subscriber->told = 0;
      return TRUE;
    }
  if (!has_place (self, uid, error))
    return FALSE;
  subscriber = g_new0 (Subscriber, 1);
  subscriber->subscribers = self;
  subscriber->connection = g_object_ref (connection);
  subscriber->name = g_strdup (sender);
  subscriber->uid = uid;
  subscriber->cancellable = g_cancellable_new ();
  subscriber->subscription =
    g_dbus_connection_signal_subscribe (connection, "org.freedesktop.DBus", "org.freedesktop.DBus",
                                        "NameOwnerChanged", "/org/freedesktop/DBus", sender,
                                        G_DBUS_SIGNAL_FLAGS_NONE, on_name_owner_changed, subscriber,
                                        NULL);
  subscriber->closed_handler =
    g_signal_connect (connection, "closed", G_CALLBACK (on_closed), subscriber);
  g_ptr_array_add (self->all, subscriber);
  /* It may have left before its leaving was watched: then there is no answer. */
  ping (subscriber);
  return TRUE;
}

void
pb_subscribers_remove (PbSubscribers *self, GDBusConnection *connection, const char *sender)
{
  Subscriber *subscriber = find (self, connection, sender);

  if (subscriber != NULL)
    forget (subscriber);
}

guint
pb_subscribers_count (const PbSubscribers *self)
{
  return self->all->len;
}
