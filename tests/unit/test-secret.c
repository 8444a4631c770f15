/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages for secrets: zeroed, ended by a NUL, not in a core image, not in a child, gone with the last reference. */
#include "util/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_content (void)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  const gsize lengths[] = { 0, 1, 32, page - 1, page, page + 1, 3 * page };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autoptr (PbSecret) empty = pb_secret_new (lengths[i]);
      g_autofree guint8 *data = g_malloc (lengths[i] + 1);
      g_autoptr (PbSecret) copy = NULL;

      memset (data, 'x', lengths[i] + 1);
      g_assert_cmpuint (empty->length, ==, lengths[i]);
      for (gsize at = 0; at <= lengths[i]; at++)
        g_assert_cmpuint (empty->data[at], ==, 0);

      copy = pb_secret_copy (data, lengths[i]);
      g_assert_cmpmem (copy->data, copy->length, data, lengths[i]);
      g_assert_cmpuint (copy->data[copy->length], ==, 0);
      /* The caller's own octets are the caller's to wipe. */
      g_assert_cmpuint (data[0], ==, 'x');
    }
}

static void
test_references (void)
{
  PbSecret *secret = pb_secret_copy ("hunter2", 7);
  PbSecret *again = pb_secret_ref (secret);
  guint8 *pages = secret->data;
  gsize page = (gsize) sysconf (_SC_PAGESIZE);

  g_assert_true (again == secret);
  pb_secret_unref (secret);
  g_assert_cmpmem (again->data, again->length, "hunter2", 7);
  g_assert_cmpint (msync (pages, page, MS_ASYNC), ==, 0);
  pb_secret_unref (again);
  /* No page is left to look at. */
  g_assert_cmpint (msync (pages, page, MS_ASYNC), ==, -1);
  g_assert_cmpint (errno, ==, ENOMEM);
}

/* The kernel's own words on the mapping at @address: "rd wr mr mw me lo ac dd wf". */
static char *
flags_of (const void *address)
{
  g_autofree char *maps = NULL;
  g_auto (GStrv) lines = NULL;
  gboolean inside = FALSE;

  if (!g_file_get_contents ("/proc/self/smaps", &maps, NULL, NULL))
    return NULL;
  lines = g_strsplit (maps, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      char *dash;
      guint64 start = g_ascii_strtoull (*line, &dash, 16);

      if (*dash == '-' && dash != *line)
        inside = start <= (guint64) (gsize) address
                 && (guint64) (gsize) address < g_ascii_strtoull (dash + 1, NULL, 16);
      else if (inside && g_str_has_prefix (*line, "VmFlags:"))
        return g_strconcat (*line + strlen ("VmFlags:"), " ", NULL);
    }
  return NULL;
}

static void
test_protection (void)
{
  g_autoptr (PbSecret) secret = pb_secret_copy ("hunter2", 7);
  g_autofree char *flags = flags_of (secret->data);

  if (flags == NULL)
    {
      g_test_skip ("the kernel does not tell the flags of mappings");
      return;
    }
  g_assert_nonnull (strstr (flags, " dd ")); /* not dumped */
  g_assert_nonnull (strstr (flags, " wf ")); /* wiped in a child */
}

static void
test_fork (void)
{
  g_autoptr (PbSecret) secret = pb_secret_copy ("hunter2", 7);
  int status;
  pid_t child = fork ();

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      for (gsize i = 0; i < secret->length; i++)
        if (secret->data[i] != 0)
          _exit (1);
      _exit (0);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  g_assert_cmpmem (secret->data, secret->length, "hunter2", 7);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/secret/content", test_content);
  g_test_add_func ("/secret/references", test_references);
  g_test_add_func ("/secret/protection", test_protection);
  g_test_add_func ("/secret/fork", test_fork);
  return g_test_run ();
}
