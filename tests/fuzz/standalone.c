/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Drives a fuzz target where libFuzzer is not: every file of the corpus folder as it stands, then
 * a fixed number of mutations of those files from a fixed seed, so that every run on every machine
 * tries the same inputs. Called by meson test with the corpus folder as its argument. A finding is
 * an abort or a sanitizer's report; the input in hand is then written to crash-<n> in the working
 * folder and named on standard error. The buffer given to a target is allocated to size, so that
 * one byte read past it is seen.
 */
#include <glib.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTATIONS     20000
#define LONGEST_INPUT (16 * 1024)
#define SEED          0x706f7374u

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
extern void __sanitizer_set_death_callback (void (*callback) (void)) __attribute__ ((weak));

static const uint8_t *current_data; /* (not owned) (nullable) what the target has in hand */
static size_t current_size;
static unsigned current_number;

static void
keep_current (void)
{
  char name[32];
  FILE *file;

  if (current_data == NULL)
    return;
  g_snprintf (name, sizeof name, "crash-%u", current_number);
  file = fopen (name, "wb");
  if (file == NULL)
    return;
  fwrite (current_data, 1, current_size, file);
  fclose (file);
  fprintf (stderr, "input %u kept in %s\n", current_number, name);
  current_data = NULL;
}

static void
on_abort (int signal_number)
{
  keep_current ();
  signal (signal_number, SIG_DFL);
  raise (signal_number);
}

static void
run_one (const uint8_t *data, size_t size)
{
  g_autofree uint8_t *copy = g_malloc (MAX (size, 1));

  if (size > 0)
    memcpy (copy, data, size);
  current_data = copy;
  current_size = size;
  current_number++;
  LLVMFuzzerTestOneInput (copy, size);
  current_data = NULL;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Returns the files of @folder in the order of their names, else the runs would differ. */
static GPtrArray *
load_corpus (const char *folder)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *inputs = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_build_filename (folder, name, NULL));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    {
      char *contents = NULL;
      gsize length = 0;

      if (g_file_get_contents (names->pdata[i], &contents, &length, NULL))
        g_ptr_array_add (inputs, g_bytes_new_take (contents, MIN (length, LONGEST_INPUT)));
    }
  return inputs;
}

/* What mail's grammar turns on: random bytes alone hardly ever hit these. */
static const char *const tokens[] = { "\r\n", "\n", "\r",    ".\r\n", "\r\n.\r\n", "<",   ">",
                                      "@",    ":",  "\"",    "\\",    "[",         "]",   " ",
                                      "\t",   "%",  "IPv6:", "SIZE=", ",",         "..",  "xn--",
                                      "(",    ")",  "=?",    "BODY=", "\xc3\xa9",  "\xff" };

static void
mutate_once (GByteArray *input, GRand *random)
{
  guint at = input->len > 0 ? (guint) g_rand_int_range (random, 0, (gint) input->len) : 0;
  const char *token = tokens[g_rand_int_range (random, 0, G_N_ELEMENTS (tokens))];
  g_autoptr (GByteArray) tail = g_byte_array_new ();

  switch (g_rand_int_range (random, 0, 6))
    {
    case 0: /* flip a bit */
      if (input->len > 0)
        input->data[at] ^= (guint8) (1u << g_rand_int_range (random, 0, 8));
      break;
    case 1: /* any byte */
      if (input->len > 0)
        input->data[at] = (guint8) g_rand_int_range (random, 0, 256);
      break;
    case 2: /* cut a piece out */
      if (input->len > 0)
        g_byte_array_remove_range (input, at,
                                   (guint) g_rand_int_range (random, 1,
                                                             (gint) (input->len - at) + 1));
      break;
    case 3: /* end early */
      g_byte_array_set_size (input, at);
      break;
    case 4: /* put a token in */
      if (input->len > 0)
        g_byte_array_append (tail, input->data + at, input->len - at);
      g_byte_array_set_size (input, at);
      g_byte_array_append (input, (const guint8 *) token, (guint) strlen (token));
      g_byte_array_append (input, tail->data, tail->len);
      break;
    default: /* say the rest again */
      if (input->len > 0 && input->len < LONGEST_INPUT / 2)
        {
          g_byte_array_append (tail, input->data + at, input->len - at);
          g_byte_array_append (input, tail->data, tail->len);
        }
      break;
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) corpus = NULL;
  g_autoptr (GRand) random = g_rand_new_with_seed (SEED);

  if (argc != 2)
    {
      fprintf (stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
      return 2;
    }
  corpus = load_corpus (argv[1]);
  if (corpus->len == 0)
    {
      fprintf (stderr, "%s: no inputs in %s\n", argv[0], argv[1]);
      return 2;
    }
  signal (SIGABRT, on_abort);
  if (__sanitizer_set_death_callback != NULL)
    __sanitizer_set_death_callback (keep_current);

  run_one (NULL, 0);
  for (guint i = 0; i < corpus->len; i++)
    run_one (g_bytes_get_data (corpus->pdata[i], NULL), g_bytes_get_size (corpus->pdata[i]));
  for (unsigned n = 0; n < MUTATIONS; n++)
    {
      GBytes *seed = corpus->pdata[g_rand_int_range (random, 0, (gint) corpus->len)];
      g_autoptr (GByteArray) input = g_byte_array_new ();
      int steps = g_rand_int_range (random, 1, 6);

      g_byte_array_append (input, g_bytes_get_data (seed, NULL), (guint) g_bytes_get_size (seed));
      while (steps-- > 0)
        mutate_once (input, random);
      run_one (input->data, MIN (input->len, LONGEST_INPUT));
    }
  printf ("%u inputs\n", current_number);
  return 0;
}
