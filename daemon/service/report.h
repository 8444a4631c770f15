/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

#define PB_REPORT_HOURS 24

typedef enum
{
  PB_REPORT_ACCEPTED,
  PB_REPORT_REFUSED,
  PB_REPORT_N_BARS,
} PbReportBar;

/* A name and how often it came. */
typedef struct
{
  char *name; /* (owned) */
  guint64 value;
} PbReportRow;

/* The figures of the daily report. Filled in on one thread, then read on another. */
typedef struct
{
  char *hostname;    /* (owned) */
  gint64 from, until; /* Unix seconds: from the beginning of an hour */
  guint64 hours[PB_REPORT_N_BARS][PB_REPORT_HOURS]; /* from @from on */
  GArray *figures;   /* (owned) (element-type PbReportRow) by their words, in order */
  GArray *refusals;  /* (owned) likewise: by check, most first */
  GArray *senders, *recipients, *hosts; /* (owned) likewise; who had most messages */
  GPtrArray *alerts; /* (owned) (element-type utf8) what holds now */
  GPtrArray *missing; /* (owned) (element-type utf8) what could not be told, and why */
} PbReport;

PbReport *pb_report_new (const char *hostname, gint64 now);
void pb_report_free (PbReport *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PbReport, pb_report_free)

/** pb_report_add: a row of @rows; @name is copied. */
void pb_report_add (GArray *rows, const char *name, guint64 value);
/** pb_report_sort: most first, then by name. */
void pb_report_sort (GArray *rows);

/** pb_report_text / _html: the report in words, LF lines; times are local. Returns: (transfer full). */
GString *pb_report_text (const PbReport *self);
GString *pb_report_html (const PbReport *self, const char *picture);

/** pb_report_chart_top: how many messages the chart's uppermost line stands for. */
guint64 pb_report_chart_top (const PbReport *self);

/** pb_report_chart: accepted and refused mail by the hour, as PNG. Some milliseconds of work. Returns: (transfer full). */
GByteArray *pb_report_chart (const PbReport *self);

/** pb_report_compose: the whole message but Date and Message-ID, for @recipients: text and HTML as alternatives, the chart inside. LF lines. Returns: (transfer full). */
GString *pb_report_compose (const PbReport *self, const char *const *recipients);
