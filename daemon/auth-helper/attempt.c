/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One login through PAM, in a child of its own: modules are not thread safe, block for seconds, and may
 * leave anything behind in the process. Whatever says no says it in the same way and after the same
 * kind of wait: a wrong password, no such user, an account that is locked, expired, or no person's.
 */
#include "auth-helper/attempt.h"

#include "auth-helper/person.h"
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define SERVICE "postbus"
/* Asked about in place of an account that nobody may log in to: it runs through the same modules, and no password of root ever does. */
#define NO_SUCH_USER "postbus.no.such.user"
/* What pam_unix makes a wrong password wait, microseconds; PAM varies it by a quarter and half of that. */
#define FAIL_DELAY 2000000

/* Gives the password to every question without echo. Texts of modules are for a person at a terminal. */
static int
on_conversation (int n_messages, const struct pam_message **messages,
                 struct pam_response **responses, void *data)
{
  const PbAuthRequest *request = data;
  struct pam_response *made = NULL;
  int status = PAM_SUCCESS;

  if (n_messages < 1 || n_messages > PAM_MAX_NUM_MSG)
    return PAM_CONV_ERR;
  made = calloc ((size_t) n_messages, sizeof *made);
  if (made == NULL)
    return PAM_BUF_ERR;
  for (int i = 0; i < n_messages && status == PAM_SUCCESS; i++)
    if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
      {
        made[i].resp = strdup (request->password);
        if (made[i].resp == NULL)
          status = PAM_BUF_ERR;
      }
    else if (messages[i]->msg_style == PAM_PROMPT_ECHO_ON)
      status = PAM_CONV_ERR; /* a second factor, which SMTP cannot ask for */
  if (status == PAM_SUCCESS)
    {
      *responses = made;
      return PAM_SUCCESS;
    }
  for (int i = 0; i < n_messages; i++)
    if (made[i].resp != NULL)
      {
        explicit_bzero (made[i].resp, strlen (made[i].resp));
        free (made[i].resp);
      }
  free (made);
  return status;
}

/* What cannot be told now, as against a no. */
static bool
is_trouble (int status)
{
  switch (status)
    {
    case PAM_OPEN_ERR:
    case PAM_SYMBOL_ERR:
    case PAM_SERVICE_ERR:
    case PAM_SYSTEM_ERR:
    case PAM_BUF_ERR:
    case PAM_AUTHINFO_UNAVAIL:
    case PAM_ABORT:
    case PAM_MODULE_UNKNOWN:
      return true;
    default:
      return false;
    }
}

/* PAM waits by itself when a password is wrong; an account that is refused afterwards waits here. */
static void
wait_as_for_a_wrong_password (void)
{
  uint32_t random = 0;
  struct timespec span = { 0 };

  if (getrandom (&random, sizeof random, GRND_NONBLOCK) < 0)
    random = UINT32_MAX / 2;
  random = FAIL_DELAY / 4 * 3 + random % (FAIL_DELAY / 2);
  span.tv_sec = random / 1000000;
  span.tv_nsec = random % 1000000 * 1000L;
  nanosleep (&span, NULL);
}

/* A module may have made another user of the one who was asked about. */
static void
take_user (pam_handle_t *pam, PbAuthAnswer *answer)
{
  const void *user = NULL;

  if (pam_get_item (pam, PAM_USER, &user) != PAM_SUCCESS || user == NULL
      || !pb_auth_name_is_valid (user))
    {
      answer->verdict = PB_AUTH_NO;
      return;
    }
  if (strcmp (user, answer->name) != 0)
    pb_person_find (user, answer);
  if (answer->verdict == PB_AUTH_YES && !pb_auth_is_person (answer))
    answer->verdict = PB_AUTH_NO;
}

static int
ask (pam_handle_t *pam, const PbAuthRequest *request)
{
  int status = pam_set_item (pam, PAM_RHOST, request->remote);

  if (status == PAM_SUCCESS)
    status = pam_set_item (pam, PAM_TTY, request->service);
  if (status == PAM_SUCCESS)
    status = pam_fail_delay (pam, FAIL_DELAY);
  if (status == PAM_SUCCESS)
    status = pam_authenticate (pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  if (status != PAM_SUCCESS)
    return status;
  status = pam_acct_mgmt (pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  if (status != PAM_SUCCESS && !is_trouble (status))
    wait_as_for_a_wrong_password ();
  return status;
}

void
pb_attempt_authenticate (const PbAuthRequest *request, PbAuthAnswer *answer)
{
  const struct pam_conv conversation = { on_conversation, (void *) request };
  pam_handle_t *pam = NULL;
  int status;

  pb_person_find (request->user, answer);
  if (answer->verdict == PB_AUTH_TROUBLE)
    return;
  status = pam_start (SERVICE, pb_auth_is_person (answer) ? answer->name : NO_SUCH_USER, &conversation, &pam);
  if (status == PAM_SUCCESS)
    status = ask (pam, request);
  if (is_trouble (status))
    {
      fprintf (stderr, "<3>PAM cannot tell: %s\n", pam_strerror (pam, status));
      answer->verdict = PB_AUTH_TROUBLE;
    }
  else if (status != PAM_SUCCESS || !pb_auth_is_person (answer))
    answer->verdict = PB_AUTH_NO;
  else
    take_user (pam, answer);
  if (pam != NULL)
    pam_end (pam, status);
}
