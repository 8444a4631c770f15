/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is edited beside the settings: counted with them, sent when they hold. Part of PbaSettingsModel,
 * which only borrows the drafts: whoever shows one owns it. They go one after the other and stop at the
 * first that is refused; the rest stay changed.
 */
#include "model/settings-model-private.h"

static void
on_draft_notify (PbaSettingsModel *self)
{
  pba_settings_model_count (self);
}

static void
on_draft_gone (gpointer user_data, GObject *draft)
{
  PbaSettingsModel *self = user_data;

  g_ptr_array_remove (self->drafts, draft);
  pba_settings_model_count (self);
}

void
pba_settings_model_add_draft (PbaSettingsModel *self, PbaDraft *draft)
{
  g_ptr_array_add (self->drafts, draft);
  g_object_weak_ref (G_OBJECT (draft), on_draft_gone, self);
  g_signal_connect_object (draft, "notify::changed", G_CALLBACK (on_draft_notify), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (draft, "notify::error", G_CALLBACK (on_draft_notify), self,
                           G_CONNECT_SWAPPED);
  pba_settings_model_count (self);
}

void
pba_settings_model_forget_drafts (PbaSettingsModel *self)
{
  for (guint i = 0; i < self->drafts->len; i++)
    g_object_weak_unref (self->drafts->pdata[i], on_draft_gone, self);
  g_ptr_array_unref (self->drafts);
}

static PbaDraft *
find_changed (PbaSettingsModel *self)
{
  for (guint i = 0; i < self->drafts->len; i++)
    if (pba_draft_get_changed (self->drafts->pdata[i]))
      return self->drafts->pdata[i];
  return NULL;
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PbaSettingsModel *self = g_task_get_source_object (task);
  GError *error = NULL;

  if (pba_draft_send_finish (PBA_DRAFT (source), result, &error))
    {
      pba_settings_model_send_drafts (self, g_steal_pointer (&task));
      return;
    }
  pba_settings_model_set_applying (self, FALSE);
  g_task_return_error (task, error);
}

void
pba_settings_model_send_drafts (PbaSettingsModel *self, GTask *task)
{
  PbaDraft *draft = find_changed (self);

  if (draft != NULL)
    {
      pba_settings_model_set_applying (self, TRUE);
      pba_draft_send_async (draft, g_task_get_cancellable (task), on_sent, task);
      return;
    }
  pba_settings_model_set_applying (self, FALSE);
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}
