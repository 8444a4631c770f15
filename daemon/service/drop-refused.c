/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files refused-... of the drop directory: messages of programs that were refused for good, kept so that
 * nothing is lost unseen. Nobody has to look, so they are bounded, in number and octets: the oldest go first, by
 * the time of their renaming, which is the time of the refusal. Called by the drop keeper's thread, which
 * alone renames and removes there. What cannot be removed is logged and tried again the next time.
 */
#include "service/drop-refused.h"

#include "dbus/say.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILES  100
#define MAX_OCTETS (256ull << 20)

typedef struct
{
  char *name; /* (owned) */
  struct timespec refused;
  guint64 octets;
} File;

static void
file_clear (gpointer data)
{
  g_free (((File *) data)->name);
}

static gint
compare_ages (gconstpointer a, gconstpointer b)
{
  const File *one = a, *other = b;

  if (one->refused.tv_sec != other->refused.tv_sec)
    return one->refused.tv_sec < other->refused.tv_sec ? -1 : 1;
  if (one->refused.tv_nsec != other->refused.tv_nsec)
    return one->refused.tv_nsec < other->refused.tv_nsec ? -1 : 1;
  return strcmp (one->name, other->name);
}

/* Returns: (transfer full) (element-type File). */
static GArray *
list_files (int folder)
{
  GArray *files = g_array_new (FALSE, FALSE, sizeof (File));
  int fd = openat (folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *all = fd >= 0 ? fdopendir (fd) : NULL;
  const struct dirent *entry;

  g_array_set_clear_func (files, file_clear);
  if (fd >= 0 && all == NULL)
    close (fd);
  while (all != NULL && (entry = readdir (all)) != NULL)
    {
      struct stat status;
      File file;

      if (!g_str_has_prefix (entry->d_name, PB_DROP_REFUSED)
          || fstatat (folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        continue;
      file = (File){ g_strdup (entry->d_name), status.st_ctim, (guint64) MAX (status.st_size, 0) };
      g_array_append_val (files, file);
    }
  if (all != NULL)
    closedir (all);
  return files;
}

static gboolean
is_too_much (const PbDropRefused *kept)
{
  return kept->n > MAX_FILES || (kept->n > 1 && kept->octets > MAX_OCTETS);
}

static void
remove_file (int folder, const File *file)
{
  if (unlinkat (folder, file->name, 0) == 0)
    pb_log (PB_LOG_WARNING, "drop-removed", "file", file->name, "reason",
            "too many messages that were refused are kept, or too large ones", NULL);
  else if (errno != ENOENT)
    pb_log (PB_LOG_ERROR, "drop-directory", "path", file->name, "reason", g_strerror (errno), NULL);
}

void
pb_drop_refused_bound (int folder, PbDropRefused *kept)
{
  g_autoptr (GArray) files = list_files (folder);

  *kept = (PbDropRefused){ 0 };
  for (guint i = 0; i < files->len; i++)
    pb_drop_refused_add (kept, g_array_index (files, File, i).octets);
  if (!is_too_much (kept))
    return;
  g_array_sort (files, compare_ages);
  for (guint i = 0; i < files->len && is_too_much (kept); i++)
    {
      const File *file = &g_array_index (files, File, i);

      remove_file (folder, file);
      kept->n--;
      kept->octets -= file->octets;
    }
}

gboolean
pb_drop_refused_add (PbDropRefused *kept, guint64 octets)
{
  kept->n++;
  kept->octets += octets;
  return is_too_much (kept);
}

GVariant *
pb_drop_refused_say (const PbDropRefused *kept)
{
  if (kept->n == 0)
    return NULL;
  return pb_say_count (
    "{n} message of a program of this machine was refused for good; it is kept in the drop directory.",
    "{n} messages of programs of this machine were refused for good; they are kept in the drop directory.", kept->n);
}
