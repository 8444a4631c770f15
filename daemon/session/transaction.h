/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "policy/mail-checks.h"
#include "policy/policy.h"
#include "protocol/command.h"
#include "protocol/data-coding.h"
#include "protocol/envelope.h"
#include "protocol/header-edit.h"
#include "protocol/header-scan.h"
#include "queue/signing.h"
#include "session/budget.h"
#include "store/spool.h"
#include <glib.h>

/* What the session gathers for the history; its own. */
typedef struct _PbSessionNotes PbSessionNotes;
void pb_session_notes_free (PbSessionNotes *self);

/* One message on its way in: from MAIL to the answer at the end of its data. A session has none most of the time. */
typedef struct
{
  PbMailArgs mail;
  GArray *recipients; /* (owned) (element-type PbRecipient) accepted */
  gsize recipient_octets;
  gint64 came;        /* wall clock, Unix microseconds */
  PbSessionNotes *notes; /* (owned) (nullable) for the history */
  gsize note_octets;  /* of @notes */
  PbTrail *trail;     /* (owned) (nullable) what the policy said from MAIL on */
  PbRcptArgs rcpt;    /* (owned) the recipient being judged */
  guint tried;        /* RCPT commands, refused ones too */
  guint accepted;     /* recipients, once submitted */
  guint discarded;    /* recipients that were answered as if accepted */
  PbSkips skips;      /* that rules spare the message: for every recipient accepted so far */
  guint over_limit;   /* RCPT commands put off since there were too many */
  gboolean utf8;      /* an address or the header section has non-ASCII */
  PbBudget *budget;
  gint64 charged;     /* octets charged to the budget */

  /* from DATA on */
  gboolean hinted;    /* the store knows that a message is on its way */
  guint64 id;         /* queue id */
  PbSpool *spool;     /* (owned) (nullable) NULL while the message is read only to find its end */
  char *hold;         /* (owned) (nullable) why it is to be held in the queue: what malware was found in it */
  GByteArray *waste;  /* (owned) (nullable) what the decoder gives out then */
  PbHeaderEdit *header_edit; /* (owned) (nullable) what its header section is changed by */
  GByteArray *raw;    /* (owned) (nullable) its header section, between decoder and @header_edit */
  PbMailChecks *checks; /* (owned) (nullable) mail authentication of what comes; NULL: nobody wants it */
  PbSigning *signing; /* (owned) (nullable) of what is stored */
  GBytes *head;       /* (owned) (nullable) what goes on top of it at the end */
  PbDataDecoder decoder;
  PbHeaderScan header;
  PbAside aside;      /* where the message goes, once it is judged */
  guint64 size;       /* octets of the message so far, decoded, without our Received */
  guint64 wasted;     /* octets read after the message was given up */
  gint64 begun;       /* since when its octets come, monotonic microseconds, less the time that we kept the client waiting */
  gint64 spent;       /* microseconds that earlier chunks of the message took to come */
  gint64 held_since;  /* since when the session takes no input, monotonic microseconds; the last time */
} PbTransaction;

/** pb_transaction_new: @mail is taken over and left empty. */
PbTransaction *pb_transaction_new (PbMailArgs *mail, PbBudget *budget);

/** pb_transaction_free: an unsubmitted spool is dropped, its charge given back. */
void pb_transaction_free (PbTransaction *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbTransaction, pb_transaction_free)

/** pb_transaction_add: accepts @rcpt, whose strings are taken. @hostname completes a bare postmaster; @ours: the domain is a literal of our address. */
void pb_transaction_add (PbTransaction *self, PbRcptArgs *rcpt, const char *hostname, gboolean ours);

/** pb_transaction_edit_header: what is stored is what @header_edit (transfer full) makes of the message. Before any data. */
void pb_transaction_edit_header (PbTransaction *self, PbHeaderEdit *header_edit);

/**
 * pb_transaction_take:
 * @max_size: octets; a larger message, or one refused for bare newlines, is no longer stored, only read to its end
 * The next octets from the wire. @consumed (out): those used up. Returns: TRUE at the end of the data.
 */
gboolean pb_transaction_take (PbTransaction *self, const char *data, gsize length, guint64 max_size, gsize *consumed);

/** pb_transaction_finish: the last octet of a message that has no end of its own (BDAT) was taken. */
void pb_transaction_finish (PbTransaction *self);

/** pb_transaction_charge: brings the budget's charge up to date. */
void pb_transaction_charge (PbTransaction *self);

/** pb_transaction_envelope: (transfer full): the recipients move into it; the caller adds what it knows of the client. */
PbEnvelope *pb_transaction_envelope (PbTransaction *self);
