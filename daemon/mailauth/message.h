/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/canonical.h"
#include <glib.h>

/* One field of a header section; all of it borrowed from the message. */
typedef struct
{
  const char *text; /* the whole field, from its name on */
  gsize length;     /* with its last CRLF */
  guint name_length; /* without the colon and what stands before it */
} PbField;

/*
 * A message as mail authentication reads it while it streams by: its header section is kept, its body is hashed as its signatures want it.
 * What is fed is what the signer signed: lines end with CRLF, dot-stuffing is undone, nothing of ours is added. One thread.
 */
typedef struct _PbAuthMessage PbAuthMessage;

#define PB_AUTH_HEADER_MAX (2 * 1024 * 1024) /* octets of header that are kept */

/** PbAuthHeaderFunc: the header section is whole; the body is not begun: the time to ask for body hashes. */
typedef void (*PbAuthHeaderFunc) (PbAuthMessage *message, gpointer user_data);

PbAuthMessage *pb_auth_message_new (PbAuthHeaderFunc func, gpointer user_data);
void pb_auth_message_free (PbAuthMessage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbAuthMessage, pb_auth_message_free)

/** pb_auth_message_feed: the next octets, cut anywhere. */
void pb_auth_message_feed (PbAuthMessage *self, const char *data, gsize length);

/** pb_auth_message_end: there is no more; a message that ended within its header has an empty body. */
void pb_auth_message_end (PbAuthMessage *self);

/** pb_auth_message_in_body: the header section is behind. */
gboolean pb_auth_message_in_body (const PbAuthMessage *self);

/** pb_auth_message_is_cut: the header section is larger than what is kept: nothing can be said of the message. */
gboolean pb_auth_message_is_cut (PbAuthMessage *self);

/** pb_auth_message_held: octets of memory that the header takes now, about: a field costs some beside its text. */
gsize pb_auth_message_held (const PbAuthMessage *self);

/** pb_auth_message_fields: of the whole header, in order; lines that are no field belong to none. Returns: (transfer none). */
const PbField *pb_auth_message_fields (PbAuthMessage *self, guint *n_fields);

/** pb_auth_message_find: indices of the fields named @name (any case), in order. Returns: (transfer none) (nullable) (element-type guint). */
const GArray *pb_auth_message_find (PbAuthMessage *self, const char *name);

/** pb_auth_message_body_hash: has the body hashed; to be called in PbAuthHeaderFunc. Same demands share one. @limit: octets, -1 all. Returns: (transfer none). */
PbBodyHash *pb_auth_message_body_hash (PbAuthMessage *self, gboolean relaxed, gint64 limit);

/** pb_field_value: what follows the colon, with its folds and without the last CRLF. Returns: (transfer none): of @length octets. */
const char *pb_field_value (const PbField *field, gsize *length);
