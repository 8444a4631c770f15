/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

/*
 * Introspection data put together at run time from the tables. What these return lives for ever
 * (reference count -1), as GDBus expects of static data. Strings are borrowed unless said.
 */
typedef struct _PbInfoList PbInfoList; /* grows a NULL-terminated array of infos */

PbInfoList *pb_info_list_new (void);
void pb_info_list_add (PbInfoList *self, gpointer info);
/** pb_info_list_add_annotation: @key without the prefix org.postbus.; @value is copied. An empty or NULL @value is left out. */
void pb_info_list_add_annotation (PbInfoList *self, const char *key, const char *value);
/** pb_info_list_end: (transfer full): the array; frees @self. NULL when nothing was added. */
gpointer pb_info_list_end (PbInfoList *self);

/** pb_info_args: @...: signature, name pairs, NULL-terminated. NULL when there are none. */
GDBusArgInfo **pb_info_args (const char *signature, ...) G_GNUC_NULL_TERMINATED;
GDBusMethodInfo *pb_info_method (const char *name, GDBusArgInfo **in, GDBusArgInfo **out, const char *help);
GDBusSignalInfo *pb_info_signal (const char *name, GDBusArgInfo **args, const char *help);
