/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the master key comes from: the credential, the file, a new file; and every file that is refused, untouched. */
#include "settings/master-key.h"

#include "settings/secret-box.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

typedef struct
{
  char *state, *credentials;
  char *file, *credential; /* paths in them */
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->state = g_dir_make_tmp ("test-master-key-XXXXXX", NULL);
  self->credentials = g_dir_make_tmp ("test-credentials-XXXXXX", NULL);
  g_assert_true (self->state != NULL && self->credentials != NULL);
  self->file = g_build_filename (self->state, PB_MASTER_KEY_FILE, NULL);
  self->credential = g_build_filename (self->credentials, PB_MASTER_KEY_CREDENTIAL, NULL);
}

static void
remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_assert_cmpint (g_remove (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  remove_folder (self->state);
  remove_folder (self->credentials);
  g_free (self->state);
  g_free (self->credentials);
  g_free (self->file);
  g_free (self->credential);
}

/* @length octets of @octet, with exactly @mode. */
static void
write_file (const char *path, int octet, gsize length, mode_t mode)
{
  g_autofree char *data = g_malloc (length + 1);

  memset (data, octet, length);
  g_assert_true (g_file_set_contents (path, data, (gssize) length, NULL));
  g_assert_cmpint (g_chmod (path, (int) mode), ==, 0);
}

static void
assert_octets (const PbSecret *key, int octet)
{
  g_assert_nonnull (key);
  g_assert_cmpuint (key->length, ==, PB_MASTER_KEY_SIZE);
  for (gsize i = 0; i < key->length; i++)
    g_assert_cmpuint (key->data[i], ==, octet);
}

/* Refused with exactly @words behind the path, and nothing made or changed. */
static void
assert_refused (Fixture *self, const char *credentials, const char *path, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *source = NULL;
  g_autofree char *expected = g_strconcat (path, ": the master key ", words, NULL);
  struct stat before;
  struct stat after;

  g_assert_cmpint (lstat (path, &before), ==, 0);
  g_assert_null (pb_master_key_load (credentials, self->state, &source, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_PERM);
  g_assert_cmpstr (error->message, ==, expected);
  g_assert_null (source);
  g_assert_cmpint (lstat (path, &after), ==, 0);
  g_assert_true (before.st_ino == after.st_ino && before.st_mode == after.st_mode
                 && before.st_size == after.st_size
                 && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
}

static void
test_made (Fixture *self, gconstpointer data)
{
  const mode_t masks[] = { 0, 022, 0777 };

  for (guint i = 0; i < G_N_ELEMENTS (masks); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *source = NULL;
      g_autofree char *source_again = NULL;
      g_autoptr (PbSecret) key = NULL;
      g_autoptr (PbSecret) again = NULL;
      mode_t mask = umask (masks[i]);
      struct stat status;

      key = pb_master_key_load (NULL, self->state, &source, &error);
      umask (mask);
      g_assert_no_error (error);
      g_assert_cmpstr (source, ==, self->file);
      g_assert_cmpint (lstat (self->file, &status), ==, 0);
      g_assert_cmpuint (status.st_mode, ==, S_IFREG | 0600);
      g_assert_cmpint (status.st_size, ==, PB_MASTER_KEY_SIZE);

      again = pb_master_key_load ("", self->state, &source_again, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (key->data, key->length, again->data, again->length);
      /* No two are the same. */
      g_assert_cmpint (g_rename (self->file, self->credential), ==, 0);
      g_clear_pointer (&again, pb_secret_unref);
      g_clear_pointer (&source_again, g_free);
      again = pb_master_key_load (NULL, self->state, &source_again, &error);
      g_assert_no_error (error);
      g_assert_false (memcmp (key->data, again->data, PB_MASTER_KEY_SIZE) == 0);
      g_assert_cmpint (g_remove (self->file), ==, 0);
    }
}

/* A stop at any time while it is made leaves a file aside, or a link that somebody put there: neither is the key. */
static void
test_left_over (Fixture *self, gconstpointer data)
{
  g_autofree char *aside = g_strconcat (self->file, ".new", NULL);
  g_autofree char *source = NULL;
  g_autofree char *source_again = NULL;
  g_autoptr (PbSecret) key = NULL;

  write_file (aside, 'x', 5, 0644);
  key = pb_master_key_load (NULL, self->state, &source, NULL);
  g_assert_nonnull (key);
  g_assert_false (g_file_test (aside, G_FILE_TEST_EXISTS));

  g_assert_cmpint (g_remove (self->file), ==, 0);
  write_file (self->credential, 'x', PB_MASTER_KEY_SIZE, 0600);
  g_assert_cmpint (symlink (self->credential, aside), ==, 0);
  g_clear_pointer (&key, pb_secret_unref);
  key = pb_master_key_load (NULL, self->state, &source_again, NULL);
  g_assert_nonnull (key);
  g_assert_cmpuint (key->data[0] == 'x' && key->data[31] == 'x' && key->data[15] == 'x', ==, FALSE);
}

static void
test_modes (Fixture *self, gconstpointer data)
{
  const mode_t good[] = { 0600, 0400 };
  const mode_t bad[] = { 0640, 0604, 0660, 0606, 0620, 0610, 0601, 0700, 0777, 0644 };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *source = NULL;
      g_autoptr (PbSecret) key = NULL;

      write_file (self->file, 'k', PB_MASTER_KEY_SIZE, good[i]);
      key = pb_master_key_load (NULL, self->state, &source, NULL);
      assert_octets (key, 'k');
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      write_file (self->file, 'k', PB_MASTER_KEY_SIZE, bad[i]);
      assert_refused (self, NULL, self->file, "must have mode 0600");
    }
}

static void
test_sizes (Fixture *self, gconstpointer data)
{
  const gsize sizes[] = { 0, 1, 31, 33, 65, 4096 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      write_file (self->file, 'k', sizes[i], 0600);
      assert_refused (self, NULL, self->file, "must be of 32 octets");
    }
}

static void
test_kinds (Fixture *self, gconstpointer data)
{
  write_file (self->credential, 'k', PB_MASTER_KEY_SIZE, 0600);
  g_assert_cmpint (symlink (self->credential, self->file), ==, 0);
  assert_refused (self, NULL, self->file, "must be a plain file");
  /* One that leads nowhere is no place to make the key at. */
  g_assert_cmpint (g_remove (self->credential), ==, 0);
  assert_refused (self, NULL, self->file, "must be a plain file");
  g_assert_false (g_file_test (self->credential, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_remove (self->file), ==, 0);

  g_assert_cmpint (g_mkdir (self->file, 0700), ==, 0);
  assert_refused (self, NULL, self->file, "must be a plain file");
  g_assert_cmpint (g_rmdir (self->file), ==, 0);

  /* Nobody writes into it: to wait for a writer would be to hang. */
  g_assert_cmpint (mkfifo (self->file, 0600), ==, 0);
  assert_refused (self, NULL, self->file, "must be a plain file");
}

static void
test_owner (Fixture *self, gconstpointer data)
{
  if (geteuid () != 0)
    {
      g_test_skip ("needs root to give a file away");
      return;
    }
  write_file (self->file, 'k', PB_MASTER_KEY_SIZE, 0600);
  g_assert_cmpint (chown (self->file, NOBODY, NOBODY), ==, 0);
  assert_refused (self, NULL, self->file, "belongs to another user");
}

/* The service manager owns its files and gives them the mode that it likes. */
static void
test_credential (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *source = NULL;
  g_autofree char *source_again = NULL;
  g_autoptr (PbSecret) key = NULL;

  write_file (self->credential, 'c', PB_MASTER_KEY_SIZE, 0440);
  key = pb_master_key_load (self->credentials, self->state, &source, &error);
  g_assert_no_error (error);
  assert_octets (key, 'c');
  g_assert_cmpstr (source, ==, self->credential);
  g_assert_false (g_file_test (self->file, G_FILE_TEST_EXISTS));

  /* Over a file that is there too. */
  write_file (self->file, 'f', PB_MASTER_KEY_SIZE, 0600);
  g_clear_pointer (&key, pb_secret_unref);
  key = pb_master_key_load (self->credentials, self->state, &source_again, &error);
  assert_octets (key, 'c');
}

static void
test_other_credentials (Fixture *self, gconstpointer data)
{
  g_autofree char *source = NULL;
  g_autofree char *source_again = NULL;
  g_autofree char *nowhere = g_build_filename (self->credentials, "none", NULL);
  g_autoptr (PbSecret) key = NULL;

  write_file (self->file, 'f', PB_MASTER_KEY_SIZE, 0600);
  key = pb_master_key_load (self->credentials, self->state, &source, NULL);
  assert_octets (key, 'f');
  g_assert_cmpstr (source, ==, self->file);
  g_clear_pointer (&key, pb_secret_unref);
  key = pb_master_key_load (nowhere, self->state, &source_again, NULL);
  assert_octets (key, 'f');
}

/* A credential that is wrong is not passed over: what the right one seals would all be stale. */
static void
test_wrong_credential (Fixture *self, gconstpointer data)
{
  const gsize sizes[] = { 0, 31, 33, 44 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      write_file (self->credential, 'c', sizes[i], 0400);
      assert_refused (self, self->credentials, self->credential, "must be of 32 octets");
      g_assert_false (g_file_test (self->file, G_FILE_TEST_EXISTS));
    }
  g_assert_cmpint (g_remove (self->credential), ==, 0);
  g_assert_cmpint (g_mkdir (self->credential, 0700), ==, 0);
  assert_refused (self, self->credentials, self->credential, "must be a plain file");
  g_assert_false (g_file_test (self->file, G_FILE_TEST_EXISTS));
}

static void
test_no_directory (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *nowhere = g_build_filename (self->state, "none", NULL);
  g_autofree char *source = NULL;

  g_assert_null (pb_master_key_load (NULL, nowhere, &source, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_assert_nonnull (strstr (error->message, nowhere));
}

#define ADD(name, function)                                                                        \
  g_test_add ("/master-key/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("made", test_made);
  ADD ("left-over", test_left_over);
  ADD ("modes", test_modes);
  ADD ("sizes", test_sizes);
  ADD ("kinds", test_kinds);
  ADD ("owner", test_owner);
  ADD ("credential", test_credential);
  ADD ("other-credentials", test_other_credentials);
  ADD ("wrong-credential", test_wrong_credential);
  ADD ("no-directory", test_no_directory);
  return g_test_run ();
}
