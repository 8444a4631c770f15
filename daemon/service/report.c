/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The daily report as a message: plain text and HTML say the same, with a chart in the latter (RFC 2046, RFC
 * 2387). Pure, but for the time zone; called by report-keeper.c on a worker's thread. Names come out of mail, so
 * all of them are made harmless for both forms.
 */
#include "service/report.h"

#include <string.h>

#define MAX_NAME 200 /* octets of a name that are shown */
#define MAX_LINE 800 /* of a line of text, which has a remedy in it */

static void
clear_row (gpointer row)
{
  g_free (((PbReportRow *) row)->name);
}

static GArray *
rows_new (void)
{
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (PbReportRow));

  g_array_set_clear_func (rows, clear_row);
  return rows;
}

PbReport *
pb_report_new (const char *hostname, gint64 now)
{
  PbReport *self = g_new0 (PbReport, 1);

  self->hostname = g_strdup (hostname);
  self->until = now;
  self->from = now - now % 3600 - (PB_REPORT_HOURS - 1) * 3600;
  self->figures = rows_new ();
  self->refusals = rows_new ();
  self->senders = rows_new ();
  self->recipients = rows_new ();
  self->hosts = rows_new ();
  self->alerts = g_ptr_array_new_with_free_func (g_free);
  self->missing = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
pb_report_free (PbReport *self)
{
  g_free (self->hostname);
  g_array_unref (self->figures);
  g_array_unref (self->refusals);
  g_array_unref (self->senders);
  g_array_unref (self->recipients);
  g_array_unref (self->hosts);
  g_ptr_array_unref (self->alerts);
  g_ptr_array_unref (self->missing);
  g_free (self);
}

void
pb_report_add (GArray *rows, const char *name, guint64 value)
{
  PbReportRow row = { g_strdup (name), value };

  g_array_append_val (rows, row);
}

static gint
compare_rows (gconstpointer a, gconstpointer b)
{
  const PbReportRow *first = a, *second = b;

  if (first->value != second->value)
    return first->value < second->value ? 1 : -1;
  return strcmp (first->name, second->name);
}

void
pb_report_sort (GArray *rows)
{
  g_array_sort (rows, compare_rows);
}

/* On one line, of at most @most octets. (transfer full) */
static char *
tame (const char *name, gsize most)
{
  g_autofree char *cut = g_strndup (name[0] != '\0' ? name : "<>", most);
  char *valid = g_utf8_make_valid (cut, -1);

  for (char *c = valid; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      *c = '?';
  return valid;
}

static char *
format_time (gint64 time)
{
  g_autoptr (GDateTime) local = g_date_time_new_from_unix_local (time);

  return local != NULL ? g_date_time_format (local, "%Y-%m-%d %H:%M %Z") : g_strdup ("?");
}

/* What both forms go through. */
typedef struct
{
  const char *title;
  const GArray *rows;
} Section;

#define N_SECTIONS 5

static void
list_sections (const PbReport *self, Section *sections)
{
  const Section all[N_SECTIONS] = {
    { "Figures", self->figures },           { "Refused, by reason", self->refusals },
    { "Most messages from", self->senders }, { "Most messages to", self->recipients },
    { "Busiest clients", self->hosts },
  };

  memcpy (sections, all, sizeof all);
}

/* ---- text ---- */

static void
append_text_rows (GString *out, const Section *section)
{
  if (section->rows->len == 0)
    return;
  g_string_append_printf (out, "%s\n", section->title);
  for (guint i = 0; i < section->rows->len; i++)
    {
      const PbReportRow *row = &g_array_index (section->rows, PbReportRow, i);
      g_autofree char *name = tame (row->name, MAX_NAME);

      g_string_append_printf (out, "  %10" G_GUINT64_FORMAT "  %s\n", row->value, name);
    }
  g_string_append_c (out, '\n');
}

static void
append_text_lines (GString *out, const char *title, const GPtrArray *lines)
{
  if (lines->len == 0)
    return;
  g_string_append_printf (out, "%s\n", title);
  for (guint i = 0; i < lines->len; i++)
    {
      g_autofree char *line = tame (lines->pdata[i], MAX_LINE);

      g_string_append_printf (out, "  - %s\n", line);
    }
  g_string_append_c (out, '\n');
}

GString *
pb_report_text (const PbReport *self)
{
  g_autofree char *from = format_time (self->from);
  g_autofree char *until = format_time (self->until);
  GString *out = g_string_new (NULL);
  Section sections[N_SECTIONS];

  g_string_append_printf (out, "Mail at %s\n%s to %s\n\n", self->hostname, from, until);
  append_text_lines (out, "Needs attention", self->alerts);
  list_sections (self, sections);
  for (guint i = 0; i < N_SECTIONS; i++)
    append_text_rows (out, &sections[i]);
  append_text_lines (out, "Missing from this report", self->missing);
  return out;
}

/* ---- HTML ---- */

static void
append_html (GString *out, const char *text, gsize most)
{
  g_autofree char *safe = tame (text, most);
  g_autofree char *escaped = g_markup_escape_text (safe, -1);

  g_string_append (out, escaped);
}

static void
append_html_rows (GString *out, const Section *section)
{
  if (section->rows->len == 0)
    return;
  g_string_append_printf (out, "<h2>%s</h2>\n<table>\n", section->title);
  for (guint i = 0; i < section->rows->len; i++)
    {
      const PbReportRow *row = &g_array_index (section->rows, PbReportRow, i);

      g_string_append_printf (out, "<tr><td class=\"n\">%" G_GUINT64_FORMAT "</td><td>", row->value);
      append_html (out, row->name, MAX_NAME);
      g_string_append (out, "</td></tr>\n");
    }
  g_string_append (out, "</table>\n");
}

static void
append_html_lines (GString *out, const char *title, const GPtrArray *lines)
{
  if (lines->len == 0)
    return;
  g_string_append_printf (out, "<h2>%s</h2>\n<ul>\n", title);
  for (guint i = 0; i < lines->len; i++)
    {
      g_string_append (out, "<li>");
      append_html (out, lines->pdata[i], MAX_LINE);
      g_string_append (out, "</li>\n");
    }
  g_string_append (out, "</ul>\n");
}

static guint64
sum (const guint64 *hours)
{
  guint64 all = 0;

  for (guint i = 0; i < PB_REPORT_HOURS; i++)
    all += hours[i];
  return all;
}

GString *
pb_report_html (const PbReport *self, const char *picture)
{
  g_autofree char *from = format_time (self->from);
  g_autofree char *until = format_time (self->until);
  GString *out = g_string_new ("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><style>\n"
                               "body{font-family:sans-serif;max-width:44em}h1{font-size:1.3em}h2{font-size:1.1em}\n"
                               "td{padding:.1em .6em}.n{text-align:right}img{max-width:100%}\n"
                               "</style></head><body>\n<h1>Mail at ");
  Section sections[N_SECTIONS];

  append_html (out, self->hostname, MAX_NAME);
  g_string_append_printf (out, "</h1>\n<p>%s to %s</p>\n", from, until);
  append_html_lines (out, "Needs attention", self->alerts);
  g_string_append_printf (out,
                          "<p><img src=\"cid:%s\" width=\"640\" height=\"240\" alt=\"By the hour: %" G_GUINT64_FORMAT
                          " messages accepted, %" G_GUINT64_FORMAT " refused\"></p>\n",
                          picture, sum (self->hours[PB_REPORT_ACCEPTED]), sum (self->hours[PB_REPORT_REFUSED]));
  g_string_append_printf (out,
                          "<p><span style=\"color:#3684e3\">&#9632;</span> accepted, <span style=\"color:#e01c24\">&#9632;</span> "
                          "refused. A bar is an hour; the last one has not ended. The uppermost line is %" G_GUINT64_FORMAT
                          " messages.</p>\n",
                          pb_report_chart_top (self));
  list_sections (self, sections);
  for (guint i = 0; i < N_SECTIONS; i++)
    append_html_rows (out, &sections[i]);
  append_html_lines (out, "Missing from this report", self->missing);
  g_string_append (out, "</body></html>\n");
  return out;
}

/* ---- the message ---- */

static void
append_base64 (GString *out, const guint8 *octets, gsize n)
{
  g_autofree char *encoded = g_base64_encode (octets, n);

  for (gsize at = 0, length = strlen (encoded); at < length; at += 76)
    {
      g_string_append_len (out, encoded + at, (gssize) MIN (76, length - at));
      g_string_append_c (out, '\n');
    }
}

static void
append_recipients (GString *out, const char *const *recipients)
{
  g_string_append (out, "To: ");
  for (guint i = 0; recipients[i] != NULL; i++)
    g_string_append_printf (out, "%s%s", i > 0 ? ",\n " : "", recipients[i]);
  g_string_append_c (out, '\n');
}

GString *
pb_report_compose (const PbReport *self, const char *const *recipients)
{
  g_autofree char *mark = g_uuid_string_random ();
  g_autofree char *picture = g_strconcat ("chart-", mark, "@", self->hostname, NULL);
  g_autofree char *until = format_time (self->until);
  g_autoptr (GString) text = pb_report_text (self);
  g_autoptr (GString) html = pb_report_html (self, picture);
  g_autoptr (GByteArray) chart = pb_report_chart (self);
  GString *out = g_string_new (NULL);

  g_string_append_printf (out, "From: \"Postbus at %s\" <postmaster@%s>\n", self->hostname, self->hostname);
  append_recipients (out, recipients);
  g_string_append_printf (out,
                          "Subject: Mail report of %s, %.10s\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n"
                          "Content-Type: multipart/alternative; boundary=\"a-%s\"\n\n"
                          "--a-%s\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n%s\n"
                          "--a-%s\nContent-Type: multipart/related; boundary=\"r-%s\"; type=\"text/html\"\n\n"
                          "--r-%s\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n",
                          self->hostname, until, mark, mark, text->str, mark, mark, mark);
  /* A character may be six when escaped, which would make lines too long to be sent (RFC 5322 2.1.1). */
  append_base64 (out, (const guint8 *) html->str, html->len);
  g_string_append_printf (out,
                          "--r-%s\nContent-Type: image/png; name=\"chart.png\"\nContent-ID: <%s>\n"
                          "Content-Disposition: inline; filename=\"chart.png\"\nContent-Transfer-Encoding: base64\n\n",
                          mark, picture);
  append_base64 (out, chart->data, chart->len);
  g_string_append_printf (out, "--r-%s--\n\n--a-%s--\n", mark, mark);
  return out;
}
