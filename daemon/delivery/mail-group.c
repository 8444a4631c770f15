/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The group postbus-mail, through which an IMAP server reads and files mail. What is made below mail/ is
 * given to it, by whoever makes it, since the service may not set the bits by which directories hand
 * their group on. Without the group, or when we are no member, everything stays our own. Blocks.
 */
#include "delivery/maildir-private.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP      "postbus-mail"
#define MAX_GROUPS 1024
#define MAX_BUFFER (1024 * 1024)

static const gid_t none = (gid_t) -1;

static gboolean
is_member (gid_t gid)
{
  gid_t groups[MAX_GROUPS];
  int n = getgroups (MAX_GROUPS, groups);

  if (geteuid () == 0 || getegid () == gid)
    return TRUE;
  for (int i = 0; i < n; i++)
    if (groups[i] == gid)
      return TRUE;
  return FALSE;
}

static gid_t
find_group (void)
{
  gsize size = 4096;
  struct group entry, *found = NULL;

  for (;; size *= 4)
    {
      g_autofree char *buffer = g_malloc (size);
      int failed = getgrnam_r (GROUP, &entry, buffer, size, &found);

      if (failed == ERANGE && size < MAX_BUFFER)
        continue;
      return failed == 0 && found != NULL && is_member (found->gr_gid) ? found->gr_gid : none;
    }
}

/* Asked once: what changes about it shows after the next start. */
static gid_t
mail_group (void)
{
  static gsize ready;
  static gid_t gid;

  if (g_once_init_enter (&ready))
    {
      gid = find_group ();
      g_once_init_leave (&ready, 1);
    }
  return gid;
}

void
pb_mail_group_share (int fd, mode_t mode)
{
  gid_t gid = mail_group ();

  /* Mail that only we can read is better than none. */
  if (gid != none && fchown (fd, (uid_t) -1, gid) == 0)
    (void) !fchmod (fd, mode);
}
