/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* What a domain says of the security that mail to it must have (RFC 8461). */
typedef enum
{
  PB_STS_NONE,    /* nothing, from now on */
  PB_STS_TESTING, /* as below, but mail that fails it goes all the same */
  PB_STS_ENFORCE, /* by hosts that match, over TLS, with a certificate that proves their name */
} PbStsMode;

#define PB_STS_MAX_POLICY  65536    /* octets of a policy's file (3.2) */
#define PB_STS_MAX_AGE_TOP 31557600 /* seconds: no policy holds longer (3.2) */
#define PB_STS_MAX_ID      32       /* characters of an id (3.1) */

/* A policy; immutable, reference-counted, for any thread. */
typedef struct
{
  PbStsMode mode;
  guint32 max_age; /* seconds, from when it was fetched */
  char **mx;       /* (owned) lower case: "mx.example.org", "*.example.org"; empty only with NONE */
  guint n_mx;
} PbStsPolicy;

/**
 * pb_sts_policy_parse:
 * @data: the file as it came, any octets
 * @why: (out) (nullable): (static) what is wrong with it
 * RFC 8461 3.2. Keys nobody knows are skipped, of a key that is there twice the first counts, a line ends at LF or CRLF; a max_age above the top is the top.
 * Returns: (transfer full) (nullable): NULL: it is none.
 */
PbStsPolicy *pb_sts_policy_parse (const char *data, gsize length, const char **why);

/**
 * pb_sts_policy_new: as it was kept.
 * @mx: patterns as pb_sts_policy_parse() takes them. Returns: (transfer full) (nullable): NULL where one is none, or there is none that must be.
 */
PbStsPolicy *pb_sts_policy_new (PbStsMode mode, guint32 max_age, const char *const *mx);
PbStsPolicy *pb_sts_policy_ref (PbStsPolicy *self);
void pb_sts_policy_unref (PbStsPolicy *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbStsPolicy, pb_sts_policy_unref)

/** pb_sts_policy_matches: whether the mail exchanger @host, in A-labels, is one of the policy's: a "*" is one whole label, the left-most (RFC 8461 4.1). */
gboolean pb_sts_policy_matches (const PbStsPolicy *self, const char *host);

gboolean pb_sts_policy_equal (const PbStsPolicy *self, const PbStsPolicy *other);

/** pb_sts_mode_name: static: "enforce", "testing", "none". */
const char *pb_sts_mode_name (PbStsMode mode);
gboolean pb_sts_mode_from_name (const char *name, PbStsMode *mode);

typedef enum
{
  PB_STS_RECORD_OK,
  PB_STS_RECORD_ABSENT, /* none that begins with "v=STSv1;" */
  PB_STS_RECORD_SEVERAL,
  PB_STS_RECORD_BAD,    /* one, and its syntax is wrong */
} PbStsRecord;

/**
 * pb_sts_record_find:
 * @texts: (nullable): the TXT records at "_mta-sts.DOMAIN", each whole
 * @id: (out): of the policy that the domain has now; "" unless OK
 * RFC 8461 3.1: anything but just one sound record means that the domain has no policy to fetch.
 */
PbStsRecord pb_sts_record_find (const char *const *texts, char id[PB_STS_MAX_ID + 1]);
