/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * org.postbus.Postbus1.MtaSts: the policies of other domains that are known, for administrators to see why
 * mail waits, and to throw away. The keeper of policies answers from its own thread; a call that outlives
 * this object is answered all the same. Main thread.
 */
#include "service/bus-info.h"
#include "service/objects.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "util/log.h"

#define MAX_PAGE    500
#define MAX_DOMAINS 10000

struct _PbMtaStsObject
{
  PbStsPolicies *policies; /* (unowned) */
  PbMailbox *mailbox;      /* (unowned) the main thread's */
};

static void
fail (PbBusCall *call, PbError code, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (PB_ERROR, (gint) code, text);

  pb_bus_call_fail (call, error);
}

static GVariant *
make_row (const PbStsEntry *entry)
{
  static const char *const nothing[] = { NULL };
  const PbStsPolicy *policy = entry->policy;
  GVariantBuilder row;

  g_variant_builder_init (&row, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&row, "{sv}", "Domain", g_variant_new_string (entry->domain));
  g_variant_builder_add (&row, "{sv}", "Mode",
                         g_variant_new_string (policy != NULL ? pb_sts_mode_name (policy->mode) : "unknown"));
  g_variant_builder_add (&row, "{sv}", "Mx",
                         g_variant_new_strv (policy != NULL ? (const char *const *) policy->mx : nothing, -1));
  g_variant_builder_add (&row, "{sv}", "PolicyId", g_variant_new_string (policy != NULL ? entry->id : entry->failed_id));
  g_variant_builder_add (&row, "{sv}", "Fetched", g_variant_new_uint64 (policy != NULL ? (guint64) entry->fetched : 0));
  g_variant_builder_add (&row, "{sv}", "Expires",
                         g_variant_new_uint64 (policy != NULL ? (guint64) entry->fetched + policy->max_age : 0));
  g_variant_builder_add (&row, "{sv}", "Used", g_variant_new_uint64 ((guint64) entry->used));
  if (entry->failed != 0)
    {
      g_autofree char *failure = g_utf8_make_valid (entry->failure, -1);

      g_variant_builder_add (&row, "{sv}", "Failed", g_variant_new_uint64 ((guint64) entry->failed));
      g_variant_builder_add (&row, "{sv}", "Failure", g_variant_new_string (failure));
    }
  return g_variant_builder_end (&row);
}

static void
on_listed (GPtrArray *entries, guint total, gpointer user_data)
{
  g_autoptr (GPtrArray) found = entries;
  PbBusCall *call = user_data;
  GVariantBuilder rows;

  g_variant_builder_init (&rows, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < found->len; i++)
    g_variant_builder_add_value (&rows, make_row (found->pdata[i]));
  pb_bus_call_return (call, g_variant_new ("(u@aa{sv})", total, g_variant_builder_end (&rows)));
}

/* Returns: FALSE for a filter that nobody knows. */
static gboolean
read_filter (GVariant *filter, const char **search)
{
  *search = NULL;
  g_variant_lookup (filter, "Search", "&s", search);
  return g_variant_n_children (filter) == (*search != NULL ? 1u : 0u);
}

static void
handle_list (PbBusCall *call, gpointer object)
{
  PbMtaStsObject *self = object;
  g_autoptr (GVariant) filter = NULL;
  const char *search;
  guint offset, limit;

  g_variant_get (call->parameters, "(@a{sv}uu)", &filter, &offset, &limit);
  if (limit > MAX_PAGE)
    fail (call, PB_ERROR_TOO_LARGE, "MtaSts.List: at most 500 a call");
  else if (!read_filter (filter, &search))
    fail (call, PB_ERROR_INVALID_VALUE, "MtaSts.List: the filter must be Search (s)");
  else
    pb_sts_policies_list (self->policies, search, offset, limit, self->mailbox, on_listed, call);
}

static void
on_forgotten (guint n, gpointer user_data)
{
  PbBusCall *call = user_data;
  g_autofree char *count = g_strdup_printf ("%u", n);

  pb_log (PB_LOG_NOTICE, "mta-sts-forgotten", "domains", count, "by", call->who, NULL);
  pb_bus_call_return (call, g_variant_new ("(u)", n));
}

static void
handle_forget (PbBusCall *call, gpointer object)
{
  PbMtaStsObject *self = object;
  g_autofree const char **domains = NULL;

  g_variant_get (call->parameters, "(^a&s)", &domains);
  if (g_strv_length ((char **) domains) > MAX_DOMAINS)
    fail (call, PB_ERROR_TOO_LARGE, "MtaSts.Forget: at most 10000 a call");
  else
    pb_sts_policies_forget (self->policies, domains, self->mailbox, on_forgotten, call);
}

static const PbBusMethod methods[] = {
  { "List", PB_ACTION_VIEW, handle_list },
  { "Forget", PB_ACTION_MODIFY_SETTINGS, handle_forget },
};

PbMtaStsObject *
pb_mta_sts_object_new (PbBus *bus, PbStsPolicies *policies, PbMailbox *mailbox)
{
  PbMtaStsObject *self = g_new0 (PbMtaStsObject, 1);
  const PbBusInterface interface = {
    .info = &mta_sts_interface,
    .methods = methods,
    .n_methods = G_N_ELEMENTS (methods),
    .object = self,
  };

  self->policies = policies;
  self->mailbox = mailbox;
  pb_bus_add (bus, &interface);
  return self;
}

void
pb_mta_sts_object_free (PbMtaStsObject *self)
{
  g_free (self);
}
