/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "sendmail/sendmail-message.h"
#include "sendmail/sendmail-options.h"
#include <gio/gio.h>

/* What sendmail has to do with the service. All functions block; each returns an exit status of sysexits.h, having said on standard error what went wrong. */

/** pb_sendmail_connect: the system bus. Returns: (transfer full) (nullable): NULL: there is none; nothing is said. */
GDBusConnection *pb_sendmail_connect (void);

/** pb_sendmail_hostname: the service's Hostname, else the machine's, with a dot. @bus: (nullable). Returns: (transfer full). */
char *pb_sendmail_hostname (GDBusConnection *bus);

/** pb_sendmail_send: hands @message to the service, or, where that does not take it now, to postbus-drop. @bus: (nullable). */
int pb_sendmail_send (GDBusConnection *bus, const PbSendmailOptions *options, const PbSendmailMessage *message);

/** pb_sendmail_smtp: joins standard input and output with an SMTP session. */
int pb_sendmail_smtp (GDBusConnection *bus);

/** pb_sendmail_list_queue: prints the queue, as mailq does. */
int pb_sendmail_list_queue (GDBusConnection *bus);

/** pb_sendmail_retry: all that waits is tried now. */
int pb_sendmail_retry (GDBusConnection *bus);
