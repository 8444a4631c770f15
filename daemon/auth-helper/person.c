/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A user as NSS has it, from whatever source nsswitch.conf names (files, sssd, winbind). Called in the
 * child that serves one request, since a source may hang. That a source did not answer is TROUBLE and
 * never NO: mail is refused for good on a NO.
 */
#include "auth-helper/person.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define BUFFER 65536 /* a directory's user may have long fields */

/* As /etc/shells has it, less the shells that say no. An empty field means /bin/sh (passwd(5)). */
static bool
is_login_shell (const char *shell)
{
  const char *base, *each;
  bool found = false;

  if (shell == NULL || shell[0] == '\0')
    shell = "/bin/sh";
  base = strrchr (shell, '/');
  base = base != NULL ? base + 1 : shell;
  if (strcmp (base, "nologin") == 0 || strcmp (base, "false") == 0)
    return false;
  setusershell ();
  while (!found && (each = getusershell ()) != NULL)
    found = strcmp (each, shell) == 0;
  endusershell ();
  return found;
}

static PbAuthVerdict
find (const char *name, PbAuthAnswer *answer)
{
  static char buffer[BUFFER];
  struct passwd entry, *found = NULL;
  int wrong = getpwnam_r (name, &entry, buffer, sizeof buffer, &found);

  if (wrong != 0)
    return PB_AUTH_TROUBLE;
  if (found == NULL || !pb_auth_name_is_valid (entry.pw_name))
    return PB_AUTH_NO;
  answer->uid = entry.pw_uid;
  answer->login_shell = is_login_shell (entry.pw_shell);
  strcpy (answer->name, entry.pw_name); /* its length was checked */
  return PB_AUTH_YES;
}

void
pb_person_find (const char *name, PbAuthAnswer *answer)
{
  char lower[PB_AUTH_MAX_NAME + 1];
  size_t i;

  memset (answer, 0, sizeof *answer);
  answer->verdict = find (name, answer);
  if (answer->verdict != PB_AUTH_NO)
    return;
  for (i = 0; name[i] != '\0' && i < PB_AUTH_MAX_NAME; i++)
    lower[i] = (char) (isascii (name[i]) ? tolower (name[i]) : name[i]);
  lower[i] = '\0';
  if (strcmp (lower, name) != 0)
    answer->verdict = find (lower, answer);
}
