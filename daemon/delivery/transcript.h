/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* Octets of a transcript, at most; of one line, at most. */
#define PB_TRANSCRIPT_MAX  8192
#define PB_TRANSCRIPT_LINE 512

/*
 * What was said in one attempt, for people to read: lines "S: " (the server), "C: " (we), "-- " (what happened). Never a secret: whoever adds a line of a
 * login puts "[hidden]" in its place, and "[N octets]" in that of a message. Not for two threads at once.
 */
typedef struct
{
  GString *front;   /* (owned) the first lines */
  GString *back;    /* (owned) (nullable) the last ones, once the front is full */
  guint n_left_out; /* lines between them */
} PbTranscript;

PbTranscript *pb_transcript_new (void);
void pb_transcript_free (PbTranscript *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbTranscript, pb_transcript_free)

/** pb_transcript_server / _client: one line of @length octets (-1: up to its NUL) without its end; made harmless and cut to a line's length. */
void pb_transcript_server (PbTranscript *self, const char *line, gssize length);
void pb_transcript_client (PbTranscript *self, const char *line, gssize length);

/** pb_transcript_client_lines: each of the lines in @text, which end with CRLF. */
void pb_transcript_client_lines (PbTranscript *self, const char *text, gsize length);

/** pb_transcript_note: what happened, in words. */
void pb_transcript_note (PbTranscript *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

/** pb_transcript_copy: everything of @other behind what is there. */
void pb_transcript_copy (PbTranscript *self, const PbTranscript *other);

/** pb_transcript_text: (transfer full): all of it, at most PB_TRANSCRIPT_MAX octets of UTF-8; where lines had to be left out, a note says how many. */
char *pb_transcript_text (const PbTranscript *self);
