/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/*
 * The transparency procedure of RFC 5321 4.5.2, both ways, as streaming state machines. Only CRLF.CRLF ends DATA
 * (or ".CRLF" as its very first line); bare CR, bare LF and NUL never do.
 */
typedef enum
{
  PB_DATA_REJECT_BARE,  /* note bare CR, LF, NUL; the message is to be refused after its real end */
  PB_DATA_NORMALIZE_BARE, /* turn bare CR and bare LF into CRLF, drop NUL */
  PB_DATA_CHUNKED,        /* the octets of BDAT (RFC 3030): likewise, but no dot is stuffed and no end is among them */
} PbBareMode;

typedef struct
{
  guint8 state; /* private */
  guint8 mode;  /* PbBareMode */
  gboolean bare_seen; /* bare CR, LF or NUL was met (in either mode) */
} PbDataDecoder;

void pb_data_decoder_init (PbDataDecoder *self, PbBareMode mode);

/**
 * pb_data_decoder_feed:
 * @consumed: (out): bytes of @input used up; behind the end of data the rest is the next command's
 * @out: unstuffed octets are appended; nothing is appended any more once @bare_seen is set in PB_DATA_REJECT_BARE mode
 * Returns: TRUE when the end of data was reached
 * Cost: a memchr for '\r', '\n', NUL over the input (in long runs), never a byte-wise loop on ordinary text.
 */
gboolean pb_data_decoder_feed (PbDataDecoder *self, const char *input, gsize length, gsize *consumed, GByteArray *out);

/** pb_data_decoder_finish: the octets of PB_DATA_CHUNKED are all there: gives out the line's end that is missing, if any. */
void pb_data_decoder_finish (PbDataDecoder *self, GByteArray *out);

typedef struct
{
  guint8 state; /* private */
  gboolean plain;
} PbDataEncoder;

void pb_data_encoder_init (PbDataEncoder *self);

/** pb_data_encoder_init_plain: for BDAT (RFC 3030), whose length is said: no dot-stuffing and no final dot, line ends as below. */
void pb_data_encoder_init_plain (PbDataEncoder *self);

/**
 * pb_data_encoder_feed: dot-stuffs @input (whose lines end with CRLF; a bare CR or bare LF becomes CRLF, NUL is dropped: we emit none)
 * onto @out, at any split.
 */
void pb_data_encoder_feed (PbDataEncoder *self, const char *input, gsize length, GByteArray *out);

/** pb_data_encoder_finish: appends the missing CRLF, if any, and, but for a plain one, ".CRLF". */
void pb_data_encoder_finish (PbDataEncoder *self, GByteArray *out);
