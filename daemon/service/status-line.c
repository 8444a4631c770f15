/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The line of `systemctl status`. Made by service.c when all stands. Looks every few seconds, since
 * neither sessions nor the queue's counts are worth a message each; says something only when the line
 * has changed. Nothing here fails.
 */
#include "service/status-line.h"

#include <systemd/sd-daemon.h>

#define LOOK_SECONDS 4

struct _PbStatusLine
{
  PbStore *store;   /* (not owned) */
  PbServer *server; /* (not owned) */
  char *told;       /* (owned) (nullable) */
  guint source;
};

static const char *
words_for (PbStoreState state)
{
  switch (state)
    {
    case PB_STORE_LOW_SPACE:
      return "; takes no mail: the disk is nearly full";
    case PB_STORE_FAILED:
      return "; takes no mail: the disk failed";
    case PB_STORE_OK:
      break;
    }
  return "";
}

char *
pb_status_line_format (const PbQueueCounts *counts, guint n_sessions, PbStoreState state)
{
  return g_strdup_printf ("Queue: %" G_GUINT64_FORMAT " active, %" G_GUINT64_FORMAT " deferred, %" G_GUINT64_FORMAT
                          " held; sessions: %u%s",
                          counts->active, counts->deferred, counts->held, n_sessions, words_for (state));
}

static gboolean
on_look (gpointer user_data)
{
  PbStatusLine *self = user_data;
  PbQueueCounts counts;

  pb_store_counts (self->store, &counts);
  g_autofree char *line =
    pb_status_line_format (&counts, pb_server_n_sessions (self->server), pb_store_state (self->store));
  if (g_strcmp0 (line, self->told) == 0)
    return G_SOURCE_CONTINUE;
  sd_notifyf (0, "STATUS=%s", line);
  g_free (self->told);
  self->told = g_steal_pointer (&line);
  return G_SOURCE_CONTINUE;
}

PbStatusLine *
pb_status_line_new (PbStore *store, PbServer *server)
{
  PbStatusLine *self = g_new0 (PbStatusLine, 1);

  self->store = store;
  self->server = server;
  if (g_getenv ("NOTIFY_SOCKET") == NULL)
    return self;
  on_look (self);
  self->source = g_timeout_add_seconds (LOOK_SECONDS, on_look, self);
  return self;
}

void
pb_status_line_free (PbStatusLine *self)
{
  g_clear_handle_id (&self->source, g_source_remove);
  g_free (self->told);
  g_free (self);
}
