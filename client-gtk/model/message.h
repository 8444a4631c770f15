/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What has become of mail, as people see it. */
typedef struct
{
  const char *title; /* header case, translated */
  const char *icon, *style; /* style (nullable): a CSS class */
} PbaEventLook;

/** pba_event_look: of a bus word: an event of a message, an outcome of a check; one that this program does not know gets its own name. */
PbaEventLook pba_event_look (const char *event);

/* A message of the history in words. */
typedef struct
{
  char *event; /* (owned): the bus word */
  char *title;  /* (owned): to whom, "3 recipients", or "Connection from 192.0.2.1" */
  char *second; /* (owned): from whom, and why if there is something to say */
  char *when;   /* (owned): "11:40" */
  char *size;   /* (owned): "14 kB", "" when there were no octets */
} PbaMessage;

/** pba_message_new: @cells: a row of History.Search; what is missing in it reads as nothing. */
PbaMessage *pba_message_new (GVariant *cells);
void pba_message_free (PbaMessage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbaMessage, pba_message_free)

/* One step of what happened to a message, in words. */
typedef struct
{
  char *title;      /* (owned): "Relay access denied", "Attempt to deliver" */
  char *second;     /* (owned): outcome, whom it is about, what was found and said; lines */
  char *outcome;    /* (owned): the bus word */
  char *check;      /* (owned): the bus word, "" for a step that is no check */
  char *recipient;  /* (owned): "" when it is about all */
  char *time;       /* (owned): "09:41:08" */
  char *transcript; /* (owned): "" when there is none */
} PbaTrailStep;

/** pba_trail_steps_new: (transfer full) (element-type PbaTrailStep): @lines: what History.Trail says. Checks of one thing that let it pass are one step. */
GPtrArray *pba_trail_steps_new (GVariant *lines);
void pba_trail_step_free (PbaTrailStep *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbaTrailStep, pba_trail_step_free)

/* Why a check refuses, and what lets mail through. */
typedef struct
{
  const char *why;  /* (nullable) a translated sentence or two */
  const char *page; /* (nullable) the page that has the remedy */
  gboolean by_rule; /* a whitelist rule lets it through */
  const char *skip; /* (nullable) the test that such a rule must skip */
} PbaCheckAdvice;

/** pba_check_advice: of a check's bus word. */
PbaCheckAdvice pba_check_advice (const char *check);

/**
 * pba_message_draft_rule:
 * The narrowest whitelist rule that lets messages like this one through @check: by the client's address, which cannot be forged, else by the sender;
 * skipping that one test. @cells: a row of History.Search.
 * Returns: (transfer full) (nullable): cells of an AccessList row; NULL when no rule helps.
 */
GVariant *pba_message_draft_rule (GVariant *cells, const char *check);

/** pba_message_verdict_words: (transfer full): @trail, what Diagnostics.Explain says, in a sentence: whether such mail would be taken today. */
char *pba_message_verdict_words (GVariant *trail);

G_END_DECLS
