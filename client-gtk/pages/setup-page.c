/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The setup check: what Manager.Validate finds in the settings and what CheckSetup finds when the service
 * looks at itself from outside. Problems stand in a group of their own before what is only doubtful, then comes
 * what cannot be told, and what has passed. The first few that are to be mended are open, which is as much as one
 * reads at once; a closed row shows its state and how it stands. Checked again when the page
 * is gone to and on demand, the settings also whenever they change. Made by the table of pages.
 */
#include "pages/setup-page.h"

#include "pages/finding-row.h"
#include "pages/setup-row.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

enum
{
  GROUP_FAILED, /* the check itself */
  GROUP_PROBLEMS,
  GROUP_WARNINGS,
  GROUP_UNKNOWN,
  GROUP_PASSED,
  N_GROUPS,
};

#define MAX_OPEN 2

struct _PbaSetupPage
{
  PbaPage parent_instance;

  GtkStack *stack; /* all (unowned) */
  AdwStatusPage *status;
  AdwPreferencesPage *preferences;
  AdwPreferencesGroup *groups[N_GROUPS]; /* (nullable) */
  GtkWidget *button;
  guint n_open; /* of the rows, as they were made */
  char *shown; /* (owned) (nullable): signature of the rows */
};

G_DEFINE_FINAL_TYPE (PbaSetupPage, pba_setup_page, PBA_TYPE_PAGE)

static PbaFindings *
findings_of (PbaSetupPage *self)
{
  return pba_server_get_findings (pba_page_get_server (PBA_PAGE (self)));
}

static PbaSetupCheck *
check_of (PbaSetupPage *self)
{
  return pba_server_get_setup_check (pba_page_get_server (PBA_PAGE (self)));
}

/* ---- groups ---- */

static void
drop_group (PbaSetupPage *self, guint group)
{
  if (self->groups[group] != NULL)
    adw_preferences_page_remove (self->preferences, self->groups[group]);
  self->groups[group] = NULL;
}

/* The row itself tells it to nobody who does not see it. */
static void
tell_expanded (GtkWidget *row)
{
  gtk_accessible_update_state (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_STATE_EXPANDED,
                               adw_expander_row_get_expanded (ADW_EXPANDER_ROW (row)), -1);
}

static void
add_row (PbaSetupPage *self, guint group, GtkWidget *row)
{
  static const char *const titles[] = { N_ ("The Check Failed"), N_ ("Needs Attention"),
                                        N_ ("Worth a Look"), N_ ("Cannot Be Told from Here"),
                                        N_ ("Passed") };

  if (self->groups[group] == NULL)
    {
      self->groups[group] = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
      adw_preferences_group_set_title (self->groups[group], _ (titles[group]));
      adw_preferences_page_add (self->preferences, self->groups[group]);
    }
  if (ADW_IS_EXPANDER_ROW (row))
    {
      if (group == GROUP_PROBLEMS || group == GROUP_WARNINGS)
        adw_expander_row_set_expanded (ADW_EXPANDER_ROW (row), self->n_open++ < MAX_OPEN);
      g_signal_connect (row, "notify::expanded", G_CALLBACK (tell_expanded), NULL);
      tell_expanded (row);
    }
  adw_preferences_group_add (self->groups[group], row);
}

static guint
group_of (const PbaSetupResult *result)
{
  if (result->unknown)
    return GROUP_UNKNOWN;
  return result->severity == PBA_SEVERITY_PASSED    ? GROUP_PASSED
         : result->severity == PBA_SEVERITY_PROBLEM ? GROUP_PROBLEMS
                                                    : GROUP_WARNINGS;
}

static void
show_error (PbaSetupPage *self, const char *error)
{
  if (error != NULL)
    add_row (self, GROUP_FAILED,
             pba_alert_row_new (PBA_PAGE (self), PBA_SEVERITY_WARNING,
                                _ ("What stands below is older"), error, NULL));
}

/* Groups come in order. */
static void
show_group (PbaSetupPage *self, guint group)
{
  GListModel *findings = G_LIST_MODEL (findings_of (self));
  GPtrArray *results = pba_setup_check_get_results (check_of (self));
  GPtrArray *passed = pba_findings_get_passed (findings_of (self));

  for (guint i = 0; i < results->len; i++)
    if (group_of (results->pdata[i]) == group)
      add_row (self, group, pba_setup_row_new (PBA_PAGE (self), results->pdata[i]));
  for (guint i = 0; i < g_list_model_get_n_items (findings); i++)
    {
      g_autoptr (PbaFinding) finding = g_list_model_get_item (findings, i);
      gboolean warning = pba_finding_get_severity (finding) == PBA_SEVERITY_WARNING;

      if (group == (warning ? GROUP_WARNINGS : GROUP_PROBLEMS))
        add_row (self, group, pba_finding_row_new (PBA_PAGE (self), finding));
    }
  for (guint i = 0; group == GROUP_PASSED && i < passed->len; i++)
    add_row (self, group, pba_finding_row_new (PBA_PAGE (self), passed->pdata[i]));
}

/* All are made anew; only when something differs, or open rows would close. */
static void
show_findings (PbaSetupPage *self)
{
  const char *error = pba_findings_get_error (findings_of (self));
  const char *other = pba_setup_check_get_error (check_of (self));

  for (guint i = 0; i < N_GROUPS; i++)
    drop_group (self, i);
  self->n_open = 0;
  show_error (self, error);
  if (g_strcmp0 (error, other) != 0)
    show_error (self, other);
  for (guint i = GROUP_PROBLEMS; i < N_GROUPS; i++)
    show_group (self, i);
}

/* ---- state ---- */

/* "15 of 17 passed, at 09:58" */
static char *
summary_of (PbaSetupPage *self)
{
  GPtrArray *results = pba_setup_check_get_results (check_of (self));
  guint n = g_list_model_get_n_items (G_LIST_MODEL (findings_of (self)));
  guint n_passed = pba_findings_get_passed (findings_of (self))->len;
  gint64 seconds = pba_findings_get_time (findings_of (self));
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (seconds);
  g_autofree char *clock = g_date_time_format (time, "%H:%M");

  for (guint i = 0; i < results->len; i++)
    if (group_of (results->pdata[i]) == GROUP_PASSED)
      n_passed++;
    else if (group_of (results->pdata[i]) != GROUP_UNKNOWN)
      n++;
  if (seconds == 0)
    return g_strdup ("");
  if (pba_setup_check_get_running (check_of (self)))
    return g_strdup (_ ("Checking…"));
  /* Translators: the setup check's result; %s is a time of day */
  return g_strdup_printf (ngettext ("%u of %u passed, at %s", "%u of %u passed, at %s",
                                    n_passed + n),
                          n_passed, n_passed + n, clock);
}

static void
show_state (PbaSetupPage *self)
{
  PbaFindings *findings = findings_of (self);
  const char *error = pba_findings_get_error (findings);
  gboolean known = pba_findings_get_time (findings) != 0;
  gboolean checking;
  g_autofree char *summary = summary_of (self);

  g_object_get (findings, "checking", &checking, NULL);
  checking = checking || pba_setup_check_get_running (check_of (self));
  pba_page_set_subtitle (PBA_PAGE (self), summary);
  gtk_widget_set_sensitive (self->button, !checking);
  gtk_stack_set_visible_child_name (self->stack, known ? "findings" : "status");
  adw_status_page_set_icon_name (self->status, error != NULL ? "dialog-warning-symbolic"
                                                             : "content-loading-symbolic");
  adw_status_page_set_title (self->status, error != NULL ? _ ("The Check Failed")
                                           : checking    ? _ ("Checking…")
                                                         : _ ("Not Checked Yet"));
  adw_status_page_set_description (self->status, error);
}

/* What makes the rows: to tell whether an answer says anything new. */
static char *
signature_of (PbaSetupPage *self)
{
  GListModel *findings = G_LIST_MODEL (findings_of (self));
  GPtrArray *passed = pba_findings_get_passed (findings_of (self));
  GPtrArray *results = pba_setup_check_get_results (check_of (self));
  const char *error = pba_setup_check_get_error (check_of (self));
  GString *text = g_string_new (pba_findings_get_error (findings_of (self)));

  g_string_append_printf (text, "\n%s", error != NULL ? error : "");
  for (guint i = 0; i < results->len; i++)
    {
      const PbaSetupResult *result = results->pdata[i];

      g_string_append_printf (text, "\n%s %s %u %s\n%s\n%s", result->name, result->subject,
                              group_of (result), result->evidence, result->remedy, result->record);
    }
  for (guint i = 0; i < passed->len; i++)
    g_string_append_printf (text, "\n%s\n%s", pba_finding_get_title (passed->pdata[i]),
                            pba_finding_get_evidence (passed->pdata[i]) != NULL
                              ? pba_finding_get_evidence (passed->pdata[i])
                              : "");
  for (guint i = 0; i < g_list_model_get_n_items (findings); i++)
    {
      g_autoptr (PbaFinding) finding = g_list_model_get_item (findings, i);

      /* The objects stay as long as they say the same. */
      g_string_append_printf (text, "\n%p", finding);
    }
  return g_string_free (text, FALSE);
}

static void
on_findings (PbaSetupPage *self)
{
  g_autofree char *signature = signature_of (self);

  if (g_strcmp0 (signature, self->shown) != 0)
    {
      show_findings (self);
      g_free (self->shown);
      self->shown = g_steal_pointer (&signature);
    }
  show_state (self);
}

/* ---- the page ---- */

static void
on_check (PbaSetupPage *self)
{
  pba_findings_check (findings_of (self));
  pba_setup_check_run (check_of (self));
}

static void
pba_setup_page_shown (PbaPage *page)
{
  on_check (PBA_SETUP_PAGE (page));
}

static void
pba_setup_page_constructed (GObject *object)
{
  PbaSetupPage *self = PBA_SETUP_PAGE (object);

  G_OBJECT_CLASS (pba_setup_page_parent_class)->constructed (object);
  g_object_set (self, "header-start", self->button, NULL);
  g_signal_connect_object (findings_of (self), "notify", G_CALLBACK (on_findings), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (check_of (self), "changed", G_CALLBACK (on_findings), self,
                           G_CONNECT_SWAPPED);
  on_findings (self);
}

static void
pba_setup_page_finalize (GObject *object)
{
  g_free (PBA_SETUP_PAGE (object)->shown);
  G_OBJECT_CLASS (pba_setup_page_parent_class)->finalize (object);
}

static void
pba_setup_page_class_init (PbaSetupPageClass *klass)
{
  G_OBJECT_CLASS (klass)->constructed = pba_setup_page_constructed;
  G_OBJECT_CLASS (klass)->finalize = pba_setup_page_finalize;
  PBA_PAGE_CLASS (klass)->shown = pba_setup_page_shown;
}

/* Words have no room in a narrow header bar: there it is an icon. */
static GtkWidget *
make_button (PbaSetupPage *self)
{
  GtkWidget *button = gtk_button_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);
  GtkWidget *icon = gtk_image_new_from_icon_name ("view-refresh-symbolic");
  GtkWidget *label = gtk_label_new (_ ("Check Again"));

  gtk_box_append (GTK_BOX (box), icon);
  gtk_box_append (GTK_BOX (box), label);
  gtk_button_set_child (GTK_BUTTON (button), box);
  gtk_widget_set_tooltip_text (button, _ ("Check Again"));
  pba_accessible_name (button, _ ("Check Again"));
  g_object_bind_property (self, "narrow", icon, "visible", G_BINDING_SYNC_CREATE);
  g_object_bind_property (self, "narrow", label, "visible",
                          G_BINDING_SYNC_CREATE | G_BINDING_INVERT_BOOLEAN);
  g_signal_connect_object (button, "clicked", G_CALLBACK (on_check), self, G_CONNECT_SWAPPED);
  return button;
}

static void
pba_setup_page_init (PbaSetupPage *self)
{
  GtkWidget *stack = gtk_stack_new ();
  GtkWidget *preferences = adw_preferences_page_new ();
  GtkWidget *status = adw_status_page_new ();

  self->stack = GTK_STACK (stack);
  self->preferences = ADW_PREFERENCES_PAGE (preferences);
  self->status = ADW_STATUS_PAGE (status);
  gtk_stack_add_named (self->stack, status, "status");
  gtk_stack_add_named (self->stack, preferences, "findings");
  adw_bin_set_child (ADW_BIN (self), stack);
  self->button = make_button (self);
}

GtkWidget *
pba_setup_page_new (PbaServer *server, const char *title)
{
  return g_object_new (PBA_TYPE_SETUP_PAGE, "server", server, "title", title, NULL);
}
