/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* Syslog priorities, as the journal's PRIORITY field has them (RFC 5424 6.2.1). */
typedef enum
{
  PB_LOG_ERROR = 3,
  PB_LOG_WARNING = 4,
  PB_LOG_NOTICE = 5,
  PB_LOG_INFO = 6,
  PB_LOG_DEBUG = 7,
} PbLogLevel;

/**
 * pb_log_start:
 * @threshold: the least urgent level that is written
 *
 * Starts the thread that writes log lines, so that no caller waits for a pipe or a disk. Lines go to
 * the journal with their fields when stderr is the journal's stream, else to stderr as text. Before
 * this call and after pb_log_stop() lines are written by the caller itself.
 */
void pb_log_start (PbLogLevel threshold);

/** pb_log_stop: writes what is still waiting and ends the thread. */
void pb_log_stop (void);

/** pb_log_set_threshold: changes the least urgent level written; from any thread. */
void pb_log_set_threshold (PbLogLevel threshold);

/** pb_log_threshold: the level in force. */
PbLogLevel pb_log_threshold (void);

/* Where lines go. */
typedef enum
{
  PB_LOG_AUTO,    /* to the journal when stderr is its stream, else to stderr */
  PB_LOG_JOURNAL,
  PB_LOG_CONSOLE, /* stderr */
  PB_LOG_NOWHERE,
} PbLogTarget;

/** pb_log_set_target: of what is logged from now on; from any thread. */
void pb_log_set_target (PbLogTarget target);

/** pb_log_target: in force; never AUTO, but what that leads to. */
PbLogTarget pb_log_target (void);

/* Name of a field that holds a fixed id of the kind of entry, 32 hex digits: the journal's own MESSAGE_ID, by which such entries are found in all languages. It is
 * not in the text. */
#define PB_LOG_KIND "MESSAGE_ID"

/**
 * pb_log:
 * @level: urgency
 * @event: what happened, in a few lower-case words ("accepted", "delivered", "deferred")
 * @...: field name, value pairs, NULL-terminated; names lower-case-with-dashes; a NULL value is left out
 *
 * One structured line an event: text form `event name=value name="value with spaces"`, journal form MESSAGE plus
 * POSTBUS_NAME=value. Control characters in values are escaped. Never blocks on I/O once started. Any thread.
 */
void pb_log (PbLogLevel level, const char *event, ...) G_GNUC_NULL_TERMINATED;
