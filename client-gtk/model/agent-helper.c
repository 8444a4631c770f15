/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * polkit-agent-helper-1 at the far end, run by an ssh of its own: it gets the cookie on its first line,
 * asks what PAM asks, a line each, and ends with SUCCESS or FAILURE; to polkit it speaks itself. Made by
 * the agent, one a try. What ssh asks meanwhile comes out as a question, too. The helper's words are
 * someone else's: they are cut, made valid and only shown. Answers are wiped when they are written.
 */
#include "model/agent-helper.h"

#include "model/tunnel.h"
#include "model/wipe.h"

#include <string.h>

#define MAX_LINE 4096

/* Where distributions have it. Run by sh, since the login shell may be anything; %u is a number. */
#define COMMAND                                                                                    \
  "exec sh -c 'for helper in /usr/lib/polkit-1/polkit-agent-helper-1"                              \
  " /usr/libexec/polkit-agent-helper-1; do"                                                        \
  " [ -x \"$helper\" ] && exec \"$helper\" \"$(id -nu %u)\"; done; exit 127'"

struct _PbaAgentHelper
{
  GObject parent_instance;

  PbaTunnel *tunnel;         /* (owned) */
  GDataInputStream *lines;   /* (owned) */
  GCancellable *cancellable; /* (owned) */
  char *message;             /* (owned) */
  GString *said;             /* (owned): of PAM since the last question */
  gboolean ssh_asks, helper_asks, over;
};

G_DEFINE_FINAL_TYPE (PbaAgentHelper, pba_agent_helper, G_TYPE_OBJECT)

static guint question_signal, ended_signal;

static void
end (PbaAgentHelper *self, gboolean well)
{
  if (self->over)
    return;
  pba_agent_helper_end (self);
  g_signal_emit (self, ended_signal, 0, well);
}

/* ---- to the helper ---- */

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaAgentHelper) self = user_data;

  g_object_set_data (source, "line", NULL);
  if (!g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL))
    end (self, FALSE);
}

static void
wipe (gpointer line)
{
  pba_wipe_free (line);
}

static void
write_line (PbaAgentHelper *self, const char *text)
{
  GOutputStream *output = g_io_stream_get_output_stream (pba_tunnel_get_stream (self->tunnel));
  char *line = g_strconcat (text, "\n", NULL);

  g_object_set_data_full (G_OBJECT (output), "line", line, wipe);
  g_output_stream_write_all_async (output, line, strlen (line), G_PRIORITY_DEFAULT,
                                   self->cancellable, on_written, g_object_ref (self));
}

/* ---- from the helper ---- */

static void
ask (PbaAgentHelper *self, const char *prompt)
{
  g_autofree char *text = g_strdup_printf ("%s\n\n%s%s", self->message, self->said->str, prompt);

  g_string_truncate (self->said, 0);
  self->helper_asks = TRUE;
  g_signal_emit (self, question_signal, 0, PBA_QUESTION_AUTHENTICATE, text);
}

static void
take_line (PbaAgentHelper *self, const char *line)
{
  static const struct
  {
    const char *word;
    gboolean asks;
  } words[] = {
    { "PAM_PROMPT_ECHO_OFF ", TRUE },
    { "PAM_PROMPT_ECHO_ON ", TRUE },
    { "PAM_ERROR_MSG ", FALSE },
    { "PAM_TEXT_INFO ", FALSE },
  };

  if (g_str_equal (line, "SUCCESS") || g_str_equal (line, "FAILURE"))
    {
      end (self, line[0] == 'S');
      return;
    }
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      g_autofree char *plain = NULL;
      g_autofree char *valid = NULL;

      if (!g_str_has_prefix (line, words[i].word))
        continue;
      plain = g_strcompress (line + strlen (words[i].word));
      valid = g_utf8_make_valid (plain, -1);
      if (words[i].asks)
        ask (self, g_strstrip (valid));
      else if (self->said->len < MAX_LINE)
        g_string_append_printf (self->said, "%s\n", valid);
      return;
    }
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PbaAgentHelper) self = user_data;
  gsize length = 0;
  g_autofree char *line =
    g_data_input_stream_read_line_finish (G_DATA_INPUT_STREAM (source), result, &length, NULL);

  if (line == NULL || length > MAX_LINE)
    {
      end (self, FALSE);
      return;
    }
  take_line (self, line);
  if (!self->over)
    g_data_input_stream_read_line_async (self->lines, G_PRIORITY_DEFAULT, self->cancellable,
                                         on_line, g_object_ref (self));
}

/* ---- ssh ---- */

static void
on_ssh_question (PbaTunnel *tunnel, PbaQuestion kind, const char *text, gpointer user_data)
{
  PbaAgentHelper *self = user_data;

  self->ssh_asks = TRUE;
  g_signal_emit (self, question_signal, 0, kind, text);
}

static void
pba_agent_helper_finalize (GObject *object)
{
  PbaAgentHelper *self = PBA_AGENT_HELPER (object);

  pba_agent_helper_end (self);
  g_clear_object (&self->lines);
  g_clear_object (&self->tunnel);
  g_object_unref (self->cancellable);
  g_string_free (self->said, TRUE);
  g_free (self->message);
  G_OBJECT_CLASS (pba_agent_helper_parent_class)->finalize (object);
}

static void
pba_agent_helper_class_init (PbaAgentHelperClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_agent_helper_finalize;
  question_signal = g_signal_new ("question", PBA_TYPE_AGENT_HELPER, G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_STRING);
  ended_signal = g_signal_new ("ended", PBA_TYPE_AGENT_HELPER, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                               NULL, G_TYPE_NONE, 1, G_TYPE_BOOLEAN);
}

static void
pba_agent_helper_init (PbaAgentHelper *self)
{
  self->cancellable = g_cancellable_new ();
  self->said = g_string_new (NULL);
}

PbaAgentHelper *
pba_agent_helper_new (const char *address, guint32 uid, const char *cookie, const char *message,
                      GError **error)
{
  g_autoptr (PbaAgentHelper) self = g_object_new (PBA_TYPE_AGENT_HELPER, NULL);
  g_autofree char *command = g_strdup_printf (COMMAND, uid);

  self->message = g_strdup (message);
  self->tunnel = pba_tunnel_new (address, command, TRUE, error);
  if (self->tunnel == NULL)
    return NULL;
  g_signal_connect (self->tunnel, "question", G_CALLBACK (on_ssh_question), self);
  self->lines =
    g_data_input_stream_new (g_io_stream_get_input_stream (pba_tunnel_get_stream (self->tunnel)));
  write_line (self, cookie);
  g_data_input_stream_read_line_async (self->lines, G_PRIORITY_DEFAULT, self->cancellable, on_line,
                                       g_object_ref (self));
  return g_steal_pointer (&self);
}

gboolean
pba_agent_helper_is_asking (PbaAgentHelper *self)
{
  return self->ssh_asks || self->helper_asks;
}

void
pba_agent_helper_answer (PbaAgentHelper *self, const char *text)
{
  gboolean to_ssh = self->ssh_asks;

  if (!pba_agent_helper_is_asking (self) || self->over)
    return;
  self->ssh_asks = self->helper_asks = FALSE;
  if (to_ssh)
    pba_tunnel_answer (self->tunnel, text);
  else
    write_line (self, text != NULL ? text : "");
}

void
pba_agent_helper_end (PbaAgentHelper *self)
{
  if (self->over)
    return;
  self->over = TRUE;
  g_cancellable_cancel (self->cancellable);
  if (self->tunnel == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->tunnel, self);
  pba_tunnel_end (self->tunnel);
}
