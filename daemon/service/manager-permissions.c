/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manager.GetPermissions and Manager.Authorize: what the caller may do, and asking ahead. Both go
 * through the service's actions one after the other by the authorizer; they decide nothing.
 */
#include "service/manager-private.h"

#include "dbus/errors.h"
#include "dbus/names.h"

static const char *const actions[] = {
  PB_ACTION_VIEW,           PB_ACTION_MODIFY_SETTINGS, PB_ACTION_MANAGE_QUEUE,
  PB_ACTION_MANAGE_ACCOUNTS, PB_ACTION_SET_SECRETS,
};

/* One GetPermissions under way. */
typedef struct
{
  PbBusCall *call; /* (owned) */
  guint next;
  GVariantBuilder answers;
} PbPermissions;

static const char *
answer_name (PbAuthorization answer)
{
  switch (answer)
    {
    case PB_AUTHORIZED_YES:
      return "yes";
    case PB_AUTHORIZED_CHALLENGE:
      return "challenge";
    case PB_AUTHORIZED_NO:
      break;
    }
  return "no";
}

static void
on_permission_known (PbAuthorization answer, const char *who, const GError *error, gpointer user_data)
{
  PbPermissions *self = user_data;

  g_variant_builder_add (&self->answers, "{ss}", actions[self->next], answer_name (answer));
  self->next++;
  if (self->next < G_N_ELEMENTS (actions))
    {
      pb_bus_call_probe (self->call, actions[self->next], on_permission_known, self);
      return;
    }
  pb_bus_call_return (self->call, g_variant_new ("(@a{ss})", g_variant_builder_end (&self->answers)));
  g_free (self);
}

void
pb_manager_handle_get_permissions (PbBusCall *call, gpointer object)
{
  PbPermissions *self = g_new0 (PbPermissions, 1);

  self->call = call;
  g_variant_builder_init (&self->answers, G_VARIANT_TYPE ("a{ss}"));
  pb_bus_call_probe (call, actions[0], on_permission_known, self);
}

/* One Authorize under way. */
typedef struct
{
  PbBusCall *call; /* (owned) */
  char **wanted;   /* (owned) */
  guint next;
} PbAsking;

static void
asking_free (PbAsking *self)
{
  g_strfreev (self->wanted);
  g_free (self);
}

static void
on_asked (PbAuthorization answer, const char *who, const GError *error, gpointer user_data)
{
  PbAsking *self = user_data;

  if (error == NULL && self->wanted[++self->next] != NULL)
    {
      pb_bus_call_authorize (self->call, self->wanted[self->next], on_asked, self);
      return;
    }
  if (error != NULL)
    pb_bus_call_fail (self->call, error);
  else
    pb_bus_call_return (self->call, NULL);
  asking_free (self);
}

static gboolean
all_known (char **wanted, GError **error)
{
  for (guint i = 0; wanted[i] != NULL; i++)
    {
      gboolean known = FALSE;
      for (guint j = 0; j < G_N_ELEMENTS (actions); j++)
        known = known || g_str_equal (wanted[i], actions[j]);
      if (!known)
        {
          g_set_error (error, PB_ERROR, PB_ERROR_INVALID_VALUE, "Authorize: “%.80s” is no action of this service", wanted[i]);
          return FALSE;
        }
    }
  return TRUE;
}

void
pb_manager_handle_authorize (PbBusCall *call, gpointer object)
{
  PbAsking *self = g_new0 (PbAsking, 1);
  g_autoptr (GError) error = NULL;

  self->call = call;
  g_variant_get (call->parameters, "(^as)", &self->wanted);
  if (g_strv_length (self->wanted) > G_N_ELEMENTS (actions))
    g_set_error (&error, PB_ERROR, PB_ERROR_TOO_LARGE, "Authorize: at most %u actions a call", (guint) G_N_ELEMENTS (actions));
  if (error == NULL && all_known (self->wanted, &error) && self->wanted[0] != NULL)
    {
      pb_bus_call_authorize (call, self->wanted[0], on_asked, self);
      return;
    }
  if (error != NULL)
    pb_bus_call_fail (call, error);
  else
    pb_bus_call_return (call, NULL);
  asking_free (self);
}
