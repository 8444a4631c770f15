/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "settings/snapshot-private.h"

typedef struct _PbBlocklistTable PbBlocklistTable;

/** pb_blocklist_table_new: of the enabled @rows (element-type PbRow) of DnsblZones. Immutable, reference-counted. */
PbBlocklistTable *pb_blocklist_table_new (GPtrArray *rows);
PbBlocklistTable *pb_blocklist_table_ref (PbBlocklistTable *self);
void pb_blocklist_table_unref (PbBlocklistTable *self);
