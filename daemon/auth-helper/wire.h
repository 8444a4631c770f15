/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What postbusd and postbus-auth-helper say to each other: one request and one answer a connection of the unix socket, each a frame:
 *
 *   length   4 octets, big-endian: of all that follows; at most PB_AUTH_MAX_BODY
 *   version  1 octet: PB_AUTH_VERSION
 *   kind     1 octet: of a request PbAuthKind, of an answer PbAuthVerdict
 *   request: texts, each 2 octets of length (big-endian) and its octets, no NUL within
 *     AUTHENTICATE: user, password, remote host, service (what is logged in to: "smtp")
 *     LOOKUP: user
 *   answer YES: uid 4 octets, flags 1 octet (bit 0: has a login shell), canonical name as a text; other answers: nothing
 *
 * Nothing may stand behind a frame. Pure and of the C library alone, since the helper is a privileged program; no function allocates.
 */
#define PB_AUTH_VERSION      1
#define PB_AUTH_MAX_NAME     256 /* octets */
#define PB_AUTH_MAX_PASSWORD 1024
#define PB_AUTH_MAX_REMOTE   64
#define PB_AUTH_MAX_SERVICE  32
#define PB_AUTH_MAX_BODY     1536
#define PB_AUTH_MAX_FRAME    (4 + PB_AUTH_MAX_BODY)

typedef enum
{
  PB_AUTH_AUTHENTICATE = 1,
  PB_AUTH_LOOKUP = 2,
} PbAuthKind;

typedef enum
{
  PB_AUTH_YES = 1,
  PB_AUTH_NO = 2,      /* wrong password, may not log in, no such user: one answer for all */
  PB_AUTH_TROUBLE = 3, /* it cannot be told now */
} PbAuthVerdict;

typedef struct
{
  PbAuthKind kind;
  char user[PB_AUTH_MAX_NAME + 1];
  char password[PB_AUTH_MAX_PASSWORD + 1];
  char remote[PB_AUTH_MAX_REMOTE + 1]; /* address of the client, or "" */
  char service[PB_AUTH_MAX_SERVICE + 1];
} PbAuthRequest;

typedef struct
{
  PbAuthVerdict verdict;
  uint32_t uid;                    /* YES */
  bool login_shell;                /* YES */
  char name[PB_AUTH_MAX_NAME + 1]; /* YES */
} PbAuthAnswer;

typedef enum
{
  PB_AUTH_PARSE_OK,
  PB_AUTH_PARSE_MORE, /* so far right, but not whole */
  PB_AUTH_PARSE_BAD,
} PbAuthParse;

/** pb_auth_name_is_valid: whether @name may be shown to PAM and NSS: 1 to 256 octets of UTF-8 without control characters, "/" and ":", no "-" in front. */
bool pb_auth_name_is_valid (const char *name);

/** pb_auth_is_person: whether @answer is YES about a person's account: neither one of the system's own, which have uids below 1000, nor nobody (65534), whom the kernel makes of foreign owners. */
bool pb_auth_is_person (const PbAuthAnswer *answer);

/** pb_auth_request_write: into @frame. Returns: octets; 0 when a field holds what it may not. */
size_t pb_auth_request_write (const PbAuthRequest *request, uint8_t frame[PB_AUTH_MAX_FRAME]);

/** pb_auth_request_parse: @request is filled in by OK alone; it may hold parts of a password after BAD too, so wipe it. */
PbAuthParse pb_auth_request_parse (const uint8_t *octets, size_t length, PbAuthRequest *request);

/** pb_auth_answer_write: into @frame. Returns: octets. */
size_t pb_auth_answer_write (const PbAuthAnswer *answer, uint8_t frame[PB_AUTH_MAX_FRAME]);

PbAuthParse pb_auth_answer_parse (const uint8_t *octets, size_t length, PbAuthAnswer *answer);
