/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "dbus/settings-table.h"
#include "settings/access.h"
#include "settings/hits.h"
#include "settings/blocklist.h"
#include "settings/people.h"
#include "util/netblock.h"
#include "util/verifier.h"
#include <glib.h>

/*
 * All settings and compiled lists at one revision: immutable, reference-counted, any thread. A session takes one when it connects and keeps it.
 */
typedef struct
{
  PbSettingValues values; /* read directly: snapshot->values.general_max_hops */
  guint64 revision;
  /* private below: lists compiled for look-up, snapshot-private.h */
  struct _PbDirectory *directory; /* (owned) */
  struct _PbSecrets *secrets;     /* (owned) (nullable) for pb_secrets_open() */
  struct _PbLocalNetworks *local_networks; /* (owned) (nullable) none yet */
  struct _PbLogins *logins;       /* (owned) for pb_snapshot_find_account() */
  struct _PbSigningKeys *signing_keys; /* (owned) (nullable) for pb_signing_keys_find() */
  PbHits *hits;                   /* (owned) (nullable) how often rules matched; lives beside the revisions */
  PbPeople *people;               /* (owned) (nullable) the system's users, where they have mail here; likewise */
  struct _PbRemoteRecipients *remote_recipients; /* (owned) (nullable) likewise: whom the servers of the Domain List know */
} PbSnapshot;

PbSnapshot *pb_snapshot_ref (PbSnapshot *self);
void pb_snapshot_unref (PbSnapshot *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbSnapshot, pb_snapshot_unref)

/** pb_snapshot_blocklists: the enabled DNS blocklists. Returns: (transfer none) (nullable). */
const PbBlocklist *pb_snapshot_blocklists (const PbSnapshot *self, guint *n);

/** pb_snapshot_is_local_domain: @domain lower case A-labels: in LocalDomains, or our Hostname. */
gboolean pb_snapshot_is_local_domain (const PbSnapshot *self, const char *domain);

/** pb_snapshot_list_local_domains: (transfer full): the names of LocalDomains, lower case A-labels, sorted. */
char **pb_snapshot_list_local_domains (const PbSnapshot *self);

/** pb_snapshot_is_trusted: @ip is in an enabled row of the Trusted List. */
gboolean pb_snapshot_is_trusted (const PbSnapshot *self, const PbIp *ip);

/** pb_snapshot_is_local_network: @ip is on the local network: LocalNetworks, else what the interfaces say; never a default gateway that is not named. @scope as pb_local_networks_contains(). */
gboolean pb_snapshot_is_local_network (const PbSnapshot *self, const PbIp *ip, int scope);

/** pb_snapshot_is_exempt_unasked: @ip need not log in: it is trusted, or on the local network while that is spared. */
gboolean pb_snapshot_is_exempt_unasked (const PbSnapshot *self, const PbIp *ip, int scope);

/** pb_snapshot_match_client: what the AccessList says of the client @ip. @now: Unix seconds. The rules last as long as @self. */
void pb_snapshot_match_client (const PbSnapshot *self, const PbIp *ip, guint64 now, PbAccessMatch *match);
/** pb_snapshot_match_envelope: likewise of a sender (@sender_local NULL: the null sender) and a recipient; domains in lower case A-labels, NULL for none. */
void pb_snapshot_match_envelope (const PbSnapshot *self, const char *sender_local, const char *sender_domain, const char *recipient_local,
                                 const char *recipient_domain, guint64 now, PbAccessMatch *match);
/** pb_snapshot_hit: @rule decided: counts it. */
void pb_snapshot_hit (const PbSnapshot *self, const PbAccessRule *rule, guint64 now);

/** pb_snapshot_is_relay_domain: @domain is an enabled row of the Domain List: mail for it is taken from anyone. @target (out) (nullable) (transfer none). */
gboolean pb_snapshot_is_relay_domain (const PbSnapshot *self, const char *domain, const char **target);

typedef enum
{
  PB_LOCAL_NOT_LOCAL, /* the domain is not ours */
  PB_LOCAL_UNKNOWN,   /* ours, but nobody: 550 5.1.1 */
  PB_LOCAL_ACCOUNT,   /* delivered to the mailbox of @account_id */
  PB_LOCAL_ALIAS,     /* goes to @targets instead */
  PB_LOCAL_SYSTEM_USER, /* delivered to the mailbox of the system's user @uid: pb_local_format_mailbox() */
  PB_LOCAL_PENDING,   /* whether a user of the system has that name is not known now: pb_snapshot_find_local() */
} PbLocalKind;

typedef struct
{
  PbLocalKind kind;
  const char *name;            /* (transfer none) (nullable): ACCOUNT: its Name; NULL for the reserved mailbox */
  gsize length;                /* ACCOUNT, SYSTEM_USER: that many octets of the local part named it; what follows, the delimiter first, is the sub-address */
  const char *account_id;      /* (transfer none): directory name under mail/: the account's row id; "postmaster" for the reserved mailbox */
  const char *const *targets;  /* (transfer none): addresses */
  guint32 uid;                 /* SYSTEM_USER */
  gsize ask;                   /* PENDING: that many octets of the local part, in lower case, are the name to be asked about */
} PbLocal;

/* The mailbox that is always there. */
#define PB_LOCAL_POSTMASTER "postmaster"

/** pb_local_is_mailbox: whether mail goes into a mailbox here, as far as is known: PENDING may turn out to be none. */
gboolean pb_local_is_mailbox (PbLocalKind kind);

#define PB_LOCAL_MAILBOX_TEXT 16

/** pb_local_format_mailbox: the directory name under mail/ of a system user: "uid-1000". It stays when the user is renamed. Returns: @buffer. */
char *pb_local_format_mailbox (guint32 uid, char buffer[PB_LOCAL_MAILBOX_TEXT]);

/**
 * pb_snapshot_resolve_local:
 * @local: (nullable) local part, quotes resolved; matched ASCII-case-insensitively; @domain: lower case, NULL for bare postmaster
 * Order: alias by address, alias by bare local part, account address, account name at any local domain, the same less the sub-address behind
 * Mailboxes.Delimiter, then, as Mailboxes.AccountSource says, the system's user of that name at any local domain, with and less the sub-address; postmaster (always
 * known; mailer-daemon leads where postmaster does), the domain's CatchAll (an alias to it), else UNKNOWN. Disabled accounts are unknown; with AccountSource pam all are. Never waits: PENDING where it would have to.
 */
PbLocal pb_snapshot_resolve_local (const PbSnapshot *self, const char *local, const char *domain);

/* An account as a login finds it; borrowed from the snapshot. */
typedef struct
{
  const char *id, *name; /* (nullable) NULL: there is no such account, or it is disabled */
  guint daily_messages, daily_recipients; /* it may send a day; 0: any number */
  gboolean has_password;
  PbVerifier verifier;   /* a fake, which nothing fits, when it has none */
} PbAccount;

/**
 * pb_snapshot_find_account: @login: a name, or an address of the account, which its name at a local domain is too; upper and lower case are alike. What is
 * not found has a verifier all the same, so that whoever goes on with it takes the same way.
 */
void pb_snapshot_find_account (const PbSnapshot *self, const char *login, PbAccount *account);

/**
 * pb_snapshot_is_disabled: whether @login, as pb_snapshot_find_account() takes it, is an account that is disabled and none that is not. A user of the system of that name
 * neither gets mail nor sends any. FALSE with AccountSource pam.
 */
gboolean pb_snapshot_is_disabled (const PbSnapshot *self, const char *login);

/**
 * pb_snapshot_resolve_mailbox: as pb_snapshot_resolve_local() but looks at accounts alone, never at aliases or the CatchAll. For delivery, which gets addresses that
 * pb_snapshot_expand() has finished with: an alias that names its own address ends in the mailbox of that name.
 */
PbLocal pb_snapshot_resolve_mailbox (const PbSnapshot *self, const char *local, const char *domain);

/** PbLocalFound: @found (transfer none); PENDING: it cannot be told now, try again later. */
typedef void (*PbLocalFound) (const PbLocal *found, gpointer user_data);

/** pb_snapshot_find_local: as pb_snapshot_resolve_local(), or, without @aliases, pb_snapshot_resolve_mailbox(), but asks for the system's users. @func later, in @reply_to's thread. */
void pb_snapshot_find_local (PbSnapshot *self, gboolean aliases, const char *local, const char *domain, PbMailbox *reply_to, PbLocalFound func, gpointer user_data);

/** PbMailboxAddressFunc: @address: folded; @account_id: whose it is. Both (transfer none). */
typedef void (*PbMailboxAddressFunc) (const char *address, const char *account_id, gpointer user_data);

/** pb_snapshot_list_mailbox_addresses: each address of each enabled account once: its Addresses, and its Name at every local domain. None with AccountSource pam. */
void pb_snapshot_list_mailbox_addresses (const PbSnapshot *self, PbMailboxAddressFunc func, gpointer user_data);

/**
 * pb_snapshot_find_owner:
 * @local: local part, quotes resolved; @domain: lower case
 * Whose address it is to send from: an account's by its Addresses, or by its name or a sub-address at a local domain; never by way of an alias or a CatchAll.
 * Returns: (transfer none) (nullable): account id.
 */
const char *pb_snapshot_find_owner (const PbSnapshot *self, const char *local, const char *domain);

/**
 * pb_snapshot_may_send_as:
 * @account_id, @login: who has logged in; an account of the system's own has the addresses of its name at every local domain
 * Whether the address is among those of that account.
 */
gboolean pb_snapshot_may_send_as (const PbSnapshot *self, const char *account_id, const char *login, const char *local, const char *domain);

/**
 * pb_snapshot_is_copied: @address: canonical text, as the queue has it
 * Whether mail for it is copied to General.ExternalPostmasters: there are some, and it is postmaster or mailer-daemon, or a sub-address of theirs, at a local domain.
 */
gboolean pb_snapshot_is_copied (const PbSnapshot *self, const char *address);

/**
 * pb_snapshot_expand:
 * Follows aliases from one address to final addresses (no duplicates, loop guard: depth 20, 1,000 targets, visited set). An unknown local target is kept as it stands (its
 * delivery fails and is told). Returns: (transfer full) (element-type utf8) canonical addresses.
 */
GPtrArray *pb_snapshot_expand (const PbSnapshot *self, const char *address);
