/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client of postbus-auth-helper: a connection for each question, some at once, more in line, the rest
 * refused. Passwords, which take seconds, and look-ups, for which mail waits, have lanes of their own, so
 * that neither holds up the other. A question has one deadline from the moment it is asked; since lines
 * are served in order, those ahead run out first. Whatever goes wrong is the answer TROUBLE.
 */
#include "service/auth-client.h"

#include "util/log.h"
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEADLINE_US (10 * G_USEC_PER_SEC)
#define MAX_WAITING 256 /* questions in a lane's line */

typedef enum
{
  LANE_PASSWORDS,
  LANE_LOOK_UPS,
  N_LANES,
} LaneId;

/* Together no more than the helper has children. */
static const guint max_running[N_LANES] = { 24, 8 };

typedef struct
{
  guint n_running;
  GQueue running, waiting; /* (element-type Question) */
} Lane;

struct _PbAuthClient
{
  void (*advance) (PbAuthClient *self, LaneId id); /* what follows an answer: the steps go round in a circle */
  char *path; /* (owned) */
  Lane lanes[N_LANES];
  gboolean failing; /* told once, until it is well again */
};

typedef struct
{
  PbAuthClient *client;
  LaneId lane;
  GList link; /* in running or waiting */
  char *user; /* (owned) */
  PbSecret *password; /* (owned) (nullable) */
  char *remote;       /* (owned) (nullable) */
  gint64 deadline;    /* as g_source_set_ready_time() has it */
  PbAuthAnswered func;
  gpointer user_data;
  int fd;
  GSource *source; /* (owned) (nullable) */
  gsize length;
  guint8 octets[PB_AUTH_MAX_FRAME + 1];
} Question;

typedef struct
{
  GSource source;
  Question *question; /* (not owned) */
} QuestionSource;

static void
question_free (Question *self)
{
  if (self->source != NULL)
    {
      g_source_destroy (self->source);
      g_source_unref (self->source);
    }
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->user);
  g_clear_pointer (&self->password, pb_secret_unref);
  g_free (self->remote);
  g_free (self);
}

static void
note_health (PbAuthClient *self, const char *reason)
{
  gboolean failing = reason != NULL;

  if (failing == self->failing)
    return;
  self->failing = failing;
  if (failing)
    pb_log (PB_LOG_WARNING, "auth-helper-unavailable", "socket", self->path, "reason", reason, NULL);
  else
    pb_log (PB_LOG_NOTICE, "auth-helper-available", "socket", self->path, NULL);
}

/* Takes @self out of its lane, frees it, tells. */
static void
question_finish (Question *self, const PbAuthAnswer *answer)
{
  PbAuthAnswered func = self->func;
  gpointer user_data = self->user_data;
  Lane *lane = &self->client->lanes[self->lane];

  g_queue_unlink (&lane->running, &self->link);
  lane->n_running--;
  question_free (self);
  func (answer, user_data);
}

static void
question_fail (Question *self, const char *reason)
{
  static const PbAuthAnswer trouble = { .verdict = PB_AUTH_TROUBLE };

  if (reason != NULL)
    note_health (self->client, reason);
  question_finish (self, &trouble);
}

/* Returns: NULL when all went out, else why not. */
static const char *
question_send (Question *self)
{
  PbAuthRequest request = { .kind = self->password ? PB_AUTH_AUTHENTICATE : PB_AUTH_LOOKUP };
  guint8 frame[PB_AUTH_MAX_FRAME];
  gssize length, sent;

  g_strlcpy (request.user, self->user, sizeof request.user);
  if (self->password != NULL)
    {
      memcpy (request.password, self->password->data, self->password->length);
      g_strlcpy (request.remote, self->remote, sizeof request.remote);
      g_strlcpy (request.service, "smtp", sizeof request.service);
    }
  length = (gssize) pb_auth_request_write (&request, frame);
  sent = send (self->fd, frame, (gsize) length, MSG_NOSIGNAL);
  explicit_bzero (&request, sizeof request);
  explicit_bzero (frame, sizeof frame);
  if (sent < 0)
    return g_strerror (errno);
  return sent == length ? NULL : "it takes no request";
}

static const char *
question_connect (Question *self)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  if (g_strlcpy (address.sun_path, self->client->path, sizeof address.sun_path)
      >= sizeof address.sun_path)
    return g_strerror (ENAMETOOLONG);
  self->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->fd < 0 || connect (self->fd, (struct sockaddr *) &address, sizeof address) != 0)
    return g_strerror (errno);
  return question_send (self);
}

/* Answers, if the answer is whole or will never be. Returns: TRUE when it did. */
static gboolean
question_read (Question *self)
{
  gssize got = recv (self->fd, self->octets + self->length, sizeof self->octets - self->length, 0);
  PbAuthAnswer answer;

  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return FALSE;
  if (got <= 0)
    {
      question_fail (self, "it broke off");
      return TRUE;
    }
  self->length += (gsize) got;
  switch (pb_auth_answer_parse (self->octets, self->length, &answer))
    {
    case PB_AUTH_PARSE_MORE:
      return FALSE;
    case PB_AUTH_PARSE_BAD:
      question_fail (self, "what it said is no answer");
      return TRUE;
    case PB_AUTH_PARSE_OK:
      break;
    }
  note_health (self->client, NULL);
  question_finish (self, &answer);
  return TRUE;
}

static gboolean
on_question_ready (GSource *source, GSourceFunc callback, gpointer user_data)
{
  Question *self = ((QuestionSource *) (void *) source)->question;
  PbAuthClient *client = self->client;
  LaneId lane = self->lane;
  gboolean done = TRUE;

  if (g_get_monotonic_time () >= self->deadline)
    question_fail (self, "no answer in time");
  else
    done = question_read (self);
  if (done)
    client->advance (client, lane);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs question_funcs = { .dispatch = on_question_ready };

static void
question_start (Question *self)
{
  const char *wrong = self->deadline > g_get_monotonic_time () ? question_connect (self)
                                                               : "no answer in time";

  if (wrong != NULL)
    {
      question_fail (self, wrong);
      return;
    }
  self->source = g_source_new (&question_funcs, sizeof (QuestionSource));
  ((QuestionSource *) (void *) self->source)->question = self;
  g_source_set_static_name (self->source, "auth-client");
  g_source_add_unix_fd (self->source, self->fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_ready_time (self->source, self->deadline);
  g_source_attach (self->source, NULL);
}

static void
lane_advance (PbAuthClient *self, LaneId id)
{
  Lane *lane = &self->lanes[id];
  GList *link;

  while (lane->n_running < max_running[id]
         && (link = g_queue_pop_head_link (&lane->waiting)) != NULL)
    {
      g_queue_push_tail_link (&lane->running, link);
      lane->n_running++;
      question_start (link->data);
    }
}

static void
ask (PbAuthClient *self, LaneId id, const char *user, PbSecret *password, const char *remote,
     PbAuthAnswered func, gpointer user_data)
{
  static const PbAuthAnswer trouble = { .verdict = PB_AUTH_TROUBLE };
  Question *question;

  if (self->lanes[id].waiting.length >= MAX_WAITING)
    {
      note_health (self, "too many questions at once");
      func (&trouble, user_data);
      return;
    }
  question = g_new0 (Question, 1);
  question->client = self;
  question->lane = id;
  question->link.data = question;
  question->user = g_strdup (user);
  question->password = password != NULL ? pb_secret_ref (password) : NULL;
  question->remote = g_strdup (remote);
  question->deadline = g_get_monotonic_time () + DEADLINE_US;
  question->func = func;
  question->user_data = user_data;
  question->fd = -1;
  g_queue_push_tail_link (&self->lanes[id].waiting, &question->link);
  lane_advance (self, id);
}

PbAuthClient *
pb_auth_client_new (const char *path)
{
  PbAuthClient *self = g_new0 (PbAuthClient, 1);

  self->advance = lane_advance;
  self->path = g_strdup (path);
  return self;
}

void
pb_auth_client_free (PbAuthClient *self)
{
  for (guint id = 0; id < N_LANES; id++)
    {
      Lane *lane = &self->lanes[id];
      GList *link;

      while ((link = g_queue_pop_head_link (&lane->waiting)) != NULL)
        {
          g_queue_push_tail_link (&lane->running, link);
          lane->n_running++;
        }
      while (lane->running.head != NULL)
        question_fail (lane->running.head->data, NULL);
    }
  g_free (self->path);
  g_free (self);
}

void
pb_auth_client_authenticate (PbAuthClient *self, const char *user, PbSecret *password,
                             const char *remote, PbAuthAnswered func, gpointer user_data)
{
  ask (self, LANE_PASSWORDS, user, password, remote, func, user_data);
}

void
pb_auth_client_look_up (PbAuthClient *self, const char *user, PbAuthAnswered func,
                        gpointer user_data)
{
  ask (self, LANE_LOOK_UPS, user, NULL, NULL, func, user_data);
}
