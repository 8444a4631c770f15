/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manager.TestRelay. Its answer names servers and users, which are private, so it needs the action view
 * behind that of its row in the table of methods; the tries themselves are relay-tests.c's.
 */
#include "service/manager-private.h"

#include "dbus/names.h"

/* One call that still asks whether its caller may see that much. */
typedef struct
{
  PbRelayTests *tests; /* (unowned) */
  PbBusCall *call;     /* (owned) */
} PbTestCall;

static void
on_tested (GVariant *steps, const GError *error, gpointer user_data)
{
  PbBusCall *call = user_data;

  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, g_variant_new ("(@aa{sv})", steps));
}

static void
on_view_authorized (PbAuthorization answer, const char *who, const GError *error,
                    gpointer user_data)
{
  g_autofree PbTestCall *self = user_data;
  const char *relay;

  if (error != NULL)
    {
      pb_bus_call_fail (self->call, error);
      return;
    }
  g_variant_get (self->call->parameters, "(&s)", &relay);
  pb_relay_tests_run (self->tests, relay, on_tested, self->call);
}

void
pb_manager_handle_test_relay (PbBusCall *call, gpointer object)
{
  PbManagerMethods *self = object;
  PbTestCall *test = g_new (PbTestCall, 1);

  *test = (PbTestCall){ self->tests, call };
  pb_bus_call_authorize (call, PB_ACTION_VIEW, on_view_authorized, test);
}
