/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.Statistics: figures, their series, who is connected and who has most to do with mail,
 * on the bus. All of it needs the view action, since refusals by check tell what passes through the machine;
 * only how the keeping itself fares is open. What is under way when the service ends is answered by
 * closures that hold the object. Main thread.
 */
#include "service/bus-info.h"
#include "service/objects.h"
#include "service/subscribers.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_ASKED    32 /* Sessions and Top under way */
#define MAX_TOP      100
#define MAX_TOP_SPAN 63158400

struct _PbStatisticsObject
{
  grefcount references; /* the service, each question under way */
  PbStatisticsObjectParts parts;
  PbSubscribers *subscribers; /* (owned) (nullable) NULL once freed */
  guint n_asked;
};

static void
statistics_object_unref (PbStatisticsObject *self)
{
  if (g_ref_count_dec (&self->references))
    g_free (self);
}

static void
fail (PbBusCall *call, PbError code, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (PB_ERROR, (gint) code, text);

  pb_bus_call_fail (call, error);
}

/* ---- questions that take a while ---- */

typedef struct
{
  PbStatisticsObject *object; /* (owned) a reference */
  PbBusCall *call;
} Question;

/* Returns: (nullable): answered, there are too many. */
static Question *
question_new (PbStatisticsObject *self, PbBusCall *call)
{
  Question *question;

  if (self->n_asked >= MAX_ASKED)
    {
      fail (call, PB_ERROR_BUSY, "Statistics: too many questions at once; try again");
      return NULL;
    }
  self->n_asked++;
  g_ref_count_inc (&self->references);
  question = g_new (Question, 1);
  *question = (Question){ self, call };
  return question;
}

static void
question_free (Question *self)
{
  self->object->n_asked--;
  statistics_object_unref (self->object);
  g_free (self);
}

/* ---- figures ---- */

static void
add_figure (const char *name, PbSeriesKind kind, guint64 value, gpointer user_data)
{
  g_variant_builder_add (user_data, "{st}", name, value);
}

static void
handle_snapshot (PbBusCall *call, gpointer object)
{
  PbStatisticsObject *self = object;
  GVariantBuilder figures;

  g_variant_builder_init (&figures, G_VARIANT_TYPE ("a{st}"));
  pb_statistics_foreach (self->parts.statistics, add_figure, &figures);
  pb_bus_call_return (call, g_variant_new ("(@a{st})", g_variant_builder_end (&figures)));
}

static void
on_series (GVariant *points, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new ("(@a(td))", points));
}

static void
handle_series (PbBusCall *call, gpointer object)
{
  PbStatisticsObject *self = object;
  const char *name;
  guint32 span, step;

  g_variant_get (call->parameters, "(&suu)", &name, &span, &step);
  pb_statistics_series (self->parts.statistics, name, span, step, on_series, call);
}

static void
handle_subscribe (PbBusCall *call, gpointer object)
{
  PbStatisticsObject *self = object;
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (call->invocation);
  g_autoptr (GError) error = NULL;

  if (!pb_subscribers_add (self->subscribers, connection,
                           g_dbus_method_invocation_get_sender (call->invocation),
                           pb_bus_call_uid (call), &error))
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, NULL);
}

static void
handle_unsubscribe (PbBusCall *call, gpointer object)
{
  PbStatisticsObject *self = object;

  pb_subscribers_remove (self->subscribers,
                         g_dbus_method_invocation_get_connection (call->invocation),
                         g_dbus_method_invocation_get_sender (call->invocation));
  pb_bus_call_return (call, NULL);
}

/* ---- sessions ---- */

static void
add_string (GVariantBuilder *rows, const char *key, const char *text)
{
  if (text != NULL)
    g_variant_builder_add (rows, "{sv}", key, g_variant_new_take_string (g_utf8_make_valid (text, -1)));
}

static void
add_number (GVariantBuilder *rows, const char *key, guint64 number)
{
  g_variant_builder_add (rows, "{sv}", key, g_variant_new_uint64 (number));
}

static void
add_session (GVariantBuilder *rows, const PbSessionRow *row)
{
  char client[INET6_ADDRSTRLEN];

  g_variant_builder_open (rows, G_VARIANT_TYPE ("a{sv}"));
  add_string (rows, "Client", row->local ? "local" : pb_ip_format (&row->ip, client, sizeof client));
  add_string (rows, "Role", pb_role_name (row->role));
  add_string (rows, "State", row->state);
  add_number (rows, "Since", (guint64) MAX (row->since, 0));
  add_string (rows, "Tls", row->tls != NULL ? row->tls : "");
  add_string (rows, "Helo", row->helo);
  add_string (rows, "Login", row->login);
  add_string (rows, "Sender", row->sender);
  if (row->sender != NULL)
    g_variant_builder_add (rows, "{sv}", "Recipients", g_variant_new_uint32 (row->n_recipients));
  add_number (rows, "BytesIn", row->octets_in);
  add_number (rows, "BytesOut", row->octets_out);
  g_variant_builder_close (rows);
}

static void
on_sessions (const PbSessionRow *rows, guint n_rows, gpointer user_data)
{
  Question *question = user_data;
  GVariantBuilder sessions;

  g_variant_builder_init (&sessions, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < n_rows; i++)
    add_session (&sessions, &rows[i]);
  pb_bus_call_return (question->call,
                      g_variant_new ("(@aa{sv})", g_variant_builder_end (&sessions)));
  question_free (question);
}

static void
handle_sessions (PbBusCall *call, gpointer object)
{
  PbStatisticsObject *self = object;
  Question *question = question_new (self, call);

  if (question != NULL)
    pb_server_list_sessions (self->parts.server, self->parts.mailbox, on_sessions, question);
}

/* ---- who has most ---- */

static void
on_top (GVariant *rows, guint total, const GError *error, gpointer user_data)
{
  Question *question = user_data;

  if (error != NULL)
    fail (question->call, PB_ERROR_UNAVAILABLE, error->message);
  else
    pb_bus_call_return (question->call, g_variant_new ("(@aa{sv})", rows));
  question_free (question);
}

/* Returns: (nullable): what is wrong with the question. */
static const char *
check_top (const char *kind_name, guint32 span, guint32 limit, PbHistoryTop *kind)
{
  static const char *const names[] = { [PB_HISTORY_TOP_SENDERS] = "senders",
                                       [PB_HISTORY_TOP_RECIPIENTS] = "recipients",
                                       [PB_HISTORY_TOP_HOSTS] = "hosts" };
  guint found = 0;

  while (found < G_N_ELEMENTS (names) && !g_str_equal (names[found], kind_name))
    found++;
  if (found == G_N_ELEMENTS (names))
    return "Top.kind: must be senders, recipients or hosts";
  *kind = (PbHistoryTop) found;
  if (span < 1 || span > MAX_TOP_SPAN)
    return "Top.span: must be between 1 and 63158400";
  if (limit < 1 || limit > MAX_TOP)
    return "Top.limit: must be between 1 and 100";
  return NULL;
}

static void
handle_top (PbBusCall *call, gpointer object)
{
  PbStatisticsObject *self = object;
  Question *question;
  PbHistoryTop kind;
  const char *kind_name, *fault;
  guint32 span, limit;

  g_variant_get (call->parameters, "(&suu)", &kind_name, &span, &limit);
  fault = check_top (kind_name, span, limit, &kind);
  if (fault != NULL)
    {
      fail (call, PB_ERROR_INVALID_VALUE, fault);
      return;
    }
  question = question_new (self, call);
  if (question != NULL)
    pb_history_top (self->parts.history, kind, pb_clock_wall () / G_USEC_PER_SEC - (gint64) span,
                    limit, self->parts.mailbox, on_top, question);
}

/* ---- the object ---- */

static GVariant *
get_property (gpointer object, const char *property)
{
  PbStatisticsObject *self = object;
  const char *trouble, *metrics_trouble;
  const char *state = pb_statistics_state (self->parts.statistics, &trouble);
  const char *metrics_state = pb_metrics_state (self->parts.metrics, &metrics_trouble);
  const struct
  {
    const char *name, *value;
  } rows[] = {
    { "State", state },
    { "Trouble", trouble },
    { "MetricsState", metrics_state },
    { "MetricsTrouble", metrics_trouble },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_str_equal (rows[i].name, property))
      return g_variant_new_string (rows[i].value);
  g_return_val_if_reached (g_variant_new_string (""));
}

static void
on_ticked (gpointer user_data)
{
  PbStatisticsObject *self = user_data;

  pb_subscribers_tell (self->subscribers, self->parts.statistics);
}

static void
on_state_changed (gpointer user_data)
{
  static const char *const names[] = { "State", "Trouble", "MetricsState", "MetricsTrouble" };
  PbStatisticsObject *self = user_data;
  GVariantBuilder changed;

  g_variant_builder_init (&changed, G_VARIANT_TYPE ("a{sv}"));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_variant_builder_add (&changed, "{sv}", names[i], get_property (self, names[i]));
  pb_bus_emit_changed (self->parts.bus, "Statistics", g_variant_builder_end (&changed), NULL);
}

static const PbBusMethod methods[] = {
  { "Snapshot", PB_ACTION_VIEW, handle_snapshot },
  { "Series", PB_ACTION_VIEW, handle_series },
  { "Subscribe", PB_ACTION_VIEW, handle_subscribe },
  { "Unsubscribe", PB_ACTION_VIEW, handle_unsubscribe },
  { "Sessions", PB_ACTION_VIEW, handle_sessions },
  { "Top", PB_ACTION_VIEW, handle_top },
};

PbStatisticsObject *
pb_statistics_object_new (const PbStatisticsObjectParts *parts)
{
  PbStatisticsObject *self = g_new0 (PbStatisticsObject, 1);
  const PbBusInterface interface = {
    .info = &statistics_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .get = get_property,
    .object = self,
  };

  g_ref_count_init (&self->references);
  self->parts = *parts;
  self->subscribers = pb_subscribers_new ();
  pb_statistics_watch (parts->statistics, on_ticked, on_state_changed, self);
  pb_metrics_watch (parts->metrics, on_state_changed, self);
  pb_bus_add (parts->bus, &interface);
  return self;
}

void
pb_statistics_object_free (PbStatisticsObject *self)
{
  pb_statistics_watch (self->parts.statistics, NULL, NULL, NULL);
  pb_metrics_watch (self->parts.metrics, NULL, NULL);
  g_clear_pointer (&self->subscribers, pb_subscribers_free);
  statistics_object_unref (self);
}
