/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The schema of history.db, made for two things: to be written cheaply and to find any message at once.
 *
 * Every address, client and login stands once, in name; messages and recipients point to it by number, and
 * each of these pointers has an index. What is searched for is looked up among the names, by three
 * letters in a row, and leads from there to the messages. message_other leaves out what was simply
 * delivered, so that delivered mail costs it nothing, and what went wrong is found without a walk.
 */
#include "store/migrations.h"

/* auto_vacuum gives the disk back what retention deletes, a few pages at a time; it can only be chosen for an empty file. */
static const PbMigration history_steps[] = {
  { 1,
    "CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE VIRTUAL TABLE name_search USING fts5 (text, content = 'name', content_rowid = 'id',"
    "  tokenize = 'trigram', detail = none, columnsize = 0);"
    "CREATE TABLE message ("
    "  id INTEGER PRIMARY KEY,"
    "  time INTEGER NOT NULL," /* Unix microseconds */
    "  events INTEGER NOT NULL," /* 1 << PbHistoryEvent of the message and each recipient */
    "  own_event INTEGER NOT NULL," /* PbHistoryEvent of the whole; ACCEPTED: the recipients' count */
    "  size INTEGER NOT NULL,"
    "  sender INTEGER,"
    "  client INTEGER,"
    "  login INTEGER,"
    "  n_recipients INTEGER NOT NULL,"
    "  refused_by TEXT,"
    "  reply TEXT,"
    "  helo TEXT,"
    "  message_id TEXT,"
    "  trail TEXT" /* packed, see history-private.h */
    ") STRICT;"
    "CREATE INDEX message_time ON message (time);"
    "CREATE INDEX message_sender ON message (sender) WHERE sender IS NOT NULL;"
    "CREATE INDEX message_client ON message (client) WHERE client IS NOT NULL;"
    "CREATE INDEX message_login ON message (login) WHERE login IS NOT NULL;"
    "CREATE INDEX message_other ON message (time, events) WHERE events <> 4;"
    "CREATE TABLE recipient ("
    "  message INTEGER NOT NULL,"
    "  idx INTEGER NOT NULL,"
    "  name INTEGER NOT NULL,"
    "  original INTEGER,"
    "  event INTEGER NOT NULL,"
    "  refused_by TEXT,"
    "  reply TEXT,"
    "  PRIMARY KEY (message, idx)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX recipient_name ON recipient (name);"
    "CREATE INDEX recipient_original ON recipient (original) WHERE original IS NOT NULL;"
    "CREATE TABLE attempt ("
    "  message INTEGER NOT NULL,"
    "  number INTEGER NOT NULL," /* rising */
    "  began INTEGER NOT NULL,"
    "  ended INTEGER NOT NULL,"
    "  remote TEXT,"
    "  results TEXT NOT NULL," /* likewise */
    "  transcript TEXT,"
    "  PRIMARY KEY (message, number)"
    ") STRICT, WITHOUT ROWID;"
    "PRAGMA user_version = 1;" },
};

const PbSchema pb_history_schema = {
  .what = "history",
  .application_id = 0x50624831, /* PbH1 */
  .mark = "PRAGMA application_id = 0x50624831;",
  .unsynced = TRUE,
  .prepare = "PRAGMA auto_vacuum = INCREMENTAL;",
  .steps = history_steps,
  .n_steps = G_N_ELEMENTS (history_steps),
};
