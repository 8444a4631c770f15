/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line that forty years of programs expect of sendmail. One row a letter: whether a value goes
 * with it and what is done with that. Called by main.c alone; every string in the result is a copy.
 */
#include "sendmail/sendmail-options.h"

#include <string.h>

typedef enum
{
  VALUE_NONE,
  VALUE_MUST,   /* in the same word, else the next one */
  VALUE_JOINED, /* in the same word, if at all */
} Value;

typedef struct
{
  char letter;
  Value value;
  gboolean (*take) (PbSendmailOptions *self, const char *value); /* (nullable) read over; FALSE: not what is allowed */
  const char *allowed; /* (nullable) for the error */
} Row;

static gboolean
take_mode (PbSendmailOptions *self, const char *value)
{
  static const struct
  {
    char letter;
    PbSendmailMode mode;
  } modes[] = {
    { 'm', PB_SENDMAIL_SEND },
    { 's', PB_SENDMAIL_SMTP },
    { 'p', PB_SENDMAIL_QUEUE },
    { 'i', PB_SENDMAIL_ALIASES },
  };

  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    if (value[0] == modes[i].letter && value[1] == '\0')
      {
        self->mode = modes[i].mode;
        return TRUE;
      }
  return FALSE;
}

static gboolean
take_sender (PbSendmailOptions *self, const char *value)
{
  gsize length = strlen (value);

  g_free (self->sender);
  /* "<ann@example.org>" is an old way to write it; "<>" and "" are both the null sender. */
  if (length > 2 && value[0] == '<' && value[length - 1] == '>')
    self->sender = g_strndup (value + 1, length - 2);
  else
    self->sender = g_strdup (length == 0 ? "<>" : value);
  return TRUE;
}

static gboolean
take_full_name (PbSendmailOptions *self, const char *value)
{
  g_free (self->full_name);
  self->full_name = g_strdup (value);
  return TRUE;
}

static gboolean
take_extract (PbSendmailOptions *self, const char *value)
{
  self->extract = TRUE;
  return TRUE;
}

static gboolean
take_ignore_dots (PbSendmailOptions *self, const char *value)
{
  self->ignore_dots = TRUE;
  return TRUE;
}

static gboolean
take_verbose (PbSendmailOptions *self, const char *value)
{
  self->verbose = TRUE;
  return TRUE;
}

/* -oi is -i; the others steered delivery and the return of errors. */
static gboolean
take_old (PbSendmailOptions *self, const char *value)
{
  if (g_str_equal (value, "i"))
    self->ignore_dots = TRUE;
  return TRUE;
}

static gboolean
take_retry (PbSendmailOptions *self, const char *value)
{
  self->mode = PB_SENDMAIL_RETRY;
  return value == NULL;
}

static gboolean
take_aliases (PbSendmailOptions *self, const char *value)
{
  self->mode = PB_SENDMAIL_ALIASES;
  return TRUE;
}

static gboolean
take_notify (PbSendmailOptions *self, const char *value)
{
  g_autofree char *upper = g_ascii_strup (value, -1);
  g_auto (GStrv) words = g_strsplit (upper, ",", 5);
  static const char *const known[] = { "SUCCESS", "FAILURE", "DELAY", NULL };

  if (!g_str_equal (upper, "NEVER"))
    for (guint i = 0; i == 0 || words[i] != NULL; i++)
      if (words[i] == NULL || i > 2 || !g_strv_contains (known, words[i]))
        return FALSE;
  g_free (self->notify);
  self->notify = g_steal_pointer (&upper);
  return TRUE;
}

static gboolean
take_return (PbSendmailOptions *self, const char *value)
{
  gboolean full = g_ascii_strcasecmp (value, "full") == 0;

  if (!full && g_ascii_strcasecmp (value, "hdrs") != 0)
    return FALSE;
  g_free (self->ret);
  self->ret = g_strdup (full ? "FULL" : "HDRS");
  return TRUE;
}

static gboolean
take_envid (PbSendmailOptions *self, const char *value)
{
  for (const char *c = value; *c != '\0'; c++)
    if (*c < 32 || *c > 126)
      return FALSE;
  g_free (self->envid);
  self->envid = g_strdup (value);
  return value[0] != '\0' && strlen (value) <= 100;
}

static const Row rows[] = {
  { 'A', VALUE_MUST, NULL, NULL }, /* -Ac, -Am: which configuration */
  { 'B', VALUE_MUST, NULL, NULL },   /* the kind of body: we look */
  { 'C', VALUE_MUST, NULL, NULL },
  { 'F', VALUE_MUST, take_full_name, NULL },
  { 'G', VALUE_NONE, NULL, NULL },
  { 'I', VALUE_NONE, take_aliases, NULL }, /* -bi */
  { 'L', VALUE_MUST, NULL, NULL },
  { 'N', VALUE_MUST, take_notify, "never, or some of success, failure and delay with commas between" },
  { 'O', VALUE_MUST, NULL, NULL },
  { 'R', VALUE_MUST, take_return, "full or hdrs" },
  { 'U', VALUE_NONE, NULL, NULL },
  { 'V', VALUE_MUST, take_envid, "1 to 100 printable ASCII characters" },
  { 'X', VALUE_MUST, NULL, NULL },
  { 'b', VALUE_JOINED, take_mode, "bm, bs, bp or bi" },
  { 'e', VALUE_MUST, NULL, NULL },
  { 'f', VALUE_MUST, take_sender, NULL },
  { 'h', VALUE_MUST, NULL, NULL },
  { 'i', VALUE_NONE, take_ignore_dots, NULL },
  { 'm', VALUE_NONE, NULL, NULL },
  { 'n', VALUE_NONE, NULL, NULL },
  { 'o', VALUE_MUST, take_old, NULL },
  { 'p', VALUE_MUST, NULL, NULL },
  { 'q', VALUE_JOINED, take_retry, "q alone: this queue needs no runner" },
  { 'r', VALUE_MUST, take_sender, NULL },
  { 't', VALUE_NONE, take_extract, NULL },
  { 'v', VALUE_NONE, take_verbose, NULL },
};

static const Row *
find_row (char letter)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (rows[i].letter == letter)
      return &rows[i];
  return NULL;
}

/* The value of @row behind @rest of its word; takes the next word if need be. Returns: FALSE: there must be one and is none. */
static gboolean
find_value (const Row *row, const char *rest, int argc, char **argv, int *index, const char **value)
{
  *value = NULL;
  switch (row->value)
    {
    case VALUE_NONE:
      return TRUE;
    case VALUE_JOINED:
      *value = rest[0] != '\0' ? rest : NULL;
      return TRUE;
    case VALUE_MUST:
      if (rest[0] != '\0')
        *value = rest;
      else if (*index + 1 < argc)
        *value = argv[++*index];
      return *value != NULL;
    }
  g_assert_not_reached ();
}

/* One word that begins with a dash: letters without values may stand together. */
static gboolean
take_word (PbSendmailOptions *self, int argc, char **argv, int *index, GError **error)
{
  for (const char *at = argv[*index] + 1; *at != '\0'; at++)
    {
      const Row *row = find_row (*at);
      const char *value;

      if (row == NULL)
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "no option -%c", *at);
          return FALSE;
        }
      if (!find_value (row, at + 1, argc, argv, index, &value))
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "-%c needs a value", *at);
          return FALSE;
        }
      if ((row->take == take_mode && value == NULL) || (row->take != NULL && !row->take (self, value)))
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "-%c: allowed is %s", *at,
                       row->allowed);
          return FALSE;
        }
      if (row->value != VALUE_NONE)
        break;
    }
  return TRUE;
}

PbSendmailOptions *
pb_sendmail_options_parse (int argc, char **argv, GError **error)
{
  g_autoptr (PbSendmailOptions) self = g_new0 (PbSendmailOptions, 1);
  g_autofree char *name = g_path_get_basename (argc > 0 ? argv[0] : "sendmail");
  gboolean options = TRUE;

  self->recipients = g_ptr_array_new_with_free_func (g_free);
  if (g_str_equal (name, "mailq"))
    self->mode = PB_SENDMAIL_QUEUE;
  else if (g_str_equal (name, "newaliases"))
    self->mode = PB_SENDMAIL_ALIASES;
  for (int i = 1; i < argc; i++)
    if (options && g_str_equal (argv[i], "--"))
      options = FALSE;
    else if (!options || argv[i][0] != '-' || argv[i][1] == '\0')
      g_ptr_array_add (self->recipients, g_strdup (argv[i]));
    else if (!take_word (self, argc, argv, &i, error))
      return NULL;
  return g_steal_pointer (&self);
}

void
pb_sendmail_options_free (PbSendmailOptions *self)
{
  if (self == NULL)
    return;
  g_free (self->sender);
  g_free (self->full_name);
  g_ptr_array_unref (self->recipients);
  g_free (self->notify);
  g_free (self->ret);
  g_free (self->envid);
  g_free (self);
}
