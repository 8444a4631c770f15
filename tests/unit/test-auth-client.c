/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions to the password helper: bounded, each answered once, whatever the other end does. */
#include "service/auth-client.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A helper of the test's own: a listening socket, served by hand. */
typedef struct
{
  char *directory, *path;
  int fd;
  PbAuthClient *client;
  guint n_answers[4]; /* by verdict */
} Bed;

static void
bed_init (Bed *bed, int backlog)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  memset (bed, 0, sizeof *bed);
  bed->directory = g_dir_make_tmp ("postbus-auth-XXXXXX", NULL);
  bed->path = g_build_filename (bed->directory, "socket", NULL);
  g_strlcpy (address.sun_path, bed->path, sizeof address.sun_path);
  bed->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_assert_no_errno (bind (bed->fd, (struct sockaddr *) &address, sizeof address));
  g_assert_no_errno (listen (bed->fd, backlog));
  bed->client = pb_auth_client_new (bed->path);
}

static void
bed_clear (Bed *bed)
{
  g_clear_pointer (&bed->client, pb_auth_client_free);
  close (bed->fd);
  g_unlink (bed->path);
  g_rmdir (bed->directory);
  g_free (bed->path);
  g_free (bed->directory);
}

static void
on_answered (const PbAuthAnswer *answer, gpointer user_data)
{
  ((Bed *) user_data)->n_answers[answer->verdict]++;
}

/* Waits until a question stands in a connection. Returns: the connection. */
static int
take_question (Bed *bed, PbAuthRequest *request)
{
  guint8 octets[PB_AUTH_MAX_FRAME + 1];
  gssize length;
  int fd = accept4 (bed->fd, NULL, NULL, SOCK_CLOEXEC);

  if (fd < 0)
    return -1;
  length = recv (fd, octets, sizeof octets, 0);
  g_assert_cmpint (length, >, 0);
  g_assert_cmpint (pb_auth_request_parse (octets, (gsize) length, request), ==, PB_AUTH_PARSE_OK);
  return fd;
}

static void
say (int fd, PbAuthVerdict verdict)
{
  PbAuthAnswer answer = { verdict, 1000, true, "anna" };
  guint8 frame[PB_AUTH_MAX_FRAME];
  gsize length = pb_auth_answer_write (&answer, frame);

  g_assert_cmpint (send (fd, frame, length, MSG_NOSIGNAL), ==, (gssize) length);
  close (fd);
}

static void
await (const guint *count, guint wanted)
{
  while (*count < wanted)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (*count, ==, wanted);
}

static void
test_asks (void)
{
  g_autoptr (PbSecret) password = pb_secret_copy ("sesame", 6);
  PbAuthRequest request;
  Bed bed;
  int fd;

  bed_init (&bed, 10);
  pb_auth_client_authenticate (bed.client, "anna", password, "192.0.2.1", on_answered, &bed);
  fd = take_question (&bed, &request);
  g_assert_cmpint (request.kind, ==, PB_AUTH_AUTHENTICATE);
  g_assert_cmpstr (request.user, ==, "anna");
  g_assert_cmpstr (request.password, ==, "sesame");
  g_assert_cmpstr (request.remote, ==, "192.0.2.1");
  g_assert_cmpstr (request.service, ==, "smtp");
  say (fd, PB_AUTH_YES);
  await (&bed.n_answers[PB_AUTH_YES], 1);
  pb_auth_client_look_up (bed.client, "ben", on_answered, &bed);
  fd = take_question (&bed, &request);
  g_assert_cmpint (request.kind, ==, PB_AUTH_LOOKUP);
  g_assert_cmpstr (request.user, ==, "ben");
  say (fd, PB_AUTH_NO);
  await (&bed.n_answers[PB_AUTH_NO], 1);
  /* Broken off without an answer. */
  pb_auth_client_look_up (bed.client, "ben", on_answered, &bed);
  close (take_question (&bed, &request));
  await (&bed.n_answers[PB_AUTH_TROUBLE], 1);
  bed_clear (&bed);
  g_assert_cmpuint (bed.n_answers[PB_AUTH_TROUBLE], ==, 1);
}

static void
test_in_pieces (void)
{
  PbAuthAnswer answer = { PB_AUTH_YES, 1000, true, "anna" };
  guint8 frame[PB_AUTH_MAX_FRAME];
  gsize length = pb_auth_answer_write (&answer, frame);
  PbAuthRequest request;
  Bed bed;
  int fd;

  bed_init (&bed, 10);
  pb_auth_client_look_up (bed.client, "anna", on_answered, &bed);
  fd = take_question (&bed, &request);
  for (gsize i = 0; i < length; i++)
    {
      g_assert_cmpuint (bed.n_answers[PB_AUTH_YES], ==, 0);
      g_assert_cmpint (send (fd, frame + i, 1, MSG_NOSIGNAL), ==, 1);
      while (g_main_context_iteration (NULL, FALSE))
        continue;
    }
  await (&bed.n_answers[PB_AUTH_YES], 1);
  close (fd);
  bed_clear (&bed);
}

static void
test_bounded (void)
{
  enum
  {
    LANE = 8,
    LINE = 256,
    MORE = 10
  };
  PbAuthRequest request;
  guint n_taken = 0;
  int fds[LANE];
  Bed bed;

  bed_init (&bed, 400);
  for (guint i = 0; i < LANE + LINE + MORE; i++)
    pb_auth_client_look_up (bed.client, "anna", on_answered, &bed);
  /* What has no room in line is answered at once; of the others no more are asked than the lane is wide. */
  g_assert_cmpuint (bed.n_answers[PB_AUTH_TROUBLE], ==, MORE);
  while (n_taken < LANE)
    fds[n_taken++] = take_question (&bed, &request);
  g_assert_cmpint (take_question (&bed, &request), ==, -1);
  /* Each answer lets one in. */
  for (guint i = 0; i < LANE; i++)
    {
      say (fds[i], PB_AUTH_NO);
      await (&bed.n_answers[PB_AUTH_NO], i + 1);
      fds[i] = take_question (&bed, &request);
      g_assert_cmpint (fds[i], >=, 0);
    }
  g_assert_cmpint (take_question (&bed, &request), ==, -1);
  for (guint i = 0; i < LANE; i++)
    close (fds[i]);
  bed_clear (&bed);
  g_assert_cmpuint (bed.n_answers[PB_AUTH_TROUBLE], ==, MORE + LINE);
}

static void
test_lanes (void)
{
  g_autoptr (PbSecret) password = pb_secret_copy ("x", 1);
  PbAuthRequest request;
  guint n_passwords = 0;
  int fd;
  Bed bed;

  /* However many passwords are tried, a name is asked about at once. */
  bed_init (&bed, 400);
  for (guint i = 0; i < 200; i++)
    pb_auth_client_authenticate (bed.client, "anna", password, "", on_answered, &bed);
  pb_auth_client_look_up (bed.client, "anna", on_answered, &bed);
  while ((fd = take_question (&bed, &request)) >= 0 && request.kind == PB_AUTH_AUTHENTICATE)
    n_passwords++, close (fd);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (request.kind, ==, PB_AUTH_LOOKUP);
  g_assert_cmpuint (n_passwords, ==, 24);
  say (fd, PB_AUTH_YES);
  await (&bed.n_answers[PB_AUTH_YES], 1);
  bed_clear (&bed);
  g_assert_cmpuint (bed.n_answers[PB_AUTH_TROUBLE], ==, 200);
}

static void
test_absent (void)
{
  Bed bed;

  bed_init (&bed, 10);
  g_unlink (bed.path);
  for (guint i = 0; i < 20; i++)
    pb_auth_client_look_up (bed.client, "anna", on_answered, &bed);
  g_assert_cmpuint (bed.n_answers[PB_AUTH_TROUBLE], ==, 20);
  bed_clear (&bed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/auth-client/asks", test_asks);
  g_test_add_func ("/auth-client/in-pieces", test_in_pieces);
  g_test_add_func ("/auth-client/bounded", test_bounded);
  g_test_add_func ("/auth-client/lanes", test_lanes);
  g_test_add_func ("/auth-client/absent", test_absent);
  return g_test_run ();
}
