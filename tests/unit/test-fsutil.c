/* SPDX-License-Identifier: GPL-3.0-or-later */
/* File helpers: directories made once and again, every byte written, names that would leave the folder refused. */
#include "util/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct
{
  char *dir;
  int fd;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->dir = g_dir_make_tmp ("test-fsutil-XXXXXX", NULL);
  g_assert_nonnull (self->dir);
  self->fd = open (self->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (self->fd, >=, 0);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir =
    g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_assert_cmpint (g_remove (path), ==, 0);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  close (self->fd);
  remove_tree (self->dir);
  g_free (self->dir);
}

static void
test_ensure_dir (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *deep = g_build_filename (self->dir, "a", "b", "c", NULL);
  g_autofree char *file = g_build_filename (self->dir, "file", NULL);
  g_autofree char *below = g_build_filename (file, "x", NULL);
  struct stat status;

  g_assert_true (pb_fs_ensure_dir (deep, 0700, &error));
  g_assert_true (pb_fs_ensure_dir (deep, 0700, &error));
  g_assert_no_error (error);
  g_assert_cmpint (stat (deep, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 0777, ==, 0700);
  g_assert_true (g_file_set_contents (file, "x", 1, NULL));
  g_assert_false (pb_fs_ensure_dir (file, 0700, &error));
  g_assert_nonnull (strstr (error->message, file));
  g_clear_error (&error);
  g_assert_false (pb_fs_ensure_dir (below, 0700, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOTDIR);
}

static gpointer
read_main (gpointer data)
{
  GString *got = g_string_new (NULL);
  char buffer[4096];
  ssize_t n;

  while ((n = read (GPOINTER_TO_INT (data), buffer, sizeof buffer)) > 0)
    g_string_append_len (got, buffer, n);
  return got;
}

static void
test_write_all (Fixture *self, gconstpointer data)
{
  g_autofree char *big = g_malloc (1024 * 1024);
  g_autoptr (GError) error = NULL;
  GThread *reader;
  GString *got;
  int ends[2];

  for (guint i = 0; i < 1024 * 1024; i++)
    big[i] = (char) (i * 31 >> 3);
  g_assert_cmpint (pipe (ends), ==, 0);
  reader = g_thread_new ("read", read_main, GINT_TO_POINTER (ends[0]));
  g_assert_true (pb_fs_write_all (ends[1], big, 1024 * 1024, &error));
  close (ends[1]);
  got = g_thread_join (reader);
  g_assert_cmpmem (got->str, got->len, big, 1024 * 1024);
  g_string_free (got, TRUE);
  close (ends[0]);
}

static void
test_write_errors (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int full = open ("/dev/full", O_WRONLY | O_CLOEXEC);

  g_assert_false (pb_fs_write_all (full, "x", 1, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  g_assert_nonnull (strstr (error->message, "/dev/full"));
  close (full);
}

static void
test_sync_dir (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int ends[2];

  g_assert_true (pb_fs_sync_dir (self->fd, &error));
  g_assert_no_error (error);
  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_false (pb_fs_sync_dir (ends[0], &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
  close (ends[0]);
  close (ends[1]);
}

static void
test_open_beneath (Fixture *self, gconstpointer data)
{
  static const char *const outside[] = { "../x",      "/etc/passwd", "link",
                                         "linkdir/x", "sub/../../x", "missing/x" };
  g_autofree char *sub = g_build_filename (self->dir, "sub", NULL);
  g_autofree char *link = g_build_filename (self->dir, "link", NULL);
  g_autofree char *linkdir = g_build_filename (self->dir, "linkdir", NULL);
  g_autoptr (GError) error = NULL;
  int fd;

  g_assert_cmpint (g_mkdir (sub, 0700), ==, 0);
  g_assert_cmpint (symlink ("/etc/passwd", link), ==, 0);
  g_assert_cmpint (symlink ("sub", linkdir), ==, 0);
  fd = pb_fs_open_beneath (self->fd, "sub/x", O_CREAT | O_EXCL | O_WRONLY, 0600, &error);
  g_assert_no_error (error);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
  close (fd);
  g_assert_cmpint (pb_fs_open_beneath (self->fd, "sub/x", O_CREAT | O_EXCL | O_WRONLY, 0600,
                                       &error),
                   ==, -1);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_EXIST);
  g_clear_error (&error);
  for (guint i = 0; i < G_N_ELEMENTS (outside); i++)
    {
      g_assert_cmpint (pb_fs_open_beneath (self->fd, outside[i], O_RDONLY, 0, &error), ==, -1);
      g_assert_nonnull (strstr (error->message, outside[i]));
      g_clear_error (&error);
    }
}

/* Sandboxes hide openat2: here as there it is as if the kernel did not know it. */
static void
hide_openat2 (void)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = { .len = G_N_ELEMENTS (filter), .filter = filter };

  g_assert_cmpint (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
  g_assert_cmpint (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), ==, 0);
  g_assert_cmpint (syscall (SYS_openat2, AT_FDCWD, "/", NULL, 0), ==, -1);
  g_assert_cmpint (errno, ==, ENOSYS);
}

static void
test_open_beneath_in_a_sandbox (Fixture *self, gconstpointer data)
{
  if (g_test_subprocess ())
    {
      hide_openat2 ();
      test_open_beneath (self, data);
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
}

static void
test_is_on_disk (Fixture *self, gconstpointer data)
{
  int memory = memfd_create ("test", MFD_CLOEXEC);
  int proc = open ("/proc/self/status", O_RDONLY | O_CLOEXEC);

  g_assert_true (pb_fs_is_on_disk (memory));
  g_assert_false (pb_fs_is_on_disk (proc));
  g_assert_false (pb_fs_is_on_disk (-1));
  close (memory);
  close (proc);
}

static void
test_has_descriptors (Fixture *self, gconstpointer data)
{
  struct rlimit limit, none;

  g_assert_true (pb_fs_has_descriptors ());
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  none = (struct rlimit){ 0, limit.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  g_assert_false (pb_fs_has_descriptors ());
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_true (pb_fs_has_descriptors ());
}

#define ADD(name, func) g_test_add ("/fsutil/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("ensure-dir", test_ensure_dir);
  ADD ("write-all", test_write_all);
  ADD ("write-errors", test_write_errors);
  ADD ("sync-dir", test_sync_dir);
  ADD ("open-beneath", test_open_beneath);
  ADD ("open-beneath/in-a-sandbox", test_open_beneath_in_a_sandbox);
  ADD ("is-on-disk", test_is_on_disk);
  ADD ("has-descriptors", test_has_descriptors);
  return g_test_run ();
}
