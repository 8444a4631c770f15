/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Command lines: the verb is found, the arguments of MAIL and RCPT parsed, and what was taken is taken again. */
#include "protocol/command.h"

#include <stdint.h>
#include <string.h>

#define ALL_PARAMS                                                                                 \
  (PB_PARAM_SIZE | PB_PARAM_BODY | PB_PARAM_SMTPUTF8 | PB_PARAM_DSN | PB_PARAM_AUTH                \
   | PB_PARAM_BINARYMIME)

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
try_mail (const PbCommand *command, PbParams offered)
{
  g_auto (PbMailArgs) args = { 0 };
  PbReplyId reply =
    pb_mail_args_parse (command->argument, command->argument_length, offered, &args);

  g_assert_true (reply < PB_N_REPLIES);
  if (reply != PB_REPLY_NONE)
    g_assert_true (args.sender == NULL && args.envid == NULL);
  else if (args.sender != NULL)
    g_assert_true (!args.sender->utf8 || args.smtputf8);
}

static void
try_rcpt (const PbCommand *command, gboolean smtputf8)
{
  g_auto (PbRcptArgs) args = { 0 };
  PbReplyId reply =
    pb_rcpt_args_parse (command->argument, command->argument_length, ALL_PARAMS, smtputf8, &args);

  if (reply != PB_REPLY_NONE)
    {
      g_assert_true (args.recipient == NULL && args.orcpt == NULL);
      return;
    }
  g_assert_nonnull (args.recipient);
  g_assert_true (smtputf8 || !args.recipient->utf8);
  g_assert_null (strpbrk (args.recipient->text, "\r\n"));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  PbCommand command = pb_command_parse ((const char *) data, size);

  g_assert_true (command.verb < PB_N_VERBS);
  g_assert_cmpuint (command.argument_length, <=, size);
  pb_helo_valid (command.argument, command.argument_length);
  try_mail (&command, ALL_PARAMS);
  try_mail (&command, 0);
  try_rcpt (&command, TRUE);
  try_rcpt (&command, FALSE);
  return 0;
}
