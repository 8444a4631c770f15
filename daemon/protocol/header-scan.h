/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* Reads a message's header section as it streams by; keeps only what decisions need. */
typedef struct
{
  guint received;       /* Received fields (RFC 5321 6.3) */
  guint fields;         /* all fields */
  gboolean done;        /* the empty line was met */
  gboolean has_8bit;    /* any octet over 127 in header or body so far */
  gboolean has_message_id, has_date, has_from;
  gboolean has_copy_mark; /* PB_TRACE_COPY_MARK: a copy for an external postmaster */
  gboolean keep_from;   /* set by the caller behind init: From: is to be kept */
  guint from_fields;    /* From fields */
  gboolean from_cut;    /* more of From: came than is kept */
  gsize header_length;  /* octets up to and with the empty line, once done */
  GPtrArray *delivered_to; /* (owned) (nullable) (element-type utf8) values of Delivered-To, unfolded, at most 100 of 320 octets */
  char *message_id;     /* (owned) (nullable) at most 998 octets */
  char *from;           /* (owned) (nullable) value of the first From:, unfolded, at most 16,384 octets */
  gboolean line_cut;    /* private: the line is longer than what is kept of it */
  GString *line;        /* private: the line being collected, capped */
  guint8 field;         /* private: the field whose value is being kept */
} PbHeaderScan;

void pb_header_scan_init (PbHeaderScan *self);
void pb_header_scan_clear (PbHeaderScan *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PbHeaderScan, pb_header_scan_clear)

/** pb_header_scan_feed: the next octets of the message, unstuffed, CRLF lines; any split. Bounded memory whatever comes. */
void pb_header_scan_feed (PbHeaderScan *self, const char *data, gsize length);
