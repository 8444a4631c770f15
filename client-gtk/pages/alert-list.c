/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The overview's alerts: each one sentence and one button. Gathered anew at every change of the server's
 * models, and shown anew only when they say something else, so that a button keeps the focus. Warnings
 * of the setup check are one row together: they are not urgent. Made by the overview.
 */
#include "pages/alert-list.h"

#include "model/words.h"
#include "pages/finding-row.h"
#include "widgets/compat.h"

#include <glib/gi18n.h>

#define MAX_FINDINGS  4
#define STUCK_SECONDS (4 * 60 * 60) /* greylisting and busy servers are over by then */

typedef struct
{
  PbaSeverity severity;
  char *title, *sentence, *key; /* (owned) (nullable) */
  const char *remedy, *target;  /* (nullable): a target of "" tries again to read the counters */
} Alert;

struct _PbaAlertList
{
  AdwBin parent_instance;

  PbaPage *page;     /* (unowned) */
  GtkListBox *list;  /* (unowned) */
  GPtrArray *alerts; /* (owned) (element-type Alert): what is shown */
};

G_DEFINE_FINAL_TYPE (PbaAlertList, pba_alert_list, ADW_TYPE_BIN)

static void
alert_free (gpointer data)
{
  Alert *self = data;

  g_free (self->title);
  g_free (self->sentence);
  g_free (self->key);
  g_free (self);
}

static void
add (GPtrArray *alerts, PbaSeverity severity, const char *title, const char *sentence,
     const char *remedy, const char *target, const char *key)
{
  Alert *alert = g_new0 (Alert, 1);

  alert->severity = severity;
  alert->title = g_strdup (title);
  alert->sentence = g_strdup (sentence);
  alert->remedy = target != NULL ? remedy : NULL;
  alert->target = target;
  alert->key = g_strdup (key);
  g_ptr_array_add (alerts, alert);
}

static gboolean
are_same (GPtrArray *old, GPtrArray *new)
{
  if (old->len != new->len)
    return FALSE;
  for (guint i = 0; i < old->len; i++)
    {
      const Alert *a = old->pdata[i], *b = new->pdata[i];

      if (a->severity != b->severity || !g_str_equal (a->title, b->title)
          || !g_str_equal (a->sentence, b->sentence) || g_strcmp0 (a->remedy, b->remedy) != 0
          || g_strcmp0 (a->target, b->target) != 0 || g_strcmp0 (a->key, b->key) != 0)
        return FALSE;
    }
  return TRUE;
}

/* ---- what there is to say ---- */

static void
gather_state (PbaServer *server, GPtrArray *alerts)
{
  const char *state = pba_manager_get_state (pba_server_get_manager (server));
  const char *error = pba_statistics_get_error (pba_server_get_statistics (server));
  PbaUpkeep *upkeep = pba_server_get_upkeep (server);
  gboolean connected =
    pba_connection_get_state (pba_server_get_connection (server)) == PBA_CONNECTION_CONNECTED;

  if (g_str_equal (state, "low-space"))
    add (alerts, PBA_SEVERITY_ERROR, _ ("The disk is nearly full"),
         _ ("No mail is taken until there is room again. Delete or move files on the server."),
         NULL, NULL, NULL);
  else if (g_str_equal (state, "store-failed"))
    add (alerts, PBA_SEVERITY_ERROR, _ ("The disk failed"),
         _ ("No mail is taken until the service is started again. Its journal says what happened."),
         NULL, NULL, NULL);
  if (g_str_equal (pba_upkeep_get (upkeep, "State"), "not-kept"))
    add (alerts, PBA_SEVERITY_WARNING, _ ("Statistics are not kept"),
         pba_upkeep_get (upkeep, "Trouble"), NULL, NULL, NULL);
  if (error != NULL && connected)
    add (alerts, PBA_SEVERITY_WARNING, _ ("The counters cannot be read"), error, _ ("Try Again"),
         "", NULL);
}

static void
gather_queue (PbaServer *server, GPtrArray *alerts)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  guint64 held, deferred, oldest;

  g_object_get (pba_server_get_queue (server), "held", &held, "deferred", &deferred, "oldest",
                &oldest, NULL);
  if (held > 0)
    {
      g_autofree char *count = pba_words_count (held);
      g_autofree char *title =
        g_strdup_printf (ngettext ("%s message is held", "%s messages are held", (gulong) held),
                         count);

      add (alerts, PBA_SEVERITY_WARNING, title, _ ("It is not sent until it is released"),
           _ ("Show Held Mail"), "queue", "held");
    }
  if (pba_alerts_find (pba_server_get_alerts (server), "queue-growing", "") != NULL)
    return; /* the service says it already */
  if (deferred > 0 && oldest > 0 && now - (gint64) oldest > STUCK_SECONDS)
    {
      g_autofree char *waited =
        pba_words_duration ((guint64) (now - (gint64) oldest) / 3600 * 3600);
      /* Translators: %s is a duration such as “1 day 3 h” */
      g_autofree char *title = g_strdup_printf (_ ("Mail has waited for %s"), waited);
      g_autofree char *count = pba_words_count (deferred);
      g_autofree char *sentence =
        g_strdup_printf (ngettext ("%s message is deferred and tried again later",
                                   "%s messages are deferred and tried again later",
                                   (gulong) deferred),
                         count);

      add (alerts, PBA_SEVERITY_WARNING, title, sentence, _ ("Show Deferred Mail"), "queue",
           "deferred");
    }
}

/* Names that are known here have a title in the user's words and a page; others show what the service says. */
static const struct
{
  const char *name;
  PbaSeverity severity;
  const char *title;
  const char *remedy, *page, *key;                  /* (nullable) */
  const char *general, *general_page, *general_key; /* (nullable): where its subject is "general" */
} known_alerts[] = {
  { "relay-login-refused", PBA_SEVERITY_ERROR, N_ ("A relay host refuses the login"),
    N_ ("Show Relay Exceptions"), "relay-exceptions", NULL, N_ ("Show Relay Settings"),
    "relay-settings", "Delivery.RelayPassword" },
  { "relay-password-missing", PBA_SEVERITY_WARNING, N_ ("Mail waits for a relay password"),
    N_ ("Show Relay Exceptions"), "relay-exceptions", NULL, N_ ("Show Relay Settings"),
    "relay-settings", "Delivery.RelayPassword" },
  { "blocklist-ill", PBA_SEVERITY_WARNING, N_ ("A blocklist is not asked"), N_ ("Show Blocklists"),
    "blocklists", NULL, NULL, NULL, NULL },
  { "scanner-ill", PBA_SEVERITY_WARNING, N_ ("The virus scanner does not answer"),
    N_ ("Show Antivirus"), "antivirus", NULL, NULL, NULL, NULL },
  { "queue-growing", PBA_SEVERITY_WARNING, N_ ("Mail is stuck in the queue"),
    N_ ("Show Deferred Mail"), "queue", "deferred", NULL, NULL, NULL },
  { "disk-low", PBA_SEVERITY_ERROR, N_ ("The disk is nearly full"), NULL, NULL, NULL, NULL, NULL,
    NULL },
  { "certificate-ending", PBA_SEVERITY_WARNING, N_ ("The certificate ends soon"),
    N_ ("Show Certificate"), "general", "Tls.CertificateFile", NULL, NULL, NULL },
  { "account-bursting", PBA_SEVERITY_WARNING, N_ ("An account sends unusually much"),
    N_ ("Show Accounts"), "account-list", NULL, NULL, NULL, NULL },
  { "daily-limit", PBA_SEVERITY_WARNING, N_ ("Mail of an account is held over its daily limit"),
    N_ ("Show Held Mail"), "queue", "held", NULL, NULL, NULL },
  { "drop-refused", PBA_SEVERITY_WARNING, N_ ("Mail of programs was refused"), NULL, NULL, NULL, NULL,
    NULL, NULL },
};

static void
add_service_alert (GPtrArray *alerts, const PbaServiceAlert *alert)
{
  for (guint i = 0; i < G_N_ELEMENTS (known_alerts); i++)
    if (g_str_equal (known_alerts[i].name, alert->name))
      {
        gboolean general =
          known_alerts[i].general != NULL && g_str_equal (alert->subject, "general");
        const char *remedy = general ? known_alerts[i].general : known_alerts[i].remedy;

        add (alerts, known_alerts[i].severity, _ (known_alerts[i].title), alert->text,
             remedy != NULL ? _ (remedy) : NULL,
             general ? known_alerts[i].general_page : known_alerts[i].page,
             general ? known_alerts[i].general_key : known_alerts[i].key);
        return;
      }
  add (alerts, PBA_SEVERITY_WARNING, alert->text, alert->remedy, NULL, NULL, NULL);
}

static void
gather_service (PbaServer *server, GPtrArray *alerts)
{
  PbaAlerts *list = pba_server_get_alerts (server);
  gboolean told =
    g_str_equal (pba_manager_get_state (pba_server_get_manager (server)), "low-space");

  /* The state says it already. */
  for (guint i = 0; i < pba_alerts_get_n (list); i++)
    if (!told || !g_str_equal (pba_alerts_get (list, i)->name, "disk-low"))
      add_service_alert (alerts, pba_alerts_get (list, i));
}

static char *
join_titles (GPtrArray *titles)
{
  if (titles->len > MAX_FINDINGS)
    {
      g_ptr_array_set_size (titles, MAX_FINDINGS);
      g_ptr_array_add (titles, g_strdup ("…"));
    }
  g_ptr_array_add (titles, NULL);
  return g_strjoinv (", ", (char **) titles->pdata);
}

/* What does not fit, and all that is only doubtful, stands together in one row. */
static void
gather_findings (PbaAlertList *self, PbaServer *server, GPtrArray *alerts)
{
  GListModel *findings = G_LIST_MODEL (pba_server_get_findings (server));
  g_autoptr (GPtrArray) rest = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *title = NULL;
  g_autofree char *sentence = NULL;
  PbaSeverity worst = PBA_SEVERITY_WARNING;
  guint n = 0;

  for (guint i = 0; i < g_list_model_get_n_items (findings); i++)
    {
      g_autoptr (PbaFinding) finding = g_list_model_get_item (findings, i);
      PbaSeverity severity = pba_finding_get_severity (finding);
      const char *key = pba_finding_get_key (finding);

      if (severity < PBA_SEVERITY_WARNING && n++ < MAX_FINDINGS)
        add (alerts, severity, pba_finding_get_title (finding), pba_finding_get_sentence (finding),
             pba_finding_get_remedy (finding), pba_finding_get_page (self->page, finding),
             key[0] != '\0' ? key : NULL);
      else
        {
          worst = MIN (worst, severity);
          g_ptr_array_add (rest, g_strdup (pba_finding_get_title (finding)));
        }
    }
  if (rest->len == 0)
    return;
  title = g_strdup_printf (ngettext ("%u setting is worth a look", "%u settings are worth a look",
                                     rest->len),
                           rest->len);
  sentence = join_titles (rest);
  add (alerts, worst, title, sentence, _ ("Show Setup Check"), "setup-check", NULL);
}

/* ---- the widget ---- */

static void
on_retry (PbaAlertList *self)
{
  pba_statistics_retry (pba_server_get_statistics (pba_page_get_server (self->page)));
}

static GtkWidget *
button_new (PbaAlertList *self, const Alert *alert)
{
  GtkWidget *button;

  if (alert->target == NULL)
    return NULL;
  if (alert->target[0] != '\0')
    return pba_remedy_button_new (self->page, alert->remedy, alert->title, alert->target,
                                  alert->key);
  button = gtk_button_new_with_label (alert->remedy);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  g_signal_connect_object (button, "clicked", G_CALLBACK (on_retry), self, G_CONNECT_SWAPPED);
  return button;
}

static GtkWidget *
row_new (PbaAlertList *self, const Alert *alert)
{
  return pba_alert_row_new (self->page, alert->severity, alert->title, alert->sentence,
                            button_new (self, alert));
}

static void
show (PbaAlertList *self)
{
  PbaServer *server = pba_page_get_server (self->page);
  g_autoptr (GPtrArray) alerts = g_ptr_array_new_with_free_func (alert_free);

  gather_state (server, alerts);
  gather_service (server, alerts);
  gather_queue (server, alerts);
  gather_findings (self, server, alerts);
  if (are_same (self->alerts, alerts))
    return;
  pba_row_list_clear (self->list);
  for (guint i = 0; i < alerts->len; i++)
    gtk_list_box_append (self->list, row_new (self, alerts->pdata[i]));
  gtk_widget_set_visible (GTK_WIDGET (self), alerts->len > 0);
  g_ptr_array_unref (self->alerts);
  self->alerts = g_steal_pointer (&alerts);
}

static void
pba_alert_list_finalize (GObject *object)
{
  g_ptr_array_unref (PBA_ALERT_LIST (object)->alerts);
  G_OBJECT_CLASS (pba_alert_list_parent_class)->finalize (object);
}

static void
pba_alert_list_class_init (PbaAlertListClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pba_alert_list_finalize;
}

static void
pba_alert_list_init (PbaAlertList *self)
{
  self->alerts = g_ptr_array_new_with_free_func (alert_free);
  self->list = GTK_LIST_BOX (gtk_list_box_new ());
  gtk_list_box_set_selection_mode (self->list, GTK_SELECTION_NONE);
  gtk_widget_add_css_class (GTK_WIDGET (self->list), "boxed-list");
  pba_accessible_name (self->list, _ ("Alerts"));
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (self->list));
  gtk_widget_set_visible (GTK_WIDGET (self), FALSE);
}

GtkWidget *
pba_alert_list_new (PbaPage *page)
{
  PbaAlertList *self = g_object_new (PBA_TYPE_ALERT_LIST, NULL);
  PbaServer *server = pba_page_get_server (page);
  struct
  {
    gpointer object;
    const char *signal;
  } follows[] = {
    { pba_server_get_manager (server), "notify::state" },
    { pba_server_get_connection (server), "notify::connected" },
    { pba_server_get_statistics (server), "notify::error" },
    { pba_server_get_queue (server), "notify" },
    { pba_server_get_findings (server), "items-changed" },
    { pba_server_get_alerts (server), "changed" },
    { pba_server_get_upkeep (server), "changed" },
  };

  self->page = page;
  for (guint i = 0; i < G_N_ELEMENTS (follows); i++)
    g_signal_connect_object (follows[i].object, follows[i].signal, G_CALLBACK (show), self,
                             G_CONNECT_SWAPPED);
  show (self);
  return GTK_WIDGET (self);
}
