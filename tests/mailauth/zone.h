/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "mailauth/dns-source.h"
#include <json-glib/json-glib.h>

/*
 * DNS from a table, for evaluators under test. A zone is a JSON object: name -> type -> records as text, in the order they are answered:
 * {"example.com": {"MX": ["10 mail.example.com"], "TXT": ["v=spf1 -all"]}, "slow.example.com": {"TROUBLE": []}}. TROUBLE holds for
 * every type that the name has no records of.
 */
typedef struct _Zone Zone;

Zone *zone_new (JsonObject *names);
void zone_free (Zone *self); /* when nothing is under way */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Zone, zone_free)

PbDnsSource zone_source (Zone *self);

/** zone_run: answers what is asked, and what is asked because of that, until nothing is under way. */
void zone_run (Zone *self);

/** zone_asked: how many questions there were so far. */
guint zone_asked (Zone *self);
