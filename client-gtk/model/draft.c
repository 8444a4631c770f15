/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The interface of what is edited beside the settings. Implemented by models that hold such an edit,
 * called by the settings model. Each call goes to the implementation; nothing is owned here.
 */
#include "model/draft.h"

G_DEFINE_INTERFACE (PbaDraft, pba_draft, G_TYPE_OBJECT)

static void
pba_draft_default_init (PbaDraftInterface *iface)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  g_object_interface_install_property (iface,
                                       g_param_spec_boolean ("changed", NULL, NULL, FALSE, flags));
  g_object_interface_install_property (iface,
                                       g_param_spec_string ("error", NULL, NULL, NULL, flags));
}

const char *
pba_draft_get_key (PbaDraft *self)
{
  return PBA_DRAFT_GET_IFACE (self)->key;
}

gboolean
pba_draft_get_changed (PbaDraft *self)
{
  gboolean changed;

  g_object_get (self, "changed", &changed, NULL);
  return changed;
}

char *
pba_draft_dup_error (PbaDraft *self)
{
  char *error;

  g_object_get (self, "error", &error, NULL);
  return error;
}

void
pba_draft_discard (PbaDraft *self)
{
  PBA_DRAFT_GET_IFACE (self)->discard (self);
}

void
pba_draft_send_async (PbaDraft *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data)
{
  PBA_DRAFT_GET_IFACE (self)->send_async (self, cancellable, callback, user_data);
}

gboolean
pba_draft_send_finish (PbaDraft *self, GAsyncResult *result, GError **error)
{
  return PBA_DRAFT_GET_IFACE (self)->send_finish (self, result, error);
}
