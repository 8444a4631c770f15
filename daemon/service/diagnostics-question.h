/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "policy/explain.h"
#include "protocol/command.h"
#include "settings/snapshot.h"
#include <gio/gio.h>

/* Whose mail is to be explained, read from text; what the input borrows is held here. */
typedef struct
{
  PbExplainInput input; /* all but what is counted and asked, which the caller fills in */
  PbSnapshot *snapshot; /* (owned) */
  PbMailArgs mail;      /* (owned) */
  PbRcptArgs rcpt;      /* (owned) */
  char *helo;           /* (owned) (nullable) */
  char *login, *account_id; /* (owned) (nullable) */
} PbQuestion;

/** pb_question_init: @snapshot is referenced. */
void pb_question_init (PbQuestion *self, PbSnapshot *snapshot);
void pb_question_clear (PbQuestion *self);
/** pb_question_set: @key: "Ip", "Helo", "Login", "Sender", "Recipient". Errors: PB_ERROR_INVALID_VALUE. */
gboolean pb_question_set (PbQuestion *self, const char *key, const char *text, GError **error);
/** pb_question_read: Explain's a{sv}. Errors: PB_ERROR_INVALID_VALUE that names the key. */
gboolean pb_question_read (PbQuestion *self, GVariant *given, GError **error);
